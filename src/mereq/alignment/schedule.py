"""Learning schedules: the policy learns between rounds (`Sequential`) or during supervision (`Concurrent`)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from jaxtyping import Float

from mereq.alignment.method import Improver, Progress
from mereq.core.policy import Policy
from mereq.core.simulator import close
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import SupervisedStep
from mereq.irl.belief import Belief
from mereq.maxent_rl.family import FamilySnapshot


@dataclass(frozen=True)
class PolicyVersion:
    """Policy that was learned during supervision. The schedule says from which step on it acts."""

    version: int  # number in the run
    policy: Policy
    theta: Float[np.ndarray, " features"]
    learned_from: int  # number of the run's supervised steps that it was learned from
    seconds: float  # duration of learning [s]
    belief: Belief | None = None  # what the posterior said, for a method that infers one
    snapshot: FamilySnapshot | None = None  # that it was learned with, of a family that was prepared meanwhile

    @classmethod
    def first(cls, improver: Improver) -> "PolicyVersion":
        """Version 0: what a new run's improver starts with."""
        return cls(0, improver.policy, improver.theta.copy(), learned_from=0, seconds=0.0)


@dataclass(frozen=True)
class Resume:
    """State from which an interrupted run continues."""

    log: InterventionLog = field(default_factory=InterventionLog)  # complete rounds
    state: dict[str, np.ndarray] | None = None  # the schedule's, after the last complete round
    recorded: tuple[tuple[SupervisedStep, ...], ...] = ()  # steps of later rounds; the last may be unfinished
    published: tuple[PolicyVersion, ...] = ()  # the version of the unfinished episode's last step, and the newest one


class LearningSchedule(Protocol):
    """Improver and acting policy of a run; the schedule determines when the improver learns."""

    @property
    def policy(self) -> Policy:
        """The newest policy."""
        ...

    @property
    def theta(self) -> Float[np.ndarray, " features"]:
        """Inferred reward weights of the newest policy."""
        ...

    def acting(self, version: int | None) -> tuple[int, Policy]:
        """Number and policy of the next step. Its episode's last step had the given version; None begins an episode."""
        ...

    def after_step(self, log: InterventionLog, steps: Sequence[SupervisedStep]) -> Iterator[Progress | PolicyVersion]:
        """Events of the learner after a supervised step.

        Args:
            log: complete rounds.
            steps: steps of the present round so far.
        """
        ...

    def after_round(self, log: InterventionLog, iteration: int) -> Iterator[Progress | PolicyVersion]:
        """Events of the learner after a round, the last one of the log."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Everything that a resumed run needs to continue learning, as named arrays."""
        ...

    def close(self) -> None:
        """Stop learning, and close the improver's simulators."""
        ...


class Sequential:
    """Learning schedule of Algorithm 1: the policy learns after each round while the supervisor waits.

    Version k is the policy that acts in round k.
    """

    def __init__(self, improver: Improver, resume: Resume):
        if resume.state is not None:
            improver.restore(resume.state)
        self._improver, self._version = improver, len(resume.log.rollouts)

    @property
    def policy(self) -> Policy:
        """The policy after the last round."""
        return self._improver.policy

    @property
    def theta(self) -> Float[np.ndarray, " features"]:
        """Inferred reward weights after the last round."""
        return self._improver.theta

    def acting(self, version: int | None) -> tuple[int, Policy]:
        """Number and policy of the present round; every episode of the round has the same."""
        return self._version, self.policy

    def after_step(self, log: InterventionLog, steps: Sequence[SupervisedStep]) -> Iterator[Progress]:
        """No events: nothing is learned within a round."""
        yield from ()

    def after_round(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """The inner loop, step by step. Alg. 1, l. 6-11."""
        yield from self._improver.improve(log, iteration)
        self._version += 1

    def state(self) -> dict[str, np.ndarray]:
        """State of the improver."""
        return self._improver.state()

    def close(self) -> None:
        """Close the improver's simulators; no thread was started."""
        close(self._improver)
