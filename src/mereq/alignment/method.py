"""What a method is to Algorithm 1: a way to make the next policy from the interventions so far."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float

from mereq.alignment.settings import AlignSettings
from mereq.core.policy import Policy
from mereq.core.task import Task
from mereq.interventions.log import InterventionLog


@dataclass(frozen=True)
class Progress:
    """One step of a method's inner loop."""

    step: int  # of this round, from 0
    of: int  # steps there are at most
    theta: Float[np.ndarray, " features"]
    gradient: Float[np.ndarray, " features"]  # normalised, before the step
    loss: float  # of the learner, mean over the last updates

    @property
    def gradient_norm(self) -> float:
        """Euclidean norm of the normalised gradient: Alg. 1, l. 8."""
        return float(np.linalg.norm(self.gradient))


class Improver(Protocol):
    """A method at work in one run."""

    @property
    def policy(self) -> Policy:
        """The policy as it is now."""
        ...

    @property
    def theta(self) -> Float[np.ndarray, " features"]:
        """The inferred reward weights as they are now; empty for a method that infers none."""
        ...

    def improve(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """Improve the policy from the log, one step at a time. Alg. 1, l. 6-11."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Everything that a resumed run needs, as named arrays."""
        ...

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Put back what `state` returned."""
        ...


class Method(Protocol):
    """A row of Table 1."""

    @property
    def name(self) -> str:
        """As on the command line and in tables."""
        ...

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> Improver:
        """Begin a run."""
        ...
