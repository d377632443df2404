"""Residual CSIL: the reward of an exact clone is theta . f up to shaping, and what an inexact clone does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from corridor_runs import ALPHA, GAMMA, PRIOR, SETTINGS, task_of
from exact import boltzmann, corridor_mdp, soft_maximum
from mereq.alignment.coherent_imitation import CSIL
from mereq.core.distribution import log_softmax
from mereq.imitation.cloning import CloningSettings
from mereq.imitation.objectives import RegularisedCloning, ShownSteps
from mereq.imitation.residual_policy import ResidualCategorical, ResidualFit, ResidualNormal
from mereq.maxent_rl.gaussians import CLIPPED, SQUASHED
from mereq.maxent_rl.networks import apply_mlp
from mereq.maxent_rl.replay import Transitions
from mereq.tasks.corridor import THETA_EXPERT, THETA_PRIOR
from toys import one_hot


def test_the_reward_of_an_exact_clone_is_theta_f_up_to_shaping():
    """alpha (log clone - log pi) = theta_R . f + gamma E[D(s')] - D(s), with D the difference of both soft values."""
    mdp = corridor_mdp(6)
    q_prior, q_expert = (
        mdp.soft_q(mdp.features @ theta, temperature=ALPHA, gamma=GAMMA) for theta in (THETA_PRIOR, THETA_EXPERT)
    )
    log_prior, log_expert = (np.log(boltzmann(q, ALPHA)) for q in (q_prior, q_expert))
    states, actions = (index.ravel() for index in np.indices(q_prior.shape))
    with jax.enable_x64(True):
        change = (log_expert - log_prior + 7.0)[states]  # a number per state changes no policy
        ratio = ResidualCategorical(3).log_ratio(change, log_prior[states], actions)
    reward = ALPHA * np.asarray(ratio).reshape(q_prior.shape)
    gained = np.where(mdp.terminal, 0.0, soft_maximum(q_expert, ALPHA) - soft_maximum(q_prior, ALPHA))
    lost = soft_maximum(q_expert, ALPHA) - soft_maximum(q_prior, ALPHA)
    shaped = mdp.features @ (THETA_EXPERT - THETA_PRIOR) + GAMMA * gained[mdp.successors].mean(axis=-1) - lost[:, None]
    np.testing.assert_allclose(reward, shaped, atol=1e-10)
    best = boltzmann(mdp.soft_q(mdp.features @ THETA_PRIOR + reward, temperature=ALPHA, gamma=GAMMA), ALPHA)
    inside = ~mdp.terminal
    np.testing.assert_allclose(best[inside], np.exp(log_expert)[inside], atol=1e-10)


@pytest.mark.parametrize("family", [SQUASHED, CLIPPED])
def test_the_ratio_of_gaussians_is_the_difference_of_their_log_densities(family):
    rng = np.random.default_rng(0)
    change, mean, log_std, u = rng.normal(0, 0.5, (4, 5, 2))
    action = np.tanh(u) if family is SQUASHED else u
    with jax.enable_x64(True):
        ratio = ResidualNormal(2, family).log_ratio(change, np.concatenate([mean, log_std], axis=1), action)
        changed, before = (family.log_prob(*map(jnp.asarray, (u, m, log_std))) for m in (mean + change, mean))
    np.testing.assert_allclose(ratio, changed - before, atol=1e-9)


def test_where_nothing_was_shown_the_clone_is_the_prior_and_the_reward_zero():
    """Shown in two states of four; elsewhere only the divergence counts, and its minimum is no change."""
    prior = np.log(np.random.default_rng(3).dirichlet(np.full(3, 2.0), 4))
    states, shown = np.array([0, 0, 1, 2, 3]), np.array([True, True, True, False, False])
    batch = ShownSteps(one_hot(states, 4), prior[states], np.array([0, 0, 1, 2, 2]), shown)
    settings = CloningSettings(hidden=(), learning_rate=0.02, weight_decay=0.0, batch_size=1)
    fit = ResidualFit(4, ResidualCategorical(3), RegularisedCloning(0.5), settings)
    batches = jax.tree.map(lambda column: np.broadcast_to(column, (2000, *column.shape)), batch)
    state, _ = fit.update(fit.init(0), batches)
    policy = np.exp(log_softmax(prior + np.asarray(apply_mlp(state.network, np.eye(4)))))
    np.testing.assert_allclose(policy[2:], np.exp(prior)[2:], atol=1e-3)
    assert (policy[[0, 1], [0, 1]] > np.exp(prior)[[0, 1], [0, 1]] + 0.1).all()
    rate = 1.0 / (1.0 + 0.5)  # stationary: p_a (1 + L) = 1 + L p_a (log p_a - log pi_a - KL), far from certainty
    assert (policy[[0, 1], [0, 1]] > rate).all()


def test_rewards_are_bounded_and_of_the_newest_clone():
    improver = CSIL.start(task_of(), PRIOR, SETTINGS, seed=0)
    obs = one_hot(range(28), 28)
    prior, zeros = PRIOR.distribution(obs).parameters, np.zeros(28)
    steps = Transitions(obs, zeros.astype(int), obs, zeros[:, None], zeros > 0, prior, prior)
    np.testing.assert_allclose(improver.reward(steps), zeros, atol=1e-6)
    clone = improver._clone
    *hidden, head = clone.fitted.network
    certain = head._replace(bias=head.bias + np.array([1e3, 0, 0]))
    clone.fitted = clone.fitted._replace(network=(*hidden, certain))
    reached = improver.reward(steps)
    bound = ALPHA * SETTINGS.coherent.bound
    assert (reached <= bound + 1e-6).all()
    np.testing.assert_allclose(reached, np.minimum(-ALPHA * prior[:, 0], bound), rtol=1e-4)
    improver.close()
