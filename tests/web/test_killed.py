"""`mereq supervise` as a command: killed or stopped in mid-episode it loses no step that the page was told of."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mereq.core.supervisor import Controller
from mereq.runs.run import create
from mereq.store.run_store import RunReader
from mereq.store.run_writer import RunWriter
from mereq.web.server import GOING_AWAY
from mereq.web.session import STOPPED
from sittings import spec
from waiting import HANG

STEPS = 60
MEREQ = (sys.executable, "-c", "import sys; from mereq.cli import main; sys.argv[0] = 'mereq'; main()")


class Command:
    """A running `mereq supervise`, and the page's end of its WebSocket."""

    def __init__(self, *words: str):
        command = [*MEREQ, "supervise", *words, "--no-browser"]
        environment = os.environ | {"JAX_PLATFORMS": "cpu"}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self.said = ""
        while not (found := re.search(r"http://(\S+)/\?token=(\S+)\n", self.said)):
            line = self.process.stderr.readline()
            assert line, self.said
            self.said += line
        host, token = found.groups()
        self.closing = ExitStack()
        self.page = self.closing.enter_context(
            connect(f"ws://{host}/wheel?token={token}", origin=f"http://{host}", proxy=None, max_size=None)
        )

    def drive(self, until) -> dict:
        """Go, hold FASTER from step 3 on, until a view satisfies `until`; returns that view.

        A busy machine may pause the run, as the page seems silent then. The person goes on.
        """
        while True:
            view = json.loads(self.page.recv(timeout=HANG))
            if view["kind"] != "view":
                continue
            if until(view):
                return view
            engaged = view["step"] >= 3 and view["paused"] is None
            self.say(
                kind="input",
                frame=view["frame"],
                sent=time.time(),
                mode="toggle",
                engaged=engaged,
                action=3 if engaged else None,
            )
            if view["paused"] and view["phase"] == "supervising":
                self.say(kind="command", name="go", value=None)

    def say(self, **message) -> None:
        self.page.send(json.dumps(message))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(HANG)

    def __enter__(self) -> "Command":
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
        self.process.stderr.close()
        self.closing.close()


def by_person(view: dict) -> bool:
    """Whether the person took the last step."""
    return view["last"] is not None and view["last"]["by"] == Controller.EXPERT


def told_before_the_end(command: Command) -> int:
    """The most steps that views speak of which were sent before the process died."""
    told = 0
    try:
        while True:
            message = json.loads(command.page.recv(timeout=HANG))
            told = max(told, message.get("step", 0))
    except ConnectionClosed:
        return told


def test_kill_9_in_mid_episode(tmp_path):
    run = str(tmp_path / "run")
    start = ("highway", "--steps", str(STEPS), "--rounds", "1")
    kept = []
    for number, stop in enumerate([8, 24]):
        with Command(*(("--resume",) if number else start), "--hz", "20", "--out", run) as command:
            told = command.drive(lambda view, stop=stop: view["step"] >= stop and by_person(view))["step"]
            command.kill()
            told = max(told, told_before_the_end(command))
        with RunReader.open(tmp_path / "run") as store:
            steps, seen_frames = store.steps(0), store.seen_frames(0)
        assert len(steps) == len(seen_frames) >= told >= stop
        for before, now in zip(kept, steps, strict=False):
            assert all(np.array_equal(one, other) for one, other in zip(before, now, strict=True))
        before_resume, kept = len(kept), steps
    assert {int(step.executed) for step in kept if step.controller} <= {1, 3}
    assert any(step.controller for step in kept[:before_resume])
    assert any(step.controller for step in kept[before_resume:])


def test_a_run_of_a_person_is_not_resumed_by_a_program(mereq, tmp_path):
    create(spec(), tmp_path / "run").close()
    status, _, told = mereq("align", "--resume", "--out", tmp_path / "run")
    assert status == 2
    assert "mereq supervise --resume" in told


def stop(command: Command, by: signal.Signals) -> str:
    """Stop a program by a signal while its page is open; everything that it said. The page was told why."""
    command.process.send_signal(by)
    rest = command.process.stderr.read()
    assert command.process.wait(HANG) == 130
    assert not {"Traceback", "CancelledError", "timeout"} & set(re.findall(r"\w+", rest)), rest
    told_before_the_end(command)
    assert (command.page.close_code, command.page.close_reason) == (GOING_AWAY, STOPPED)
    return rest


def test_a_stop_by_signal_in_an_episode_is_quiet_and_the_run_can_be_resumed(tmp_path):
    run = str(tmp_path / "run")
    with Command("highway", "--steps", str(STEPS), "--hz", "20", "--out", run) as command:
        told = command.drive(lambda view: view["step"] >= 4)["step"]
        assert f"mereq supervise --resume --out {run}" in stop(command, signal.SIGINT)
    with RunReader.open(tmp_path / "run") as store:
        config = store.starts()[-1].config
    with RunWriter.resume(tmp_path / "run", config) as store:
        assert store.start.state is None
        assert len(store.start.recorded[0]) >= told


def test_a_stop_by_signal_after_the_end_is_quiet(tmp_path):
    """The page is still open, or was left less than RELOAD seconds ago."""
    run = str(tmp_path / "run")
    with Command("highway", "--steps", "10", "--rounds", "1", "--hz", "20", "--out", run) as command:
        command.drive(lambda view: view["phase"] == "finished")
        stop(command, signal.SIGTERM)
