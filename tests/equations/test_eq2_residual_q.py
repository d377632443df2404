"""Eq. (2) and the residual Q-function Q_R = Qhat - Q*: section 3.1.

What the target's fixed point is. Let Q* be the prior's soft Q-function under r at temperature alpha, V* its soft value
and pi its policy, so that alpha log pi = Q* - V*. Let Qhat be the soft Q-function under r + r_R at temperature
alphahat. The target is y = r_R + gamma (1 - d) alphahat logsumexp((Q_R + alpha log pi) / alphahat). In place of
Q_R + Q* = Qhat it has Q_R + Q* - V*, whose soft value is Vhat - V*; and
    r_R + gamma (1 - d) (Vhat - V*)  =  (r + r_R + gamma (1 - d) Vhat) - (r + gamma (1 - d) V*)  =  Qhat - Q*.
So the state-dependent constant V*(s') that log pi lacks is exactly the one that subtracting Q* takes away: the fixed
point is Qhat - Q* itself, with no constant left over, for any pair of temperatures.
"""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact import boltzmann, random_mdp, soft_maximum
from mereq.maxent_rl.boltzmann import boltzmann_log_policy, customized_q, residual_target

pytestmark = pytest.mark.paper(
    "Eq. (2) soft Bellman operator, its inner term",
    "section 3.1 customized Q-function",
    "section 3.1 residual Q-learning target",
)

TEMPERATURES = [(1.0, 1.0), (0.3, 1.2), (1.5, 0.4)]  # prior's alpha, alphahat


def problem(seed: int):
    """A random process, the prior's reward r and a residual reward r_R."""
    rng = np.random.default_rng(seed)
    mdp = random_mdp(rng)
    return mdp, rng.normal(size=(5, 3)), rng.normal(size=(5, 3))


def backup(mdp, residual_reward, q, log_prior, **numbers) -> np.ndarray:
    """One exact sweep: `residual_target` averaged over the successors of every state and action."""
    to = mdp.successors
    target = residual_target(
        np.broadcast_to(residual_reward[:, :, None], to.shape),
        mdp.terminal[to].astype(float),
        q[to],
        log_prior[to],
        **numbers,
    )
    return np.asarray(target).mean(axis=-1)


@given(
    seed=st.integers(0, 10**6),
    prior_temperature=st.floats(0.1, 3),
    temperature=st.floats(0.1, 3),
    gamma=st.floats(0, 0.95),
)
def test_the_residual_q_function_is_the_fixed_point(seed, prior_temperature, temperature, gamma):
    """Qhat - Q* maps onto itself, whatever the temperatures and the discount."""
    mdp, r, r_residual = problem(seed)
    q_star = mdp.soft_q(r, temperature=prior_temperature, gamma=gamma)
    q_hat = mdp.soft_q(r + r_residual, temperature=temperature, gamma=gamma)
    log_prior = (q_star - soft_maximum(q_star, prior_temperature)[:, None]) / prior_temperature
    with jax.enable_x64(True):
        again = backup(
            mdp,
            r_residual,
            q_hat - q_star,
            log_prior,
            temperature=temperature,
            prior_temperature=prior_temperature,
            gamma=gamma,
        )
    np.testing.assert_allclose(again, q_hat - q_star, atol=1e-10)


@pytest.mark.parametrize(("prior_temperature", "temperature"), TEMPERATURES)
def test_iterating_the_target_finds_the_customized_policy(prior_temperature, temperature):
    """From Q_R = 0 to Qhat - Q*, and from there with the prior's log-probabilities to Qhat's own policy."""
    gamma = 0.8
    mdp, r, r_residual = problem(3)
    q_star = mdp.soft_q(r, temperature=prior_temperature, gamma=gamma)
    q_hat = mdp.soft_q(r + r_residual, temperature=temperature, gamma=gamma)
    with jax.enable_x64(True):
        log_prior = np.asarray(boltzmann_log_policy(q_star, temperature=prior_temperature))
        q = np.zeros((5, 3))
        for _ in range(120):
            q = backup(
                mdp, r_residual, q, log_prior, temperature=temperature, prior_temperature=prior_temperature, gamma=gamma
            )
        policy = np.exp(
            boltzmann_log_policy(
                customized_q(q, log_prior, prior_temperature=prior_temperature), temperature=temperature
            )
        )
    np.testing.assert_allclose(q, q_hat - q_star, atol=1e-9)
    np.testing.assert_allclose(policy, boltzmann(q_hat, temperature), atol=1e-9)
    assert np.abs(policy - boltzmann(q_star, prior_temperature)).max() > 0.1  # the prior was really left


