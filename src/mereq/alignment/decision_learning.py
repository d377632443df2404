"""MILE: a policy whose likelihood includes when the supervisor took over, and when not. Korkmaz and Biyik, ICRA 2025.

A supervisor takes over if their own action seems so much better than the proposal a_l that it is worth the cost c:

    P(takeover | s, a_l) = Phi((E_{a~pi}[log pi(a|s)] - log pi(a_l|s) - c) / spread)

and then acts as pi does. Phi is the standard normal's distribution function. The log-likelihood of the log is

    sum over decisions of log P(what was decided | s, a_l)  +  sum over the expert's steps of log pi(a_e|s)

where a decision is each step in which the policy was in control before, whether the supervisor took over or not. Steps
without intervention are data, too. docs/derivations.md#decisions-to-take-over
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mereq.alignment.fitted_change import FittedChange
from mereq.alignment.method import Progress
from mereq.alignment.settings import AlignSettings
from mereq.alignment.takeover_learning import takeovers
from mereq.core.policy import Policy
from mereq.core.seeding import stream
from mereq.core.task import Task
from mereq.imitation.demonstrations import joined
from mereq.imitation.objectives import (
    DecidedSteps,
    DecisionLikelihood,
)
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import demonstrated
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.sac import ActorPolicy


@dataclass(frozen=True)
class DecisionLearning:
    """Method that maximises the likelihood of the supervisor's decisions and actions."""

    name: str

    def start(self, task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> "DecisionImprover":
        """The improver of a new run, whose first policy is the prior."""
        return DecisionImprover(task, prior, settings, method=self.name, seed=seed)


MILE = DecisionLearning("mile")


class DecisionImprover:
    """Improver by gradient steps on the likelihood of the whole log; none before the first takeover."""

    theta: Float[np.ndarray, " features"] = np.zeros(0)  # no reward is inferred

    def __init__(self, task: Task, prior: Policy, settings: AlignSettings, *, method: str, seed: int):
        self._seed = seed
        objective = DecisionLikelihood(settings.decisions)
        self._change = FittedChange(task, prior, settings, objective, method=method, seed=seed)

    @property
    def policy(self) -> QPolicy | ActorPolicy:
        """The changed prior."""
        return self._change.policy

    def improve(self, log: InterventionLog, iteration: int) -> Iterator[Progress]:
        """Gradient steps on batches of all steps so far."""
        if not any(takeovers(rollout).any() for rollout in log.rollouts):
            return
        steps = joined([self.steps_of(rollout) for rollout in log.rollouts])
        for step, calls, loss in self._change.improve([steps], stream(self._seed, "decisions", iteration)):
            yield Progress(step, calls, self.theta, self.theta, loss)

    def steps_of(self, rollout: Rollout) -> DecidedSteps:
        """Steps of a rollout with their decisions. Retracted interventions say nothing."""
        shown, begins = demonstrated(rollout), takeovers(rollout)
        return DecidedSteps(
            *self._change.seen(rollout.obs),
            rollout.proposed,
            rollout.executed,
            begins | ~rollout.by_expert,
            begins,
            shown,
        )

    def state(self) -> dict[str, np.ndarray]:
        """State of the fit, as named arrays. The steps follow from the log."""
        return self._change.state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        self._change.restore(state)
