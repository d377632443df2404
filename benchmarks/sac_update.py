"""Seconds per SAC update at the paper's sizes: ours, Stable-Baselines3's, and the arithmetic floor, in one run.

    python benchmarks/sac_update.py [--json FILE]               on all cores that the process may use
    taskset -c 0 python benchmarks/sac_update.py [--json FILE]  on one

Batch 512, 20 inputs, 3 action coordinates, hidden layers of 400 and 300 (Table 9). The sides take turns; medians are
compared. On several cores the wall clock is read, on one the time that the process had it, which other processes do
not lengthen. The floor is the update's matrix products alone, in NumPy with a thread per core.
"""

import argparse
import json
import os
import statistics
import time
from itertools import pairwise

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["OPENBLAS_NUM_THREADS"] = str(len(os.sched_getaffinity(0)))

import numpy as np

from mereq.experiments.provenance import provenance
from mereq.maxent_rl.replay import Batch
from mereq.maxent_rl.sac import SAC, SACSettings

CORES = len(os.sched_getaffinity(0))  # JAX sizes its thread pool by them
OBS, ACTIONS, BATCH, CALL = 20, 3, 512, 10
HIDDEN = (400, 300)


def ours(prior_alpha):
    """SAC, residual with prior_alpha > 0: one call of 10 updates; the batches are drawn already."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    settings = SACSettings(hidden=HIDDEN, learning_rate=5e-3, gamma=0.9, tau=0.01, alpha=1.0, prior_alpha=prior_alpha)
    learner = SAC(OBS, ACTIONS, settings)
    state = learner.init(0, zero_head=prior_alpha > 0)
    batches = Batch(
        obs=normal(CALL, BATCH, OBS),
        action=np.tanh(normal(CALL, BATCH, ACTIONS)),
        reward=normal(CALL, BATCH),
        next_obs=normal(CALL, BATCH, OBS),
        terminated=np.zeros((CALL, BATCH), np.float32),
        prior=normal(CALL, BATCH, 2 * ACTIONS),
        next_prior=normal(CALL, BATCH, 2 * ACTIONS),
    )

    def call():
        nonlocal state
        state, metrics = learner.update(state, batches)
        metrics.loss.block_until_ready()

    return call


def stable_baselines():
    """SB3's SAC.train, 10 gradient steps, with a replay of 5000 transitions."""
    import gymnasium as gym
    import torch
    from stable_baselines3 import SAC as SB3

    class Blank(gym.Env):
        observation_space = gym.spaces.Box(-1, 1, (OBS,), np.float32)
        action_space = gym.spaces.Box(-1, 1, (ACTIONS,), np.float32)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return self.observation_space.sample(), {}

        def step(self, action):
            return self.observation_space.sample(), 1.0, False, False, {}

    model = SB3(
        "MlpPolicy",
        Blank(),
        learning_rate=5e-3,
        buffer_size=5000,
        learning_starts=5000,
        batch_size=BATCH,
        gamma=0.9,
        tau=0.01,
        policy_kwargs={"net_arch": list(HIDDEN)},
        device="cpu",
        seed=0,
    )
    model.learn(5000)

    def call(threads):
        torch.set_num_threads(threads)
        model.train(gradient_steps=CALL, batch_size=BATCH)

    return call


def floor():
    """The matrix products of 10 updates: what backpropagation needs, and nothing that it can do without."""
    rng = np.random.default_rng(0)

    def network(inputs, outputs):
        sizes = (inputs, *HIDDEN, outputs)
        values = [rng.normal(size=(BATCH, n)).astype(np.float32) for n in sizes]
        return values, [rng.normal(size=shape).astype(np.float32) for shape in pairwise(sizes)]

    def forward(values, weights):
        for x, w in zip(values, weights, strict=False):
            x @ w

    def backward(values, weights, *, first_input=None, of_weights=True):
        """Gradients of weights, activations and, if wanted, of the first input's last coordinates."""
        for layer in reversed(range(len(weights))):
            if of_weights:
                values[layer].T @ values[layer + 1]
            if layer:
                values[layer + 1] @ weights[layer].T
            elif first_input:
                values[1] @ weights[0][-first_input:].T

    actor, critic = network(OBS, 2 * ACTIONS), network(OBS + ACTIONS, 1)

    def call():
        for _ in range(CALL):
            forward(*actor)  # at s', for the target
            forward(*actor)  # at s
            for _ in range(2):
                forward(*critic)  # the target critic at (s', a')
                forward(*critic)  # the critic at (s, a) of the batch
                backward(*critic)
                forward(*critic)  # the critic at (s, a) of the policy
                backward(*critic, first_input=ACTIONS, of_weights=False)
            backward(*actor)

    return call


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", help="write the figures to this file")
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()
    sb3, clock = stable_baselines(), time.process_time if CORES == 1 else time.perf_counter
    sides = {
        "mereq residual SAC": ours(0.035),
        "mereq plain SAC": ours(0.0),
        **{f"Stable-Baselines3, threads: {n}": lambda n=n: sb3(n) for n in range(1, CORES + 1)},
        f"matrix products alone, threads: {CORES}": floor(),
    }
    seconds = {name: [] for name in sides}
    for call in sides.values():
        call()  # compile, warm up
    for _ in range(args.repeats):
        for name, call in sides.items():
            started = clock()
            call()
            seconds[name].append((clock() - started) / CALL)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    mine = medians["mereq residual SAC"]
    for name, median in medians.items():
        least = min(seconds[name])
        print(f"{name:36s} {median * 1e3:7.2f} ms per update   (least {least * 1e3:.2f})   {median / mine:5.2f} x ours")
    best = min(v for name, v in medians.items() if name.startswith("Stable"))
    print(f"Stable-Baselines3 (best) / ours: {best / mine:.2f}     ours / floor: {mine / medians[list(sides)[-1]]:.2f}")
    if args.json:
        figures = {
            "cores": CORES,
            "ms_per_update": {name: median * 1e3 for name, median in medians.items()},
            "least_ms_per_update": {name: min(values) * 1e3 for name, values in seconds.items()},
            "provenance": provenance(),
        }
        with open(args.json, "w") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    main()
