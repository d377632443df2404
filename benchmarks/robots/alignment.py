"""An alignment of the bottle's prior in the emulated cell, beside the same one in the simulator.

    .venv/bin/python benchmarks/robots/alignment.py cell --out results/robot/alignment_cell.json
    .venv/bin/python benchmarks/robots/alignment.py simulator --out results/robot/alignment_simulator.json

The cell is used through RMI packets and rendered pictures, in driven time (no sockets, no clock), so that a busy
machine makes it slow and not different. Both have the same settings and starts. The result is written after each
round, with the rate of its policy: the rate of round k is the own rate of the policy after k improvements.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from episodes import Counted

from mereq.alignment.algorithm import Round
from mereq.interventions.rollout import SupervisedStep
from mereq.presets.registry import definition_of
from mereq.robots.emulator.in_process import InProcess
from mereq.runs.run import create, run
from mereq.runs.spec import RunSpec
from mereq.store.provenance import clean_provenance, provenance
from mereq.tasks.arm.tasks import ARM_TASKS

NO_DRIVER = "none.py:none"  # with any robot, policy and expert are compared in new episodes; it is not used


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


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("where", choices=["cell", "simulator"])
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--steps", type=int, default=300)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--rate", type=float, default=12.0)
    words.add_argument("--out", type=Path, required=True)
    arguments = words.parse_args()
    task = ARM_TASKS["bottle-pushing"]
    spec = RunSpec.named(task="bottle-pushing", n_rounds=arguments.rounds, seed=arguments.seed).on(NO_DRIVER)
    spec = replace(spec, robot=None, settings=replace(spec.settings, rollout_steps=arguments.steps))

    def write(rounds) -> None:
        config = vars(arguments) | {"out": arguments.out.name, "size": [640, 480]}
        content = {"config": config, "rounds": rounds, "provenance": clean_provenance(provenance())}
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(content, indent=1) + "\n")

    if arguments.where == "simulator":
        align(Counted(definition_of(spec.task).task.make(), None), spec, write)
        return
    lab = InProcess(task, "cnt", rate=arguments.rate)
    with lab.robot:
        align(Counted(lab.robot, lab.emulated.expect), spec, write)
    lab.close()


if __name__ == "__main__":
    main()
