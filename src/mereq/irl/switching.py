"""Posterior of wishes that come and go: a supervisor who changes their mind or alternates, or several of them.

Intervention g, with the stretches that led to it, shows wish z_g. Each wish has its own theta, rationality, attention
and habits x_k, all from the same prior; the next intervention shows another wish with an unknown probability h:

    p(z, x | all) proportional to p(z) prod_k p(x_k) prod_{g: z_g = k} p(evidence g | x_k)
    p(z) = integral of Beta(h; A, B) h^(switches) (1 - h)^(others) dh      of two wishes, whose names mean nothing

Draws of x_k integrate the parameters out, and Gibbs sampling draws z. The posterior of the *present* wish is that of
the last intervention's wish: what another wish showed says nothing about it, and is there again when that comes back.
A supervisor of one mind has z constant, and the posterior is that of all evidence.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mereq.irl.fading import stretches_before
from mereq.irl.family_likelihood import FamilyLikelihood
from mereq.irl.posterior import Explored, NormalPrior, Posterior, explore, mixture_log_density, normalized

A, B = 0.3, 3.0  # of h before any evidence: a mean of .09, and .5 is no surprise
SWEEPS, FIRST = 60, 15  # of Gibbs sampling, and those that are left out
PIECE = 8  # steps of an intervention that are one decision, at most
RECENT = 2  # interventions whose own posterior is explored besides
SPLITS = 4  # labellings that Gibbs sampling tries at once
MOST = 1536  # draws that represent the parameters


@dataclass(frozen=True)
class Wishes:
    """Posterior over which interventions show the same wish, and of the present wish."""

    labels: Int[np.ndarray, "samples interventions"]  # 0 for the wish of the last intervention, 1 for the other one
    draws: Float[np.ndarray, "m d"]
    log_before: Float[np.ndarray, " m"]  # logarithm of the draws' weights before any evidence
    groups: Float[np.ndarray, "interventions m"]  # log-likelihood of each intervention at each draw

    @property
    def present(self) -> Posterior:
        """Posterior of the last intervention's wish."""
        weights = [normalized(self.log_before + self.groups[each == 0].sum(axis=0)) for each in self.labels]
        return Posterior(self.draws, np.mean(weights, axis=0))

    @property
    def two(self) -> float:
        """Probability that there are two wishes."""
        return float((self.labels > 0).any(axis=1).mean())

    @property
    def same(self) -> Float[np.ndarray, " interventions"]:
        """Probability that each intervention shows the wish of the last one."""
        return 1.0 - self.labels.mean(axis=0)

    @property
    def most_probable(self) -> Int[np.ndarray, " interventions"]:
        """Sampled labels with the largest posterior probability."""
        scores = [log_joint(labels, self.log_before, self.groups) for labels in np.unique(self.labels, axis=0)]
        return np.unique(self.labels, axis=0)[int(np.argmax(scores))]

    def of(self, shown_by: Bool[np.ndarray, " interventions"]) -> Posterior:
        """Posterior of the wish that some interventions show, and no others."""
        return Posterior(self.draws, normalized(self.log_before + self.groups[shown_by].sum(axis=0)))


def log_path(labels: Int[np.ndarray, " interventions"]) -> float:
    """log p(z), up to a number that is the same for all z."""
    switches = int((np.diff(labels) != 0).sum())
    return _log_beta(A + switches, B + len(labels) - 1 - switches) - _log_beta(A, B)


