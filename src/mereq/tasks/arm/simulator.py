"""n environments of an arm task in lockstep, as Algorithm 1 practises in them."""

import numpy as np
from jaxtyping import Float, Float32

from mereq.core.seeding import seed_for
from mereq.core.simulator import Step
from mereq.tasks.arm.definition import N_STEPS, ArmTask
from mereq.tasks.arm.world import ArmWorld


class ArmSimulator:
    """Steps all environments in one call, on `threads` threads (default: all usable cores).

    All episodes begin together and last equally long, so they end together too. Environment i has the numbers of an
    `ArmEnv` that was reset with `seed_for(seed, "env", i)`, bit for bit.
    """

    def __init__(self, task: ArmTask, n_envs: int, threads: int | None = None):
        self.task, self.n_envs = task, n_envs
        self.world = ArmWorld(task.setup, n_envs, threads)

    def reset(self, seed: int) -> Float32[np.ndarray, "n obs"]:
        """Start new episodes everywhere."""
        self._rngs = [np.random.default_rng(seed_for(seed, "env", i)) for i in range(self.n_envs)]
        return self._begin()

    def step(self, actions: Float[np.ndarray, "n 3"]) -> Step:
        """Execute one action per environment."""
        self.measured = measured = self.task.measure(
            self.world.step(actions, self.task.grip(self.measured)), self.measured
        )
        features = self.task.features(self.measured)
        self._steps += 1
        over = self._steps == N_STEPS
        next_obs = self.task.observe(self.measured)
        obs = self._begin() if over else next_obs
        return Step(next_obs, obs, features, np.zeros(self.n_envs, np.bool_), np.full(self.n_envs, over), measured)

    def _begin(self) -> Float32[np.ndarray, "n obs"]:
        self._steps = 0
        starts = [self.task.begin(rng) for rng in self._rngs]
        self.measured = self.task.measure(self.world.reset(starts), None)
        return self.task.observe(self.measured)
