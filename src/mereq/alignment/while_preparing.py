"""Learning at every handback while the policy family is still prepared: supervision need not wait for it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from mereq.alignment.handback import AtHandback
from mereq.alignment.method import Improver, Progress
from mereq.alignment.schedule import PolicyVersion, Resume
from mereq.core.errors import WrongValue
from mereq.core.supervisor import Controller
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.irl.belief import NORMAL_TAIL, Belief
from mereq.maxent_rl.family import PolicyFamily, ThetaNeighbourhood
from mereq.maxent_rl.family_preparation import Preparation

WIDER = 2.0  # standard deviations of the thetas that are prepared, in those of the posterior


@runtime_checkable
class UsesFamily(Protocol):
    """Improver that acts and infers with a policy family, which may be replaced by a later state of it."""

    def use(self, family: PolicyFamily) -> None:
        """Act and infer with this family from now on."""
        ...


class WhilePreparing(AtHandback):
    """Learning schedule that learns at each handback, from the newest snapshot of a family that is being prepared.

    Until there is a snapshot, interventions are recorded, and the prior acts. With the first one, the policy learns
    from all of them as soon as it is in control. A version records its snapshot. The preparation is not closed here.

    Raises:
        WrongValue: the method uses no policy family.
    """

    def __init__(self, improver: Improver, resume: Resume, preparation: Preparation):
        if not isinstance(improver, UsesFamily):
            raise WrongValue(
                "The learning schedule preparing prepares a policy family, which the method does not use. Choose a "
                "method that does, such as mereq-bayes, or another schedule."
            )
        super().__init__(improver, resume)
        self._user, self._preparation = improver, preparation
        self._snapshot = preparation.newest
        preparation.begin()

    def after_step(self, log: InterventionLog, steps: Sequence[SupervisedStep]) -> Iterator[Progress | PolicyVersion]:
        """The new policy and what led to it, if there is a family and either it is new or an intervention is over."""
        belief = self._newest.belief
        self._preparation.follow(log.steps + len(steps), None if belief is None else neighbourhood(belief))
        if self._preparation.newest is None:
            return
        if self._learns_after(steps) or self._learns_first_from(log, steps):
            yield from self._learn(log.append(Rollout.of(steps)))

    def after_round(self, log: InterventionLog, iteration: int) -> Iterator[Progress | PolicyVersion]:
        """The new policy and what led to it, if there is a family and the round has cut an intervention off."""
        if self._preparation.newest is not None:
            yield from super().after_round(log, iteration)

    def _learns_first_from(self, log: InterventionLog, steps: Sequence[SupervisedStep]) -> bool:
        """Whether nothing was learned yet from the interventions, and none goes on."""
        if self._newest.version or steps[-1].controller is Controller.EXPERT:
            return False
        return log.expert_steps > 0 or any(step.controller is Controller.EXPERT for step in steps)

    def _learn(self, log: InterventionLog) -> Iterator[Progress | PolicyVersion]:
        newest = self._preparation.newest
        if newest is not None and newest is not self._snapshot:
            self._snapshot = newest
            self._user.use(newest.family)
        yield from super()._learn(log)

    def _made(self, log: InterventionLog, seconds: float) -> PolicyVersion:
        return replace(super()._made(log, seconds), snapshot=self._snapshot)


def neighbourhood(belief: Belief) -> ThetaNeighbourhood:
    """The thetas to prepare for: those of the posterior, and wider."""
    mean = np.array([weight.mean for weight in belief.weights])
    widths = np.array([weight.high - weight.low for weight in belief.weights])
    return ThetaNeighbourhood(mean, WIDER * widths / (2.0 * NORMAL_TAIL))
