"""Residual soft DQN finds the exact residual Q-function of a table: sections 3.1 of the paper and of the specification.

A network without hidden layer on one-hot observations is a table, every outcome is in every batch, and arithmetic is
float64, so nothing stands between `DQN.update` and the answer of soft value iteration but the number of updates.
"""

import jax
import numpy as np
import pytest

from exact import boltzmann, random_mdp, soft_maximum
from mereq.maxent_rl.dqn import DQN, DQNSettings
from toys import every_outcome, one_hot, table_policy

pytestmark = pytest.mark.paper("section 3.1 residual Q-learning, learned")

S, A, GAMMA = 5, 3, 0.8


def learn(mdp, reward, log_prior, *, temperature, prior_temperature, zero_head=True):
    """The learned table (S, A) and its policy object, after 60 copies of the target network."""
    numbers = {"hidden": (), "learning_rate": 0.003, "gamma": GAMMA, "max_grad_norm": 10.0}
    dqn = DQN(
        S, A, DQNSettings(temperature=temperature, prior_temperature=prior_temperature, target_period=100, **numbers)
    )
    state, batches = dqn.init(0, zero_head=zero_head), every_outcome(mdp, reward, log_prior, n_updates=100)
    for _ in range(60):
        state, metrics = dqn.update(state, batches)
    policy = dqn.policy(
        state, table_policy(prior_temperature * log_prior, prior_temperature) if prior_temperature else None
    )
    assert metrics.loss == pytest.approx(
        spread_of_targets(mdp, policy, log_prior, temperature, prior_temperature), abs=1e-8
    )
    return policy.values(np.eye(S)), policy


def spread_of_targets(mdp, policy, log_prior, temperature, prior_temperature) -> float:
    """The Huber loss that remains at the optimum: half the variance of the targets over random outcomes."""
    value = soft_maximum(policy.values(np.eye(S)) + prior_temperature * log_prior, temperature)
    return (GAMMA * np.where(mdp.terminal, 0.0, value)[mdp.successors]).var(axis=-1).mean() / 2


def test_update_converges_to_the_exact_residual_q():
    """Q_R == Qhat - Q* to 1e-8 in a process with a terminal state, and the policy is Qhat's."""
    prior_temperature, temperature = 0.3, 0.8
    rng = np.random.default_rng(7)
    mdp = random_mdp(rng, states=S, actions=A)
    r, r_residual = rng.uniform(-0.3, 0.3, (S, A)), rng.uniform(-0.3, 0.3, (S, A))
    q_star = mdp.soft_q(r, temperature=prior_temperature, gamma=GAMMA)
    q_hat = mdp.soft_q(r + r_residual, temperature=temperature, gamma=GAMMA)
    log_prior = np.log(boltzmann(q_star, prior_temperature))
    with jax.enable_x64(True):
        table, policy = learn(mdp, r_residual, log_prior, temperature=temperature, prior_temperature=prior_temperature)
    np.testing.assert_allclose(table, q_hat - q_star, atol=1e-8)
    learned = np.exp(policy.distribution(one_hot(range(S), S)).log_probs)
    np.testing.assert_allclose(learned, boltzmann(q_hat, temperature), atol=1e-8)


def test_without_a_prior_update_converges_to_the_soft_q_function():
    """prior_temperature = 0 from a random start: the same optimum, though batches hold log-probabilities."""
    rng = np.random.default_rng(8)
    mdp = random_mdp(rng, states=S, actions=A)
    reward, noise = rng.uniform(-0.3, 0.3, (S, A)), rng.normal(size=(S, A))
    with jax.enable_x64(True):
        table, _ = learn(mdp, reward, noise, temperature=0.4, prior_temperature=0.0, zero_head=False)
    np.testing.assert_allclose(table, mdp.soft_q(reward, temperature=0.4, gamma=GAMMA), atol=1e-8)


def test_a_small_temperature_finds_dqns_q_function():
    """alphahat -> 0: max in place of soft maximum."""
    rng = np.random.default_rng(9)
    mdp = random_mdp(rng, states=S, actions=A)
    reward = rng.uniform(-0.3, 0.3, (S, A))
    with jax.enable_x64(True):
        table, _ = learn(mdp, reward, np.zeros((S, A)), temperature=1e-4, prior_temperature=0.0)
    np.testing.assert_allclose(table, mdp.hard_q(reward, gamma=GAMMA), atol=1e-3)
