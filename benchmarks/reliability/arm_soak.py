"""A million random actions per task: nothing becomes NaN, nothing is flung away, memory stays flat.

    .venv/bin/python benchmarks/reliability/arm_soak.py --out results/arm_soak.json

Every 100,000 steps are one block with a seed of its own, written down when done, with where it comes from: run it again
and it goes on where it was. When a task's code or MuJoCo's version is another, its blocks are made anew. Actions are
noise around a direction that changes every 20 steps and tends downwards: the tool runs into things.
"""

import argparse
import hashlib
import json
import resource
from pathlib import Path
from types import ModuleType

import mujoco
import numpy as np
from rich.progress import Progress

from mereq.store.provenance import provenance
from mereq.tasks.arm import bottle_pushing, definition, erasing, features, kinematics, model, pillow_grasping
from mereq.tasks.arm import simulator as simulators
from mereq.tasks.arm import world as worlds
from mereq.tasks.arm.definition import N_STEPS
from mereq.tasks.arm.simulator import ArmSimulator

MODULES = (bottle_pushing, erasing, pillow_grasping)
SHARED = (definition, features, kinematics, model, simulators, worlds)  # what all tasks are made of
ENVS, BLOCK = 20, 100_000
ROOM = np.array([[-0.3, -0.8, -0.05], [1.3, 0.8, 0.7]])  # what is outside has been flung away [m]


def code_of(module: ModuleType) -> str:
    """Checksum of all that a block depends on: the task's source, that of the physics under it, the model, MuJoCo."""
    assets = sorted(Path(model.__file__).parent.joinpath("assets").glob("*.xml"))
    sources = [path.read_text() for path in (*(Path(part.__file__) for part in (module, *SHARED)), *assets)]
    return hashlib.sha256("\0".join([mujoco.__version__, *sources]).encode()).hexdigest()


def block(module: ModuleType, seed: int, advance) -> dict:
    """One block's findings."""
    simulator = ArmSimulator(module.TASK, ENVS)
    simulator.reset(seed)
    rng = np.random.default_rng(seed)
    worst = {"not_finite": 0, "features_outside": 0, "outside_room": 0, "fastest": 0.0, "largest_force": 0.0}
    drift, before = np.zeros((ENVS, 3)), None
    for step in range(BLOCK // ENVS):
        if step % 20 == 0:
            drift = rng.uniform([-0.7, -0.7, -1.0], 0.7, (ENVS, 3))
        result = simulator.step(np.clip(drift + rng.uniform(-0.5, 0.5, (ENVS, 3)), -1.0, 1.0))
        measured = simulator.measured
        things = getattr(measured, "bottle", getattr(measured, "pillow", measured.tip))
        worst["not_finite"] += int((~np.isfinite(result.next_obs)).sum() + (~np.isfinite(result.features)).sum())
        worst["features_outside"] += int(((result.features < 0.0) | (result.features > 1.0)).sum())
        worst["outside_room"] += int(((things < ROOM[0]) | (things > ROOM[1])).any(axis=1).sum())
        if before is not None and (step + 1) % N_STEPS:
            worst["fastest"] = max(worst["fastest"], float(np.linalg.norm(things - before, axis=1).max() / 0.1))
        before = None if (step + 1) % N_STEPS == 0 else things
        worst["largest_force"] = max(worst["largest_force"], float(np.abs(measured.force).max()))
        advance(ENVS)
    worst["warnings"] = sum(int(w.number) for data in simulator.world._data for w in data.warning)
    worst["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000, help="per task")
    parser.add_argument("--out", type=Path, default=Path("results/arm_soak.json"))
    options = parser.parse_args()
    earlier = json.loads(options.out.read_text())["blocks"] if options.out.exists() else {}
    record = {"blocks": dict(earlier)}
    with Progress() as progress:
        for module in MODULES:
            name = module.TASK.name
            code = code_of(module)
            done = [found for found in earlier.get(name, []) if found.get("code") == code]
            if others := len(earlier.get(name, [])) - len(done):
                print(f"{name}: {others} blocks are of other code, and are made anew.")
            record["blocks"][name] = done
            bar = progress.add_task(name, total=options.steps, completed=len(done) * BLOCK)
            for seed in range(len(done), options.steps // BLOCK):
                findings = block(module, seed, lambda n, bar=bar: progress.advance(bar, n))
                done.append(findings | {"code": code, "provenance": provenance()})
                options.out.write_text(json.dumps(record, indent=1) + "\n")
    for name, blocks in record["blocks"].items():
        total = {
            key: sum(b[key] for b in blocks) for key in ("not_finite", "features_outside", "outside_room", "warnings")
        }
        most = {key: max(b[key] for b in blocks) for key in ("fastest", "largest_force", "memory_mb")}
        print(f"{name}: {len(blocks) * BLOCK:,} steps;", ", ".join(f"{k} {v}" for k, v in total.items()) + ";", end=" ")
        print(f"fastest {most['fastest']:.1f} m/s, largest force {most['largest_force']:.0f} N", end=", ")
        print(f"memory {blocks[0]['memory_mb']:.0f} -> {blocks[-1]['memory_mb']:.0f} MB")


if __name__ == "__main__":
    main()
