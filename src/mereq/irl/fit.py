"""Fit: the share of what interventions show that theta explains, between the prior (0) and a flexible clone (1).

    share = sum_k [l_k(theta) - l_k(prior)] / sum_k [l_k(clone) - l_k(prior)]

l_k is the log-likelihood of intervention k (`mereq.irl.decisions`) as the other interventions predict it: the
interventions are divided into at most five folds, and each fold is predicted by what was inferred from the others.

    theta    the likelihood's mean over the posterior
    prior    the same with theta = 0: only rationality, attention and habits are inferred
    clone    theta's policy, changed by a function of the observation: log-odds of finitely many actions, or modes of
             continuous ones. The penalty on the change is the one that predicts best; an infinite one is theta itself

The clone can represent what no weights of the features can. Where even the clone predicts no better than theta, nothing
in these interventions is known that the features could not say.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mereq.core.distribution import log_softmax
from mereq.irl.added_feature import Shown
from mereq.irl.decisions import intervention_log_likelihoods
from mereq.irl.family_evidence import CategoricalEvidence, ContinuousEvidence
from mereq.irl.family_likelihood import FamilyLikelihood
from mereq.irl.posterior import NormalPrior, Posterior, importance_sampling

FOLDS = 5
FEW = 8  # interventions; of fewer, a share is no more than a hint
PENALTIES = (30.0, 10.0, 3.0, 1.0, 0.3)  # on the clone's change
BASIS = 64  # random functions of an observation
BOOTSTRAPS = 2000
ZERO = 1e-6  # standard deviation of a weight that is as good as zero
MOST = 8  # proposals of a fold's posterior
ASCENT = 50  # steps of the clone's learning
LEAST_GAIN = 0.1  # log-likelihood per intervention that the clone must gain over the prior for a share to mean anything

Modes = Callable[[Float[np.ndarray, " features"]], Float[np.ndarray, "steps coordinates"]]


@dataclass(frozen=True)
class Fit:
    """Log-likelihood of each intervention, as the others predict it [nats]."""

    of_prior: Float[np.ndarray, " interventions"]
    of_theta: Float[np.ndarray, " interventions"]
    of_clone: Float[np.ndarray, " interventions"]

    @property
    def few(self) -> bool:
        """Whether there are too few interventions for more than a hint."""
        return len(self.of_prior) < FEW

    @property
    def share(self) -> float | None:
        """Share that theta explains, within [0, 1]; None where even the clone hardly predicts better than the prior."""
        return _share(self.of_theta - self.of_prior, self.of_clone - self.of_prior)

    def interval(self, rng: np.random.Generator, level: float = 0.95) -> tuple[float, float] | None:
        """Bootstrap interval of the share, over interventions; None where there is no share."""
        if self.share is None:
            return None
        picked = rng.integers(len(self.of_prior), size=(BOOTSTRAPS, len(self.of_prior)))
        theta, clone = (
            each[picked].sum(axis=1) for each in (self.of_theta - self.of_prior, self.of_clone - self.of_prior)
        )
        shares = np.where(clone > 0, np.clip(theta / np.where(clone > 0, clone, 1.0), 0.0, 1.0), 1.0)
        low, high = np.quantile(shares, [0.5 - level / 2, 0.5 + level / 2])
        return float(low), float(high)

    @property
    def worst(self) -> Int[np.ndarray, " interventions"]:
        """Numbers of the interventions, the one that theta explains worst first."""
        return np.argsort(self.of_theta, kind="stable")


def _share(theta: Float[np.ndarray, " n"], clone: Float[np.ndarray, " n"]) -> float | None:
    if clone.sum() < LEAST_GAIN * len(clone):
        return None
    return float(np.clip(theta.sum() / clone.sum(), 0.0, 1.0))


def cross_validated_fit(
    likelihood: FamilyLikelihood,
    before: NormalPrior,
    obs: Float[np.ndarray, "steps obs"],
    modes: Modes,
    *,
    rng: np.random.Generator,
    draws: int = 512,
) -> Fit | None:
    """Fit of a log's interventions; None if there are fewer than two.

    Args:
        likelihood: of the log's decisions.
        before: distribution of the parameters before any evidence.
        obs: in the steps of `decisions.shown`, as learners see them.
        modes: most probable actions of the family's member at theta in these steps, for continuous actions.
        rng: of folds, draws and the clone's basis.
        draws: in each iteration of the importance sampling.
    """
    n = likelihood.decisions.n_interventions
    if n < 2:
        return None
    basis = _basis(obs, rng)
    fold_of = rng.permutation(n) % min(FOLDS, n)
    n_weights = len(likelihood.region.limit)
    of_prior, of_theta, of_clone = np.empty(n), np.empty(n), np.empty((len(PENALTIES) + 1, n))
    for fold in range(fold_of.max() + 1):
        out = fold_of == fold
        for without, found in ((True, of_prior), (False, of_theta)):
            given = _without_theta(before, n_weights) if without else before
            posterior = importance_sampling(_Without(likelihood, out), given, rng, draws=draws, most=MOST)
            found[out] = _predicted(likelihood.of_interventions(posterior.draws)[out], posterior)
        x = posterior.mean
        of_clone[:, out] = _clones(likelihood, x, basis, modes, out)[:, out]
    of_clone[0] = of_theta  # a clone without a change
    return Fit(of_prior, of_theta, of_clone[of_clone.sum(axis=1).argmax()])


@dataclass(frozen=True)
class _Without:
    """Likelihood of all decisions but some interventions and the takeovers that began them."""

    likelihood: FamilyLikelihood
    out: Bool[np.ndarray, " interventions"]

    def __call__(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
        takeover = self.likelihood.decisions.takeover
        kept = ~((takeover >= 0) & self.out[takeover])
        shown, judged = self.likelihood.of_interventions(x), self.likelihood.of_stretches(x)
        return shown[~self.out].sum(axis=0) + judged[kept].sum(axis=0)


def _without_theta(before: NormalPrior, n_weights: int) -> NormalPrior:
    """The same distribution, but theta is zero."""
    return NormalPrior(before.mean, np.where(np.arange(len(before.std)) < n_weights, ZERO, before.std))


def _predicted(log_likelihoods: Float[np.ndarray, "out m"], posterior: Posterior) -> Float[np.ndarray, " out"]:
    """Log of each intervention's mean likelihood over a posterior."""
    with np.errstate(divide="ignore"):
        return np.logaddexp.reduce(log_likelihoods + np.log(posterior.weights), axis=1)


