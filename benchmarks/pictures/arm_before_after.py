"""A picture per arm task for the model card: one moment of the same episode, before and after alignment.

    python benchmarks/pictures/arm_before_after.py [--seed N] RUN...

Each RUN is a run's directory, such as runs/studies/bottle/runs/bottle-pushing-mereq-fast-0; "after" is the policy that
it ended with. The episode is the one of the seed; in 10, which the model card shows, the prior topples the bottle.
"""

import argparse
from pathlib import Path

from mereq.evaluation.arm_clips import BOTTLE_SHOT, ERASING_SHOT, PILLOW_SHOT
from mereq.runs.recorded import load_method_policy
from mereq.store.run_store import RunReader

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
SHOTS = {shot.task.name: shot for shot in (BOTTLE_SHOT, ERASING_SHOT, PILLOW_SHOT)}


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    options = parser.parse_args()
    for directory in options.runs:
        with RunReader.open(directory) as store:
            task, prior, policy = load_method_policy(store, len(store.rounds()) - 1)
        file = PICTURES / f"{task.name.replace('-', '_')}_before_after.png"
        SHOTS[task.name].still(prior, policy, file, seed=options.seed)
        print(f"{file}: {directory.name}")


if __name__ == "__main__":
    main()
