"""Before any update the customized policy is the prior itself, for continuous actions: Alg. 1, l. 1."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mereq.core.policy import GaussianPolicy
from mereq.maxent_rl.replay import Batch
from mereq.maxent_rl.sac import SAC, SACSettings, value
from mereq.maxent_rl.squashed_gaussian import LOG_STD

pytestmark = pytest.mark.paper("section 3.1 customized policy, continuous actions")

OBS_SIZE, N_ACTIONS, ROWS = 4, 2, 3


def rows(lowest: float, highest: float, columns: int):
    return arrays(np.float32, (ROWS, columns), elements=st.floats(lowest, highest, width=32, allow_subnormal=False))


observations, means, log_stds = rows(-1e4, 1e4, OBS_SIZE), rows(-20, 20, N_ACTIONS), rows(*LOG_STD, N_ACTIONS)


def learner(*, temperature: float = 0.3, prior_temperature: float = 0.3) -> SAC:
    settings = SACSettings(
        hidden=(8, 8),
        learning_rate=1e-3,
        temperature_learning_rate=1e-3,
        gamma=0.9,
        tau=0.01,
        temperature=temperature,
        prior_temperature=prior_temperature,
    )
    return SAC(OBS_SIZE, N_ACTIONS, settings)


@cache
def first_state(seed: int, zero_head: bool = True):
    return learner().init(seed, zero_head=zero_head)


def prior_of(mean: np.ndarray, log_std: np.ndarray) -> GaussianPolicy:
    return GaussianPolicy(lambda obs: (mean, log_std), N_ACTIONS)


@given(st.integers(0, 1), observations, means, log_stds)
def test_the_first_policy_is_the_prior_bit_for_bit(seed, obs, mean, log_std):
    """Whatever the prior and wherever it is asked, its limits included; so it draws the same actions, too."""
    prior = prior_of(mean, log_std)
    policy = learner().policy(first_state(seed), prior)
    first = policy.distribution(obs)
    np.testing.assert_array_equal(first.mean, mean)
    np.testing.assert_array_equal(first.log_std, log_std)
    np.testing.assert_array_equal(policy.given_prior(obs, prior.distribution(obs)).mean, mean)
    drawn = (part.sample(np.random.default_rng(seed)) for part in (first, prior.distribution(obs)))
    np.testing.assert_array_equal(*drawn)


@given(st.integers(0, 1), observations, means, log_stds)
def test_to_the_learner_it_is_the_prior_too(seed, obs, mean, log_std):
    """In JAX: log pihat(a|s) = log pi(a|s) for what it draws, so that at equal temperatures both terms cancel."""
    parameters = np.concatenate([mean, log_std], axis=1)
    _, log_pihat, log_prior = learner()._act(first_state(seed).actor, obs, parameters, jax.random.key(seed))
    np.testing.assert_array_equal(log_pihat, log_prior)


@given(st.integers(0, 1), observations, rows(-1, 1, N_ACTIONS))
def test_the_first_critics_are_zero(seed, obs, action):
    """Exactly, at every observation and action; target critics included."""
    state = first_state(seed)
    for critic in (*state.critics, *state.target_critics):
        np.testing.assert_array_equal(value(critic, obs, action), 0.0)


@given(observations)
def test_without_a_prior_it_stands_on_the_standard_normal_distribution(obs):
    policy = learner(prior_temperature=0.0).policy(first_state(0), prior_of(np.ones((ROWS, 2)), np.ones((ROWS, 2))))
    np.testing.assert_array_equal(policy.distribution(obs).parameters, 0.0)


def test_only_a_zero_head_starts_at_the_prior():
    """Without it the actor's changes are random: the tests above can fail."""
    obs, zeros = np.ones((ROWS, OBS_SIZE), np.float32), np.zeros((ROWS, N_ACTIONS), np.float32)
    policy = learner().policy(first_state(0, zero_head=False), prior_of(zeros, zeros))
    assert np.abs(policy.distribution(obs).parameters).max() > 0.01


# ---------------------------------------------------------------------------------------- the first gradient


def first_gradient(temperature: float, prior_temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of the actor's loss in the changes of mean and log-std, and its standard error, over 100,000 rows."""
    n, rng = 100_000, np.random.default_rng(0)
    sac = learner(temperature=temperature, prior_temperature=prior_temperature)
    state = sac.init(0, zero_head=True)
    prior = np.tile(np.array([[0.4, -1.0, -0.5, -1.0]], np.float32), (n, 1))
    obs = rng.normal(size=(n, OBS_SIZE)).astype(np.float32)
    empty = np.zeros(n, np.float32)
    batch = Batch(obs, np.zeros((n, N_ACTIONS), np.float32), empty, obs, empty, prior, prior)
    gradient, _ = jax.jit(jax.grad(sac._actor_loss, has_aux=True))(
        state.actor, state.critics, jnp.float32(temperature), batch, jax.random.key(0)
    )
    spread = np.array([1 / np.exp(-0.5), 1 / np.exp(-1.0), np.sqrt(2), np.sqrt(2)])  # of d log pihat / d parameters
    return np.asarray(gradient[-1].bias), temperature * spread / np.sqrt(n)


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_without_a_reward_the_prior_stays(temperature):
    """Q_R = 0 and equal temperatures: the first gradient is noise around zero, within four standard errors."""
    gradient, error = first_gradient(temperature, temperature)
    assert (np.abs(gradient) < 4 * error).all()


def test_a_higher_temperature_leaves_the_prior():
    """alphahat = 2 alpha: more entropy is wanted, so the log-stds grow. The test above can fail."""
    gradient, error = first_gradient(0.6, 0.3)
    assert (gradient[N_ACTIONS:] < -20 * error[N_ACTIONS:]).all()
