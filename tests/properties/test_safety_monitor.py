"""A robot moves only while a person lets it, and every way of ending tells it to stop: once, whatever else hangs."""

import itertools
import os
import pty
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from breakable import Breakable, Willing
from mereq.commands.robot_operator import attend_robot
from mereq.core.errors import NeedsPerson, RobotLost
from mereq.supervision import safety_monitor
from mereq.supervision.interruption import REPEATED, Interruption
from mereq.supervision.robot_environment import RobotEnvironment
from mereq.supervision.safety_monitor import LONGEST_GAP, STEP_GRACE, STEP_LIMIT, SafetyMonitor, State
from mereq.tasks.corridor import TASK
from waiting import HANG, until

PROGRAM = Path(__file__).parents[1] / "helpers" / "robot_process.py"
SECONDS = HANG  # for what takes milliseconds


class Hanging(Breakable):
    """A robot that hangs in a command until it is released. told: see `Breakable`."""

    def __init__(self, where: str = ""):
        super().__init__(TASK)
        self.where, self.inside, self.released = where, threading.Event(), threading.Event()

    def render(self) -> None:
        self._hear("render")

    def _hear(self, what: str) -> None:
        super()._hear(what)
        if what == self.where:
            self.inside.set()
            assert self.released.wait(SECONDS)


class Watched:
    """A robot with a monitor whose time and looks a test decides about."""

    def __init__(self, where: str = "", *, operator: Willing | None = None):
        self.time, self.robot, self.interruption = 0.0, Hanging(where), Interruption()
        self.monitor = SafetyMonitor(self.robot, now=lambda: self.time, watched=False, interruption=self.interruption)
        self.environment = RobotEnvironment(self.robot, TASK, self.monitor)
        if operator is not None:
            self.environment.attend(operator)

    @property
    def told(self) -> list[str]:
        return self.robot.told

    def look(self, at: float) -> None:
        self.time = at
        self.monitor.look()


