"""Influence of each intervention on the posterior, and interventions that contradict the others.

Without intervention i, a draw x of the posterior has the weight w_-i proportional to w(x) / L_i(x), with L_i its
likelihood: leaving it out costs no inference. Where the draws are few under these weights, the mean without it is known
to first order only:

    mean_-i = mean - Cov(x, log L_i)        for a normal posterior: theta - H^-1 g_i, with g_i the gradient of log L_i

An intervention contradicts the others if a posterior that does not know it finds a slip more probable than a choice:

    P(slip i | others) = e U / (e U + (1 - e) sum_x w_-i(x) prod_c exp(v_ic(x)))

with U the probability of an action all of whose coordinates are drawn uniformly.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from mereq.core.supervisor import Controller
from mereq.interventions.log import InterventionLog
from mereq.interventions.segments import demonstrated, segments
from mereq.irl.belief import InterventionEffect
from mereq.irl.family_likelihood import FamilyLikelihood
from mereq.irl.posterior import Posterior

LEAST = 50.0  # effective draws that a posterior without an intervention needs


@dataclass(frozen=True)
class Influences:
    """Posterior without each intervention."""

    weights: Float[np.ndarray, "interventions m"]  # of the posterior's draws
    means: Float[np.ndarray, "interventions d"]  # of the parameters
    effective_draws: Float[np.ndarray, " interventions"]

    @property
    def exact(self) -> Bool[np.ndarray, " interventions"]:
        """Whether the draws suffice, so that the mean is not of first order."""
        return self.effective_draws >= LEAST


def leave_one_out(posterior: Posterior, log_likelihoods: Float[np.ndarray, "interventions m"]) -> Influences:
    """Posterior without each intervention, given the log-likelihood of each at the posterior's draws.

    Where the draws do not suffice, the weights are those of the posterior itself, and the mean is of first order.
    """
    with np.errstate(divide="ignore"):
        log_weights = np.log(posterior.weights) - log_likelihoods
    weights = np.exp(log_weights - np.logaddexp.reduce(log_weights, axis=1, keepdims=True))
    effective_draws = 1.0 / (weights**2).sum(axis=1)
    centred = posterior.draws - posterior.mean
    first_order = posterior.mean - (log_likelihoods * posterior.weights) @ centred
    enough = (effective_draws >= LEAST)[:, None]
    return Influences(
        np.where(enough, weights, posterior.weights),
        np.where(enough, weights @ posterior.draws, first_order),
        effective_draws,
    )


def slips_given_others(
    weights: Float[np.ndarray, "interventions m"],
    log_votes: Float[np.ndarray, "interventions m"],
    *,
    slip: float,
    log_uniform: float,
) -> Float[np.ndarray, " interventions"]:
    """Probability that each intervention is a slip, as the posterior without it predicts.

    Args:
        weights: of the draws, without each intervention.
        log_votes: sum over coordinates of v_ic at each draw.
        slip: e, before anything is known.
        log_uniform: logarithm of U.
    """
    with np.errstate(divide="ignore"):
        log_predicted = np.logaddexp.reduce(np.log(weights) + log_votes, axis=1)
        log_slip = np.log(slip) + log_uniform
    return np.exp(log_slip - np.logaddexp(log_slip, np.log1p(-slip) + log_predicted))


def influences(likelihood: FamilyLikelihood, posterior: Posterior) -> Influences:
    """Posterior of a log's decisions without each of its interventions: that it began, and what it shows."""
    return leave_one_out(posterior, likelihood.with_takeovers(posterior.draws))


def contradictions(likelihood: FamilyLikelihood, posterior: Posterior) -> Float[np.ndarray, " interventions"]:
    """Probability that each intervention of a log is a slip, given the others. Above 1/2 it contradicts them.

    Where the posterior's draws do not suffice to leave the intervention out, it is the probability under the posterior
    that knows the intervention, which is lower.
    """
    return _contradictions(likelihood, posterior, influences(likelihood, posterior))


def _contradictions(
    likelihood: FamilyLikelihood, posterior: Posterior, without: Influences
) -> Float[np.ndarray, " interventions"]:
    log_votes = likelihood.votes(posterior.draws)
    return slips_given_others(
        without.weights,
        log_votes.sum(axis=1),
        slip=likelihood.model.slip,
        log_uniform=likelihood.uniform * log_votes.shape[1],
    )


def intervention_effects(
    log: InterventionLog,
    likelihood: FamilyLikelihood,
    posterior: Posterior,
    limit: Float[np.ndarray, " features"],
) -> tuple[InterventionEffect, ...]:
    """Effects of a log's interventions, in their order.

    Args:
        log: whose interventions they are; those that were retracted are left out.
        likelihood: of these decisions; stretches that the supervisor let pass change nothing here.
        posterior: given all decisions.
        limit: largest weight of each feature.
    """
    without = influences(likelihood, posterior)
    slips = _contradictions(likelihood, posterior, without)
    means = np.clip(without.means[:, : len(limit)], -limit, limit)
    return tuple(
        InterventionEffect(*place, round(float(slip), 4), tuple(round(float(weight), 4) for weight in mean))
        for place, slip, mean in zip(_places(log), slips, means, strict=True)
    )


def _places(log: InterventionLog) -> list[tuple[int, int, int, int]]:
    """Round, episode, first step and length of each intervention of a log, as `decisions_of` numbers them."""
    found: list[tuple[int, int, int, int]] = []
    for index, rollout in enumerate(log.rollouts):
        counted = demonstrated(rollout)
        for segment in segments(rollout):
            if segment.controller is Controller.EXPERT and counted[segment.start]:
                at = segment.start
                found.append((index, int(rollout.episode[at]), int(rollout.step[at]), len(segment)))
    return found
