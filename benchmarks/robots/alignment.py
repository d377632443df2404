"""An alignment of the bottle's prior in the emulated cell, beside the same one in the simulator.

    .venv/bin/python benchmarks/robots/alignment.py cell --out results/robot/alignment_cell.json
    .venv/bin/python benchmarks/robots/alignment.py simulator --out results/robot/alignment_simulator.json
    .venv/bin/python benchmarks/robots/alignment.py sockets --core 0 --out results/robot/alignment_sockets.json

`cell` is used through RMI packets and rendered pictures, in driven time (no sockets, no clock), so that a busy
machine makes it slow and not different. `sockets` is the same cell as a process of its own, in real time, on a core
that is named, used by the robot of its file as by `mereq align --robot fanuc:lab.toml`; a robot that is lost is
connected again, which is counted. `--wire stream` is either over Stream Motion. With `--minutes` whole alignments
follow one another until then, and what both processes hold is noted every minute. All have the same settings. The
result is written after each round, with the rate of its policy: the rate of round k is the own rate of the policy after
k improvements.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from episodes import Counted

from mereq.alignment.algorithm import Round
from mereq.core.errors import RobotLost
from mereq.interventions.rollout import SupervisedStep
from mereq.presets.registry import definition_of
from mereq.robots.assembly import cell_robot
from mereq.robots.emulator.in_process import InProcess
from mereq.runs.run import create, run
from mereq.runs.spec import RunSpec
from mereq.store.provenance import clean_provenance, provenance
from mereq.tasks.arm.tasks import ARM_TASKS

MEGABYTE = 2**20
LATE = 0.13  # s from step to step
PAUSED = 1.0  # s between two steps that are more than a late step: learning, or a reset
NO_DRIVER = "none.py:none"  # with any robot, policy and expert are compared in new episodes; it is not used


class Connected:
    """The robot of a file, connected again when it is lost. Notes the time from step to step.

    niceness: of the threads that read camera and controller; learning keeps that of the program.
    """

    def __init__(self, robot, niceness: int):
        self._robot, self._niceness, self._inside = robot, niceness, False
        self.periods, self.losses, self._last, self._obs = [], [], None, None

    def reset(self, *, seed=None):
        self._last = None
        while True:
            try:
                if not self._inside:
                    usual = os.getpriority(os.PRIO_PROCESS, 0)
                    os.setpriority(os.PRIO_PROCESS, 0, self._niceness)  # of this thread, and of those that it starts
                    try:
                        self._robot.__enter__()
                    finally:
                        os.setpriority(os.PRIO_PROCESS, 0, usual)
                    self._inside = True
                found = self._robot.reset(seed=seed)
            except RobotLost as lost:
                self._leave(lost)
                continue
            self._obs = found
            return found

    def step(self, action):
        try:
            found = self._robot.step(action)
        except RobotLost as lost:
            self._leave(lost)
            obs, info = self._obs
            return obs, 0.0, False, True, info
        now = time.monotonic()
        if self._last is not None and now - self._last < PAUSED:
            self.periods.append(now - self._last)
        self._last, self._obs = now, (found[0], found[4])
        return found

    def _leave(self, lost: RobotLost) -> None:
        self.losses.append(str(lost))
        print(f"lost: {lost}", flush=True)
        self._robot.stop() if self._inside else time.sleep(1.0)
        if self._inside:
            self._robot.__exit__(None, None, None)
        self._inside = False


@contextmanager
def emulator(file: Path, rate: float, core: int | None, niceness: int, wire: str):
    """The cell as a process of its own, on a core of its own if one is named."""
    pinned = ["nice", "-n", str(niceness), *([] if core is None else ["taskset", "-c", str(core)])]
    words = [sys.executable, "-m", "mereq.robots.emulator", "--write", str(file), "--rate", str(rate), "--wire", wire]
    process = subprocess.Popen([*pinned, *words], stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()
        yield process
    finally:
        process.terminate()
        process.wait()


def held(pid: int) -> float:
    """What a process holds now [MB]. Needs Linux (/proc)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE, 1)


def note(minutes: list, other: int, ended: threading.Event) -> None:
    """Memory of both processes, and the machine's load, every minute."""
    while True:
        minutes.append({"program": held(os.getpid()), "emulator": held(other), "load": round(os.getloadavg()[0], 1)})
        if ended.wait(60.0):
            return


