"""A task: its environments, and the features in which its rewards are linear."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Actions
from mereq.core.errors import NonFiniteFeatures
from mereq.core.simulator import Environment, Simulator


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
