"""Posterior from evidence that fades, with an inferred span: for a supervisor who may change their mind.

An intervention that lies j interventions back counts exp(-j / span) times, as do the stretches that led to it or not.
Each span predicts each intervention, and the stretches before it, from what came earlier:

    p(span | all) = p(span) prod_g sum_x q_g(x | span) p(evidence g | x)
    q_g(x | span) proportional to p(x) exp( sum_{j<g} exp(-(g - 1 - j) / span) log p(evidence j | x) )

and the posterior is the mixture of the posteriors of all spans. A supervisor of one mind is predicted best by an
infinite span. After a change of mind the old evidence predicts badly, and shorter spans take over.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int

from mereq.irl.decisions import Decisions
from mereq.irl.family_likelihood import FamilyLikelihood
from mereq.irl.posterior import NormalPrior, Posterior, explore, mixture_log_density, normalized

SPANS = (np.inf, 12.0, 4.0)  # of an intervention's evidence [interventions]


@dataclass(frozen=True)
class FadedPosterior:
    """Posterior over the parameters and over the span."""

    posterior: Posterior
    spans: Float[np.ndarray, " spans"]  # probability of each of `SPANS`


def stretches_before(decisions: Decisions) -> Int[np.ndarray, " stretches"]:
    """Number of the intervention that each stretch led to or lies before; as many as there are, after the last one."""
    taken = decisions.taken_over
    return np.cumsum(taken) - taken


def by_intervention(likelihood: FamilyLikelihood, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "groups m"]:
    """Log-likelihood of each intervention with the stretches before it; last, of the stretches after all of them."""
    shown = likelihood.of_interventions(x)
    groups = np.concatenate([shown, np.zeros((1, len(x)))])
    np.add.at(groups, stretches_before(likelihood.decisions), likelihood.of_stretches(x))
    return groups


def faded(groups: Float[np.ndarray, "groups m"], span: float) -> Float[np.ndarray, " m"]:
    """Log-likelihood of all evidence as it counts now: the last intervention, and what came after it, in full."""
    age = np.maximum(len(groups) - 2 - np.arange(len(groups)), 0)
    return np.exp(-age / span) @ groups


def log_evidence(log_before: Float[np.ndarray, " m"], groups: Float[np.ndarray, "groups m"], span: float) -> float:
    """Log-probability of all evidence, each part predicted from the earlier ones as they count then.

    Args:
        log_before: logarithm of the draws' weights before any evidence.
        groups: log-likelihood of each part at each draw.
        span: of the evidence.
    """
    total, known = 0.0, np.zeros(groups.shape[1])
    for part in groups:
        now = log_before + known
        total += float(np.logaddexp.reduce(now + part) - np.logaddexp.reduce(now))
        known = np.exp(-1.0 / span) * known + part
    return total


def fading_posterior(
    likelihood: FamilyLikelihood, before: NormalPrior, rng: np.random.Generator, *, draws: int, iterations: int
) -> FadedPosterior:
    """Posterior of a log's decisions, whose evidence fades.

    Args:
        likelihood: of the decisions.
        before: distribution of the parameters before any evidence.
        rng: of the draws.
        draws, iterations: for each span, as in `importance_sampling`.
    """
    explored = [
        explore(partial(_faded_likelihood, likelihood, span), before, rng, draws=draws, iterations=iterations)
        for span in SPANS
    ]
    x = np.concatenate([each.x for each in explored])
    proposals = [proposal for each in explored for proposal in each.proposals]
    log_before = before.log_density(x) - mixture_log_density(proposals, x)
    groups = by_intervention(likelihood, x)
    evidence = np.array([log_evidence(log_before, groups, span) for span in SPANS])
    spans = normalized(evidence)
    weights = [normalized(log_before + faded(groups, span)) for span in SPANS]
    return FadedPosterior(Posterior(x, spans @ np.array(weights)), spans)


def _faded_likelihood(
    likelihood: FamilyLikelihood, span: float, x: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, " m"]:
    return faded(by_intervention(likelihood, x), span)
