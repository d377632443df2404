"""Alg. 1, l. 4: lambda = len(Xi^e) / len(Xi^p + Xi^e)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mereq.interventions.rollout import Rollout
from toys import EXPERT, POLICY, rollout

pytestmark = pytest.mark.paper("Alg. 1, l. 4 intervention rate")


@given(st.lists(st.sampled_from([POLICY, EXPERT]), min_size=1, max_size=50))
def test_rate_is_expert_steps_over_all_steps(controllers):
    recorded = rollout(controllers)
    assert recorded.expert_steps == controllers.count(EXPERT)
    assert recorded.intervention_rate == float(Fraction(controllers.count(EXPERT), len(controllers)))
    assert recorded.by_expert.tolist() == [c is EXPERT for c in controllers]


def test_a_rollout_has_steps():
    with pytest.raises(ValueError, match="at least one step"):
        Rollout.of([])
