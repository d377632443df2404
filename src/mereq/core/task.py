"""A task: what the robot does, and the features in which its rewards are linear."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Actions
from mereq.core.errors import NonFiniteFeatures
from mereq.core.simulator import Environment, Simulator


@dataclass(frozen=True)
class Task:
    """Everything Algorithm 1 needs to know of a task."""

    name: str
    feature_names: tuple[str, ...]
    obs_size: int
    actions: Actions
    make: Callable[[], Environment]  # to be supervised in
    simulate: Callable[[int], Simulator]  # to practise in: n environments in lockstep
    simulate_supervised: Callable[[int], Simulator] | None = None  # episodes end as those of `make` do (None: they do)


def checked_features(features: Float[np.ndarray, "*batch features"], names: tuple[str, ...]) -> np.ndarray:
    """The features, if every one is finite.

    Raises:
        NonFiniteFeatures: naming the first feature that is not, before it can reach theta.
    """
    if np.isfinite(features).all():
        return features
    bad = np.flatnonzero(~np.isfinite(features.reshape(-1, len(names))).all(axis=0))
    raise NonFiniteFeatures(
        f"Feature {names[bad[0]]!r} is NaN or infinite. Every feature must be a finite number at every step "
        "(a ramp such as clip(x, 0, 1) cannot run away); mend the task's feature function."
    )
