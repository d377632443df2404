"""Log-likelihood of reward weights, given a supervisor's decisions: interventions, and the steps they let be.

An intervention is one decision, although it lasts for several steps, and its steps are not independent: it has one
vote. Some interventions no theta explains (slips, and habits of the supervisor that are no wish); each may be one of
these. A step that the policy was allowed to make is weak evidence that the supervisor would have done the same.

    log L(theta) = sum_i log[(1 - e) exp(v_i(theta)) + e exp(u)] + w sum_accepted log pi_theta(a|s)

with v_i the mean of log pi_theta(a|s) over the steps of intervention i, and u the log-density of a uniform action.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import demonstrated, segments

ACCEPTED, IGNORED = -1, -2  # in place of an intervention's number: a policy's step; a step that is no evidence


@dataclass(frozen=True, kw_only=True)
class DecisionModel:
    """How decisions depend on what the supervisor wants."""

    slip: float  # e: share of interventions that no theta explains
    accepted: float  # w: weight of a step that the policy was allowed to make; an intervention weighs 1

    def __post_init__(self):
        if not (0.0 <= self.slip < 1.0 and self.accepted >= 0.0):
            raise ValueError(f"need 0 <= slip < 1, accepted >= 0; got slip={self.slip}, accepted={self.accepted}")


def decisions(rollout: Rollout, first: int = 0) -> Int[np.ndarray, " T"]:
    """Number of the intervention that each step belongs to, from `first` on; `ACCEPTED`; or `IGNORED` if retracted."""
    shown = demonstrated(rollout)
    number = np.where(rollout.by_expert, IGNORED, ACCEPTED)
    for segment in segments(rollout):
        if shown[segment.start]:
            number[segment.start : segment.stop] = first
            first += 1
    return number


def all_decisions(log: InterventionLog) -> Int[np.ndarray, " steps"]:
    """`decisions` of all rollouts of a log, with interventions numbered throughout."""
    numbers: list[np.ndarray] = []
    first = 0
    for rollout in log.rollouts:
        numbers.append(decisions(rollout, first))
        first = max(first, int(numbers[-1].max()) + 1)
    return np.concatenate(numbers)


def votes(
    log_probs: Float[np.ndarray, "steps m"], decision: Int[np.ndarray, " steps"]
) -> Float[np.ndarray, "interventions m"]:
    """Mean log-probability of the steps of each intervention, under each of m policies: v_i."""
    n = max(0, int(decision.max(initial=-1)) + 1)
    totals = np.zeros((n, log_probs.shape[1]))
    shown = decision >= 0
    np.add.at(totals, decision[shown], log_probs[shown])
    return totals / np.bincount(decision[shown], minlength=n)[:, None]


def log_likelihood(
    log_probs: Float[np.ndarray, "steps m"],
    decision: Int[np.ndarray, " steps"],
    model: DecisionModel,
    *,
    uniform: float,
) -> Float[np.ndarray, " m"]:
    """Log-likelihood of each of m policies.

    Args:
        log_probs: log pi_theta(a|s) of the executed actions.
        decision: which intervention each step belongs to, as `all_decisions` returns.
        model: of the decisions.
        uniform: u, the log-probability (or log-density) of an action drawn uniformly from the action space.
    """
    explained = votes(log_probs, decision)
    accepted = model.accepted * log_probs[decision == ACCEPTED].sum(axis=0)
    if model.slip == 0.0:
        return explained.sum(axis=0) + accepted
    mixed = np.logaddexp(np.log1p(-model.slip) + explained, np.log(model.slip) + uniform)
    return mixed.sum(axis=0) + accepted


def slip_probabilities(
    log_probs: Float[np.ndarray, "steps m"],
    decision: Int[np.ndarray, " steps"],
    model: DecisionModel,
    *,
    uniform: float,
) -> Float[np.ndarray, "interventions m"]:
    """Probability that each intervention is one that theta does not explain, under each of m policies."""
    explained = np.log1p(-model.slip) + votes(log_probs, decision)
    slip = np.log(model.slip) + uniform
    return np.exp(slip - np.logaddexp(explained, slip))
