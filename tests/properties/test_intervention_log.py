"""Rollouts made of steps, parts of rollouts, and a log of rollouts: every step is kept, with its own values."""

import numpy as np
import pytest

from mereq.core.supervisor import Controller, Decision
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from toys import EXPERT, POLICY, rollout


def supervised_step(k: int, **values) -> SupervisedStep:
    """A step whose every value says its number."""
    recorded = {
        "episode": k // 2,
        "step": k % 2,
        "obs": np.array([k, k + 0.5]),
        "proposed": np.int64(k),
        "executed": np.int64(10 + k),
        "controller": EXPERT if k % 3 == 0 else POLICY,
        "next_obs": np.array([k + 1, k + 1.5]),
        "features": np.array([k, -k, 0.25 * k]),
        "terminated": k == 3,
        "truncated": k == 5,
    }
    return SupervisedStep(**recorded | values)


def test_controllers_have_the_numbers_that_stores_record():
    """Recorded runs contain these numbers."""
    assert [(one.name, one.value) for one in Controller] == [("POLICY", 0), ("EXPERT", 1)]


def test_a_decision_retracts_nothing_unless_it_says_so():
    assert Decision(POLICY, 0) == (POLICY, 0, 0, None)


def test_a_step_retracts_nothing_and_is_of_the_first_policy_unless_it_says_so():
    step = supervised_step(1)
    assert (step.retracts, step.version, step.seen) == (0, 0, None)


def test_a_rollout_has_every_value_of_its_steps():
    steps = [supervised_step(k, retracts=2 * (k == 4), version=k // 3) for k in range(6)]
    made = Rollout.of(steps)
    assert len(made) == 6
    for name in vars(made):
        np.testing.assert_array_equal(getattr(made, name), [getattr(step, name) for step in steps])


def test_a_rollout_of_no_steps_is_refused():
    with pytest.raises(ValueError, match="at least one step"):
        Rollout.of([])


def test_a_part_of_a_rollout_has_the_values_of_its_steps():
    steps = [supervised_step(k) for k in range(6)]
    whole, mask = Rollout.of(steps), np.array([True, False, False, True, True, False])
    for part, expected in [(whole.only(slice(2, 5)), steps[2:5]), (whole.only(mask), [steps[k] for k in (0, 3, 4)])]:
        for name in vars(whole):
            np.testing.assert_array_equal(getattr(part, name), [getattr(step, name) for step in expected])


def test_counts_of_a_rollout():
    recorded = rollout([POLICY, EXPERT, EXPERT, POLICY, POLICY])
    assert recorded.by_expert.tolist() == [False, True, True, False, False]
    assert recorded.expert_steps == 2
    assert recorded.intervention_rate == 0.4


@pytest.fixture
def log():
    """Three rollouts of 3, 1 and 4 steps, whose features number the steps from 0 to 7."""
    log = InterventionLog()
    for start, controllers in [(0, [POLICY, EXPERT, POLICY]), (3, [EXPERT]), (4, [POLICY] * 3 + [EXPERT])]:
        numbers = np.arange(start, start + len(controllers))
        log = log.append(rollout(controllers, features=np.stack([numbers, numbers], axis=1)))
    return log


def test_counts_of_a_log(log):
    assert (log.steps, log.expert_steps) == (8, 3)
    assert (InterventionLog().steps, InterventionLog().expert_steps) == (0, 0)


def test_appending_makes_another_log(log):
    longer = log.append(rollout([EXPERT]))
    assert (len(log.rollouts), len(longer.rollouts)) == (3, 4)
    assert longer.rollouts[:3] == log.rollouts


@pytest.mark.parametrize(
    ("n_steps", "expected"),
    [
        (0, [[0, 1, 2], [3], [4, 5, 6, 7]]),
        (2, [[2], [3], [4, 5, 6, 7]]),
        (3, [[3], [4, 5, 6, 7]]),
        (4, [[4, 5, 6, 7]]),
        (6, [[6, 7]]),
        (8, []),
        (9, []),
    ],
)
def test_what_comes_after_the_first_steps(log, n_steps, expected):
    """The rest of each rollout, without rollouts that have nothing left."""
    assert [part.features[:, 0].tolist() for part in log.after(n_steps)] == expected


def test_features_of_the_expert_come_in_the_order_of_the_steps(log):
    assert log.expert_features(kappa=1.0)[:, 0].tolist() == [1, 3, 7]
    assert log.expert_features(kappa=0.0)[:, 0].tolist() == list(range(8))
