"""Evidence that fades: ages by hand, the chain rule, and which span predicts a changed mind."""

import numpy as np
import pytest

from mereq.interventions.log import InterventionLog
from mereq.irl.decisions import decisions_of
from mereq.irl.fading import SPANS, faded, log_evidence, stretches_before
from mereq.irl.posterior import normalized
from toys import EXPERT, POLICY, rollout


def test_stretches_belong_to_the_intervention_that_they_lead_to():
    log = InterventionLog((rollout([POLICY] * 4 + [EXPERT] + [POLICY] * 3 + [EXPERT] * 2 + [POLICY] * 3),))
    decisions = decisions_of(log)
    assert decisions.takeover.tolist() == [-1, 0, -1, 1, -1]
    assert stretches_before(decisions).tolist() == [0, 0, 1, 1, 2]


def test_the_last_intervention_and_what_came_after_it_count_in_full():
    groups = np.eye(4)
    np.testing.assert_allclose(faded(groups, 2.0), [np.exp(-1.0), np.exp(-0.5), 1.0, 1.0])
    np.testing.assert_array_equal(faded(groups, np.inf), np.ones(4))


def test_with_an_infinite_span_the_evidence_is_the_marginal_likelihood():
    rng = np.random.default_rng(0)
    log_before, groups = rng.normal(size=50), rng.normal(size=(6, 50))
    exact = np.logaddexp.reduce(log_before + groups.sum(axis=0)) - np.logaddexp.reduce(log_before)
    assert log_evidence(log_before, groups, np.inf) == pytest.approx(exact)


def test_a_faded_part_counts_less_in_the_next_prediction():
    """Two values of x, three parts, by hand: the one just before counts in full, the one before that exp(-1/4)."""
    one, two, three = np.array([0.8, 0.2]), np.array([0.3, 0.7]), np.array([0.6, 0.1])
    known = one ** np.exp(-1 / 4) * two
    exact = np.log(0.5) + np.log(one @ two) + np.log(known @ three / known.sum())
    assert log_evidence(np.zeros(2), np.log([one, two, three]), 4.0) == pytest.approx(exact)


@pytest.mark.parametrize(("signs", "changed"), [([1] * 16, False), ([1] * 11 + [-1] * 5, True)])
def test_short_spans_take_over_after_a_change_of_mind(signs, changed):
    x = np.linspace(-2.0, 2.0, 81)
    groups = np.array([-np.log1p(np.exp(-3.0 * sign * x)) for sign in signs])
    spans = normalized(np.array([log_evidence(-0.5 * x**2, groups, span) for span in SPANS]))
    means = np.array([normalized(-0.5 * x**2 + faded(groups, span)) @ x for span in SPANS])
    assert bool(spans[0] < 0.2) is changed
    assert bool(spans @ means < 0.0) is changed
    assert means[0] > 0.0  # all evidence together still says what it said before
