"""The suite runs with the package's annotations executed: a wrong shape is an error at the call, not later."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from mereq.core.reward import LinearReward
from mereq.irl.feature_counts import FeatureCounts
from mereq.maxent_rl.boltzmann import customized_q
from mereq.maxent_rl.dqn import DQN, DQNSettings
from shape_checks import FIRST_CALLS, ONE_IN, forget_calls


def test_functions_are_checked():
    with pytest.raises(TypeCheckError, match="features"):
        FeatureCounts.of(np.zeros(3))  # steps are missing


def test_dataclasses_are_checked():
    with pytest.raises(TypeCheckError, match="theta"):
        LinearReward(np.zeros((2, 2)))


def test_shapes_of_one_call_must_agree():
    """Each argument alone has an allowed shape, and NumPy would broadcast them: five states, one prior row."""
    with pytest.raises(TypeCheckError, match="prior"):
        customized_q(np.zeros((5, 3)), np.zeros((1, 3)), prior_temperature=1.0)


def test_protocols_are_checked():
    learner = DQN(
        1,
        2,
        DQNSettings(
            hidden=(),
            learning_rate=0.1,
            gamma=0.5,
            temperature=1.0,
            prior_temperature=1.0,
            target_period=1,
            max_grad_norm=1.0,
        ),
    )
    with pytest.raises(TypeCheckError, match="prior"):
        learner.policy(learner.init(0, zero_head=True), prior=lambda obs: obs)


def test_first_calls_and_then_one_in_so_many_are_checked():
    def is_checked():
        try:
            LinearReward(np.zeros((2, 2)))
        except TypeCheckError:
            return True
        except Exception:  # what the class itself says of such a theta
            return False
        return False

    forget_calls()
    seen = [is_checked() for _ in range(FIRST_CALLS + 2 * ONE_IN)]
    assert all(seen[:FIRST_CALLS])
    assert sum(seen[FIRST_CALLS:]) == 2
    forget_calls()
    assert is_checked()