def _log_beta(a: float, b: float) -> float:
    """Logarithm of the beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def log_joint(
    labels: Int[np.ndarray, " interventions"],
    log_before: Float[np.ndarray, " m"],
    groups: Float[np.ndarray, "interventions m"],
) -> float:
    """log p(z, all evidence), the parameters integrated out, up to a number that is the same for all z."""
    return log_path(labels) + sum(_log_mean(log_before + groups[labels == k].sum(axis=0)) for k in range(2))


def _log_mean(log_weights: Float[np.ndarray, " m"]) -> float:
    top = log_weights.max()
    return float(top + np.log(np.exp(log_weights - top).sum()))


def sample_labels(
    log_before: Float[np.ndarray, " m"],
    groups: Float[np.ndarray, "interventions m"],
    rng: np.random.Generator,
    *,
    sweeps: int = SWEEPS,
    first: int = FIRST,
    start: Int[np.ndarray, " interventions"] | None = None,
) -> Int[np.ndarray, "samples interventions"]:
    """Samples of z given all evidence, the parameters integrated out.

    A move gives the other label to some interventions, and is accepted with the probability of the result, given that
    it is one of both. A sweep tries each intervention alone, all from each one on, and those of `split_by_pairs`: a
    slip, a change of mind and an alternation are one move each. The last intervention's label is 0 in what is returned.

    Args:
        log_before: logarithm of the draws' weights before any evidence, which sum to 1.
        groups: log-likelihood of each intervention at each draw.
        rng: of the samples.
        sweeps: in all.
        first: sweeps that are left out.
        start: labels to begin with; by default one wish.
    """
    n = len(groups)
    moves = np.concatenate([np.eye(n, dtype=int), np.triu(np.ones((n, n), int)), split_by_pairs(log_before, groups)])
    labels = np.zeros(n, int) if start is None else start.copy()
    known: dict[bytes, float] = {}

    def score(z: Int[np.ndarray, " interventions"]) -> float:
        key = (z ^ z[-1]).tobytes()
        if key not in known:
            known[key] = log_joint(z, log_before, groups)
        return known[key]

    found = list[Int[np.ndarray, " interventions"]]()
    for sweep in range(sweeps):
        for move in moves:
            now, then = score(labels), score(labels ^ move)
            if np.log(rng.random()) < then - np.logaddexp(then, now):
                labels = labels ^ move
        if sweep >= first:
            found.append(labels ^ labels[-1])
    return np.array(found)


def split_by_pairs(
    log_before: Float[np.ndarray, " m"], groups: Float[np.ndarray, "interventions m"]
) -> Int[np.ndarray, "splits interventions"]:
    """The most probable labellings of those in which two draws explain one intervention or the other better.

    The draws are those that explain single interventions best.
    """
    best = np.unique((0.1 * log_before + groups).argmax(axis=1))
    splits = {tuple((groups[:, i] < groups[:, j]).astype(int)) for i in best for j in best if i < j}
    ranked = sorted((np.array(each) for each in splits), key=lambda z: -log_joint(z, log_before, groups))
    return np.array(ranked[:SPLITS], int).reshape(-1, len(groups))


def wishes(
    likelihood: FamilyLikelihood, before: NormalPrior, rng: np.random.Generator, *, draws: int, iterations: int
) -> Wishes:
    """Posterior of a log's decisions, which may show two wishes.

    Args:
        likelihood: of the decisions, with at least one intervention.
        before: distribution of each wish's parameters before any evidence.
        rng: of the draws.
        draws, iterations: for each posterior that is explored, as in `importance_sampling`.
    """
    n = likelihood.decisions.n_interventions

    def explored(which: Bool[np.ndarray, " interventions"]) -> Explored:
        def of(x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
            return grouped(likelihood, x)[which].sum(axis=0)

        return explore(of, before, rng, draws=draws, iterations=iterations, most=iterations + 2)

    parts = [explored(np.ones(n, bool))]
    if n > RECENT:
        parts.append(explored(np.arange(n) >= n - RECENT))
    x, log_before, groups = _joined(parts, likelihood, before)
    labels = sample_labels(log_before, groups, rng, sweeps=20, first=5)
    split = Wishes(labels, x, log_before, groups).most_probable
    if (split > 0).any():
        parts += [explored(split == k) for k in range(2)]
        x, log_before, groups = _joined(parts, likelihood, before)
    labels = sample_labels(log_before, groups, rng, start=split)
    return Wishes(labels, x, log_before, groups)


def grouped(likelihood: FamilyLikelihood, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "interventions m"]:
    """Log-likelihood of each intervention with the stretches before it; the last one's also with those after it."""
    groups = of_pieces(likelihood, x)
    before = np.minimum(stretches_before(likelihood.decisions), len(groups) - 1)
    np.add.at(groups, before, likelihood.of_stretches(x))
    return groups


def of_pieces(likelihood: FamilyLikelihood, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "interventions m"]:
    """Log-likelihood of what each intervention shows, with a vote for each piece of at most `PIECE` steps.

    A supervisor who holds on has decided again and again not to hand back. With a single vote, forty steps against an
    old wish would count as much as four, and a slip of this length would be as probable as a short one.
    """
    shown, log_probs = likelihood.decisions.shown, likelihood.of_steps(x)
    first = shown.steps[np.searchsorted(shown.window, np.arange(len(shown.group)))]
    of_piece = shown.window * (shown.steps.max() + 1) + (shown.steps - first[shown.window]) // PIECE
    _, at, counts = np.unique(of_piece, return_index=True, return_counts=True)
    votes = np.add.reduceat(log_probs, at, axis=0) / counts.reshape(-1, 1, 1)
    explained = np.log1p(-likelihood.model.slip) + votes
    mixed = np.logaddexp(explained, np.log(likelihood.model.slip) + likelihood.uniform).sum(axis=1)
    groups = np.zeros((len(shown.group), len(x)))
    np.add.at(groups, shown.group[shown.window[at]], mixed)
    return groups


def _joined(
    parts: list[Explored], likelihood: FamilyLikelihood, before: NormalPrior
) -> tuple[Float[np.ndarray, "m d"], Float[np.ndarray, " m"], Float[np.ndarray, "interventions m"]]:
    """Draws of several explorations, thinned evenly, with their weights before any evidence and their likelihoods."""
    proposals = [proposal for each in parts for proposal in each.proposals]
    x = np.concatenate([each.x for each in parts])
    x = x[:: max(1, len(x) // MOST)]
    log_before = before.log_density(x) - mixture_log_density(proposals, x)
    return x, log_before - np.logaddexp.reduce(log_before), grouped(likelihood, x)
