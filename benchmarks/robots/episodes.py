"""Whole episodes of a task: the shipped prior under the rule's supervision, in the emulated cell and the simulator.

    .venv/bin/python benchmarks/robots/episodes.py --episodes 20 --out results/robot/episodes.json
    .venv/bin/python benchmarks/robots/episodes.py --task pillow-grasping --out results/robot/episodes_pillow.json
    .venv/bin/python benchmarks/robots/episodes.py --wire stream --out results/robot/episodes_stream.json
    .venv/bin/python benchmarks/robots/episodes.py --wire stream --real-time --out results/robot/episodes_real_time.json

The emulated cell is used through RMI packets (or streamed joints, without airo-fanuc's driver, which needs real time)
and rendered pictures, in driven time (no sockets, no clock). `--real-time` is one row only: sockets, the machine's time
and the true poses, over Stream Motion with airo-fanuc's driver; a bottle only. Starts are
the same in all columns: the emulated person puts the object where the simulator's episode of this seed has it. What
differs is taken away step by step: the whole cell, then the cell with the true poses in place of its camera, then the
simulator, as it is and with actions one step late.
"""

import argparse
import json
import tempfile
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import numpy as np

from mereq.presets.registry import definition_of
from mereq.robots.assembly import arm_of, workpiece_of
from mereq.robots.cell import ArmCell
from mereq.robots.cell_file import read_cell
from mereq.robots.clock import RealClock
from mereq.robots.emulator.cell import EmulatedCell, emulated_spring
from mereq.robots.emulator.in_process import InProcess, TrueSight
from mereq.robots.emulator.server import EmulatorServer
from mereq.runs.policies import policy_of
from mereq.runs.run import supervisor_of
from mereq.runs.spec import RunSpec
from mereq.store.provenance import clean_provenance, provenance
from mereq.supervision.supervise import supervise
from mereq.tasks.arm.definition import N_STEPS
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.tasks import ARM_TASKS
from mereq.tasks.perturbed import Disturbance, Perturbed

ROWS = {  # termination of a step, and whether the cell's camera is used, by wire
    "rmi": (("cnt", True), ("cnt", False), ("noblend", False)),
    "stream": (("cnt", False), ("cnt", True)),
}


class Counted:
    """An environment that keeps the last measurements of each episode, and tells a cell's person where it starts."""

    def __init__(self, environment, expect, name="bottle-pushing"):
        self._environment, self._expect, self._name, self.ends = environment, expect, name, []

    def reset(self, *, seed=None):
        if self._expect is not None:
            self._expect(ARM_TASKS[self._name].begin(np.random.default_rng(seed)))
        return self._environment.reset(seed=seed)

    def step(self, action):
        found = self._environment.step(action)
        if found[2] or found[3]:
            self.ends.append(found[4]["measurements"])
        return found


def outcomes(name: str, environment, n: int, expect=None):
    """Success, intervention rate and mean features of the episodes so far, after each of n episodes."""
    spec = RunSpec.named(task=name)
    task, counted, prior = definition_of(spec.task).task, Counted(environment, expect, name), policy_of(spec, "prior")
    rollout = []
    for step in supervise(
        counted, lambda _: (0, prior), supervisor_of(spec), n * N_STEPS, episode_seed=lambda k: 1000 + k, task=task
    ):
        rollout.append(step)
        if step.truncated or step.terminated:
            yield summary(name, rollout, counted.ends)
        if len(counted.ends) == n:
            return


def summary(name: str, rollout: list, ends: list) -> dict:
    """Success, intervention rate and mean features; of the bottle also which toppled."""
    success = [float(ARM_TASKS[name].success(one_of_many(end))[0]) for end in ends]
    toppled = [bool(getattr(end, "toppled", False)) for end in ends]
    fell = {
        "toppled": float(np.mean(toppled)),
        "toppled_seeds": [1000 + k for k, fell in enumerate(toppled) if fell],
    }
    return {
        "episodes": len(ends),
        "steps": len(rollout),
        "success": round(float(np.mean(success)), 4),
        **(fell if name == "bottle-pushing" else {}),
        "intervention_rate": float(np.mean([int(step.controller) for step in rollout])),
        "features": np.mean([step.features for step in rollout], axis=0).round(4).tolist(),
    }


def one_of_many(end):
    """Measurements of one environment as those of one among several."""
    return type(end)(**{each.name: np.asarray(getattr(end, each.name))[None] for each in fields(end)})


@contextmanager
def in_real_time(task, wire: str):
    """The robot of a wire over sockets, with true poses, and its emulated cell."""
    cell = EmulatedCell(task, rate=0.1)
    cell.happen("unplug")  # no picture is rendered
    server = EmulatorServer(cell, port=0, session_port=0, stream=wire == "stream")
    with tempfile.TemporaryDirectory() as folder, server:
        (Path(folder) / "lab.toml").write_text(server.toml)
        arm, workspace = arm_of(read_cell(Path(folder) / "lab.toml")), np.array(task.setup.workspace)
        workpiece = workpiece_of(task.name, emulated_spring())
        with ArmCell(task, workpiece, arm, TrueSight(cell), workspace=workspace, clock=RealClock()) as robot:
            yield robot, cell
        if server.stream is not None:
            print("violations:", server.stream.violations, flush=True)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--task", choices=[*ARM_TASKS], default="bottle-pushing")
    words.add_argument("--wire", choices=[*ROWS], default="rmi")
    words.add_argument("--episodes", type=int, default=20)
    words.add_argument("--rate", type=float, default=12.0)
    words.add_argument("--real-time", action="store_true")
    words.add_argument("--out", type=Path, required=True)
    arguments = words.parse_args()
    chosen, n = arguments.task, arguments.episodes
    size = (1280, 720) if chosen == "pillow-grasping" else (640, 480)  # a lifted object needs the larger one
    task = ARM_TASKS[chosen]
    result: dict[str, dict] = {}

    def keep(name: str, found) -> None:
        """Write the results so far after each episode: the cell's take minutes."""
        for result[name] in found:
            config = {
                "task": chosen,
                "wire": arguments.wire,
                "episodes": n,
                "pictures_per_second": arguments.rate,
                "size": list(size),
                "seed": 1000,
            }
            content = {"config": config, "results": result, "provenance": clean_provenance(provenance())}
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(json.dumps(content, indent=1) + "\n")
        print(name, result[name], flush=True)

    if arguments.real_time:
        with in_real_time(task, arguments.wire) as (robot, cell):
            name = f"emulated cell, {arguments.wire}, true poses, in real time"
            keep(name, outcomes(chosen, robot, n, cell.expect))
        return
    for termination, sees in ROWS[arguments.wire]:
        way = {"wire": arguments.wire, "sight": None if sees else TrueSight}
        lab = InProcess(task, termination, rate=arguments.rate, size=size, **way)
        with lab.robot:
            kind = termination if arguments.wire == "rmi" else arguments.wire
            name = f"emulated cell, {kind}, {'its camera' if sees else 'true poses'}"
            keep(name, outcomes(chosen, lab.robot, n, lab.emulated.expect))
        lab.close()
    keep("simulator", outcomes(chosen, ArmEnv(task, ends=task.over), n))
    late = Perturbed(ArmEnv(task, ends=task.over), Disturbance(1, np.zeros(3), np.zeros(task.obs_size)))
    keep("simulator, a step late", outcomes(chosen, late, n))


if __name__ == "__main__":
    main()
