"""Log-likelihood of reward weights, given a supervisor's decisions: to take over, and to let the policy act.

Each segment of a rollout is one decision, although it lasts for several steps, and these are not independent. It has
one vote on each coordinate of the action. No theta explains all of them (slips, and habits of the supervisor that are
no wish), so each vote may be one that says nothing.

    log L(theta) = sum_k w_k sum_c log[(1 - e) exp(v_kc(theta)) + e exp(u)]

with v_kc the mean of log pi_theta over the steps of decision k, of coordinate c of the executed action, u the
log-density of a coordinate that is drawn uniformly, and w_k = 1 for an intervention.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mereq.core.supervisor import Controller
from mereq.interventions.log import InterventionLog
from mereq.interventions.segments import demonstrated, segments

STEPS = 16  # at most, of one decision: evenly spaced ones stand for a longer segment


@dataclass(frozen=True, kw_only=True)
class DecisionModel:
    """How decisions depend on what the supervisor wants."""

    slip: float  # e: share of votes that no theta explains
    accepted: float  # w of a segment in which the policy was allowed to act; an intervention weighs 1

    def __post_init__(self):
        if not (0.0 <= self.slip < 1.0 and self.accepted >= 0.0):
            raise ValueError(f"need 0 <= slip < 1, accepted >= 0; got slip={self.slip}, accepted={self.accepted}")


@dataclass(frozen=True)
class Decisions:
    """Decisions of a log: which steps stand for each, and which of them are interventions."""

    steps: Int[np.ndarray, " used"]  # numbers of the log's steps, ascending
    decision: Int[np.ndarray, " used"]  # number of the decision that each step stands for
    intervention: Bool[np.ndarray, " decisions"]

    def __len__(self) -> int:
        return len(self.intervention)


def decisions_of(log: InterventionLog) -> Decisions:
    """The decisions of a log, without interventions that were retracted."""
    steps, decision, intervention = [np.zeros(0, int)], [np.zeros(0, int)], list[bool]()
    before = 0
    for rollout in log.rollouts:
        shown = demonstrated(rollout)
        for segment in segments(rollout):
            by_expert = segment.controller is Controller.EXPERT
            if by_expert and not shown[segment.start]:
                continue
            spread = np.linspace(segment.start, segment.stop - 1, min(len(segment), STEPS)).round().astype(int)
            steps.append(before + spread)
            decision.append(np.full(len(spread), len(intervention)))
            intervention.append(by_expert)
        before += len(rollout)
    return Decisions(np.concatenate(steps), np.concatenate(decision), np.array(intervention, bool))


def votes(
    log_probs: Float[np.ndarray, "used coordinates m"], decision: Int[np.ndarray, " used"]
) -> Float[np.ndarray, "decisions coordinates m"]:
    """Mean log-probability over the steps of each decision, under each of m policies: v_kc."""
    totals = np.zeros((int(decision.max(initial=-1)) + 1, *log_probs.shape[1:]))
    np.add.at(totals, decision, log_probs)
    return totals / np.bincount(decision, minlength=len(totals))[:, None, None]


def log_likelihood(
    log_probs: Float[np.ndarray, "used coordinates m"], decisions: Decisions, model: DecisionModel, *, uniform: float
) -> Float[np.ndarray, " m"]:
    """Log-likelihood of each of m policies.

    Args:
        log_probs: log pi_theta of each coordinate of the executed actions, in the steps of the decisions.
        decisions: of the log.
        model: of the decisions.
        uniform: u, the log-probability (or log-density) of a coordinate that is drawn uniformly.
    """
    explained = np.log1p(-model.slip) + votes(log_probs, decisions.decision)
    mixed = np.logaddexp(explained, np.log(model.slip) + uniform) if model.slip else explained
    weights = np.where(decisions.intervention, 1.0, model.accepted)
    return np.einsum("kcm,k->m", mixed, weights)


def slip_probabilities(
    log_probs: Float[np.ndarray, "used coordinates m"], decisions: Decisions, model: DecisionModel, *, uniform: float
) -> Float[np.ndarray, "decisions m"]:
    """Probability that each decision is one that theta does not explain in any coordinate, under each of m policies."""
    explained = np.log1p(-model.slip) + votes(log_probs, decisions.decision)
    slip = np.log(model.slip) + uniform
    return np.exp(slip - np.logaddexp(explained, slip)).prod(axis=1)
