"""The identities of docs/derivations.md: Q_R = theta.psi - alpha K, its derivative psi, and its convexity in theta."""

import numpy as np
import pytest

from residual_processes import ALPHA, a_process, parts, residual_q


@pytest.mark.parametrize("seed", range(4))
def test_residual_q_is_features_minus_divergence(seed):
    rng = np.random.default_rng(seed)
    mdp, log_prior = a_process(rng)
    theta = rng.normal(size=2)
    psi, divergence = parts(mdp, log_prior, theta)
    np.testing.assert_allclose(residual_q(mdp, log_prior, theta), psi @ theta - ALPHA * divergence, atol=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_its_derivative_is_the_successor_features(seed):
    rng = np.random.default_rng(seed)
    mdp, log_prior = a_process(rng)
    theta, h = rng.normal(size=2), 1e-5
    psi, _ = parts(mdp, log_prior, theta)
    for feature, way in enumerate(np.eye(2)):
        up, down = (residual_q(mdp, log_prior, theta + sign * h * way) for sign in (1, -1))
        np.testing.assert_allclose((up - down) / (2 * h), psi[..., feature], atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_every_policy_gives_a_tangent_plane_below(seed):
    rng = np.random.default_rng(seed)
    mdp, log_prior = a_process(rng)
    at = rng.normal(size=2)
    psi, divergence = parts(mdp, log_prior, at)
    for theta in rng.normal(size=(5, 2)):
        plane = psi @ theta - ALPHA * divergence
        assert (residual_q(mdp, log_prior, theta) >= plane - 1e-10).all()
        assert (residual_q(mdp, log_prior, theta) > plane + 1e-6).any()
