"""Kill a run with SIGKILL at random moments, again and again, and see whether anything that was acknowledged is lost.

    nice python benchmarks/reliability/kill9.py --times 100 --json kill9.json

A child process runs Algorithm 1 in the corridor, recording into a run directory, and prints one line for every event
that came out of `record`: that line acknowledges it. The parent kills the child a random time after a random line,
reads what is left in the pipe, opens the run and looks for every acknowledged event, with a checksum of its content.
Then the run is resumed, and so on; a finished run must equal, bit for bit, one that was never interrupted, and the next
one starts afresh. The children run a copy of the package made at the start, so that edits meanwhile do not matter.

With `--behind` the policy learns while supervision goes on, at a steady pace. What is made depends on timing then, and
in place of equality it is checked that each episode has one version throughout, and that this version is stored.
"""

import argparse
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

import mereq
from mereq.alignment import MEREQ
from mereq.alignment.algorithm import Event, events
from mereq.alignment.concurrent import Concurrent
from mereq.alignment.method import Progress
from mereq.alignment.schedule import PolicyVersion, Resume, Sequential
from mereq.core.errors import NoRun, RunExists
from mereq.core.policy import LogitsPolicy
from mereq.interventions.rollout import SupervisedStep
from mereq.presets.fast import fast
from mereq.store.recording import record
from mereq.store.run_store import RunReader
from mereq.store.run_writer import RunWriter
from mereq.studies.comparing import differences
from mereq.supervision.paced import Paced
from mereq.supervision.synthesized import DivergenceExpert, divergence_rule
from mereq.tasks.corridor import TASK

_FAST = fast(TASK, gamma=0.8, rollout_steps=40)
SETTINGS = replace(
    _FAST,
    inference=replace(
        _FAST.inference, max_updates=3, step_size=0.02, tolerance=0.001, sample_length=40, sample_envs=10, kappa=0.5
    ),
    learner=replace(_FAST.learner, hidden=(16,), learning_rate=3e-3, temperature=0.3, prior_temperature=0.3),
    schedule=replace(_FAST.schedule, n_envs=4, chunk=40, updates_per_step=1.0, batch_size=32, learning_starts=80),
    training_steps=80,
    replay_capacity=500,
)
PRIOR = LogitsPolicy(lambda obs: np.tile([2.0, 0.0, -2.0], (len(obs), 1)), 3)  # gets on, whatever the side
EXPERT_LOGITS = np.array([[3.0, -1.0, -2.0]] * 6 + [[0.0, 3.0, -2.0]] * 6)  # keeps to the left
EXPERT = LogitsPolicy(lambda obs: obs @ EXPERT_LOGITS, 3)
ROUNDS, SEED = 30, 1
HZ = 50.0  # steps per second, when the policy learns behind


def config(rounds: int) -> dict:
    return {"task": TASK.name, "method": MEREQ.name, "settings": asdict(SETTINGS), "seed": SEED, "n_rounds": rounds}


def corridor_events(rounds: int, resume: Resume | None = None, task=TASK, behind: bool = False):
    supervisor = DivergenceExpert(EXPERT, divergence_rule(upper=1.6, lower=1.5))
    return events(
        task, PRIOR, Paced(supervisor, HZ) if behind else supervisor, MEREQ, SETTINGS,
        seed=SEED, n_rounds=rounds, rate_threshold=0.0, resume=resume, learning=Concurrent if behind else Sequential,
    )  # fmt: skip


def contents(event: Event) -> int:
    """Checksum of an event, clocks excepted."""
    if isinstance(event, SupervisedStep):
        return zlib.crc32(b"".join(np.asarray(value).tobytes() for value in event[:-1]))
    return zlib.crc32(event.theta.tobytes())


