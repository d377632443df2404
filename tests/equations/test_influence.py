"""Posterior without one intervention: against a normal model, and an intervention that contradicts the others."""

import numpy as np
import pytest

from mereq.irl.influence import LEAST, leave_one_out, slips_given_others
from mereq.irl.posterior import NormalPrior, Posterior, importance_sampling

PRIOR = NormalPrior(np.zeros(2), np.ones(2))
DESIGN = np.array([[1.0, 0.2], [0.5, -1.0], [-0.3, 0.8], [1.2, 0.4], [0.8, 0.1]])
SEEN = np.array([0.5, -0.2, 0.4, 0.6, 0.3])
NOISE = 0.5


def log_likelihoods(x):
    return -0.5 * ((DESIGN @ x.T - SEEN[:, None]) / NOISE) ** 2


def exact_mean(keep):
    precision = np.eye(2) + DESIGN[keep].T @ DESIGN[keep] / NOISE**2
    return np.linalg.solve(precision, DESIGN[keep].T @ SEEN[keep] / NOISE**2), precision


def test_weights_without_an_intervention_give_the_posterior_of_the_others():
    rng = np.random.default_rng(0)
    found = importance_sampling(lambda x: log_likelihoods(x).sum(axis=0), PRIOR, rng, draws=8000)
    without = leave_one_out(found, log_likelihoods(found.draws))
    assert without.exact.all()
    for i in range(len(SEEN)):
        np.testing.assert_allclose(without.means[i], exact_mean(np.arange(len(SEEN)) != i)[0], atol=0.03)


def test_where_draws_are_few_the_change_is_newtons():
    """A narrow intervention that the draws cannot do without: theta - H^-1 g_i."""
    mean, precision = exact_mean(np.arange(len(SEEN)))
    noise = np.random.default_rng(0).standard_normal((20_000, 2))
    draws = mean + noise @ np.linalg.cholesky(np.linalg.inv(precision)).T
    narrow = -0.5 * ((draws @ [1.0, 1.0] - 1.0) / 0.05) ** 2
    without = leave_one_out(Posterior(draws, np.full(len(draws), 1 / len(draws))), narrow[None])
    gradient = -(mean.sum() - 1.0) / 0.05**2 * np.ones(2)
    assert without.effective_draws[0] < LEAST
    assert not without.exact[0]
    step = -np.linalg.solve(precision, gradient)
    np.testing.assert_allclose(without.means[0] - mean, step, rtol=0.1)


@pytest.mark.parametrize(
    ("at", "slip"), [(0.1, 0.3 * 0.2 / (0.3 * 0.2 + 0.7 * 0.1)), (1e-12, 1.0), (1.0, 0.3 * 0.2 / (0.06 + 0.7))]
)
def test_a_slip_is_what_the_others_find_less_probable_than_chance(at, slip):
    weights, log_votes = np.array([[0.5, 0.5, 0.0]]), np.log([[at, at, 1.0]])
    found = slips_given_others(weights, log_votes, slip=0.3, log_uniform=np.log(0.2))
    assert found[0] == pytest.approx(slip)
