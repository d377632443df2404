"""Environments with delayed actions and noisy observations, like those of a real robot."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from jaxtyping import Float

from mereq.core.seeding import stream


@dataclass(frozen=True, eq=False)
class Disturbance:
    """Delay of actions and noise of observations.

    Raises:
        ValueError: delay or noise are negative or not finite.
    """

    delay: int  # control steps between the request of an action and its execution
    idle: Any  # action that is executed before the first requested one
    noise: Float[np.ndarray, " obs"]  # standard deviation of each entry of the observation, in its unit

    def __post_init__(self):
        if self.delay < 0 or not (np.isfinite(self.noise).all() and (self.noise >= 0).all()):
            raise ValueError(f"need delay >= 0 and noise >= 0, finite; got delay={self.delay}, noise={self.noise}")


class Perturbed(gymnasium.Wrapper):
    """Simulation in the role of a real robot: a `Robot` that needs no stop, and whose episodes can be repeated.

    The noise is a function of the episode's seed. Noisy observations are clipped to the observation space. `info` is
    exact: features and measurements of the simulation without noise.
    """

    hz, repeatable = None, True

    def __init__(self, env: gymnasium.Env, disturbance: Disturbance):
        super().__init__(env)
        self._disturbance = disturbance
        self._rng = np.random.default_rng()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode; without a seed the random streams continue."""
        if seed is not None:
            self._rng = stream(seed, "sensors")
        self._coming = deque([self._disturbance.idle] * self._disturbance.delay)
        obs, info = self.env.reset(seed=seed, options=options)
        return self._seen(obs), info

    def step(self, action: Any):
        """Request an action, and execute the one that was requested `delay` steps ago."""
        self._coming.append(np.array(action)[()])  # the caller may overwrite its array
        obs, reward, terminated, truncated, info = self.env.step(self._coming.popleft())
        return self._seen(obs), reward, terminated, truncated, info

    def stop(self) -> None:
        """Do nothing: a simulation does not move between steps."""

    def _seen(self, obs: Float[np.ndarray, " obs"]) -> Float[np.ndarray, " obs"]:
        space = self.observation_space
        assert isinstance(space, spaces.Box)
        noisy = obs + self._disturbance.noise * self._rng.standard_normal(obs.shape)
        return np.clip(noisy, space.low, space.high).astype(obs.dtype)
