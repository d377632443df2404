"""Before any update the customized policy is the prior itself, whatever it is: Alg. 1, l. 1."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mereq.core.policy import LogitsPolicy
from mereq.maxent_rl.dqn import DQN, DQNSettings, QPolicy

pytestmark = pytest.mark.paper("section 3.1 customized policy")

OBS_SIZE, N_ACTIONS = 4, 3
observations = arrays(
    np.float32, st.tuples(st.integers(1, 5), st.just(OBS_SIZE)), elements=st.floats(-100, 100, width=32)
)
temperatures = st.floats(0.05, 20)


def learner(*, temperature: float, prior_temperature: float, hidden=(8,)) -> DQN:
    numbers = {"learning_rate": 1e-3, "gamma": 0.9, "target_period": 10, "max_grad_norm": 10.0}
    return DQN(
        OBS_SIZE,
        N_ACTIONS,
        DQNSettings(hidden=hidden, temperature=temperature, prior_temperature=prior_temperature, **numbers),
    )


def random_prior(seed: int, scale: float) -> LogitsPolicy:
    """A random nonlinear network; a large scale makes it nearly deterministic."""
    rng = np.random.default_rng(seed)
    inside, outside = rng.normal(size=(OBS_SIZE, 6)), scale * rng.normal(size=(6, N_ACTIONS))
    return LogitsPolicy(lambda obs: np.tanh(obs @ inside) @ outside, N_ACTIONS)


@cache
def first_state(seed: int):
    return learner(temperature=1.0, prior_temperature=1.0).init(seed, zero_head=True)


def start(temperature: float, prior_temperature: float, prior, seed: int = 0) -> QPolicy:
    return learner(temperature=temperature, prior_temperature=prior_temperature).policy(first_state(seed), prior)


@given(st.integers(0, 1000), st.floats(0.1, 100), temperatures, observations)
def test_equal_temperatures_start_at_the_prior(seed, scale, temperature, obs):
    """To 1e-6 in every log-probability, down to improbable actions."""
    prior = random_prior(seed, scale)
    np.testing.assert_allclose(
        start(temperature, temperature, prior, seed % 2).distribution(obs).log_probs,
        prior.distribution(obs).log_probs,
        atol=1e-6,
    )


@given(st.integers(0, 1000), temperatures, temperatures, observations)
def test_other_temperatures_start_at_a_tempered_prior(seed, temperature, prior_temperature, obs):
    """pihat ~ pi^(alpha / alphahat): sharper or softer, with the same most probable action."""
    prior = random_prior(seed, 1.0)
    policy, before = start(temperature, prior_temperature, prior).distribution(obs), prior.distribution(obs)
    odds = (policy.log_probs - policy.log_probs[:, :1]) * temperature
    np.testing.assert_allclose(
        odds, (before.log_probs - before.log_probs[:, :1]) * prior_temperature, rtol=1e-6, atol=1e-6
    )
    chosen = np.take_along_axis(before.log_probs, policy.mode()[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(chosen, before.log_probs.max(axis=1), atol=1e-12)  # ties may be broken otherwise


@given(temperatures, observations)
def test_without_a_prior_it_starts_uniform(temperature, obs):
    """prior_temperature = 0: whatever policy is passed along, it does not enter."""
    policy = start(temperature, 0.0, random_prior(0, 10.0))
    np.testing.assert_allclose(policy.distribution(obs).log_probs, -np.log(N_ACTIONS), atol=1e-6)


@given(observations)
def test_a_distribution_at_hand_saves_asking_again(obs):
    prior = random_prior(1, 1.0)
    policy = start(0.5, 0.5, prior)
    np.testing.assert_array_equal(
        policy.given_prior(obs, prior.distribution(obs)).log_probs, policy.distribution(obs).log_probs
    )


def test_only_a_zero_head_starts_at_the_prior():
    """Without it Q_R is random: the test above can fail."""
    dqn, obs = learner(temperature=1.0, prior_temperature=1.0), np.ones((1, OBS_SIZE), np.float32)
    prior = random_prior(0, 1.0)
    off = (
        dqn.policy(dqn.init(0, zero_head=False), prior).distribution(obs).log_probs - prior.distribution(obs).log_probs
    )
    assert np.abs(off).max() > 0.01


@pytest.mark.parametrize("numbers", [{"temperature": 0.0}, {"temperature": -1.0}, {"prior_temperature": -0.1}])
def test_impossible_temperatures(numbers):
    with pytest.raises(ValueError, match=f"{next(iter(numbers))} must be"):
        learner(**{"temperature": 1.0, "prior_temperature": 1.0, **numbers})