def child(directory: Path, rounds: int, behind: bool) -> None:
    """Start the run or go on with it, printing a line for each event: its kind, round, number and checksum."""
    if not Path(mereq.__file__).is_relative_to(Path(__file__).parent):
        raise SystemExit("the child does not run the copy of the package that was made for it")
    say("opening")
    try:
        store = RunWriter.create(directory, config(rounds))
    except RunExists:
        store = RunWriter.resume(directory, config(rounds), PRIOR)
    with store:
        resume = store.start
        index, number = len(resume.log.rollouts), sum(len(steps) for steps in resume.recorded[:1])
        for event in record(corridor_events(rounds, resume, behind=behind), store):
            if isinstance(event, SupervisedStep):
                say("step", index, number, contents(event))
                number += 1
            elif isinstance(event, PolicyVersion):
                say("version", index, event.version, contents(event))
            elif isinstance(event, Progress):
                say("progress", index, event.step, contents(event))
            else:
                say("round", index, 0, contents(event))
                index, number = index + 1, 0
    say("finished")


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Child:
    """A child process and the lines it has printed so far."""

    def __init__(self, directory: Path, rounds: int, code: Path, behind: bool = False):
        cache = {  # so that a start takes seconds only; there may be one already
            "JAX_COMPILATION_CACHE_DIR": str(code / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        environment = cache | os.environ | {"PYTHONPATH": str(code), "JAX_PLATFORMS": "cpu"}
        command = [sys.executable, str(code / "kill9.py"), "--child", str(directory), "--rounds", str(rounds)]
        command += ["--behind"] if behind else []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                if line.endswith("\n"):  # a kill may cut a line: that one acknowledges nothing
                    self.lines.append(line.strip())
                self._news.notify()
        with self._news:
            self._ended = True
            self._news.notify()

    def wait(self, lines: float, seconds: float) -> None:
        """Until it has printed so many lines, and then so many seconds, or until its end."""
        with self._news:
            self._news.wait_for(lambda: self._ended or len(self.lines) >= lines)
            ended = self._news.wait_for(lambda: self._ended, seconds)
        if ended:
            self.process.wait()

    def kill(self) -> bool:
        """Whether it was still alive. Afterwards `lines` has all that it has printed."""
        self.process.send_signal(signal.SIGKILL)
        code = self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        if code not in (0, -signal.SIGKILL):
            raise SystemExit(f"the child failed with status {code}")
        return code == -signal.SIGKILL


def lost(directory: Path, acknowledged: set[str]) -> list[str]:
    """Acknowledged events that the store does not have, or has otherwise."""
    try:
        store = RunReader.open(directory)
    except NoRun:
        return sorted(acknowledged)
    stored = set()
    with store:
        finished = store.rounds()
        stored |= {f"round {row.index} 0 {zlib.crc32(row.theta.tobytes())}" for row in finished}
        resume = store.resume_point(PRIOR)
        if len(resume.log.rollouts) != len(finished):
            return ["the state of the last round"]
        stored |= {f"version {row.round} {row.number} {zlib.crc32(row.theta.tobytes())}" for row in store.versions()}
        for index in range(len(finished) + 1):
            steps = store.steps(index)
            stored |= {f"step {index} {number} {contents(step)}" for number, step in enumerate(steps)}
            stored |= {f"progress {index} {p.progress.step} {contents(p.progress)}" for p in store.progress(index)}
    return sorted(acknowledged - stored)


def contradictions(directory: Path) -> list[str]:
    """What in a run that learned behind cannot be."""
    found, newest = [], 0
    with RunReader.open(directory) as store:
        for row in store.rounds():
            steps = store.steps(row.index)
            if len(steps) != SETTINGS.rollout_steps:
                found.append(f"round {row.index} has {len(steps)} steps")
            for step in steps:
                if step.version != newest and (step.step > 0 or step.version < newest):
                    found.append(f"round {row.index}, episode {step.episode}: version {step.version} after {newest}")
                newest = step.version
        for number in range(1, newest + 1):
            store.version(number, PRIOR)  # raises if it cannot be loaded
    return found


def torment(
    times: int, rounds: int, most_events: int, seed: int, folder: Path, behind: bool = False, calm: Path | None = None
) -> dict:
    """Kill `times` times; returns what happened. calm: a run that was never interrupted; None to make one."""
    chance, code = random.Random(seed), folder / "code"
    shutil.copytree(Path(mereq.__file__).parent, code / "mereq")
    shutil.copy(__file__, code / "kill9.py")
    if not behind and calm is None:
        calm = folder / "calm"
        whole = Child(calm, rounds, code)
        whole.wait(math.inf, math.inf)
        whole.kill()
    kills, runs, acknowledged_in_all = 0, 0, 0
    missing: list[str] = []
    different: list[str] = []
    moments: Counter[str] = Counter()
    while kills < times:
        runs += 1
        directory, acknowledged, killed = folder / f"run{runs}", set(), True
        while killed:
            worker = Child(directory, rounds, code, behind)
            if kills == times:
                worker.wait(math.inf, math.inf)
            elif chance.random() < 0.2:
                worker.wait(1, chance.uniform(0.0, 3.0))  # while it opens the run, or a little later
            else:
                worker.wait(chance.randrange(2, most_events), chance.uniform(0.0, 0.1))
            killed = worker.kill() and worker.lines[-1:] != ["finished"]
            if killed:
                kills += 1
                moments[moment(worker.lines)] += 1
            promised = ("step", "version", "round") if behind else ("step", "progress", "round")
            acknowledged |= {line for line in worker.lines if line.split()[0] in promised}
            missing += lost(directory, acknowledged)
        acknowledged_in_all += len(acknowledged)
        if calm is None:
            different += contradictions(directory)
        else:
            with RunReader.open(calm) as left, RunReader.open(directory) as right:
                different += differences(left, right)
    return {
        "kills": kills,
        "runs": runs,
        "rounds_per_run": rounds,
        "killed": dict(moments),
        "acknowledged": acknowledged_in_all,
        "lost": len(missing),
        "first_lost": missing[:5],
        "different": different,
    }


def moment(lines: list[str]) -> str:
    """What the child was at, by its last word."""
    last = lines[-1].split() if lines else ["opening"]
    if last[0] == "step":
        return "in the update" if int(last[2]) == SETTINGS.rollout_steps - 1 else "in the rollout"
    if last[0] == "progress":
        return "committing the round" if int(last[2]) == SETTINGS.inference.max_updates - 1 else "in the update"
    return {"opening": "opening or starting", "round": "sequential", "version": "at a new version"}[last[0]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100, help="kills")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds per run")
    parser.add_argument("--events", type=int, default=150, help="most events between a start and the kill")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--behind", action="store_true", help="learn while supervision goes on")
    parser.add_argument("--json", type=Path, help="where to write the result")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.rounds, given.behind)
        return
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = torment(given.times, given.rounds, given.events, given.seed, Path(folder), given.behind)
    result["seconds"] = round(time.perf_counter() - started, 1)
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n")
    verdict = "without contradictions" if given.behind else "bit for bit equal to uninterrupted ones"
    verdict = "DIFFERENT from what they should be" if result["different"] else verdict
    print(
        f"{result['kills']} x kill -9 in {result['runs']} runs: {result['acknowledged']} events acknowledged, "
        f"{result['lost']} lost, finished runs {verdict} ({result['seconds']} s)"
    )
    if result["lost"] or result["different"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
