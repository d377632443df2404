"""A task: its environments, and the features in which its rewards are linear."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Actions
from mereq.core.errors import NonFiniteFeatures
from mereq.core.simulator import Environment, Simulator

if TYPE_CHECKING:
    from mereq.core.policy import Policy


@dataclass(frozen=True)
class Task:
    """Everything that Algorithm 1 needs of a task."""

    name: str
    feature_names: tuple[str, ...]
    obs_size: int
    actions: Actions
    make: Callable[[], Environment]  # for supervised rollouts
    simulate: Callable[[int], Simulator]  # for training: n environments in lockstep
    simulate_supervised: Callable[[int], Simulator] | None = (
        None  # with the episode ends of `make`; None: as `simulate`
    )

    # a prior that sees raw observations (mereq.core.seen_prior)
    see: Callable[["Policy"], tuple["Task", "Policy"]] | None = None  # the task with a prior's answers; see `seen_by`
    raw_space: Any = None  # space of the environment's own observations, which the prior sees
    raw_size: int = 0  # numbers in such an observation, flattened
    n_answer: int = 0  # last numbers of an observation that are the prior's answer, and not seen by learners

    env_spec: str | None = None  # Gymnasium's specification of the environment in JSON, where it can be made from that

    @property
    def state_size(self) -> int:
        """Number of numbers that learners and supervisors see."""
        return self.obs_size - self.n_answer

    def state_of(self, obs: np.ndarray) -> np.ndarray:
        """The part of an observation that learners and supervisors see."""
        return obs[..., : self.state_size] if self.n_answer else obs

    def seen_by(self, prior: "Policy") -> tuple["Task", "Policy"]:
        """The task and the prior as a run uses them.

        Where the prior sees raw observations, the environments append its answer, and the policy reads it there.
        """
        return (self, prior) if self.see is None else self.see(prior)


def checked_features(features: Float[np.ndarray, "*batch features"], names: tuple[str, ...]) -> np.ndarray:
    """The given features, after a check that all of them are finite.

    Raises:
        NonFiniteFeatures: a feature is NaN or infinite. The message names the first one.
    """
    if np.isfinite(features).all():
        return features
    bad = np.flatnonzero(~np.isfinite(features.reshape(-1, len(names))).all(axis=0))
    raise NonFiniteFeatures(
        f"Feature {names[bad[0]]!r} is NaN or infinite. Every feature must be a finite number at every step "
        "(a ramp such as clip(x, 0, 1) is always bounded). Correct the task's feature function."
    )
