"""Likelihood of a log's decisions under every member of a policy family, as a function of the posterior's parameters.

A row of parameters x is theta, the logarithm of the rationality beta, the logit of the attention a, and for finitely
many actions the habit b: the log-odds that the supervisor adds to each action.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Actions
from mereq.core.policy import Policy
from mereq.interventions.log import InterventionLog
from mereq.irl.decisions import (
    DecisionModel,
    Decisions,
    decisions_of,
    intervention_log_likelihoods,
    judgement_log_likelihoods,
    sigmoid,
    votes,
)
from mereq.irl.family_evidence import CategoricalEvidence, ContinuousEvidence, family_evidence, log_uniform
from mereq.maxent_rl.family import PolicyFamily, ThetaRegion


class Parameters(NamedTuple):
    """Parameters of the likelihood, one row each."""

    theta: Float[np.ndarray, "m features"]  # within the family's region
    rationality: Float[np.ndarray, " m"]  # beta
    attention: Float[np.ndarray, " m"]  # a
    habit: Float[np.ndarray, "m habits"]  # b; no columns for continuous actions

    @classmethod
    def of(cls, x: Float[np.ndarray, "m d"], region: ThetaRegion) -> "Parameters":
        """Parameters of rows x."""
        n = len(region.limit)
        return cls(region.clip(x[:, :n]), np.exp(x[:, n]), sigmoid(x[:, n + 1]), x[:, n + 2 :])


@dataclass(frozen=True)
class FamilyLikelihood:
    """Log-likelihood of the decisions of a log."""

    decisions: Decisions
    shown: CategoricalEvidence | ContinuousEvidence  # actions of the interventions' steps
    judged: CategoricalEvidence | ContinuousEvidence  # the policy's proposals in the stretches' steps
    model: DecisionModel
    tolerance: float  # rationality with which the supervisor judges proposals
    most_rational: float  # largest beta; the family is no more exact than that
    uniform: float  # log-probability (or log-density) of a coordinate that is drawn uniformly
    region: ThetaRegion

    @classmethod
    def of(
        cls,
        log: InterventionLog,
        family: PolicyFamily,
        prior: Policy,
        actions: Actions,
        *,
        model: DecisionModel,
        tolerance: float,
        most_rational: float,
        decisions: Decisions | None = None,
    ) -> "FamilyLikelihood":
        """Likelihood of a log of at least one rollout.

        decisions: of the log; by default all of them.
        """
        decisions = decisions_of(log) if decisions is None else decisions
        obs = np.concatenate([rollout.obs for rollout in log.rollouts])
        executed = np.concatenate([rollout.executed for rollout in log.rollouts])
        proposed = np.concatenate([rollout.proposed for rollout in log.rollouts])
        shown, judged = decisions.shown.steps, decisions.judged.steps
        return cls(
            decisions,
            family_evidence(family, prior, obs[shown], executed[shown]),
            family_evidence(family, prior, obs[judged], proposed[judged]),
            model,
            tolerance,
            most_rational,
            log_uniform(actions),
            family.region,
        )

    def of_steps(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "used coordinates m"]:
        """Log-probability of each coordinate of the action in each step of `decisions.shown`."""
        given = Parameters.of(x, self.region)
        return self.shown.log_probs(given.theta, np.minimum(given.rationality, self.most_rational), given.habit)

    def of_shown_steps(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
        """Log-likelihood of the actions in the interventions' steps, each for itself and none of them a slip."""
        return self.of_steps(x).sum(axis=(0, 1))

    def of_interventions(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "interventions m"]:
        """Log-likelihood of what each intervention shows."""
        return intervention_log_likelihoods(self.of_steps(x), self.decisions, self.model, uniform=self.uniform)

    def of_stretches(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "stretches m"]:
        """Log-likelihood of taking over or not in each stretch of the policy's proposals."""
        given = Parameters.of(x, self.region)
        log_probs = self.judged.log_probs(given.theta, np.full(len(x), self.tolerance), given.habit)
        return judgement_log_likelihoods(log_probs, given.attention, self.decisions, self.model, uniform=self.uniform)

    def with_takeovers(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "interventions m"]:
        """Log-likelihood of each intervention as a whole: that it began, and what it shows."""
        taken = self.decisions.taken_over
        total = self.of_interventions(x)
        total[self.decisions.takeover[taken]] += self.of_stretches(x)[taken]
        return total

    def votes(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "interventions coordinates m"]:
        """v_kc of each intervention."""
        return votes(self.of_steps(x), self.decisions)

    def __call__(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
        """Log-likelihood of all decisions, under each row of parameters."""
        return self.of_interventions(x).sum(axis=0) + self.of_stretches(x).sum(axis=0)
