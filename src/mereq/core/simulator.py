"""Interfaces of a task's environments: one for supervised rollouts, and n in lockstep for training."""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

logger = logging.getLogger("mereq")


class Environment(Protocol):
    """A Gymnasium environment whose `info` contains `features` after each step.

    An attribute `repeatable` that is False declares that the same seed and actions may lead to other states.
    """

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        ...

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Execute an action."""
        ...


class Step(NamedTuple):
    """Result of one step of n environments. The arrays are valid until the next step; copy them to keep them."""

    next_obs: Float[np.ndarray, "n obs"]  # after the action, also where the episode ended
    obs: Float[np.ndarray, "n obs"]  # to act on next: after an end, the first observation of the new episode
    features: Float[np.ndarray, "n features"]
    terminated: Bool[np.ndarray, " n"]
    truncated: Bool[np.ndarray, " n"]
    measured: Any = None  # the task's own measurements, beyond its features


class Simulator(Protocol):
    """n copies of the task's environment in lockstep. After an end, a new episode starts within the same step."""

    n_envs: int

    def reset(self, seed: int) -> Float[np.ndarray, "n obs"]:
        """Start new episodes in all environments; all later steps are a function of `seed` and the actions."""
        ...

    def step(self, actions: np.ndarray) -> Step:
        """Execute one action per environment."""
        ...


def close(*parts: Any) -> None:
    """Close environments, simulators and others, where they can be closed. A failure is logged, and not raised."""
    for part in parts:
        try:
            getattr(part, "close", lambda: None)()
        except Exception as error:
            logger.warning("A %s could not be closed: %s: %s", type(part).__name__, type(error).__name__, error)


@runtime_checkable
class RewindableSimulator(Simulator, Protocol):
    """A simulator that can continue from earlier states, to compare policy and expert from the same states."""

    def states_along(
        self, seed: int, actions: np.ndarray, *, at: Sequence[int]
    ) -> list[tuple[Any, Float[np.ndarray, " obs"]]]:
        """States and observations along the episode that starts with `seed` and executes the actions.

        The n environments that `step` advances are not changed.

        Args:
            seed: of the episode.
            actions: one row per step.
            at: numbers of executed actions after which state and observation are returned, ascending.
        """
        ...

    def put(self, env: int, state: Any) -> None:
        """Continue one environment from a state that `states_along` returned."""
        ...
