"""The two faces of a task's environment: one to be supervised in, one to practise in."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float


class Environment(Protocol):
    """A Gymnasium environment whose `info` carries `features` after each step.

    One with an attribute `repeatable` that is false does not lead to the same place by the same seed and actions.
    """

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        ...

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Execute an action."""
        ...


class Step(NamedTuple):
    """One step of n environments. The arrays are valid until the next step: copy what must live longer."""

    next_obs: Float[np.ndarray, "n obs"]  # where the action led, also when the episode ended there
    obs: Float[np.ndarray, "n obs"]  # where to act next: the new episode's first observation after an end
    features: Float[np.ndarray, "n features"]
    terminated: Bool[np.ndarray, " n"]
    truncated: Bool[np.ndarray, " n"]
    measured: Any = None  # what the task measures beyond its features, in its own terms


class Simulator(Protocol):
    """n copies of the task stepped in lockstep; an episode that ends starts anew within the same step."""

    n_envs: int

    def reset(self, seed: int) -> Float[np.ndarray, "n obs"]:
        """Start new episodes everywhere; everything that follows is a function of `seed` and the actions."""
        ...

    def step(self, actions: np.ndarray) -> Step:
        """Execute one action per environment."""
        ...


@runtime_checkable
class RewindableSimulator(Simulator, Protocol):
    """A simulator that can go on from states it was in. Needed to compare policy and expert from the same states."""

    def states_along(
        self, seed: int, actions: np.ndarray, *, at: Sequence[int]
    ) -> list[tuple[Any, Float[np.ndarray, " obs"]]]:
        """States, and observations, of the episode of `seed` after so many of the actions.

        at: numbers of actions, growing; the environments that are stepped are left as they are.
        """
        ...

    def put(self, env: int, state: Any) -> None:
        """Let one environment go on from a state that `states_along` returned."""
        ...