def test_no_residual_reward_leaves_the_prior_alone():
    """r_R = 0 at equal temperatures: Q_R = 0 is the fixed point, whatever the prior."""
    mdp, _, _ = problem(1)
    log_prior = np.log(np.random.default_rng(1).dirichlet(np.ones(3), size=5))
    with jax.enable_x64(True):
        q = backup(
            mdp, np.zeros((5, 3)), np.zeros((5, 3)), log_prior, temperature=0.7, prior_temperature=0.7, gamma=0.9
        )
    np.testing.assert_allclose(q, 0.0, atol=1e-12)


@pytest.mark.parametrize(("prior_temperature", "temperature"), TEMPERATURES)
def test_any_prior_will_do(prior_temperature, temperature):
    """A prior that is optimal for nothing in particular acts as the reward alpha log pi, whose soft value is zero."""
    gamma = 0.8
    mdp, _, r_residual = problem(2)
    log_prior = np.log(np.random.default_rng(2).dirichlet(np.ones(3), size=5))
    q_hat = mdp.soft_q(prior_temperature * log_prior + r_residual, temperature=temperature, gamma=gamma)
    with jax.enable_x64(True):
        again = backup(
            mdp,
            r_residual,
            q_hat - prior_temperature * log_prior,
            log_prior,
            temperature=temperature,
            prior_temperature=prior_temperature,
            gamma=gamma,
        )
    np.testing.assert_allclose(again, q_hat - prior_temperature * log_prior, atol=1e-10)


def test_without_a_prior_it_is_soft_q_learning():
    """prior_temperature = 0: the fixed point is the soft Q-function of r_R, whatever log-probabilities come along."""
    mdp, r, _ = problem(4)
    q = mdp.soft_q(r, temperature=0.5, gamma=0.9)
    noise = np.random.default_rng(4).normal(size=(5, 3))
    with jax.enable_x64(True):
        again = backup(mdp, r, q, noise, temperature=0.5, prior_temperature=0.0, gamma=0.9)
    np.testing.assert_allclose(again, q, atol=1e-10)


def test_a_vanishing_temperature_gives_dqns_maximum():
    """alphahat -> 0 without a prior: y = r + gamma (1 - d) max_a' Q(s', a'), whose fixed point is the optimal Q."""
    mdp, r, _ = problem(5)
    q = mdp.hard_q(r, gamma=0.9)
    temperature = 1e-7
    with jax.enable_x64(True):
        again = backup(mdp, r, q, np.zeros((5, 3)), temperature=temperature, prior_temperature=0.0, gamma=0.9)
    np.testing.assert_allclose(again, q, atol=temperature * np.log(3) + 1e-12)


def test_nothing_is_expected_after_a_termination():
    """terminated = 1: the target is the residual reward alone; terminated = 0 (a time limit, too): the value enters."""
    q, log_prior = np.array([[1.0, 2.0], [1.0, 2.0]]), np.log([[0.25, 0.75], [0.25, 0.75]])
    with jax.enable_x64(True):
        y = residual_target(
            np.array([0.5, 0.5]), np.array([1.0, 0.0]), q, log_prior, temperature=2.0, prior_temperature=0.5, gamma=0.9
        )
    inside = np.exp((1 + 0.5 * np.log(0.25)) / 2) + np.exp((2 + 0.5 * np.log(0.75)) / 2)
    np.testing.assert_allclose(y, [0.5, 0.5 + 0.9 * 2 * np.log(inside)], rtol=1e-12)
