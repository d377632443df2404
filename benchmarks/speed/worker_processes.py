"""Steps per second of a slow simulator in one process and in worker processes (`task_from_gymnasium(processes=...)`).

Two simulators of 20 ms a step: one waits, as for another program or a device; one computes, so that it needs a core for
each process. `python benchmarks/speed/worker_processes.py --processes 1 2 4 8`
"""

import argparse
import time

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from mereq.tasks.gymnasium_task import task_from_gymnasium

STEP = 0.02  # seconds


class Slow(gym.Env):
    """An environment whose step takes 20 ms."""

    observation_space, action_space = spaces.Box(-1, 1, (4,), np.float32), spaces.Discrete(2)

    def __init__(self, how: str):
        self.how = how

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.np_random.uniform(-1, 1, 4).astype(np.float32), {}

    def step(self, action):
        if self.how == "waits":
            time.sleep(STEP)
        else:
            begun = time.thread_time()
            while time.thread_time() - begun < STEP:
                sum(range(1000))
        return self.np_random.uniform(-1, 1, 4).astype(np.float32), 0.0, False, False, {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--envs", type=int, default=8)
    parser.add_argument("--steps", type=int, default=15, help="of all environments")
    arguments = parser.parse_args()
    print("| simulator | processes | steps per second | start [s] |\n|---|---|---|---|")
    for how in ("waits", "computes"):
        for n in arguments.processes:
            task = task_from_gymnasium(
                "slow", lambda how=how: Slow(how), lambda *_: np.zeros(1), ("none",), processes=n
            )
            simulator, begun = task.simulate(arguments.envs), time.perf_counter()
            simulator.reset(0)
            started = time.perf_counter()
            for _ in range(arguments.steps):
                simulator.step(np.zeros(arguments.envs, int))
            rate = arguments.steps * arguments.envs / (time.perf_counter() - started)
            simulator.close()
            print(f"| {how} | {n} | {rate:.0f} | {started - begun:.1f} |", flush=True)


if __name__ == "__main__":
    main()
