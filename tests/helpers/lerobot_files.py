"""Exported datasets and policies, for read_with_lerobot.py, which LeRobot's own Python reads (`make lerobot`).

python tests/helpers/lerobot_files.py FOLDER
"""

import itertools
import sys
from pathlib import Path

import numpy as np

from exported import recorded, steps_of, task_of
from mereq.core.actions import Box, Discrete
from mereq.core.task import Task
from mereq.exports import export, read_runs
from mereq.exports.policy import Described, export_policy
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import Layer
from mereq.maxent_rl.sac import ActorPolicy

RNG = np.random.default_rng(0)
DATASETS = {  # actions, and steps per second
    "one": (Box(2), 10.0),
    "two": (Box(2), 10.0),
    "slow": (Box(3), 0.2),
    "finite": (Discrete(4), 1.0),
}
BOX = Box(2, (-1.0, 0.0), (1.0, 5.0))


def network(*sizes: int) -> tuple[Layer, ...]:
    """Layers with random numbers."""
    pairs = itertools.pairwise(sizes)
    return tuple(Layer(*(RNG.normal(0, 0.5, shape).astype(np.float32) for shape in ((a, b), (b,)))) for a, b in pairs)


def datasets(folder: Path) -> None:
    """Runs with interventions and retractions, as LeRobot datasets and as CSV."""
    for number, (name, (actions, hz)) in enumerate(DATASETS.items()):
        run = recorded(folder / "runs" / name, steps_of([7, 4, 9, 5], actions, number))
        for format in ("lerobot", "csv"):
            recording = read_runs([run], task=task_of(actions), hz=hz)
            export(recording, format, folder / format / name, overwrite=True)


def policies(folder: Path) -> None:
    """A residual policy for each kind of actions, with observations and what it does there."""
    plain, plain_actor = QPolicy(network(4, 8, 3), None, 0.7, 0.0), ActorPolicy(network(4, 8, 4), None, None)
    obs = RNG.normal(size=(1000, 4)).astype(np.float32)
    critics = network(6, 5, 1), network(6, 5, 1)
    for name, policy, actions in (
        ("finite", QPolicy(network(4, 6, 3), plain, 0.5, 0.4), Discrete(3)),
        ("box", ActorPolicy(network(4, 6, 4), critics, plain_actor), BOX),
    ):
        task = Task("noise", ("a",), 4, actions, lambda: None, lambda n: None)
        export_policy(
            Described(policy, policy.prior, task, {}), "onnx", folder / "policies" / name, obs, overwrite=True
        )
        mode = policy.distribution(obs).mode()
        done = BOX.to_units(mode.astype(np.float64)) if name == "box" else mode[:, None]
        np.savez(folder / "policies" / f"{name}.npz", obs=obs, actions=done)


if __name__ == "__main__":
    where = Path(sys.argv[1])
    datasets(where)
    policies(where)
