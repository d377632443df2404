"""Definition of an arm task: a setup of the physics, and functions of what the physics measure."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from mereq.supervision.rules import Rule
from mereq.tasks.arm.scene import Scene
from mereq.tasks.arm.world import Physics, Setup, Start, with_rows

N_STEPS = 100  # length of an episode, which truncates it. Nothing terminates: a toppled bottle stays toppled
ACTION_SIZE = 3
OBS_LIMIT = 10.0  # observations are of about unit scale, and clipped here


M = TypeVar("M", bound="Measured")


@dataclass(frozen=True, eq=False)
class Measured:
    """Measurements of every task after a step. Lengths in m, world frame; "moved" is the displacement in the last step.

    Arrays have one entry per environment, or (`single`) are those of one environment, as used by rules and `info`.
    """

    step: Int[np.ndarray, "*n"]  # executed since the episode began
    tip: Float[np.ndarray, "*n 3"]  # the tool centre
    tip_moved: Float[np.ndarray, "*n 3"]
    tip_moved_before: Float[np.ndarray, "*n 3"]

    def single(self: M, env: int) -> M:
        """Copy of the measurements of one environment."""
        return type(self)(**{field.name: np.array(getattr(self, field.name)[env]) for field in fields(self)})

    def with_rows(self: M, envs: list[int], others: M) -> M:
        """Measurements in which those of some environments are replaced. The original is not changed."""
        columns = {field.name: (getattr(self, field.name), getattr(others, field.name)) for field in fields(self)}
        return type(self)(**{name: with_rows(ours, envs, theirs) for name, (ours, theirs) in columns.items()})

    def __eq__(self, other: object) -> bool:
        """Whether all measurements are equal."""
        return type(self) is type(other) and all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)
        )


def motion(tip: Float[np.ndarray, "n 3"], before: Measured | None) -> dict[str, np.ndarray]:
    """Fields of `Measured`, from the present tool centre and the measurements of the step before (None at a start)."""
    if before is None:
        still = np.zeros_like(tip)
        return {"step": np.zeros(len(tip), np.int64), "tip": tip, "tip_moved": still, "tip_moved_before": still}
    return {
        "step": before.step + 1,
        "tip": tip,
        "tip_moved": tip - before.tip,
        "tip_moved_before": before.tip_moved,
    }


Ending = Callable[[Any], Bool[np.ndarray, " n"]]  # from measurements to the mask of episodes that end here


@dataclass(frozen=True)
class ArmTask(Generic[M]):
    """An arm task: names, sizes, reward weights, rule, physics, and functions of the measurements."""

    name: str
    feature_names: tuple[str, ...]
    obs_size: int
    theta_prior: Float[np.ndarray, " features"]
    theta_expert: Float[np.ndarray, " features"]
    rule: Rule[M]
    setup: Setup
    begin: Callable[[np.random.Generator], Start]
    measure: Callable[[Physics, M | None], M]  # after a step, or (None) at an episode's start
    features: Callable[[M], Float[np.ndarray, "n features"]]
    observe: Callable[[M], Float32[np.ndarray, "n obs"]]
    grip: Callable[[M], Float[np.ndarray, "n grip"]]  # set-points of the tool's own actuators for the next step
    settled: Callable[[M], Bool[np.ndarray, " n"]]  # nothing is left to supervise: a supervised episode ends here
    success: Callable[[M], Float[np.ndarray, " n"]]  # in [0, 1], of an episode that ended here
    markings: Callable[[M], Scene]  # of a single environment: flat shapes on the table

    def over(self, measured: M) -> Bool[np.ndarray, " n"]:
        """Mask of supervised episodes that end here: full length, or settled (docs/deviations.md#ends-when-settled)."""
        return at_full_length(measured) | self.settled(measured)


def after(n_steps: int) -> Ending:
    """Ending of episodes after a number of steps."""
    return lambda measured: measured.step >= n_steps


at_full_length = after(N_STEPS)


def observation(*parts: Float[np.ndarray, "n _"]) -> Float32[np.ndarray, "n obs"]:
    """Observation made of the concatenated parts, clipped to `OBS_LIMIT`."""
    return np.clip(np.concatenate(parts, axis=1), -OBS_LIMIT, OBS_LIMIT).astype(np.float32)


def never(measured: Measured) -> Bool[np.ndarray, " n"]:
    """Mask without any end, for tasks that are never settled before the last step."""
    return np.zeros(len(measured.step), np.bool_)


def no_grip(measured: Measured) -> Float[np.ndarray, "n 0"]:
    """Set-points of tools without actuators."""
    return np.zeros((len(measured.step), 0))
