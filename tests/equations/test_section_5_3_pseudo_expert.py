"""Section 5.3: the snippet [0, 1 - kappa) of a policy segment is its first floor((1 - kappa) |xi|) steps."""

from fractions import Fraction

import numpy as np
import pytest

from mereq.interventions.log import InterventionLog
from mereq.interventions.segments import pseudo_expert, snippet_length
from toys import EXPERT, POLICY, rollout

pytestmark = pytest.mark.paper("section 5.3 pseudo-expert snippets", "section 5.3 all expert steps so far")


@pytest.mark.parametrize("percent", range(101))
def test_snippet_length_is_the_floor_in_exact_arithmetic(percent):
    """Every kappa in whole percents against rational numbers: (1 - 0.3) * 10 is 7, though 0.7 is no binary number."""
    for length in range(1, 201):
        exact = (1 - Fraction(percent, 100)) * length
        assert snippet_length(length, kappa=percent / 100) == exact.numerator // exact.denominator


def test_the_papers_picture():
    """kappa = 0.4 by hand: of policy segments with 5, 2 and 1 steps the first 3, 1 and 0 are good enough."""
    p, e = POLICY, EXPERT
    recorded = rollout([p, p, p, p, p, e, e, p, p, p], episodes=[0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    expected = [1, 1, 1, 0, 0, 0, 0, 1, 0, 0]
    assert pseudo_expert(recorded, kappa=0.4).astype(int).tolist() == expected


def test_pseudo_expert_steps_are_added_to_the_expert_steps():
    """Xi^e := Xi^e + Xi^+ over all rollouts so far, each step once; the expert's own effort is counted without them."""
    p, e = POLICY, EXPERT
    first = rollout([p, p, e, p], features=[[0, 0], [1, 0], [2, 0], [3, 0]])
    second = rollout([e, p, p, p, p], features=[[4, 1], [5, 1], [6, 1], [7, 1], [8, 1]])
    log = InterventionLog().append(first).append(second)
    assert log.expert_features(kappa=0.5)[:, 0].tolist() == [0, 2, 4, 5, 6]
    assert log.expert_features(kappa=1.0)[:, 0].tolist() == [2, 4]
    assert log.expert_features(kappa=0.0)[:, 0].tolist() == list(range(9))
    assert log.expert_steps == 2


@pytest.mark.parametrize("kappa", [-0.01, 1.01, float("nan")])
def test_kappa_is_a_share(kappa):
    with pytest.raises(ValueError, match="between 0 and 1"):
        pseudo_expert(rollout([POLICY]), kappa=kappa)


def test_earlier_logs_do_not_change():
    """Appending makes a new log."""
    empty = InterventionLog()
    one = empty.append(rollout([EXPERT, POLICY]))
    one.append(rollout([EXPERT, EXPERT]))
    assert (len(empty.rollouts), len(one.rollouts), one.expert_steps) == (0, 1, 1)
    np.testing.assert_array_equal(one.expert_features(kappa=1.0), np.zeros((1, 2)))
