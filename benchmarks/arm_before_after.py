"""A picture per arm task for the model card: one moment of the same episode, before and after alignment.

    python benchmarks/arm_before_after.py RUN...

Each RUN is a run's directory, such as runs/studies/bottle/runs/bottle-pushing-mereq-fast-0; "after" is the policy that
it ended with.
"""

import sys
from pathlib import Path

from mereq.experiments.arm_films import BOTTLE_SHOT, ERASING_SHOT, PILLOW_SHOT
from mereq.experiments.runs import load_method_policy
from mereq.experiments.store import RunStore

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SHOTS = {shot.task.name: shot for shot in (BOTTLE_SHOT, ERASING_SHOT, PILLOW_SHOT)}


def main(directories: list[str]) -> None:
    """Draw."""
    for directory in map(Path, directories):
        with RunStore.open(directory) as store:
            task, prior, policy = load_method_policy(store, len(store.iterations()) - 1)
        file = PICTURES / f"{task.name.replace('-', '_')}_before_after.png"
        SHOTS[task.name].still(prior, policy, file)
        print(f"{file}: {directory.name}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
