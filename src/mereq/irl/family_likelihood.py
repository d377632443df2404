"""Likelihood of a log's decisions under every member of a policy family, as a function of the posterior's parameters.

A row of parameters x is theta, the logarithm of the rationality beta, the logit of the attention a, and for finitely
many actions the habit b: the log-odds that the supervisor adds to each action.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Actions
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
from mereq.irl.family_evidence import CategoricalEvidence, ContinuousEvidence, StepFeatures, log_uniform
from mereq.maxent_rl.family import ThetaRegion


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
        features: StepFeatures,
        actions: Actions,
        *,
        model: DecisionModel,
        tolerance: float,
        most_rational: float,
    ) -> "FamilyLikelihood":
        """Likelihood of the decisions of a log of at least one rollout.

        features: of steps, for a family and its prior.
        """
        decisions, family = decisions_of(log), features.family
        obs = np.concatenate([rollout.obs for rollout in log.rollouts])
        executed = np.concatenate([rollout.executed for rollout in log.rollouts])
        proposed = np.concatenate([rollout.proposed for rollout in log.rollouts])
        shown, judged, known = decisions.shown.steps, decisions.judged.steps, features.of(obs)
        return cls(
            decisions,
            known.evidence(family, shown, executed[shown]),
            known.evidence(family, judged, proposed[judged]),
            model,
            tolerance,
            most_rational,
            log_uniform(actions),
            family.region,
        )

    def without_passed(self) -> "FamilyLikelihood":
        """Likelihood of the decisions without the stretches that the supervisor let pass."""
        kept, steps = self.decisions.without_passed()
        return replace(self, decisions=kept, judged=self.judged.only(steps))

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
        attention = Parameters.of(x, self.region).attention
        return judgement_log_likelihoods(self.proposals(x), attention, self.decisions, self.model, uniform=self.uniform)

    def proposals(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "steps coordinates m"]:
        """log pi_theta of the policy's proposals in the steps of `decisions.judged`, as the supervisor judges them."""
        given = Parameters.of(x, self.region)
        return self.judged.log_probs(given.theta, np.full(len(x), self.tolerance), given.habit)

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
