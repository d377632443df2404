"""Seconds per DQN update at the paper's sizes: ours, Stable-Baselines3's, and the arithmetic floor, in one run.

    python benchmarks/speed/dqn_update.py [--json FILE]

Batch 32, 25 inputs, two hidden layers of 256, 5 actions (Table 7). The three take turns; medians are compared.
The floor is the update's matrix products alone, in NumPy on one thread: two forward passes and one backward pass.
"""

import argparse
import json
import os
import statistics
import time
from itertools import pairwise

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np

from mereq.maxent_rl.dqn import DQN
from mereq.maxent_rl.replay import Batch
from mereq.presets.registry import TASKS
from mereq.store.provenance import provenance

OBS, ACTIONS, BATCH, CALL = 25, 5, 32, 50
HIDDEN = (256, 256)


def ours():
    """Residual soft DQN: one call of 50 updates; the batches are drawn already."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    learner = DQN(OBS, ACTIONS, TASKS["highway"].settings["paper"].learner)
    assert learner.settings.hidden == HIDDEN
    state = learner.init(0, zero_head=True)
    batches = Batch(
        normal(CALL, BATCH, OBS),
        rng.integers(0, ACTIONS, (CALL, BATCH)).astype(np.int32),
        normal(CALL, BATCH),
        normal(CALL, BATCH, OBS),
        np.zeros((CALL, BATCH), np.float32),
        normal(CALL, BATCH, ACTIONS),
        normal(CALL, BATCH, ACTIONS),
    )

    def call():
        nonlocal state
        state, metrics = learner.update(state, batches)
        metrics.loss.block_until_ready()

    return call


def stable_baselines():
    """SB3's DQN.train, 50 gradient steps, with a replay of 2000 transitions."""
    import gymnasium as gym
    import torch
    from stable_baselines3 import DQN as SB3

    class Blank(gym.Env):
        observation_space = gym.spaces.Box(-1, 1, (OBS,), np.float32)
        action_space = gym.spaces.Discrete(ACTIONS)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return self.observation_space.sample(), {}

        def step(self, action):
            return self.observation_space.sample(), 1.0, False, False, {}

    model = SB3(
        "MlpPolicy",
        Blank(),
        learning_rate=1e-4,
        buffer_size=2000,
        learning_starts=2000,
        batch_size=BATCH,
        gamma=0.8,
        policy_kwargs={"net_arch": list(HIDDEN)},
        device="cpu",
        seed=0,
    )
    model.learn(2000)

    def call(threads):
        torch.set_num_threads(threads)
        model.train(gradient_steps=CALL, batch_size=BATCH)

    return call


def floor():
    """The matrix products of 50 updates."""
    rng = np.random.default_rng(0)
    sizes = (OBS, *HIDDEN, ACTIONS)
    inputs = [rng.normal(size=(BATCH, n)).astype(np.float32) for n in sizes]
    weights = [rng.normal(size=shape).astype(np.float32) for shape in pairwise(sizes)]

    def call():
        for _ in range(CALL):
            for x, w in zip(inputs, weights, strict=False):
                x @ w  # Q(s)
                x @ w  # Q(s')
            for layer in reversed(range(len(weights))):
                inputs[layer].T @ inputs[layer + 1]  # gradient of the weights
                if layer:
                    inputs[layer + 1] @ weights[layer].T  # gradient of the activations

    return call


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", help="write the figures to this file")
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()
    sb3 = stable_baselines()
    sides = {
        "mereq residual soft DQN": ours(),
        "Stable-Baselines3, 1 thread": lambda: sb3(1),
        "Stable-Baselines3, 2 threads": lambda: sb3(2),
        "matrix products alone, 1 thread": floor(),
    }
    seconds = {name: [] for name in sides}
    for call in sides.values():
        call()  # compile, warm up
    for _ in range(args.repeats):
        for name, call in sides.items():
            started = time.perf_counter()
            call()
            seconds[name].append((time.perf_counter() - started) / CALL)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    mine = medians["mereq residual soft DQN"]
    for name, median in medians.items():
        least = min(seconds[name])
        print(f"{name:34s} {median * 1e3:7.3f} ms per update   (least {least * 1e3:.3f})   {median / mine:5.2f} x ours")
    best = min(v for name, v in medians.items() if name.startswith("Stable"))
    print(f"Stable-Baselines3 (best) / ours: {best / mine:.1f}     ours / floor: {mine / medians[list(sides)[-1]]:.2f}")
    if args.json:
        with open(args.json, "w") as file:
            json.dump(
                {"ms_per_update": {k: v * 1e3 for k, v in medians.items()}, "provenance": provenance()}, file, indent=1
            )


if __name__ == "__main__":
    main()
