"""Seconds per SAC update at the paper's sizes: ours, Stable-Baselines3's, and the arithmetic floor, in one run.

    python benchmarks/speed/sac_update.py [--json FILE]               on all cores that the process may use
    taskset -c 0 python benchmarks/speed/sac_update.py [--json FILE]  on one

Batch 512, 20 inputs, 3 action coordinates, hidden layers of 400 and 300 (Table 9). The sides take turns; medians are
compared, of the wall clock and of the processor time of the busiest thread. On an idle machine these are nearly the
same; on a busy one the second can be trusted, since other processes do not lengthen it. The floor is the update's
matrix products alone, in NumPy on one thread; shared evenly by all cores it would take that part of the time.
"""

import argparse
import json
import os
import statistics
import time
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "passive"  # PyTorch's threads sleep while they wait: that is not counted as work

import numpy as np

from mereq.core.cores import usable_cores
from mereq.maxent_rl.replay import Batch
from mereq.maxent_rl.sac import SAC, SACSettings
from mereq.store.provenance import provenance

CORES = len(usable_cores())  # JAX sizes its thread pool by them
OBS, ACTIONS, BATCH, CALL = 20, 3, 512, 10
HIDDEN = (400, 300)


def ours(prior_temperature):
    """SAC, residual with prior_temperature > 0: one call of 10 updates; the batches are drawn already."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    settings = SACSettings(
        hidden=HIDDEN,
        learning_rate=5e-3,
        temperature_learning_rate=5e-3,
        gamma=0.9,
        tau=0.01,
        temperature=1.0,
        prior_temperature=prior_temperature,
    )
    learner = SAC(OBS, ACTIONS, settings)
    state = learner.init(0, zero_head=prior_temperature > 0)
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


def thread_seconds():
    """Processor time of each thread of this process so far."""
    tasks = Path("/proc/self/task")
    return {task.name: int((task / "schedstat").read_text().split()[0]) / 1e9 for task in tasks.iterdir()}


def timed(call, updates=CALL):
    """Seconds per update of a call: on the clock, and of the busiest thread."""
    before, started = thread_seconds(), time.perf_counter()
    call()
    wall, after = time.perf_counter() - started, thread_seconds()
    return wall / updates, max(after[task] - before.get(task, 0.0) for task in after) / updates


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", help="write the figures to this file")
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()
    sb3 = stable_baselines()
    sides = {
        "mereq residual SAC": ours(0.035),
        "mereq plain SAC": ours(0.0),
        **{f"Stable-Baselines3, threads: {n}": lambda n=n: sb3(n) for n in range(1, CORES + 1)},
        "matrix products alone, 1 thread": floor(),
    }
    for call in sides.values():
        call()  # compile, warm up
    rounds = [{name: timed(call) for name, call in sides.items()} for _ in range(args.repeats)]
    median = {name: [statistics.median(r[name][i] for r in rounds) * 1e3 for i in range(2)] for name in sides}
    print(f"ms per update on {CORES} cores     wall clock   busiest thread")
    for name, (wall, busiest) in median.items():
        print(f"{name:34s} {wall:10.2f} {busiest:12.2f}")
    mine, alone = median["mereq residual SAC"], median["matrix products alone, 1 thread"]
    for i, clock in enumerate(("wall clock", "busiest thread")):
        best = min(times[i] for name, times in median.items() if name.startswith("Stable"))
        ratios = f"Stable-Baselines3 (best) / ours {best / mine[i]:.2f}, ours / floor {mine[i] * CORES / alone[i]:.2f}"
        print(f"{clock}: {ratios}")
    if args.json:
        figures = {
            "cores": CORES,
            "ms_per_update": {name: {"wall": wall, "busiest_thread": busy} for name, (wall, busy) in median.items()},
            "load_average": os.getloadavg()[0],
            "provenance": provenance(),
        }
        Path(args.json).write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
