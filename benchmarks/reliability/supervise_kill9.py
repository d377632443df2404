"""Kill `mereq supervise` with SIGKILL at random moments, again and again: does it lose anything that was shown?

    nice python benchmarks/reliability/supervise_kill9.py --times 100 --seed 1 --json results/supervise_kill9.json

The real command, and a program in place of its page: it answers views by inputs over the WebSocket, and takes over now
and then. The command is killed at a time drawn uniformly over its life, from the start of the process on, then started
again with --resume, until the run is finished and the next one begins. After every kill the store is compared with all
that the page was ever shown or said:

- lost: a step or round that a view told of and the store lacks, or tells otherwise (who acted, which action, reward).
- changed: a step or its sight that is not what it was after an earlier kill.
- unfounded: a step whose sight is not an input that the page had said, or that was not decided as this input says.
- asked again: a resumed command whose first view is not where the record ended.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import mereq
from mereq.core.errors import NoRun
from mereq.core.supervisor import Controller
from mereq.interventions.rollout import SupervisedStep
from mereq.store.provenance import provenance
from mereq.store.run_store import RunReader
from mereq.tasks.highway import THETA_PRIOR
from mereq.tasks.highway.view import NAMES

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # sitting
from sitting import Supervise

STEPS, ROUNDS, PACE = 40, 3, 20
TAKEN, OF = range(3, 8), 12  # in which of so many steps the person is in control


class Said(NamedTuple):
    """An input of the page."""

    frame: int
    engaged: bool
    action: int | None


class Page(threading.Thread):
    """Plays the page of a command from its first word to its end, and remembers everything."""

    def __init__(self, command: Supervise, chance: random.Random):
        super().__init__()
        self._command, self._chance = command, chance
        self.said: dict[float, Said] = {}
        self.first: tuple[int, int] | None = None  # round and step of the first view of supervision
        self.shown: dict[tuple[int, int], tuple[str, int, float]] = {}  # round, number of step: action, by whom, reward
        self.told = (0, 0)  # the furthest round and number of steps that a view told of
        self.rounds: list[dict[str, Any]] = []
        self.phase, self.paused = "starting", False

    def run(self) -> None:
        """Follow the command until it is gone."""
        self._command.wait_for_address()
        if not self._command.address:
            return
        address, token = self._command.address.removeprefix("http://").split("/?token=")
        try:
            with connect(
                f"ws://{address}/wheel?token={token}", origin=f"http://{address}", proxy=None, max_size=None
            ) as page:
                while True:
                    self._answer(page, json.loads(page.recv()))
        except (ConnectionClosed, OSError, EOFError):
            pass  # it was killed, or the run is over

    def _answer(self, page: Any, view: dict[str, Any]) -> None:
        if view["kind"] != "view":
            return
        self.phase, self.paused = view["phase"], view["paused"] is not None
        if view["phase"] == "preparing":
            return
        at = (view["round"], view["step"])
        self.first, self.told, self.rounds = self.first or at, max(self.told, at), view["rounds"]
        if view["last"] is not None and view["step"]:
            self.shown[(at[0], at[1] - 1)] = (view["last"]["action"], view["last"]["by"], view["basic"])
        if view["phase"] == "finished":
            raise EOFError
        moving = not self.paused and view["phase"] == "supervising"
        engaged = moving and view["step"] % OF in TAKEN
        said = Said(view["frame"], engaged, self._chance.randrange(5) if engaged else None)
        sent = time.time()
        self.said[sent] = said
        self._say(page, kind="input", sent=sent, mode="toggle", **said._asdict())
        if self.paused and view["phase"] == "supervising":
            self._say(page, kind="command", name="go", value=None)

    def _say(self, page: Any, **message: Any) -> None:
        page.send(json.dumps(message))


class Record(NamedTuple):
    """What a store holds."""

    steps: dict[tuple[int, int], SupervisedStep]
    seen_frames: dict[tuple[int, int], Any]
    rounds: list[Any]

    @classmethod
    def of(cls, run: Path) -> "Record":
        """What is there; nothing, where no run is."""
        try:
            with RunReader.open(run) as store:
                rounds = store.rounds()
                indices = range(len(rounds) + 1)
                return cls(
                    {(i, n): step for i in indices for n, step in enumerate(store.steps(i))},
                    {(i, n): sight for i in indices for n, sight in enumerate(store.seen_frames(i))},
                    rounds,
                )
        except NoRun:
            return cls({}, {}, [])

    @property
    def place(self) -> tuple[int, int]:
        """The round that is going on, and how many steps it has."""
        index = len(self.rounds)
        return index, sum(1 for at in self.steps if at[0] == index)


def judge(page: Page, before: Record, now: Record, ever_shown: dict) -> dict[str, list[str]]:
    """What is wrong after a command has ended. The docstring above says what is looked for."""
    wrong: dict[str, list[str]] = {"lost": [], "changed": [], "unfounded": [], "asked again": []}
    for at, (action, by, reward) in ever_shown.items():
        step = now.steps.get(at)
        is_there = step is not None and (NAMES[int(step.executed)], int(step.controller)) == (action, by)
        if not is_there or abs(float(THETA_PRIOR @ step.features) - reward) > 1e-4:
            wrong["lost"].append(f"step {at}")
    round_told, steps_told = page.told
    wrong["lost"] += [f"step {(round_told, n)}" for n in range(steps_told) if (round_told, n) not in now.steps]
    for index, told in enumerate(page.rounds):
        if index >= len(now.rounds) or now.rounds[index].theta.tolist() != told["theta"]:
            wrong["lost"].append(f"round {index}")
    for at, step in before.steps.items():
        same = at in now.steps and all(np.array_equal(a, b) for a, b in zip(step, now.steps[at], strict=True))
        if not same or before.seen_frames[at] != now.seen_frames.get(at):
            wrong["changed"].append(f"step {at}")
    for at in now.steps.keys() - before.steps.keys():
        step, sight = now.steps[at], now.seen_frames.get(at)
        said = page.said.get(sight.sent) if sight else None
        wanted = None if said is None else (Controller.EXPERT if said.engaged else Controller.POLICY)
        action = said.action if said and said.engaged else step.proposed
        if said is None or (sight.frame, step.controller, step.executed) != (said.frame, wanted, action):
            wrong["unfounded"].append(f"step {at}")
    if page.first is not None and before.steps and page.first != before.place and before.place[1] != STEPS:
        wrong["asked again"].append(f"after {before.place} comes {page.first}")
    return wrong


def moment(page: Page, resumed: bool) -> str:
    """What the command was at when it was killed."""
    if page.first is None or (page.paused and len(page.shown) == 0):
        return "resuming" if resumed else "starting"
    return {"supervising": "supervising", "learning": "learning"}.get(page.phase, page.phase)


def torment(times: int, seed: int, folder: Path) -> dict:
    """Kill so often; returns what happened."""
    chance, code = random.Random(seed), folder / "code"
    shutil.copytree(Path(mereq.__file__).parent, code / "mereq")  # edits meanwhile do not matter
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder / "compiled")  # so that a start takes seconds only
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    life: float | None = None
    kills, runs, acknowledged, moments = 0, 0, 0, Counter()
    findings: dict[str, list[str]] = {"lost": [], "changed": [], "unfounded": [], "asked again": []}
    while kills < times or life is None:  # the first two runs live to their end
        runs += 1
        run, record, shown, over = folder / f"run{runs}", Record({}, {}, []), {}, False
        while not over:
            started, whole, resumed = time.monotonic(), not record.steps, _is_there(run)
            new = ("highway", "--steps", str(STEPS), "--rounds", str(ROUNDS), "--rate-threshold", "0")
            words = ("--resume",) if resumed else (*new, "--seed", str(runs))
            command = Supervise(*words, "--hz", str(PACE), "--out", str(run), code=code, wait=False)
            page = Page(command, chance)
            page.start()
            page.join(chance.uniform(0.0, life) if life and runs > 2 and kills < times else None)
            over = page.phase == "finished"
            command.process.kill()
            if command.process.wait() not in (0, -signal.SIGKILL):
                raise SystemExit(f"the command failed by itself, with status {command.process.returncode}")
            page.join()
            if not over:
                kills += 1
                moments[moment(page, resumed)] += 1
            elif whole:  # not killed: the shortest such life, for the first ones compile
                life = min(life or 1e9, time.monotonic() - started)
            before, record = record, Record.of(run)
            shown |= page.shown
            for kind, found in judge(page, before, record, shown).items():
                findings[kind] += [f"run {runs}, {kills} kills: {what}" for what in found]
            print(f"\r{kills} kills, {runs} runs, wrong: {sum(map(len, findings.values()))} ", end="", flush=True)
        acknowledged += len(shown)
    print()
    return {
        "kills": kills,
        "runs": runs,
        "killed": dict(moments),
        "acknowledged": acknowledged,
        "rounds": runs * ROUNDS,
        **{kind: len(found) for kind, found in findings.items()},
        "first_found": [what for found in findings.values() for what in found[:5]],
        "seconds_of_a_life": round(life, 1),
    }


def _is_there(run: Path) -> bool:
    """Whether there is a run to go on with: not when its making was cut off."""
    try:
        with RunReader.open(run):
            return True
    except NoRun:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100, help="kills")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument("--json", type=Path, help="where to write the result")
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        result = torment(given.times, given.seed, Path(folder))
    result |= {"seconds": round(time.monotonic() - started, 1), "provenance": provenance()}
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n")
    phases = ", ".join(f"{count} {phase}" for phase, count in sorted(result["killed"].items()))
    print(f"{result['kills']} x kill -9 in {result['runs']} runs: {phases}")
    print(
        f"{result['acknowledged']} steps shown: {result['lost']} lost, {result['changed']} changed, "
        f"{result['unfounded']} unfounded, {result['asked again']} asked again ({result['seconds']} s)"
    )
    if result["first_found"]:
        raise SystemExit("\n".join(result["first_found"]))


if __name__ == "__main__":
    main()
