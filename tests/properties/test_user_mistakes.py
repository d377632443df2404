"""A user's policy or feature function that answers nonsense is refused at once, in words that help."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from mereq.core.actions import Box, Discrete
from mereq.core.distribution import Categorical, SquashedGaussian
from mereq.core.errors import (
    MereqError,
    NonFiniteFeatures,
    UnknownName,
    WrongLearner,
    WrongObservation,
    WrongPolicyOutput,
    WrongValue,
)
from mereq.core.function_policies import SampledPolicy
from mereq.core.policy import GaussianPolicy, LogitsPolicy
from mereq.core.seen_prior import states_in
from mereq.core.supervisor import DecisionContext
from mereq.core.task import Task, checked_features
from mereq.maxent_rl.dqn import DQN, DQNSettings, QPolicy
from mereq.maxent_rl.learners import learner_of
from mereq.maxent_rl.networks import Layer
from mereq.maxent_rl.sac import SAC, ActorPolicy, SACSettings
from mereq.maxent_rl.sampled_q import SampledQPolicy
from mereq.maxent_rl.simulator_training import TrainingSchedule
from mereq.maxent_rl.training import TrainingSettings
from mereq.supervision.synthesized import DivergenceExpert, divergence_rule

OBS = np.zeros((4, 2))
LEARNER = DQNSettings(
    hidden=(),
    learning_rate=0.1,
    gamma=0.5,
    temperature=1.0,
    prior_temperature=0.0,
    target_period=10,
    max_grad_norm=10.0,
)
SCHEDULE = TrainingSchedule(
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


def test_a_continuous_policy_of_any_framework():
    """Lists, float64, integers: all are means and log-stds, in float32, and the mode is tanh of the mean."""
    for one in ([[0, 1]] * 4, np.tile([0.0, 1.0], (4, 1)), np.tile([0, 1], (4, 1))):
        distribution = GaussianPolicy(lambda obs, one=one: (one, one), 2).distribution(OBS)
        assert isinstance(distribution, SquashedGaussian)
        assert distribution.mean.dtype == distribution.log_std.dtype == np.float32
        np.testing.assert_allclose(distribution.mode(), np.tanh(np.tile([0.0, 1.0], (4, 1))), rtol=1e-6)
        np.testing.assert_array_equal(distribution.log_std, np.tile([0.0, 1.0], (4, 1)))


@given(array_shapes(min_dims=0, max_dims=3, max_side=6), st.booleans())
def test_a_continuous_policy_with_a_wrong_shape(shape, in_mean):
    """A wrong shape of either part: the message names both shapes and the required one."""
    assume(shape != (4, 3))
    wrong, right = np.zeros(shape), np.zeros((4, 3))
    answer = (wrong, right) if in_mean else (right, wrong)
    with pytest.raises(WrongPolicyOutput) as raised:
        GaussianPolicy(lambda obs: answer, 3).distribution(OBS)
    shapes = (shape, (4, 3)) if in_mean else ((4, 3), shape)
    assert f"a mean of shape {shapes[0]} and a log-std of shape {shapes[1]}" in str(raised.value)
    assert "for the 3 actions of this task both must be (4, 3)" in str(raised.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("in_mean", [True, False])
def test_a_continuous_policy_with_numbers_that_are_not_finite(bad, in_mean):
    """Such as arctanh(1) for an action at its limit: the message says what to write instead."""
    answer = np.zeros((2, 4, 3))
    answer[0 if in_mean else 1, 2, 1] = bad
    with pytest.raises(WrongPolicyOutput, match="a mean of 5 or -5, and for a policy without noise a log-std such as"):
        GaussianPolicy(lambda obs: (answer[0], answer[1]), 3).distribution(OBS)


def layer(n_inputs, n_outputs):
    return (Layer(np.ones((n_inputs, n_outputs), np.float32), np.zeros(n_outputs, np.float32)),)


DRAWN = SampledPolicy(lambda obs, rng: np.zeros((len(obs), 1)), Box(1), n_samples=2)
OURS = {
    "q": QPolicy(layer(2, 3), None, 1.0, 0.0),
    "actor": ActorPolicy(layer(2, 2), None, None),
    "drawn": SampledQPolicy((layer(3, 1), layer(3, 1)), DRAWN, 1.0, 1),
    "two priors": QPolicy(layer(2, 3), QPolicy(layer(2, 3), None, 1.0, 0.0), 1.0, 1.0),
}


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("n", [1, 3])
def test_observations_of_another_size_are_not_cut(name, n):
    """A policy that is called by hand takes its own size only."""
    OURS[name].distribution(np.zeros((4, 2), np.float32))
    with pytest.raises(WrongObservation, match=rf"\(n, 2\).*\(4, {n}\)\.$"):
        OURS[name].distribution(np.zeros((4, n), np.float32))


def test_a_single_observation_is_told_how_to_become_a_row():
    with pytest.raises(WrongObservation, match=r"\(2,\)\. A single one: obs\[None\]"):
        states_in(np.zeros(2, np.float32), 2, 0)
    with pytest.raises(WrongObservation, match=r"\(n, 5\), one row each, of which the last 3 are the prior's answer"):
        states_in(np.zeros((1, 2), np.float32), 2, 3)


def test_the_divergence_rule_is_for_finitely_many_actions():
    """A continuous expert is told which supervisor it needs."""
    expert = GaussianPolicy(lambda obs: (np.zeros((len(obs), 3)), np.zeros((len(obs), 3))), 3)
    supervisor = DivergenceExpert(expert, divergence_rule(upper=1.62, lower=1.52))
    supervisor.begin_episode(0)
    with pytest.raises(WrongPolicyOutput, match=r"not a SquashedGaussian.* Use MeasurementExpert for continuous ones"):
        supervisor.decide(DecisionContext(0, np.zeros(2), np.zeros(3, np.float32), {}))


CONTINUOUS_LEARNER = SACSettings(
    hidden=(4,),
    learning_rate=0.1,
    temperature_learning_rate=0.1,
    gamma=0.5,
    tau=0.1,
    temperature=1.0,
    prior_temperature=0.0,
)


def task_with(actions) -> Task:
    """No environment is made of it."""
    return Task("toy", ("a",), 7, actions, make=lambda: None, simulate=lambda n: None)


def test_each_kind_of_actions_has_its_learner():
    assert learner_of(task_with(Discrete(5)), LEARNER) == DQN(7, 5, LEARNER)
    assert learner_of(task_with(Box(3)), CONTINUOUS_LEARNER) == SAC(7, 3, CONTINUOUS_LEARNER)


def test_a_learner_for_the_other_kind_of_actions():
    """The message says what the task has, what came and what is wanted."""
    with pytest.raises(WrongLearner) as raised:
        learner_of(task_with(Discrete(5)), CONTINUOUS_LEARNER)
    assert str(raised.value) == (
        "The task toy has 5 actions, and the learner's settings are SACSettings. Give it DQNSettings."
    )
    with pytest.raises(WrongLearner) as raised:
        learner_of(task_with(Box(3)), LEARNER)
    assert str(raised.value) == (
        "The task toy has 3 continuous actions, and the learner's settings are DQNSettings. Give it SACSettings."
    )


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

    learner = DQN(2, 3, replace(LEARNER, prior_temperature=1.0))
    policy = learner.policy(learner.init(0, zero_head=True), Broken())
    with pytest.raises(WrongPolicyOutput, match="NaN or infinite"):
        policy.distribution(np.zeros((4, 2), np.float32))


@pytest.mark.parametrize("wrong", [{"chunk": 30, "n_envs": 4}, {"chunk": 30, "updates_per_step": 0.25}])
def test_chunks_are_whole(wrong):
    """A chunk is whole steps of all environments, and whole updates: one shape, compiled once."""
    with pytest.raises(ValueError, match="chunk"):
        replace(SCHEDULE, **wrong)


@pytest.mark.parametrize(
    "wrong", [{"checkpoint_interval": SCHEDULE.chunk + 1}, {"n_steps": SCHEDULE.chunk + 1}, {"n_steps": 0}]
)
def test_trainings_and_their_legs_are_whole_chunks(wrong):
    """A sentence at the command line, too; a training of no steps would write a policy that learned nothing."""
    numbers = {"n_steps": 10 * SCHEDULE.chunk, "checkpoint_interval": SCHEDULE.chunk} | wrong
    with pytest.raises(WrongValue, match="positive multiples of chunk"):
        TrainingSettings(**numbers, learner=LEARNER, schedule=SCHEDULE, replay_capacity=10, alive_bonus=0.0)
