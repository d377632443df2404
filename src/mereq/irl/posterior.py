"""Posterior of reward weights by adaptive importance sampling: weighted draws whose proposal follows the posterior.

A handful of interventions leaves posteriors that are skewed, have several modes, or are as wide as the prior. Weighted
draws represent all of these, and every question (mean, interval, regret, information) is a weighted sum over them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

LogLikelihood = Callable[[Float[np.ndarray, "m d"]], Float[np.ndarray, " m"]]


@dataclass(frozen=True)
class NormalPrior:
    """Independent normal distributions of the parameters before any evidence."""

    mean: Float[np.ndarray, " d"]
    std: Float[np.ndarray, " d"]

    def draw(self, rng: np.random.Generator, n: int) -> Float[np.ndarray, "n d"]:
        """Draws from the prior."""
        return self.mean + self.std * rng.standard_normal((n, len(self.mean)))

    def log_density(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
        """Log-density at each x."""
        normalizer = np.log(self.std).sum() + 0.5 * len(self.mean) * np.log(2.0 * np.pi)
        return -0.5 * (((x - self.mean) / self.std) ** 2).sum(axis=1) - normalizer


@dataclass(frozen=True)
class Posterior:
    """Weighted draws of a posterior distribution."""

    draws: Float[np.ndarray, "m d"]
    weights: Float[np.ndarray, " m"]  # sum 1

    @property
    def mean(self) -> Float[np.ndarray, " d"]:
        """Posterior mean."""
        return self.weights @ self.draws

    @property
    def covariance(self) -> Float[np.ndarray, "d d"]:
        """Posterior covariance."""
        centred = self.draws - self.mean
        return (centred * self.weights[:, None]).T @ centred

    @property
    def effective_draws(self) -> float:
        """Number of equally weighted draws that would be worth as much: 1 / sum of squared weights."""
        return float(1.0 / (self.weights**2).sum())

    def interval(self, level: float = 0.95) -> Float[np.ndarray, "d 2"]:
        """Central credible interval of each parameter."""
        tails = np.array([0.5 - 0.5 * level, 0.5 + 0.5 * level])
        return np.stack([self.quantiles(column, tails) for column in self.draws.T])

    def quantiles(self, values: Float[np.ndarray, " m"], shares: Float[np.ndarray, " q"]) -> Float[np.ndarray, " q"]:
        """Quantiles of a function of the parameters, given its value at each draw."""
        order = np.argsort(values)
        reached = np.cumsum(self.weights[order])
        return values[order][np.minimum(np.searchsorted(reached, shares), len(values) - 1)]

    def correlation(self) -> Float[np.ndarray, "d d"]:
        """Posterior correlation of the parameters; 0 for a parameter that does not vary."""
        std = np.sqrt(np.diag(self.covariance))
        scale = np.outer(std, std)
        return np.divide(self.covariance, scale, out=np.zeros_like(scale), where=scale > 0)


@dataclass(frozen=True)
class _Proposal:
    """Mixture of the prior and a normal distribution, from which one iteration draws."""

    prior: NormalPrior
    share: float  # of draws from the prior
    mean: Float[np.ndarray, " d"]
    covariance: Float[np.ndarray, "d d"]

    def draw(self, rng: np.random.Generator, n: int) -> Float[np.ndarray, "n d"]:
        from_prior = round(self.share * n)
        noise = rng.standard_normal((n - from_prior, len(self.mean)))
        normal = self.mean + noise @ np.linalg.cholesky(self.covariance).T
        return np.concatenate([self.prior.draw(rng, from_prior), normal])

    def log_density(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
        scaled = np.linalg.solve(np.linalg.cholesky(self.covariance), (x - self.mean).T)
        log_det = np.linalg.slogdet(self.covariance)[1]
        normal = -0.5 * (scaled**2).sum(axis=0) - 0.5 * log_det - 0.5 * len(self.mean) * np.log(2.0 * np.pi)
        return np.logaddexp(np.log(self.share) + self.prior.log_density(x), np.log1p(-self.share) + normal)


ENOUGH = 200.0  # effective draws that end the adaptation
FEWEST = 4.0  # effective draws, times the number of parameters, that a proposal is fitted to


def importance_sampling(
    log_likelihood: LogLikelihood,
    prior: NormalPrior,
    rng: np.random.Generator,
    *,
    start: Posterior | None = None,
    draws: int = 512,
    iterations: int = 3,
    most: int = 20,
) -> Posterior:
    """Posterior given a prior and a log-likelihood.

    Each iteration draws half (the first one) or a quarter of its draws from the prior, and the others from a normal
    distribution with the mean and 1.5 times the covariance of the posterior so far. All draws are weighted against the
    mixture of all proposals (the deterministic mixture weights of Owen and Zhou, 2000), so that no mode that the prior
    reaches is lost and no single draw dominates.

    Much evidence leaves a posterior so narrow that hardly any draw of the prior falls into it. A proposal is therefore
    fitted to tempered weights where the weights themselves are concentrated on a few draws, and there are iterations
    until the draws are worth `ENOUGH` equally weighted ones.

    Args:
        log_likelihood: of each row of parameters.
        prior: of the parameters.
        rng: of the draws.
        start: a posterior that is close, such as the one before the last intervention; by default the prior.
        draws: in each iteration.
        iterations: smallest number of proposals.
        most: largest number of proposals.
    """
    found = explore(log_likelihood, prior, rng, start=start, draws=draws, iterations=iterations, most=most)
    return Posterior(found.x, normalized(found.log_weights))


@dataclass(frozen=True)
class Explored:
    """Draws of adaptive importance sampling, with what they were drawn from."""

    x: Float[np.ndarray, "m d"]
    log_weights: Float[np.ndarray, " m"]  # up to a number
    proposals: tuple[_Proposal, ...]  # as many draws from each


def explore(
    log_likelihood: LogLikelihood,
    prior: NormalPrior,
    rng: np.random.Generator,
    *,
    start: Posterior | None = None,
    draws: int = 512,
    iterations: int = 3,
    most: int = 20,
) -> Explored:
    """Draws of `importance_sampling`, which has the same arguments."""
    floor = np.diag((0.003 * prior.std) ** 2)  # keeps a proposal from collapsing on a single draw
    mean, covariance = (prior.mean, np.diag(prior.std**2)) if start is None else (start.mean, start.covariance)
    proposals: list[_Proposal] = []
    drawn: list[np.ndarray] = []
    log_target: list[np.ndarray] = []
    widening = 1.5
    while True:
        share = 0.25 if proposals else 0.5
        proposals.append(_Proposal(prior, share, mean, widening * covariance + floor))
        drawn.append(proposals[-1].draw(rng, draws))
        log_target.append(log_likelihood(drawn[-1]) + prior.log_density(drawn[-1]))
        x = np.concatenate(drawn)
        log_weights = np.concatenate(log_target) - mixture_log_density(proposals, x)
        enough = Posterior(x, normalized(log_weights)).effective_draws >= ENOUGH
        if (len(proposals) >= iterations and enough) or len(proposals) >= max(iterations, most):
            return Explored(x, log_weights, tuple(proposals))
        fitted, power = _tempered(x, log_weights)
        mean, covariance, widening = fitted.mean, fitted.covariance, 1.5 if power == 1.0 else 1.0


def mixture_log_density(proposals: Sequence[_Proposal], x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
    """Log-density of draws of which each proposal made as many, up to a number."""
    return np.logaddexp.reduce([each.log_density(x) for each in proposals])


def normalized(log_weights: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    """Weights that sum to 1."""
    return np.exp(log_weights - np.logaddexp.reduce(log_weights))


def _tempered(x: Float[np.ndarray, "m d"], log_weights: Float[np.ndarray, " m"]) -> tuple[Posterior, float]:
    """The draws with a power of their weights, and the power: the largest of 1, 1/2, 1/4 ... that leaves enough."""
    power = 1.0
    while (fitted := Posterior(x, normalized(power * log_weights))).effective_draws < FEWEST * x.shape[1]:
        power *= 0.5
    return fitted, power