def _basis(obs: Float[np.ndarray, "steps obs"], rng: np.random.Generator) -> Float[np.ndarray, "steps basis"]:
    """Functions of the observation whose weighted sums the clone may add: 1, the coordinates, and random waves."""
    spread = obs.std(axis=0)
    scaled = (obs - obs.mean(axis=0))[:, spread > 1e-6] / spread[spread > 1e-6]
    d = max(scaled.shape[1], 1)
    waves = np.cos(
        scaled @ rng.standard_normal((scaled.shape[1], BASIS)) / np.sqrt(d) + rng.uniform(0, 2 * np.pi, BASIS)
    )
    return np.concatenate([np.ones((len(obs), 1)), scaled / np.sqrt(d), waves * np.sqrt(2.0 / BASIS)], axis=1)


def _clones(
    likelihood: FamilyLikelihood,
    x: Float[np.ndarray, " d"],
    basis: Float[np.ndarray, "steps basis"],
    modes: Modes,
    out: Bool[np.ndarray, " interventions"],
) -> Float[np.ndarray, "penalties interventions"]:
    """Log-likelihood of each intervention under clones that learn from those not left out; the first row is unused."""
    shown, evidence = likelihood.decisions.shown, likelihood.shown
    intervention = shown.group[shown.window]
    share = 1.0 / np.bincount(intervention)[intervention]  # an intervention has one vote
    weight = np.where(out[intervention], 0.0, share)
    found = [np.zeros(len(out))]
    for penalty in PENALTIES:
        if isinstance(evidence, CategoricalEvidence):
            log_probs = _changed_choices(
                Shown(likelihood, x, np.ones(len(x))).log_odds(), evidence.chosen, basis, weight, penalty
            )
            steps = log_probs[np.arange(len(log_probs)), evidence.chosen][:, None]
        else:
            steps = _changed_modes(
                evidence, modes(x[: len(likelihood.region.limit)]), basis, weight, penalty, likelihood
            )
        found.append(
            intervention_log_likelihoods(
                steps[:, :, None], likelihood.decisions, likelihood.model, uniform=likelihood.uniform
            )[:, 0]
        )
    return np.array(found)


def _changed_choices(
    log_probs: Float[np.ndarray, "steps actions"],
    chosen: Int[np.ndarray, " steps"],
    basis: Float[np.ndarray, "steps basis"],
    weight: Float[np.ndarray, " steps"],
    penalty: float,
) -> Float[np.ndarray, "steps actions"]:
    """Log-probabilities after a change of the log-odds, linear in the basis, that is learned from weighted steps.

    Each ascent step maximises a quadratic bound below the penalised log-likelihood (Boehning, 1992), so it never falls.
    """
    n_actions = log_probs.shape[1]
    change = np.zeros((basis.shape[1], n_actions))
    bound = 0.5 * (basis.T * weight) @ basis + penalty * np.eye(basis.shape[1])
    shown = np.eye(n_actions)[chosen]
    for _ in range(ASCENT):
        now = log_softmax(log_probs + basis @ change)
        gradient = (basis.T * weight) @ (shown - np.exp(now)) - penalty * change
        change += np.linalg.solve(bound, gradient)
    return log_softmax(log_probs + basis @ change)


def _changed_modes(
    evidence: ContinuousEvidence,
    mode: Float[np.ndarray, "steps coordinates"],
    basis: Float[np.ndarray, "steps basis"],
    weight: Float[np.ndarray, " steps"],
    penalty: float,
    likelihood: FamilyLikelihood,
) -> Float[np.ndarray, "steps coordinates"]:
    """Log-density of each coordinate after a change of the modes by ridge regression on weighted steps."""
    weighted = basis.T * weight
    normal = weighted @ basis + penalty * weight.sum() / len(weight) * np.eye(basis.shape[1])
    change = np.asarray(np.linalg.solve(normal, weighted @ (evidence.chosen - mode)), float)
    away = np.abs(evidence.chosen - np.clip(mode + basis @ change, -1.0, 1.0))
    spread = (weight[:, None] * away).sum() / max(weight.sum() * away.shape[1], 1e-12)
    beta = min(1.0 / max(spread, 1e-12), likelihood.most_rational)
    return np.log(0.5 * beta) - beta * away
