"""Eq. (1): pi(a|s) = exp(Q*(s,a) / alpha) / Z_s, the max-ent policy of a soft Q-function."""

import jax
import numpy as np
import pytest
from scipy.optimize import minimize

from mereq.core.distribution import Categorical
from mereq.core.policy import LogitsPolicy
from mereq.maxent_rl.boltzmann import boltzmann_log_policy, soft_value
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import Layer

pytestmark = pytest.mark.paper("Eq. (1) Boltzmann policy")

ALPHAS = [0.05, 0.5, 1.0, 3.0]


@pytest.fixture
def q():
    return np.random.default_rng(0).normal(size=(7, 4))


@pytest.mark.parametrize("temperature", ALPHAS)
def test_probabilities_are_exponentials_over_their_sum(q, temperature):
    """Written out as the paper writes it, without any trick against overflow."""
    exponentials = np.exp(q / temperature)
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    with jax.enable_x64(True):
        np.testing.assert_allclose(np.exp(boltzmann_log_policy(q, temperature=temperature)), expected, rtol=1e-12)
    np.testing.assert_allclose(np.exp(Categorical.from_logits(q / temperature).log_probs), expected, rtol=1e-12)


@pytest.mark.parametrize("temperature", ALPHAS)
def test_no_policy_has_more_reward_and_entropy(q, temperature):
    """pi maximises E[Q] + alpha H(pi), and what it reaches is the soft value."""

    def loss(logits, row):
        p = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        return -(p @ row + temperature * -(p * np.log(np.maximum(p, 1e-300))).sum())

    with jax.enable_x64(True):
        values = np.asarray(soft_value(q, temperature=temperature))
        policies = np.exp(np.asarray(boltzmann_log_policy(q, temperature=temperature)))
    for row, value, policy in zip(q, values, policies, strict=True):
        best = minimize(loss, np.zeros(4), args=(row,), tol=1e-12)
        assert value == pytest.approx(-best.fun, abs=1e-6)
        entropy = -(policy * np.log(np.maximum(policy, 1e-300))).sum()
        assert policy @ row + temperature * entropy == pytest.approx(value, abs=1e-12)


def test_a_vanishing_temperature_takes_the_maximum(q):
    """alpha -> 0: the value is max_a Q and the policy its argmax."""
    with jax.enable_x64(True):
        np.testing.assert_allclose(soft_value(q, temperature=1e-5), q.max(axis=1), atol=1e-5 * np.log(4))
        policy = np.exp(boltzmann_log_policy(q, temperature=1e-5))
    np.testing.assert_allclose(policy, np.eye(4)[q.argmax(axis=1)], atol=1e-9)


def test_large_values_do_not_overflow():
    """exp(Q / alpha) overflows for Q / alpha > 710; the policy and the value must not."""
    q = np.array([[1e4, 1e4 - 1.0, -1e4]])
    with jax.enable_x64(True):
        np.testing.assert_allclose(soft_value(q, temperature=1.0), 1e4 + np.log1p(np.exp(-1.0)), rtol=1e-12)
        log_policy = np.asarray(boltzmann_log_policy(q, temperature=1.0))
    np.testing.assert_allclose(log_policy[0, :2], [-np.log1p(np.exp(-1.0)), -1 - np.log1p(np.exp(-1.0))], rtol=1e-9)
    np.testing.assert_allclose(Categorical.from_logits(q).log_probs, log_policy, rtol=1e-9)


@pytest.mark.parametrize("temperature", ALPHAS)
def test_the_acting_policy_is_this_function_of_its_q(q, temperature):
    """A network that returns the rows of q for one-hot observations acts with exactly these log-probabilities."""
    policy = QPolicy((Layer(q, np.zeros(4)),), prior=None, temperature=temperature, prior_temperature=0.0)
    acting = policy.distribution(np.eye(7)).log_probs
    assert isinstance(acting, np.ndarray)
    np.testing.assert_array_equal(acting, boltzmann_log_policy(q, temperature=temperature))


def test_acting_with_a_prior_is_exact(q):
    """pihat = softmax((Q_R + alpha log pi) / alphahat), in NumPy."""
    prior = LogitsPolicy(lambda obs: q[:, ::-1].copy(), 4)
    policy = QPolicy((Layer(q, np.zeros(4)),), prior, temperature=0.5, prior_temperature=0.3)
    log_prior = q[:, ::-1] - np.log(np.exp(q[:, ::-1]).sum(axis=1, keepdims=True))
    expected = np.exp((q + 0.3 * log_prior) / 0.5)
    acting = policy.distribution(np.eye(7)).log_probs
    assert type(acting) is np.ndarray
    np.testing.assert_allclose(np.exp(acting), expected / expected.sum(axis=1, keepdims=True), rtol=1e-12)