def hang(watched: Watched) -> tuple[threading.Thread, list[BaseException]]:
    """Let a thread command the robot until it hangs. Gives the thread, and what it raises."""
    raised: list[BaseException] = []

    def command() -> None:
        try:
            watched.environment.reset(seed=0)
            watched.environment.step(1)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=command, daemon=True)
    thread.start()
    assert watched.robot.inside.wait(SECONDS)
    return thread, raised


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No test waits for a driver that never returns."""
    monkeypatch.setattr(safety_monitor, "RETURN_LIMIT", 0.01)


# ----------------------------------------------------------------------------------------------- while the driver hangs


@pytest.mark.parametrize("way", ["the person pauses", "the program is interrupted", "the program ends"])
@pytest.mark.parametrize("where", ["reset", "step"])
def test_it_is_told_to_stop_while_the_driver_waits(where, way):
    """And disconnected; the thread that waited for it goes on at once."""
    operator = Willing()
    watched = Watched(where, operator=operator)
    thread, raised = hang(watched)
    watched.look(0.0)
    assert watched.told[-1] == where
    if way == "the person pauses":
        operator.reason = "tea"
    elif way == "the program is interrupted":
        watched.interruption.requested = True
    else:
        watched.monitor.end()
    watched.look(0.0)
    if where == "step" and way != "the program ends":
        assert watched.told[-1] == "step"  # a step may return
        watched.look(2 * STEP_GRACE)
    thread.join(SECONDS)
    assert watched.told[-3:] == [where, "stop", "exit"]
    assert f"stopped during {where}" in str(raised[0])
    watched.robot.released.set()


def test_a_step_that_returns_in_time_is_stopped_after_and_not_during_it():
    operator = Willing()
    watched = Watched("step", operator=operator)
    thread, raised = hang(watched)
    operator.reason = "tea"
    watched.look(1.0)
    watched.robot.released.set()
    thread.join(SECONDS)
    assert raised == []
    assert watched.told[-1] == "step"
    watched.look(1.0)
    assert watched.told[-1] == "stop"
    assert watched.monitor.state is State.HELD


def test_a_step_that_hangs_is_given_up():
    watched = Watched("step")
    thread, raised = hang(watched)
    watched.look(STEP_LIMIT)
    assert watched.told[-1] == "step"
    watched.look(STEP_LIMIT + 0.1)
    watched.look(STEP_LIMIT + 1.0)
    thread.join(SECONDS)
    assert watched.told[-3:] == ["step", "stop", "exit"]
    assert f"step has not returned for {STEP_LIMIT:g} s" in str(raised[0])
    watched.robot.released.set()


def test_a_camera_that_hangs_is_given_up():
    """The robot stands still before it is known when the next step comes."""
    watched = Watched("render")
    raised: list[BaseException] = []

    def drawing() -> None:
        watched.environment.reset(seed=0)
        try:
            watched.environment.render()
        except RobotLost as lost:
            raised.append(lost)

    thread = threading.Thread(target=drawing, daemon=True)
    thread.start()
    assert watched.robot.inside.wait(SECONDS)
    watched.look(STEP_LIMIT)
    assert watched.told[-1] == "render"
    watched.look(STEP_LIMIT + 0.1)
    thread.join(SECONDS)
    assert watched.told == ["enter", "reset", "render", "stop", "exit"]
    assert f"render has not returned for {STEP_LIMIT:g} s" in str(raised[0])
    watched.robot.released.set()


def test_a_disconnection_that_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(safety_monitor, "STOP_LIMIT", 0.01)
    watched = Watched("exit")
    watched.environment.reset(seed=0)
    watched.environment.close()
    assert watched.told == ["enter", "reset", "stop", "exit"]
    watched.robot.released.set()


def test_a_reset_may_wait_for_a_person():
    watched = Watched("reset")
    thread, raised = hang(watched)
    watched.look(600.0)
    assert watched.told[-1] == "reset"
    watched.robot.released.set()
    thread.join(SECONDS)
    assert raised == []


def test_a_driver_that_has_not_returned_is_not_used_again():
    """The command that hangs may still move the robot."""
    operator = Willing()
    watched = Watched("reset", operator=operator)
    thread, _ = hang(watched)
    operator.reason = "tea"
    watched.look(0.0)
    thread.join(SECONDS)
    with pytest.raises(RobotLost, match="has not returned from reset yet"):
        watched.environment.reset(seed=0)
    assert watched.told == ["enter", "reset", "stop", "exit"]
    watched.robot.where = ""
    watched.robot.released.set()
    assert watched.monitor._call.returned.wait(SECONDS)
    watched.environment.reset(seed=0)
    assert watched.told[4:] == ["enter", "reset"]


def test_a_caller_that_gives_up_waiting():
    """For instance because the session was stopped."""
    operator = Willing()
    watched = Watched("reset", operator=operator)
    operator.driver_works = lambda command, seconds: 1 / 0
    thread, raised = hang(watched)
    thread.join(SECONDS)
    assert isinstance(raised[0], ZeroDivisionError)
    assert watched.told == ["enter", "reset", "stop", "exit"]
    watched.robot.released.set()


def test_a_stop_that_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(safety_monitor, "STOP_LIMIT", 0.01)
    watched = Watched("stop")
    watched.environment.reset(seed=0)
    with pytest.raises(RobotLost, match="TimeoutError: no answer within"):
        watched.environment.close()
    assert watched.told == ["enter", "reset", "stop", "exit"]
    watched.robot.released.set()


# -------------------------------------------------------------------------------------------- while it is not commanded


def test_no_command_comes_because_the_program_hangs():
    watched = Watched(operator=(operator := Willing()))
    watched.environment.reset(seed=0)
    watched.look(LONGEST_GAP - 0.1)
    assert watched.told[-1] == "reset"
    watched.look(LONGEST_GAP + 0.1)
    watched.look(LONGEST_GAP + 0.2)
    assert watched.told == ["enter", "reset", "stop"]
    assert operator.reasons == [f"no command came for {LONGEST_GAP:g} s"]


def test_a_slow_pace_is_no_hanging_program():
    """At a step in ten seconds, two periods without a command are one too many."""
    watched = Watched()
    attend_robot(watched.environment, Console(file=StringIO()), pace=0.1)
    watched.monitor.attend(Willing())
    watched.environment.reset(seed=0)
    watched.look(19.9)
    assert watched.told == ["enter", "reset"]
    watched.look(20.1)
    assert watched.told == ["enter", "reset", "stop"]


@pytest.mark.parametrize("everywhere", [safety_monitor.end_all, safety_monitor.hold_all])
def test_the_end_and_the_suspension_of_the_program_stop_every_robot(everywhere):
    several = [Watched(operator=Willing()) for _ in range(2)]
    for watched in several:
        watched.environment.reset(seed=0)
    everywhere()
    assert all(watched.told[:3] == ["enter", "reset", "stop"] for watched in several)
    if everywhere is safety_monitor.end_all:
        with pytest.raises(RobotLost, match="The program ends"):
            several[0].environment.step(1)
        assert several[0].told == ["enter", "reset", "stop", "exit"]


def test_it_is_told_once_by_many_threads():
    watched = Watched()
    watched.environment.reset(seed=0)
    start = threading.Barrier(8)
    monitor = watched.monitor
    acts = [monitor.stop, lambda: monitor.hold("a test"), monitor.end, monitor.disconnect]
    threads = [threading.Thread(target=lambda act=act: (start.wait(), act())) for act in 2 * acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert watched.told.count("stop") == watched.told.count("exit") == 1


# -------------------------------------------------------------------------------------------------------- the interlock


def test_hardware_is_held_until_the_operator_says_go():
    watched = Watched(operator=(operator := Willing()))
    watched.environment.reset(seed=0)
    watched.environment.step(1)
    assert operator.asked == 1
    watched.environment.hold("the round is over")
    watched.environment.step(1)
    assert operator.asked == 2
    operator.reason = "tea"  # a pause between two looks
    watched.environment.step(1)
    assert operator.asked == 3
    assert watched.told == ["enter", "reset", "step", "stop", "step", "stop", "step"]


def test_without_an_operator_hardware_moves_until_its_first_hold():
    watched = Watched()
    watched.environment.reset(seed=0)
    watched.environment.stop()
    watched.environment.step(1)
    watched.environment.hold("the round is over")
    for _ in range(2):
        with pytest.raises(NeedsPerson, match="there is no terminal at which"):
            watched.environment.step(1)
    assert watched.told[:5] == ["enter", "reset", "stop", "step", "stop"]
    assert "step" not in watched.told[5:]


def test_a_simulation_needs_no_word():
    watched = Watched()
    watched.robot.repeatable = True
    watched.environment.reset(seed=0)
    watched.environment.hold("the round is over")
    watched.environment.step(1)
    assert watched.told == ["enter", "reset", "stop", "step"]


ACTS = ("reset", "step", "stop", "hold", "close", "look", "object")


@given(st.lists(st.sampled_from(ACTS), max_size=25))
def test_any_order_of_commands(acts):
    """A stop follows a motion only, and once; no motion follows a hold without a word of the operator."""
    watched = Watched(operator=(operator := Willing()))
    watched.environment.reset(seed=0)
    held = False
    for act in acts:
        asked, moved = operator.asked, len(watched.told)
        if act == "object":
            operator.reason = "tea"
        elif act == "hold":
            watched.environment.hold("a test")
        elif act == "look":
            watched.look(watched.time)
        elif act == "step":
            with suppress(RobotLost):  # after a close
                watched.environment.step(1)
        else:
            getattr(watched.environment, act)()
        if {"reset", "step"} & set(watched.told[moved:]):
            assert operator.asked == asked + held
        held = watched.monitor.state is State.HELD or operator.reason is not None
        if held and act in ("hold", "look"):
            assert "stop" in watched.told
    watched.environment.close()
    told = [what for what in watched.told if what not in ("enter", "exit")]
    assert told[-1] == "stop"
    assert all(before != "stop" for before, now in itertools.pairwise(told) if now == "stop")


# ------------------------------------------------------------------------------------------------------ whole processes


def test_every_way_of_ending_a_process(tmp_path):
    """The program ends, and the last things that the robot was told are to stop, and the disconnection."""
    ways = {
        f"{name}-{way}": (way, getattr(signal, name))
        for name, way in [
            ("SIGINT", "signal"), ("SIGTERM", "signal"), ("SIGHUP", "signal"), ("SIGQUIT", "signal"),
            ("SIGINT", "reset"), ("SIGHUP", "step"),
        ]
    } | {"a closed terminal": ("terminal", None), "exit": ("exit", None), "error": ("error", None)}  # fmt: skip
    ways["SIGINT-compiled"] = ("compiled", signal.SIGINT)
    terminal, end = pty.openpty()
    processes = {}
    for name, (way, _) in ways.items():
        stream = end if name == "a closed terminal" else subprocess.DEVNULL
        command = [sys.executable, str(PROGRAM), str(tmp_path / name), way]
        processes[name] = subprocess.Popen(command, stdin=stream, stdout=stream, stderr=stream, start_new_session=True)
    os.close(end)
    for name, (way, sent) in ways.items():
        told = tmp_path / name
        last = way if way in ("reset", "step") else "step"
        until(lambda told=told, last=last: told.exists() and last in told.read_text().split())
        if name == "a closed terminal":
            os.close(terminal)
        if sent is not None:
            processes[name].send_signal(sent)
    compiled = processes["SIGINT-compiled"]
    while compiled.poll() is None:  # a second one ends it, unless it comes at once
        with suppress(subprocess.TimeoutExpired):
            compiled.wait(REPEATED)
        compiled.send_signal(signal.SIGINT)
    for name, process in processes.items():
        status = process.wait(SECONDS)
        told = (tmp_path / name).read_text().split()
        assert told[-2:] == ["stop", "exit"], name
        assert told.count("stop") == 1, name
        assert status == {"exit": 0, "error": 1}.get(name, 130), name
