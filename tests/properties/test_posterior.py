"""Posterior by importance sampling: against a conjugate normal model, and against a grid where there are two modes."""

import numpy as np
import pytest

from mereq.irl.posterior import NormalPrior, Posterior, importance_sampling


@pytest.mark.parametrize("seed", range(3))
def test_conjugate_normal(seed):
    """A normal likelihood of a linear function has a normal posterior, known in closed form."""
    rng = np.random.default_rng(seed)
    prior = NormalPrior(np.array([0.2, -0.1, 0.0]), np.array([0.5, 1.0, 0.3]))
    design, noise = rng.normal(size=(4, 3)), 0.3
    seen = rng.normal(size=4)

    def log_likelihood(x):
        return -0.5 * (((x @ design.T - seen) / noise) ** 2).sum(axis=1)

    precision = np.diag(prior.std**-2.0) + design.T @ design / noise**2
    mean = np.linalg.solve(precision, prior.mean / prior.std**2 + design.T @ seen / noise**2)
    found = importance_sampling(log_likelihood, prior, rng, draws=4000, iterations=4)
    std = np.sqrt(np.diag(np.linalg.inv(precision)))
    np.testing.assert_allclose(found.mean, mean, atol=0.1 * std.max())
    np.testing.assert_allclose(found.covariance, np.linalg.inv(precision), atol=0.1 * std.max() ** 2)
    np.testing.assert_allclose(found.interval()[:, 1] - found.interval()[:, 0], 2 * 1.96 * std, rtol=0.15)
    assert found.effective_draws > 2000


def test_two_modes_are_both_found():
    """Also from a start that knows one of them only."""
    prior = NormalPrior(np.zeros(1), np.ones(1))

    def log_likelihood(x):
        return np.logaddexp(-0.5 * ((x[:, 0] - 1.5) / 0.1) ** 2, -0.5 * ((x[:, 0] + 0.5) / 0.1) ** 2)

    grid = np.linspace(-4, 4, 8001)[:, None]
    density = np.exp(log_likelihood(grid) + prior.log_density(grid))
    right = density[grid[:, 0] > 0.5].sum() / density.sum()
    start = Posterior(np.array([[1.5], [1.6], [1.4]]), np.full(3, 1 / 3))
    rng = np.random.default_rng(0)
    found = importance_sampling(log_likelihood, prior, rng, start=start, draws=2000)
    assert found.weights[found.draws[:, 0] > 0.5].sum() == pytest.approx(right, abs=0.03)
    np.testing.assert_allclose(found.quantiles(found.draws[:, 0], np.array([0.001, 0.999])), [-0.75, 1.75], atol=0.1)


def test_without_evidence_it_is_the_prior():
    prior = NormalPrior(np.array([0.5, 0.0]), np.array([1.0, 0.2]))
    found = importance_sampling(lambda x: np.zeros(len(x)), prior, np.random.default_rng(0), draws=4000)
    np.testing.assert_allclose(found.mean, prior.mean, atol=0.05)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), prior.std, rtol=0.05)
    np.testing.assert_allclose(found.correlation(), np.eye(2), atol=0.05)
