"""When a policy learns: while the supervisor waits, between two rounds, or (`concurrent`) while they go on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from jaxtyping import Float

from mereq.alignment.method import Improver, Progress
from mereq.core.policy import Policy
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import SupervisedStep


@dataclass(frozen=True)
class PolicyVersion:
    """A policy that was made while supervision went on. It acts from the next episode on."""

    version: int  # its number in the run
    policy: Policy
    theta: Float[np.ndarray, " features"]
    learned_from: int  # supervised steps of the run
    seconds: float  # that making it took


@dataclass(frozen=True)
class Resume:
    """Where an interrupted run stands."""

    log: InterventionLog = field(default_factory=InterventionLog)  # complete rounds
    state: dict[str, np.ndarray] | None = None  # of the last complete round
    recorded: tuple[tuple[SupervisedStep, ...], ...] = ()  # steps of the rounds after it; the last may be unfinished
    published: tuple[PolicyVersion, ...] = ()  # the one that has acted in the unfinished episode, and the newest


class LearningSchedule(Protocol):
    """An improver at work, and the policy that acts meanwhile."""

    @property
    def policy(self) -> Policy:
        """The newest policy."""
        ...

    @property
    def theta(self) -> Float[np.ndarray, " features"]:
        """The inferred reward weights that belong to it."""
        ...

    def acting(self, version: int | None) -> tuple[int, Policy]:
        """Who acts in an episode, as `supervise` asks: number and policy, this version or (None) the newest."""
        ...

    def during(self, log: InterventionLog, steps: Sequence[SupervisedStep]) -> Iterator[Progress | PolicyVersion]:
        """What is to be told after a step.

        Args:
            log: complete rounds.
            steps: of the round that goes on, so far.
        """
        ...

    def after(self, log: InterventionLog, iteration: int) -> Iterator[Progress | PolicyVersion]:
        """What is to be told after a round, the last one of the log."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Everything that a resumed run needs to go on learning, as named arrays."""
        ...

    def close(self) -> None:
        """Stop learning."""
        ...


class Sequential:
    """Learns when a round is over, and the supervisor waits: Algorithm 1 as it is written. Version k made round k."""

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
        """That of the last round."""
        return self._improver.theta

    def acting(self, version: int | None) -> tuple[int, Policy]:
        """The same policy throughout a round."""
        return self._version, self.policy

    def during(self, log: InterventionLog, steps: Sequence[SupervisedStep]) -> Iterator[Progress]:
        """Nothing."""
        yield from ()

    def after(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """The inner loop, step by step. Alg. 1, l. 6-11."""
        yield from self._improver.improve(log, iteration)
        self._version += 1

    def state(self) -> dict[str, np.ndarray]:
        """That of the improver."""
        return self._improver.state()

    def close(self) -> None:
        """There is nothing to stop."""
