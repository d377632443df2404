"""A user's policy or feature function that answers nonsense is refused at once, in words that help."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from mereq.core.distribution import Categorical
from mereq.core.errors import MereqError, NonFiniteFeatures, UnknownName, WrongPolicyOutput
from mereq.core.policy import LogitsPolicy
from mereq.core.task import checked_features
from mereq.maxent_rl.dqn import DQN, DQNSettings
from mereq.maxent_rl.practice import Schedule
from mereq.maxent_rl.training import TrainingSettings

OBS = np.zeros((4, 2))
LEARNER = DQNSettings(
    hidden=(), learning_rate=0.1, gamma=0.5, alpha=1.0, prior_alpha=0.0, target_period=10, max_grad_norm=10.0
)
SCHEDULE = Schedule(
    n_envs=1,
    chunk=50,
    updates_per_step=1.0,
    batch_size=8,
    learning_starts=0,
    epsilon_start=0.0,
    epsilon_end=0.0,
    exploration_fraction=0.0,
)


@given(array_shapes(min_dims=0, max_dims=3, max_side=6))
def test_a_policy_with_logits_of_the_wrong_shape(shape):
    """The message names the shape that came and the one that is wanted."""
    assume(shape != (4, 5))
    with pytest.raises(WrongPolicyOutput) as raised:
        LogitsPolicy(lambda obs: np.zeros(shape), 5).distribution(OBS)
    assert f"an array of shape {shape}" in str(raised.value)
    assert "logits of shape (4, 5), one row per observation" in str(raised.value)
    assert "this task has 5 actions" in str(raised.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_policy_with_logits_that_are_not_finite(bad):
    """Including -inf for a forbidden action: the message says what to write instead."""
    logits = np.zeros((4, 5))
    logits[2, 3] = bad
    with pytest.raises(WrongPolicyOutput, match="-1e3 instead of -inf"):
        LogitsPolicy(lambda obs: logits, 5).distribution(OBS)


def test_a_policy_of_any_framework():
    """Lists, float32, integers: all are logits, and the distribution is float64."""
    for logits in ([[0, 1]] * 4, np.zeros((4, 2), np.float32), np.zeros((4, 2), int)):
        assert LogitsPolicy(lambda obs, logits=logits: logits, 2).distribution(OBS).log_probs.dtype == np.float64


@given(st.integers(0, 2), st.sampled_from([np.nan, np.inf, -np.inf]), st.booleans())
def test_features_that_are_not_finite(column, bad, one_step):
    """The message names the feature."""
    names = ("speed", "lane", "effort")
    features = np.zeros(3) if one_step else np.zeros((6, 3))
    assert checked_features(features, names) is features
    features[..., column] = bad
    with pytest.raises(NonFiniteFeatures, match=f"Feature '{names[column]}' is NaN or infinite"):
        checked_features(features, names)


def test_an_unknown_name_comes_with_the_known_ones():
    assert str(UnknownName("task", "highwy", ["highway", "erasing"])) == (
        "There is no task called 'highwy'. Known: erasing, highway."
    )
    assert issubclass(UnknownName, MereqError)


def test_a_policy_of_ones_own_that_answers_nan_is_refused():
    """Not only `LogitsPolicy` is checked: any object with `distribution` may be a prior."""

    class Broken:
        def distribution(self, obs):
            return Categorical(np.full((len(obs), 3), np.nan))

    learner = DQN(2, 3, replace(LEARNER, prior_alpha=1.0))
    policy = learner.policy(learner.init(0, zero_head=True), Broken())
    with pytest.raises(WrongPolicyOutput, match="NaN or infinite"):
        policy.distribution(np.zeros((4, 2), np.float32))


@pytest.mark.parametrize("wrong", [{"chunk": 30, "n_envs": 4}, {"chunk": 30, "updates_per_step": 0.25}])
def test_chunks_are_whole(wrong):
    """A chunk is whole steps of all environments, and whole updates: one shape, compiled once."""
    with pytest.raises(ValueError, match="chunk"):
        replace(SCHEDULE, **wrong)


def test_legs_are_whole_chunks():
    settings = {"learner": LEARNER, "practice": SCHEDULE, "replay_capacity": 10, "alive_bonus": 0.0}
    with pytest.raises(ValueError, match="multiples of chunk"):
        TrainingSettings(n_steps=1000, leg=SCHEDULE.chunk + 1, **settings)
