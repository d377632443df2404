"""The identities of docs/derivations.md: Q_R = theta.psi - alpha K, its derivative psi, and its convexity in theta."""

import numpy as np
import pytest

from exact import MDP, boltzmann

GAMMA, ALPHA = 0.9, 0.3


def a_process(rng: np.random.Generator) -> tuple[MDP, np.ndarray]:
    """Six states, three actions, two successors each, two features; and a random prior's log-probabilities."""
    successors = rng.integers(6, size=(6, 3, 2))
    mdp = MDP(successors, np.array([False] * 5 + [True]), rng.uniform(size=(6, 3, 2)))
    return mdp, np.log(boltzmann(rng.normal(size=(6, 3)), 1.0))


def residual_q(mdp: MDP, log_prior: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """The fixed point of the residual Bellman equation, by value iteration."""
    q = np.zeros(log_prior.shape)
    for _ in range(2000):
        value = ALPHA * np.logaddexp.reduce(q / ALPHA + log_prior, axis=1)
        q = mdp.features @ theta + GAMMA * np.where(mdp.terminal, 0.0, value)[mdp.successors].mean(axis=-1)
    return q


def evaluated(mdp: MDP, policy: np.ndarray, now: np.ndarray, later: np.ndarray) -> np.ndarray:
    """now(s, a) + E[sum of gamma^t (later(s_t) + now(s_t, a_t))] for t >= 1, acting by a policy."""
    q = np.zeros(now.shape)
    for _ in range(2000):
        value = later + (policy[..., None] * q).sum(axis=1) if now.ndim == 3 else later + (policy * q).sum(axis=1)
        value = np.where(mdp.terminal[:, None] if now.ndim == 3 else mdp.terminal, 0.0, value)
        q = now + GAMMA * value[mdp.successors].mean(axis=2)
    return q


def parts(mdp: MDP, log_prior: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """psi (S, A, F) and K (S, A) of the policy of theta."""
    policy = boltzmann(residual_q(mdp, log_prior, theta) + ALPHA * log_prior, ALPHA)
    divergence = (policy * (np.log(policy) - log_prior)).sum(axis=1)
    psi = evaluated(mdp, policy, mdp.features, np.zeros((6, 2)))
    return psi, evaluated(mdp, policy, np.zeros((6, 3)), divergence)


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
