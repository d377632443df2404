"""MeasurementExpert: a rule on what the environment measures, or on the observation where it measures nothing."""

import numpy as np
import pytest

from mereq.core.policy import LogitsPolicy
from mereq.core.supervisor import DecisionContext
from mereq.supervision.rules import Rule, Trigger
from mereq.supervision.synthesized import MeasurementExpert
from toys import EXPERT, POLICY

EXPERT_POLICY = LogitsPolicy(lambda obs: np.tile([0.0, 0.0, 5.0], (len(obs), 1)), 3)
PROPOSED = 1


def expert(judge) -> MeasurementExpert:
    """Takes over after two steps that fulfil a condition, and hands back after one that does not."""
    rule = Rule(engage=(Trigger(judge, 2),), disengage=(Trigger(lambda seen: not judge(seen), 1),))
    return MeasurementExpert(EXPERT_POLICY, rule)


def decisions(supervisor: MeasurementExpert, values: list[float], *, measured: bool) -> list[tuple]:
    """Controller and action of each step; the values are measurements, or else the first entry of the observation."""
    supervisor.begin_episode(0)
    found = []
    for step, value in enumerate(values):
        info = {"measurements": value} if measured else {}
        obs = np.array([-1.0 if measured else value, 7.0])
        decision = supervisor.decide(DecisionContext(step, obs, PROPOSED, info))
        found.append((decision.controller, int(decision.action)))
    return found


def test_measurements_are_judged_and_the_experts_mode_is_executed():
    found = decisions(expert(lambda seen: seen > 0.5), [1.0, 1.0, 1.0, 0.0, 1.0], measured=True)
    assert found == [(POLICY, PROPOSED), (EXPERT, 2), (EXPERT, 2), (POLICY, PROPOSED), (POLICY, PROPOSED)]


def test_without_measurements_the_observation_is_judged():
    found = decisions(expert(lambda seen: seen[0] > 0.5), [1.0, 1.0, 0.0], measured=False)
    assert found == [(POLICY, PROPOSED), (EXPERT, 2), (POLICY, PROPOSED)]


@pytest.mark.parametrize("steps", [1, 2])
def test_an_episode_forgets_the_one_before(steps):
    supervisor = expert(lambda seen: seen > 0.5)
    decisions(supervisor, [1.0] * steps, measured=True)
    assert decisions(supervisor, [1.0], measured=True) == [(POLICY, PROPOSED)]
