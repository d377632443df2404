"""Whole episodes of the bottle: the shipped prior under the rule's supervision, in the emulated cell and the simulator.

    .venv/bin/python benchmarks/robots/episodes.py --episodes 20 --out results/robot/episodes.json

The emulated cell is used through RMI packets and rendered pictures, in driven time (no sockets, no clock).
"""

import argparse
import json
from pathlib import Path

import numpy as np

from mereq.presets.registry import definition_of
from mereq.robots.emulator.in_process import InProcess
from mereq.runs.policies import policy_of
from mereq.runs.run import supervisor_of
from mereq.runs.spec import RunSpec
from mereq.store.provenance import clean_provenance, provenance
from mereq.supervision.supervise import supervise
from mereq.tasks.arm.definition import N_STEPS
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.tasks import ARM_TASKS


class Counted:
    """An environment that keeps the last measurements of each episode."""

    def __init__(self, environment):
        self._environment, self.ends, self.done = environment, [], 0

    def reset(self, *, seed=None):
        return self._environment.reset(seed=seed)

    def step(self, action):
        found = self._environment.step(action)
        if found[2] or found[3]:
            self.ends.append(found[4]["measurements"])
        return found


def outcome(environment, n: int) -> dict:
    """Success, intervention rate and mean features of n episodes."""
    spec = RunSpec.named(task="bottle-pushing")
    task, counted, prior = definition_of(spec.task).task, Counted(environment), policy_of(spec, "prior")
    rollout = []
    for step in supervise(
        counted, lambda _: (0, prior), supervisor_of(spec), n * N_STEPS, episode_seed=lambda k: 1000 + k, task=task
    ):
        rollout.append(step)
        if len(counted.ends) == n:
            break
    toppled = [bool(end.toppled) for end in counted.ends]
    success = [bool(end.bottle_to_goal < 0.03 and not fell) for end, fell in zip(counted.ends, toppled, strict=True)]
    return {
        "episodes": len(counted.ends),
        "steps": len(rollout),
        "success": float(np.mean(success)),
        "toppled": float(np.mean(toppled)),
        "intervention_rate": float(np.mean([int(step.controller) for step in rollout])),
        "features": np.mean([step.features for step in rollout], axis=0).round(4).tolist(),
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--episodes", type=int, default=20)
    words.add_argument("--rate", type=float, default=10.0)
    words.add_argument("--out", type=Path, required=True)
    arguments = words.parse_args()
    task = ARM_TASKS["bottle-pushing"]
    result = {"simulator": outcome(ArmEnv(task, ends=task.over), arguments.episodes)}
    for termination in ("cnt",):
        lab = InProcess(task, termination, rate=arguments.rate)
        with lab.robot:
            result[f"emulated cell, {termination}"] = outcome(lab.robot, arguments.episodes)
        lab.close()
    config = {"episodes": arguments.episodes, "pictures_per_second": arguments.rate, "size": [640, 480], "seed": 1000}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    content = {"config": config, "results": result, "provenance": clean_provenance(provenance())}
    arguments.out.write_text(json.dumps(content, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
