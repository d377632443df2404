"""Interface between Algorithm 1 and its methods: a method makes the next policy from the interventions so far."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from mereq.alignment.settings import AlignSettings
from mereq.core.policy import Policy
from mereq.core.task import Task
from mereq.interventions.log import InterventionLog
from mereq.irl.belief import Belief


@dataclass(frozen=True)
class Progress:
    """One step of a method's inner loop."""

    step: int  # number within this round, from 0
    of: int  # largest number of steps
    theta: Float[np.ndarray, " features"]
    gradient: Float[np.ndarray, " features"]  # normalised, before the step
    loss: float  # the learner's, mean over the last updates

    @property
    def gradient_norm(self) -> float:
        """Euclidean norm of the normalised gradient. Alg. 1, l. 8."""
        return float(np.linalg.norm(self.gradient))


class Improver(Protocol):
    """State of a method in one run: its policy and theta, and how they are improved.

    An improver with simulators has a method `close`, which is called at the end.
    """

    @property
    def policy(self) -> Policy:
        """The present policy."""
        ...

    @property
    def theta(self) -> Float[np.ndarray, " features"]:
        """The present inferred reward weights; empty for a method that infers none."""
        ...

    def improve(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """Improve the policy from the log, one step at a time. Alg. 1, l. 6-11."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Everything that a resumed run needs, as named arrays."""
        ...

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        ...


@runtime_checkable
class InfersPosterior(Protocol):
    """Improver that infers a posterior of theta."""

    @property
    def belief(self) -> Belief | None:
        """Summary of the present posterior; None before the first intervention."""
        ...


def belief_of(improver: Improver) -> Belief | None:
    """Summary of an improver's posterior; None for a method that infers none."""
    return improver.belief if isinstance(improver, InfersPosterior) else None


@runtime_checkable
class Method(Protocol):
    """Method of alignment: a row of Table 1."""

    @property
    def name(self) -> str:
        """The method's name on the command line and in tables."""
        ...

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> Improver:
        """The improver of a new run."""
        ...
