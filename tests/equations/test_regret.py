"""Regret of a member under another theta: against exact values of both policies in random decision processes."""

import numpy as np
import pytest

from mereq.irl.posterior import Posterior
from mereq.irl.regret import regret_bound, regrets
from residual_processes import ALPHA, a_process, parts, residual_q


class ExactValues:
    """Soft residual values by value iteration, averaged over all states."""

    def __init__(self, mdp, log_prior):
        self.mdp, self.log_prior = mdp, log_prior

    def values(self, theta):
        q = np.stack([residual_q(self.mdp, self.log_prior, each) for each in theta])
        return (ALPHA * np.logaddexp.reduce(q / ALPHA + self.log_prior, axis=2)).mean(axis=1)

    def slope(self, theta):
        h = 1e-5 * np.eye(len(theta))
        return (self.values(theta + h) - self.values(theta - h)) / 2e-5


def value_of_member(mdp, log_prior, now, theta):
    """Value of the policy of `now` under another theta: its features, less alpha times all of its divergence."""
    psi, later = parts(mdp, log_prior, now)
    scores = residual_q(mdp, log_prior, now) / ALPHA + log_prior
    log_policy = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return (np.exp(log_policy) * (psi @ theta - ALPHA * later - ALPHA * (log_policy - log_prior))).sum(axis=1).mean()


@pytest.mark.parametrize("now", [np.zeros(2), np.array([0.4, -0.8])], ids=["prior", "member"])
def test_regret_is_the_difference_of_the_two_policies_values(now):
    rng = np.random.default_rng(0)
    mdp, log_prior = a_process(rng)
    members, thetas = ExactValues(mdp, log_prior), rng.normal(size=(2, 2))
    wanted = [members.values(each[None])[0] - value_of_member(mdp, log_prior, now, each) for each in thetas]
    np.testing.assert_allclose(regrets(members, thetas, now), wanted, atol=1e-6)
    assert min(wanted) > 1e-3


class Parabola:
    """V(theta) = |theta|^2 / 2, whose regret is the squared distance halved."""

    def values(self, theta):
        return 0.5 * (theta**2).sum(axis=1)

    def slope(self, theta):
        return theta


def test_the_bound_is_a_quantile_and_the_worth_is_the_priors_mean_regret():
    draws = np.array([[1.0, 0.0], [1.0, 2.0], [1.0, 4.0]])  # the regret of (1, 0) is 0, 2 and 8
    found = regret_bound(Parabola(), Posterior(draws, np.array([0.5, 0.3, 0.2])), np.array([1.0, 0.0]), level=0.7)
    assert found.bound == pytest.approx(2.0)
    assert found.worth == pytest.approx(0.5 * 0.5 + 0.3 * 2.5 + 0.2 * 8.5)
    assert found.share == pytest.approx(2.0 / 2.7)
