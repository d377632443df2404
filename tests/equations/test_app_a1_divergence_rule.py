"""Eq. (A.3) and appendix A.1.1: D_KL(delta[a_l] || pi_e), and when the highway expert takes over and hands back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from mereq.core.distribution import Categorical
from mereq.core.policy import LogitsPolicy
from mereq.core.supervisor import DecisionContext
from mereq.supervision.divergence import kl_of_action
from mereq.supervision.rules import RuleEngine
from mereq.supervision.synthesized import DivergenceExpert, divergence_rule
from toys import EXPERT, POLICY

pytestmark = pytest.mark.paper("App. A.1.1, Eq. (A.3) divergence", "App. A.1.1 intervention rule")

UPPER, LOWER = 1.62, 1.52  # the paper's
FAR, NEAR, BETWEEN = UPPER + 0.3, LOWER - 0.3, (UPPER + LOWER) / 2


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=6), st.integers(0, 5))
def test_kl_of_a_point_mass(q, action):
    """scipy's KL divergence of delta[a] from softmax(Q_e), which is Eq. (A.3) with unit temperature."""
    action %= len(q)
    exponentials = np.exp(np.array(q) - max(q))
    expected = entropy(np.eye(len(q))[action], exponentials / exponentials.sum())
    divergence = kl_of_action(np.array([action]), Categorical.from_logits(np.array([q])))
    np.testing.assert_allclose(divergence, [expected], rtol=1e-9, atol=1e-9)


def test_each_row_has_its_own_action():
    expert = Categorical(np.log([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]))
    np.testing.assert_allclose(kl_of_action(np.array([1, 2]), expert), -np.log([0.25, 0.7]))


def controllers(divergences) -> str:
    """Controller of each step: p or E."""
    engine = RuleEngine(divergence_rule(upper=UPPER, lower=LOWER))
    return "".join("E" if engine.judge(float(d)) is EXPERT else "p" for d in divergences)


@pytest.mark.parametrize(
    ("divergences", "expected"),
    [
        # takes over at the second step in a row, which the expert executes already
        ([FAR, FAR], "pE"),
        ([FAR, NEAR, FAR, NEAR, FAR], "ppppp"),
        ([NEAR, FAR, FAR], "ppE"),
        # at the threshold itself: >= upper engages, <= lower counts as agreement
        ([UPPER, UPPER], "pE"),
        ([UPPER, BETWEEN, UPPER], "ppp"),
        # hands back at the fourth step in a row that agrees, which the policy executes: 4 expert steps at least
        ([FAR, FAR, NEAR, NEAR, NEAR, NEAR], "pEEEEp"),
        ([FAR, FAR, LOWER, LOWER, LOWER, LOWER], "pEEEEp"),
        ([FAR, FAR, NEAR, NEAR, NEAR, BETWEEN, NEAR, NEAR, NEAR, NEAR], "pEEEEEEEEp"),
        ([FAR, FAR, *[BETWEEN] * 9], "p" + "E" * 10),
        # counts are reset when control changes: two further steps until the next intervention
        ([FAR, FAR, NEAR, NEAR, NEAR, NEAR, FAR, FAR], "pEEEEppE"),
        ([FAR, FAR, FAR, FAR, FAR, NEAR, NEAR, NEAR, NEAR, FAR, FAR], "pEEEEEEEppE"),
    ],
)
def test_timing(divergences, expected):
    assert controllers(divergences) == expected


def test_an_indifferent_expert_stays_away():
    """Uniform over 5 actions is log 5 = 1.609 < 1.62: never engages, and is too far off to count as agreement."""
    indifferent = kl_of_action(np.array([2]), Categorical.from_logits(np.zeros((1, 5))))[0]
    assert indifferent == pytest.approx(np.log(5))
    assert controllers([indifferent] * 10) == "p" * 10
    assert controllers([FAR, FAR, *[indifferent] * 10]) == "p" + "E" * 11


def test_the_expert_judges_the_proposed_action_and_acts_greedily():
    """Observation s, proposal a: with pi_e(0|s) = 0.9 proposals of action 1 are vetoed and action 0 taken instead."""
    expert = LogitsPolicy(lambda obs: np.log(np.tile([0.9, 0.05, 0.05], (len(obs), 1))), 3)
    supervisor = DivergenceExpert(expert, divergence_rule(upper=UPPER, lower=LOWER))
    supervisor.begin_episode(0)
    decisions = [supervisor.decide(DecisionContext(t, np.zeros(2), np.int64(1), {})) for t in range(3)]
    assert [d.controller for d in decisions] == [POLICY, EXPERT, EXPERT]
    assert [int(d.action) for d in decisions] == [1, 0, 0]
    supervisor.begin_episode(0)  # forgets: the policy is in control again, and needs two bad steps to lose it
    decisions = [
        supervisor.decide(DecisionContext(t, np.zeros(2), np.int64(a), {})) for t, a in enumerate([1, 0, 1, 0])
    ]
    assert [d.controller for d in decisions] == [POLICY] * 4
    assert [int(d.action) for d in decisions] == [1, 0, 1, 0]