def align(counted: Counted, spec: RunSpec, write) -> None:
    """Rates and outcomes of each round. The last round's policy is not improved."""
    rounds, controllers, ends = [], [], 0

    def summary() -> dict:
        found = counted.ends[ends:]
        fell = [bool(end.toppled) for end in found]
        success = [bool(end.bottle_to_goal < 0.03 and not f) for end, f in zip(found, fell, strict=True)]
        return {
            "intervention_rate": float(np.mean(controllers)),
            "expert_samples": int(np.sum(controllers)),
            "steps": len(controllers),
            "episodes": len(found),
            "success": float(np.mean(success)) if found else None,
            "toppled": float(np.mean(fell)) if found else None,
        }

    with tempfile.TemporaryDirectory() as folder, create(spec, Path(folder) / "run") as writer:
        stream = run(spec, writer, environment=counted)
        for event in stream:
            if isinstance(event, SupervisedStep):
                controllers.append(int(event.controller))
            if isinstance(event, Round):
                rounds[-1]["theta"] = np.round(event.theta, 4).tolist()
            if len(controllers) == spec.settings.rollout_steps:
                rounds.append(summary())
                write(rounds)
                print(rounds[-1], flush=True)
                controllers, ends = [], len(counted.ends)
                if len(rounds) == spec.n_rounds:
                    break
        stream.close()


def sockets(arguments, spec: RunSpec, write) -> None:
    """An alignment in real time, then further episodes, with periods and memory."""
    began, minutes, ended = time.monotonic(), [], threading.Event()
    with (
        tempfile.TemporaryDirectory() as folder,
        emulator(
            Path(folder) / "lab.toml", arguments.rate, arguments.core, arguments.niceness, arguments.wire
        ) as process,
    ):
        robot = Connected(cell_robot(spec.task, Path(folder) / "lab.toml"), arguments.niceness)
        noting = threading.Thread(target=note, args=(minutes, process.pid, ended))
        noting.start()

        def told(rounds) -> None:
            periods = np.array(robot.periods)
            found = {
                "period": {f"p{q}": round(float(np.percentile(periods, q)), 4) for q in (50, 90, 99)},
                "steps": len(periods),
                "late_steps": round(float(np.mean(periods > LATE)), 4),
                "losses": robot.losses,
                "minutes": minutes,
            }
            write(rounds, **found)

        rounds: list = []
        try:
            while not rounds or time.monotonic() - began < 60.0 * arguments.minutes:
                finished = list(rounds)

                def keep(found, finished=finished) -> None:
                    rounds[:] = [*finished, *found]
                    told(rounds)

                align(Counted(robot, None), spec, keep)
        finally:
            ended.set()
            noting.join()


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("where", choices=["cell", "simulator", "sockets"])
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--steps", type=int, default=300)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--rate", type=float, default=12.0)
    words.add_argument("--wire", choices=["rmi", "stream"], default="rmi")
    words.add_argument("--core", type=int, help="of the emulator's process (sockets; needs Linux)")
    words.add_argument("--niceness", type=int, default=0, help="of emulator and camera; below 0 needs root (sockets)")
    words.add_argument("--minutes", type=float, default=0.0, help="least duration (sockets)")
    words.add_argument("--out", type=Path, required=True)
    arguments = words.parse_args()
    task = ARM_TASKS["bottle-pushing"]
    spec = RunSpec.named(task="bottle-pushing", n_rounds=arguments.rounds, seed=arguments.seed).on(NO_DRIVER)
    spec = replace(spec, robot=None, settings=replace(spec.settings, rollout_steps=arguments.steps))

    def write(rounds, **more) -> None:
        config = vars(arguments) | {"out": arguments.out.name, "size": [640, 480]}
        content = {"config": config, "rounds": rounds, **more, "provenance": clean_provenance(provenance())}
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(content, indent=1) + "\n")

    if arguments.where == "sockets":
        sockets(arguments, spec, write)
        return
    if arguments.where == "simulator":
        align(Counted(definition_of(spec.task).task.make(), None), spec, write)
        return
    lab = InProcess(task, "cnt", wire=arguments.wire, rate=arguments.rate)
    with lab.robot:
        align(Counted(lab.robot, lab.emulated.expect), spec, write)
    lab.close()


if __name__ == "__main__":
    main()
