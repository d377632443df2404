"""Simulator of an arm task: n environments in lockstep, for training."""

from collections.abc import Sequence
from copy import deepcopy
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from mereq.core.seeding import seed_for
from mereq.core.simulator import Step
from mereq.tasks.arm.definition import ArmTask, Ending, Measured, at_full_length
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.world import ArmState, ArmWorld


class EpisodeState(NamedTuple):
    """State of one environment, which together with the actions determines all later steps."""

    world: ArmState
    measured: Measured  # in the last step
    rng: np.random.Generator  # draws the starts of the next episodes; copied before use


class ArmSimulator:
    """Simulator that steps all environments in one call, on `threads` threads (default: all usable cores).

    When an episode `ends` (see `ArmEnv`), a new one starts within the same step. Training episodes have full length:
    values that are bootstrapped from states that are never visited diverge. Until `put`, environment i equals an
    `ArmEnv` that was reset with `seed_for(seed, "env", i)`, bit for bit.
    """

    def __init__(self, task: ArmTask, n_envs: int, threads: int | None = None, *, ends: Ending = at_full_length):
        self.task, self.n_envs, self._ends = task, n_envs, ends
        self.world = ArmWorld(task.setup, n_envs, threads)

    def reset(self, seed: int) -> Float32[np.ndarray, "n obs"]:
        """Start new episodes in all environments."""
        self.rngs = [np.random.default_rng(seed_for(seed, "env", i)) for i in range(self.n_envs)]
        self.measured = self.task.measure(self.world.reset([self.task.begin(rng) for rng in self.rngs]), None)
        return self.task.observe(self.measured)

    def step(self, actions: Float[np.ndarray, "n 3"]) -> Step:
        """Execute one action per environment."""
        self.measured = measured = self.task.measure(
            self.world.step(actions, self.task.grip(self.measured)), self.measured
        )
        next_obs, ended = self.task.observe(measured), self._ends(measured)
        obs = self.begin(np.flatnonzero(ended).tolist()) if ended.any() else next_obs
        features = self.task.features(measured)
        return Step(next_obs, obs, features, np.zeros(self.n_envs, np.bool_), ended, measured)

    def begin(self, envs: list[int]) -> Float32[np.ndarray, "n obs"]:
        """Start new episodes, drawn from `rngs`, in the given environments only. Returns the observations of all."""
        if envs:
            starts = [self.task.begin(self.rngs[env]) for env in envs]
            self.measured = self.measured.with_rows(envs, self.task.measure(self.world.reset(starts, envs), None))
        return self.task.observe(self.measured)

    def states_along(
        self, seed: int, actions: Float[np.ndarray, "steps 3"], *, at: Sequence[int]
    ) -> list[tuple[EpisodeState, Float32[np.ndarray, " obs"]]]:
        """States and observations along the episode that starts with `seed` and executes the actions."""
        lone, done, found = self._lone, 0, []
        obs, _ = lone.reset(seed=seed)
        for wanted in at:
            for action in actions[done:wanted]:
                obs, *_ = lone.step(action)
            found.append((EpisodeState(lone.world.save(0), lone.measured, lone.np_random), obs))
            done = wanted
        return found

    def put(self, env: int, state: EpisodeState) -> None:
        """Continue one environment from a state that `states_along` returned."""
        self.world.put([env], state.world)
        self.measured = self.measured.with_rows([env], state.measured)
        self.rngs[env] = deepcopy(state.rng)

    @cached_property
    def _lone(self) -> ArmEnv:
        """Environment of `states_along`, created on first use."""
        return ArmEnv(self.task)
