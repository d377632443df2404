"""Readers of the page's picture (people.py) beside the true state: how often both say the same about the example's rule.

    python benchmarks/environments/agreement.py cart_pole panda_pick fetch_push

Rollouts on seeds that the readers were not fitted to, with the prior or the supervisor and noise. A line of JSON each.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))
import people

Looks = Iterator[tuple[bool, bool]]  # what the picture says, and what the state says


def cart_pole(seed: int, rng: np.random.Generator) -> Looks:
    """Is the cart to be pushed back? At random places, since the pole falls soon."""
    import cart_pole as example

    env = example.make()
    env.reset(seed=seed)
    for _ in range(30):
        x = rng.uniform(-1.5, 1.5)
        env.unwrapped.state = np.array([x, 0.0, rng.uniform(-0.2, 0.2), 0.0])
        yield people.CartOnTheLeft.read(env.render())[0] > example.FAR, x > example.FAR
    env.close()


def fetch_push(seed: int, rng: np.random.Generator) -> Looks:
    """Has the block arrived while the gripper is low?"""
    import fetch_push as example
    from gymnasium.spaces import flatten

    env, person = example.make(), people.RisesWhenArrived()
    now = env.reset(seed=seed)[0]
    for step in range(60):
        obs = flatten(env.observation_space, now)
        if step % 2 == 0:  # drawing is slow
            both = np.concatenate(list(env.render()), axis=1)
            yield person(both, 0) is not None, bool(example.arrived_and_low(obs))
        rises = seed % 2 and example.arrived_and_low(obs)
        action = (example.rise if rises else example.push)(obs[None])[0] + 0.2 * rng.standard_normal(4)
        now = env.step(np.clip(action, -1, 1).astype(np.float32))[0]
    env.close()


def panda_pick(seed: int, rng: np.random.Generator) -> Looks:
    """Is the tool more than 3 cm beside the cube?"""
    import panda_pick as example

    env, person = example.make(), people.OverTheCube()
    obs = env.reset(seed=seed)[0]
    policy = example.pick_at(None if seed % 2 else example.USUAL)
    for _ in range(24):
        both = np.concatenate(list(env.render()), axis=1)
        yield bool(np.hypot(*person.read(both)) > 0.3), bool(example.beside(obs) > 0.3)
        action = policy(obs[None])[0]
        action[:3] = np.clip(action[:3] + 0.4 * rng.standard_normal(3), -1, 1)
        obs = env.step(action)[0]
    env.close()


READ: dict[str, Callable[[int, np.random.Generator], Looks]] = {
    "cart_pole": cart_pole,
    "fetch_push": fetch_push,
    "panda_pick": panda_pick,
}


def main() -> None:
    """Read the command line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("names", nargs="+", choices=READ)
    words.add_argument("--seeds", nargs="+", type=int, default=list(range(100, 108)))
    given = words.parse_args()
    for name in given.names:
        looks = np.array([look for seed in given.seeds for look in READ[name](seed, np.random.default_rng(seed))])
        said, true = looks.T
        shares = {
            "looks": len(looks),
            "rule_holds": true.mean(),
            "agree": (said == true).mean(),
            "said_wrongly": (said & ~true).mean(),
            "missed": (~said & true).mean(),
        }
        print(
            json.dumps({"example": name} | {key: round(float(value), 4) for key, value in shares.items()}), flush=True
        )


if __name__ == "__main__":
    main()
