"""On how rough a table do bottle policies still work, and do they topple the bottle there?

    python benchmarks/experiments/bottle_friction.py [RUN...] [--out FILE.json]

The prior, the expert, and what each RUN ended with: a run's directory, such as
runs/studies/bottle/runs/bottle-pushing-mereq-fast-0. All were made with a bottle on the table whose friction was drawn
anew in each episode, between 0.145 and 0.36. Here the table's is given. 50 episodes each.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
from rich.progress import track

from mereq.core.policy import Policy
from mereq.core.task import Task
from mereq.evaluation.rollouts import SEED, evaluate
from mereq.runs.recorded import load_method_policy
from mereq.store.policies import load_shipped
from mereq.store.provenance import provenance
from mereq.store.run_store import RunReader
from mereq.tasks import arm
from mereq.tasks.arm import bottle_pushing
from mereq.tasks.arm.tasks import task_of

FRICTIONS, EPISODES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8), 50


def on_a_table(friction: float) -> Task:
    """The task with a table of this friction under the smoothest bottle: of two surfaces the rougher one counts."""

    def begin(rng: np.random.Generator):
        return replace(bottle_pushing.begin(rng), friction=bottle_pushing.FRICTION[0])

    def spec() -> mujoco.MjSpec:
        rough = bottle_pushing.task_spec()
        rough.geom("table").friction[0] = friction
        return rough

    return task_of(replace(bottle_pushing.TASK, begin=begin, setup=replace(bottle_pushing.SETUP, spec=spec)))


def at_the_end_of(run: Path) -> Policy:
    """The policy that an alignment ended with."""
    with RunReader.open(run) as store:
        return load_method_policy(store, len(store.rounds()) - 1)[2]


def outcome(policy: Policy, task: Task) -> dict[str, np.ndarray]:
    """Shares of the episodes, and the median of the furthest that a bottle leaned [degrees]."""
    found = evaluate(policy, task.simulate(EPISODES), seed=SEED).measured
    upright = np.stack([m.axis[:, 2] for m in found]).min(axis=0)
    return {
        "stood at the goal for a second": np.stack([m.arrived for m in found]).max(axis=0)
        >= bottle_pushing.LONG_ENOUGH,
        "is there at step 100": bottle_pushing.success(found[-1]),
        "topples": np.stack([m.toppled for m in found]).any(axis=0),
        "leans by": np.median(np.degrees(np.arccos(np.clip(upright, -1.0, 1.0)))),
    }


def main() -> None:
    """Push, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, metavar="FILE")
    options = parser.parse_args()
    policies = {which: load_shipped(arm.BOTTLE_PUSHING, which) for which in ("prior", "expert")}
    policies |= {run.name: at_the_end_of(run) for run in options.runs}
    rows = [
        {"policy": name, "friction": friction}
        | {key: round(float(np.mean(value)), 3) for key, value in outcome(policy, on_a_table(friction)).items()}
        for name, policy in track(policies.items(), "pushing")
        for friction in FRICTIONS
    ]
    for line in (rows[0].keys(), ["---"] * len(rows[0]), *(row.values() for row in rows)):
        print("|", " | ".join(map(str, line)), "|")
    if options.out:
        record = {"provenance": provenance(), "episodes": EPISODES, "seed": SEED, "rows": rows}
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
