"""With continuous actions, too, a policy that answers nonsense is refused at once, in words that help."""

from dataclasses import replace

import numpy as np
import pytest

from mereq.core.actions import Box, Discrete
from mereq.core.errors import WrongLearner, WrongPolicyOutput
from mereq.core.policy import GaussianPolicy, LogitsPolicy
from mereq.core.task import Task
from mereq.maxent_rl.dqn import DQN, DQNSettings
from mereq.maxent_rl.learners import learner_of
from mereq.maxent_rl.sac import SAC, SACSettings

OBS, ZEROS = np.zeros((4, 3), np.float32), np.zeros((4, 2))
CONTINUOUS = SACSettings(
    hidden=(),
    learning_rate=0.1,
    temperature_learning_rate=0.1,
    gamma=0.5,
    tau=0.1,
    temperature=1.0,
    prior_temperature=0.5,
)
FINITE = DQNSettings(
    hidden=(),
    learning_rate=0.1,
    gamma=0.5,
    temperature=1.0,
    prior_temperature=0.5,
    target_period=10,
    max_grad_norm=10.0,
)


def gaussian(mean, log_std, n_actions: int = 2) -> GaussianPolicy:
    return GaussianPolicy(lambda obs: (mean, log_std), n_actions)


@pytest.mark.parametrize(("mean", "log_std"), [(ZEROS[:3], ZEROS), (ZEROS, ZEROS[:, :1]), (ZEROS[0], ZEROS)])
def test_a_policy_of_the_wrong_shape(mean, log_std):
    with pytest.raises(WrongPolicyOutput) as raised:
        gaussian(mean, log_std).distribution(OBS)
    assert f"a mean of shape {mean.shape} and a log-std of shape {log_std.shape}" in str(raised.value)
    assert "for the 2 actions of this task both must be (4, 2)" in str(raised.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("part", [0, 1])
def test_a_policy_that_is_not_finite(bad, part):
    """Such as arctanh of an action at its limit: the message says what to write instead."""
    parts = [ZEROS.copy(), ZEROS.copy()]
    parts[part][2, 1] = bad
    with pytest.raises(WrongPolicyOutput, match=r"for an action at its limit a mean of 5 or -5.*log-std such as -3"):
        gaussian(*parts).distribution(OBS)


def test_a_policy_of_any_framework():
    """Lists and integers, too; the distribution is float32."""
    distribution = gaussian([[0, 1]] * 4, ZEROS.astype(int)).distribution(OBS)
    assert distribution.mean.dtype == distribution.log_std.dtype == np.float32
    np.testing.assert_array_equal(distribution.mode(), np.tile(np.tanh([[0, 1]]).astype(np.float32), (4, 1)))


def refused(prior) -> str:
    """What a residual policy on this prior says when it is asked."""
    sac = SAC(3, 2, CONTINUOUS)
    with pytest.raises(WrongPolicyOutput) as raised:
        sac.policy(sac.init(0, zero_head=True), prior).distribution(OBS)
    return str(raised.value)


def test_a_prior_of_the_other_kind_of_actions():
    assert "Categorical distribution where this task has continuous actions" in refused(
        LogitsPolicy(lambda obs: obs, 3)
    )


def test_a_prior_for_other_sizes():
    message = refused(gaussian(np.zeros((4, 1)), np.zeros((4, 1)), 1))
    assert "of shape (4, 1) where this task has 2 continuous actions: for 4 observations it must be (4, 2)" in message


@pytest.mark.parametrize("log_std", [2.1, -20.5])
def test_a_prior_beyond_the_limits_of_a_log_std(log_std):
    """It could not be started at: the log-std would be clipped."""
    message = refused(gaussian(ZEROS, ZEROS + log_std))
    assert f"reaches from {log_std:g} to {log_std:g}; allowed is -20 to 2" in message


def test_a_prior_that_forgets_to_be_finite():
    """A policy of one's own class, without the checks of `GaussianPolicy`."""

    class Careless:
        def distribution(self, obs):
            return Box(2).distribution(np.full((4, 4), np.nan, np.float32))

    assert "NaN or infinite mean or log-std" in refused(Careless())


def test_settings_for_the_other_kind_of_actions():
    continuous = Task("reach", ("f",), 3, Box(2), lambda: None, lambda n: None)
    finite = replace(continuous, name="drive", actions=Discrete(5))
    with pytest.raises(WrongLearner, match=r"reach has 2 continuous actions.*are DQNSettings\. Give it SACSettings\."):
        learner_of(continuous, FINITE)
    with pytest.raises(WrongLearner, match=r"drive has 5 actions.*are SACSettings\. Give it DQNSettings\."):
        learner_of(finite, CONTINUOUS)
    assert learner_of(continuous, CONTINUOUS) == SAC(3, 2, CONTINUOUS)
    assert learner_of(finite, FINITE) == DQN(3, 5, FINITE)
