"""A supervised rollout: for every step what the policy proposed, what was executed, and who was in control."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from mereq.core.supervisor import Controller, SeenFrame


class SupervisedStep(NamedTuple):
    """One supervised step, after its execution."""

    episode: int  # of the rollout, from 0
    step: int  # of the episode, from 0
    obs: Float[np.ndarray, " obs"]
    proposed: np.ndarray  # the policy's action
    executed: np.ndarray  # the action that was taken
    controller: Controller
    next_obs: Float[np.ndarray, " obs"]
    features: Float[np.ndarray, " features"]
    terminated: bool
    truncated: bool
    retracts: int = 0  # k: before it, the supervisor retracted the k-th last intervention of the round; 0: none
    version: int = 0  # of the policy that proposed: 0 is the method's start, every later policy one more
    seen: SeenFrame | None = None  # what a person had seen when they decided; not kept in a rollout


@dataclass(frozen=True)
class Rollout:
    """T supervised steps, in the order of their execution."""

    episode: Int[np.ndarray, " T"]
    step: Int[np.ndarray, " T"]
    obs: Float[np.ndarray, "T obs"]
    proposed: np.ndarray  # (T,) int, or (T, actions) float
    executed: np.ndarray  # same
    controller: Int[np.ndarray, " T"]
    next_obs: Float[np.ndarray, "T obs"]
    features: Float[np.ndarray, "T features"]
    terminated: Bool[np.ndarray, " T"]
    truncated: Bool[np.ndarray, " T"]
    retracts: Int[np.ndarray, " T"]  # k: before the step, the k-th last intervention was retracted; 0: none
    version: Int[np.ndarray, " T"]  # of the policy that proposed

    @classmethod
    def of(cls, steps: Iterable[SupervisedStep]) -> "Rollout":
        """Rollout of the given steps.

        Raises:
            ValueError: there are no steps.
        """
        columns = list(zip(*(step[: len(fields(cls))] for step in steps), strict=True))
        if not columns:
            raise ValueError("a rollout needs at least one step")
        return cls(*(np.asarray(column) for column in columns))

    def __len__(self) -> int:
        return len(self.controller)

    def only(self, steps: slice | Bool[np.ndarray, " T"]) -> "Rollout":
        """Rollout of the selected steps."""
        return Rollout(**{name: column[steps] for name, column in vars(self).items()})

    @property
    def by_expert(self) -> Bool[np.ndarray, " T"]:
        """Mask of the steps that the expert executed."""
        return self.controller == Controller.EXPERT

    @property
    def expert_steps(self) -> int:
        """Number of expert samples."""
        return int(self.by_expert.sum())

    @property
    def intervention_rate(self) -> float:
        """Intervention rate lambda = expert steps / all steps. Alg. 1, l. 4."""
        return self.expert_steps / len(self)
