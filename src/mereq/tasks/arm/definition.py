"""What makes an arm task: a setup for the physics, and functions that judge what the physics measure."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from mereq.supervision.rules import Rule
from mereq.tasks.arm.scene import Scene
from mereq.tasks.arm.world import Physics, Setup, Start, with_rows

N_STEPS = 100  # of an episode; its end truncates. Nothing terminates, so a toppled bottle just stays toppled
ACTION_SIZE = 3
OBS_LIMIT = 10.0  # observations are of about unit scale, and clipped here


M = TypeVar("M", bound="Measured")


@dataclass(frozen=True, eq=False)
class Measured:
    """What every task measures after a step. Lengths in m, world frame; "moved" is the way made in the last step.

    Arrays have one entry per environment, or (`single`) belong to one environment alone, as rules and `info` want them.
    """

    step: Int[np.ndarray, "*n"]  # executed since the episode began
    tip: Float[np.ndarray, "*n 3"]  # the tool centre
    tip_moved: Float[np.ndarray, "*n 3"]
    tip_moved_before: Float[np.ndarray, "*n 3"]

    def single(self: M, env: int) -> M:
        """The measurements of one environment, in arrays of their own."""
        return type(self)(**{field.name: np.array(getattr(self, field.name)[env]) for field in fields(self)})

    def with_rows(self: M, envs: list[int], others: M) -> M:
        """The measurements of all environments, those of some of them replaced. These stay as they are."""
        columns = {field.name: (getattr(self, field.name), getattr(others, field.name)) for field in fields(self)}
        return type(self)(**{name: with_rows(ours, envs, theirs) for name, (ours, theirs) in columns.items()})

    def __eq__(self, other: object) -> bool:
        """Whether all that was measured is the same."""
        return type(self) is type(other) and all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)
        )


def motion(tip: Float[np.ndarray, "n 3"], before: Measured | None) -> dict[str, np.ndarray]:
    """The fields of `Measured`, from the tool centre now and what was measured a step ago (None: nothing moved yet)."""
    if before is None:
        still = np.zeros_like(tip)
        return {"step": np.zeros(len(tip), np.int64), "tip": tip, "tip_moved": still, "tip_moved_before": still}
    return {
        "step": before.step + 1,
        "tip": tip,
        "tip_moved": tip - before.tip,
        "tip_moved_before": before.tip_moved,
    }


Ending = Callable[[Any], Bool[np.ndarray, " n"]]  # from measurements: which episodes end here


@dataclass(frozen=True)
class ArmTask(Generic[M]):
    """One task: its numbers, its physics, and how they are judged."""

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
    settled: Callable[[M], Bool[np.ndarray, " n"]]  # nothing is left to watch: a supervised episode ends here
    success: Callable[[M], Float[np.ndarray, " n"]]  # in [0, 1], of an episode that ended here
    markings: Callable[[M], Scene]  # of a single environment: what is painted on the table

    def over(self, measured: M) -> Bool[np.ndarray, " n"]:
        """Which supervised episodes end here: nothing is left to watch, or they have had all their steps."""
        return at_full_length(measured) | self.settled(measured)


def after(n_steps: int) -> Ending:
    """Episodes end when they have had so many steps."""
    return lambda measured: measured.step >= n_steps


at_full_length = after(N_STEPS)


def observation(*parts: Float[np.ndarray, "n _"]) -> Float32[np.ndarray, "n obs"]:
    """The parts side by side, clipped to `OBS_LIMIT`."""
    return np.clip(np.concatenate(parts, axis=1), -OBS_LIMIT, OBS_LIMIT).astype(np.float32)


def never(measured: Measured) -> Bool[np.ndarray, " n"]:
    """For tasks in which there is something left to watch until the last step."""
    return np.zeros(len(measured.step), np.bool_)


def no_grip(measured: Measured) -> Float[np.ndarray, "n 0"]:
    """For tools without actuators."""
    return np.zeros((len(measured.step), 0))
