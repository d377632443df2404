"""Simulator of the highway for Algorithm 1, and the reward weights of the task."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mereq.core.seeding import seed_for
from mereq.core.simulator import Step
from mereq.tasks.highway.config import HighwayConfig
from mereq.tasks.highway.engine import HighwayEngine
from mereq.tasks.highway.state import State

THETA_PRIOR = np.array([-0.5, 0.4, 0.0])  # Eq. (A.1)
THETA_EXPERT = np.array([-0.5, 0.4, 0.5])  # Eq. (A.2)


class HighwaySimulator:
    """Simulator of n highways, stepped in one compiled call."""

    def __init__(self, n_envs: int, config: HighwayConfig = HighwayConfig.TASK):
        self.n_envs = n_envs
        self._engine = HighwayEngine(config, n_envs, autoreset=True)
        self._lone = HighwayEngine(config, 1)

    def reset(self, seed: int) -> Float[np.ndarray, "n obs"]:
        """Start new episodes in all environments."""
        return self._engine.reset([seed_for(seed, "env", i) for i in range(self.n_envs)]).obs

    def step(self, actions: np.ndarray) -> Step:
        """Execute one action per environment."""
        out = self._engine.step(actions)
        return Step(out.next_obs, out.obs, out.features, out.terminated, out.truncated)

    def states_along(
        self, seed: int, actions: np.ndarray, *, at: Sequence[int]
    ) -> list[tuple[State, Float[np.ndarray, " obs"]]]:
        """States and observations along the episode that starts with `seed` and executes the actions."""
        engine, done, found = self._lone, 0, []
        outputs = engine.reset([seed])
        for wanted in at:
            for action in actions[done:wanted]:
                outputs = engine.step(action[None])
            found.append((engine.save(), outputs.obs[0].copy()))
            done = wanted
        return found

    def put(self, env: int, state: State) -> None:
        """Continue one highway from a state that `states_along` returned."""
        for ours, theirs in zip(self._engine.state, state, strict=True):
            ours[env] = theirs[0]
