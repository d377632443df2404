"""What makes an arm task: a setup for the physics, and functions that judge what the physics measure."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Float, Float32

from mereq.supervision.rules import Rule
from mereq.tasks.arm.world import Physics, Setup, Start

N_STEPS = 100  # an episode; the last one truncates. Nothing terminates, so a toppled bottle just stays toppled
ACTION_SIZE = 3

Measured = TypeVar("Measured")


@dataclass(frozen=True)
class ArmTask(Generic[Measured]):
    """One task. A `Measured` holds arrays with one entry per environment; a rule judges a single one's (`single`)."""

    name: str
    feature_names: tuple[str, ...]
    obs_size: int
    theta_prior: Float[np.ndarray, " features"]
    theta_expert: Float[np.ndarray, " features"]
    rule: Rule[Measured]
    setup: Setup
    begin: Callable[[np.random.Generator], Start]
    measure: Callable[[Physics, Measured | None], Measured]  # after a step, or (None) at an episode's start
    features: Callable[[Measured], Float[np.ndarray, "n features"]]
    observe: Callable[[Measured], Float32[np.ndarray, "n obs"]]
    grip: Callable[[Measured], Float[np.ndarray, "n grip"]]  # set-points of the tool's own actuators for the next step
    success: Callable[[Measured], Float[np.ndarray, " n"]]  # in [0, 1], of an episode that ended here


def no_grip(measured: Any) -> Float[np.ndarray, "n 0"]:
    """For tools without actuators."""
    return np.zeros((len(measured.step), 0))


def single(measured: Measured, env: int) -> Measured:
    """The measurements of one environment, as plain numbers and vectors that nothing changes any more."""
    values = {field.name: getattr(measured, field.name)[env] for field in fields(measured)}  # type: ignore[arg-type]
    return replace(  # type: ignore[type-var]
        measured, **{name: value.copy() if np.ndim(value) else value.item() for name, value in values.items()}
    )
