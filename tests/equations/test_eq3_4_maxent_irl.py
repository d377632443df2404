"""Eqs. (3)-(5): maximum-entropy inverse RL, p(path) proportional to exp(theta . f(path)), against enumerated paths."""

import numpy as np
import pytest
from scipy.optimize import minimize

from exact import Paths, corridor_mdp, slope
from mereq.irl.feature_counts import FeatureCounts
from mereq.irl.gradient import log_likelihood_gradient, normalized_gradient

pytestmark = pytest.mark.paper("section 3.2 linear reward", "Eqs. (3)-(5) MaxEnt likelihood and its gradient")

LENGTH = 5  # steps of every path
NO_REWARD = np.zeros((6, 3))


@pytest.fixture(scope="module")
def paths() -> Paths:
    """All 3^5 paths of a corridor that never slips, from its near right end."""
    return Paths.enumerate(corridor_mdp(length=3, slips_in_ten=0), NO_REWARD, start=3, length=LENGTH)


@pytest.fixture(scope="module")
def demonstrations(paths) -> list[int]:
    """Forty paths of a Boltzmann-rational person with these weights."""
    p = np.exp(paths.log_probabilities(np.array([0.5, 0.8, -0.6])))
    return np.random.default_rng(0).choice(len(p), size=40, p=p).tolist()


def log_likelihood(paths, demonstrations, theta) -> float:
    """Eq. (5): independent segments, so their log-probabilities add up."""
    return paths.log_probabilities(theta)[demonstrations].sum()


def expert_counts(paths, demonstrations) -> FeatureCounts:
    return FeatureCounts.union([FeatureCounts.of(paths.steps[d]) for d in demonstrations], 3)


@pytest.mark.parametrize("theta", [[0.0, 0.0, 0.0], [0.5, 0.8, -0.6], [-1.0, 2.0, 0.3]])
def test_gradient_of_the_likelihood(paths, demonstrations, theta):
    """f(demonstrations) - E_theta[f] is the slope of the enumerated log-likelihood."""
    theta = np.array(theta)
    policy = FeatureCounts(paths.expected_features(theta), LENGTH)
    gradient = log_likelihood_gradient(expert_counts(paths, demonstrations), policy)
    np.testing.assert_allclose(
        gradient, slope(lambda t: log_likelihood(paths, demonstrations, t), theta), rtol=1e-7, atol=1e-7
    )


def test_ascent_reaches_the_most_likely_theta(paths, demonstrations):
    """Eq. (4): following the normalised gradient (eta = 0.2) ends at the maximum, where expected features match."""
    expert = expert_counts(paths, demonstrations)
    theta = np.zeros(3)
    for _ in range(1500):
        theta = theta + 0.2 * normalized_gradient(expert, FeatureCounts(paths.expected_features(theta), LENGTH))
    best = minimize(lambda t: -log_likelihood(paths, demonstrations, t), np.zeros(3), tol=1e-12)
    np.testing.assert_allclose(theta, best.x, atol=1e-3)
    np.testing.assert_allclose(paths.expected_features(theta) * len(demonstrations), expert.total, atol=1e-3)


def test_the_normalised_gradient_is_per_expert_step(paths, demonstrations):
    """Same direction as the likelihood's slope, divided by the number of expert steps: a difference of step means."""
    expert, policy = expert_counts(paths, demonstrations), FeatureCounts(paths.expected_features(np.ones(3)), LENGTH)
    expected = paths.steps[demonstrations].reshape(-1, 3).mean(axis=0) - paths.expected_features(np.ones(3)) / LENGTH
    np.testing.assert_allclose(normalized_gradient(expert, policy), expected, rtol=1e-12)
    twice = normalized_gradient(expert + expert, policy)  # twice the same data say the same
    np.testing.assert_allclose(twice, expected, rtol=1e-12)
