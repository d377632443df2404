"""Late takeovers: the policy acts in the first steps of each intervention, and handbacks come as before."""

import numpy as np
import pytest

from mereq.core.errors import WrongValue
from mereq.core.supervisor import Controller, Decision, DecisionContext
from mereq.runs.run import supervisor_of
from mereq.runs.spec import RunSpec
from mereq.supervision.late import Late
from mereq.supervision.noise import Noisy


class Scripted:
    """Takes over in these steps of each episode."""

    def __init__(self, steps):
        self.steps, self.seeds = steps, []

    def begin_episode(self, seed):
        self.seeds.append(seed)

    def decide(self, context):
        expert = context.step in self.steps
        return Decision(Controller.EXPERT, 7) if expert else Decision(Controller.POLICY, context.proposed)


def taken(late: Late, n: int = 10) -> list[int]:
    late.begin_episode(5)
    decisions = [late.decide(DecisionContext(step, np.zeros(1), 1, {})) for step in range(n)]
    assert all(each.action == (7 if each.controller else 1) for each in decisions)
    return [step for step, each in enumerate(decisions) if each.controller]


@pytest.mark.parametrize(("late", "steps"), [(0, [2, 3, 4, 6, 9]), (1, [3, 4]), (2, [4]), (3, [])])
def test_takeovers_come_later_and_short_interventions_not_at_all(late, steps):
    inner = Scripted({2, 3, 4, 6, 9})
    supervisor = Late(inner, late)
    assert taken(supervisor) == steps
    assert taken(supervisor) == steps  # nothing is left of the episode before
    assert inner.seeds == [5, 5]


def test_a_run_says_how_late_its_expert_is():
    spec = RunSpec.named(task="highway").changed({"lateness": 2, "noise": 0.1})
    supervisor = supervisor_of(spec)
    assert isinstance(supervisor, Noisy)
    assert isinstance(supervisor._supervisor, Late)
    assert supervisor._supervisor._steps == 2
    assert RunSpec.from_config(spec.to_config()) == spec
    assert "lateness" not in RunSpec.named(task="highway").to_config()
    with pytest.raises(WrongValue, match="lateness must be at least 0"):
        spec.changed({"lateness": -1})
    with pytest.raises(ValueError, match="0 steps or more"):
        Late(Scripted(set()), -1)
