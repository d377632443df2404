"""An environment whose actions come late and whose observations are noisy, as a real robot's are."""

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
    """What stands between a policy and its robot."""

    delay: int  # control steps between asking for an action and its execution
    idle: Any  # what is executed before the first action arrives
    noise: Float[np.ndarray, " obs"]  # standard deviation of each number of the observation, in its unit

    def __post_init__(self):
        if self.delay < 0 or not (np.isfinite(self.noise).all() and (self.noise >= 0).all()):
            raise ValueError(f"need delay >= 0 and noise >= 0, finite; got delay={self.delay}, noise={self.noise}")


class Perturbed(gymnasium.Wrapper):
    """A simulation that plays the real robot: a `Robot` that stands still by itself, and that can be repeated.

    The noise is a function of the episode's seed. It ends at the limits of the observation space. `info` is exact: the
    features of what really happened, and what was really measured.
    """

    hz, repeatable = None, True

    def __init__(self, env: gymnasium.Env, disturbance: Disturbance):
        super().__init__(env)
        self._disturbance = disturbance
        self._rng = np.random.default_rng()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode; without a seed the random streams go on."""
        if seed is not None:
            self._rng = stream(seed, "sensors")
        self._coming = deque([self._disturbance.idle] * self._disturbance.delay)
        obs, info = self.env.reset(seed=seed, options=options)
        return self._seen(obs), info

    def step(self, action: Any):
        """Ask for an action, and execute the one that was asked for `delay` steps ago."""
        self._coming.append(np.array(action)[()])  # the caller may write over its own
        obs, reward, terminated, truncated, info = self.env.step(self._coming.popleft())
        return self._seen(obs), reward, terminated, truncated, info

    def stop(self) -> None:
        """Time stands still between the steps of a simulation."""

    def _seen(self, obs: Float[np.ndarray, " obs"]) -> Float[np.ndarray, " obs"]:
        space = self.observation_space
        assert isinstance(space, spaces.Box)
        noisy = obs + self._disturbance.noise * self._rng.standard_normal(obs.shape)
        return np.clip(noisy, space.low, space.high).astype(obs.dtype)
