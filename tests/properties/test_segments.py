"""Sections 5.1 and 5.3: policy and expert segments partition every rollout; snippets are their starts."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mereq.interventions.log import InterventionLog
from mereq.interventions.segments import demonstrated, pseudo_expert, segments
from toys import EXPERT, POLICY, rollout

pytestmark = pytest.mark.paper("section 5.1 segments")


@st.composite
def rollouts(draw):
    """Any rollout: who was in control at each step, and where episodes end."""
    controllers = draw(st.lists(st.sampled_from([POLICY, EXPERT]), min_size=1, max_size=40))
    ends = draw(st.lists(st.booleans(), min_size=len(controllers), max_size=len(controllers)))
    return rollout(controllers, episodes=np.cumsum(ends) - ends[0])


percents = st.integers(0, 100)


@given(rollouts())
def test_segments_partition_the_rollout(recorded):
    """Together they are its steps, in order, each exactly once: sum |xi^p| + sum |xi^e| = T."""
    parts = segments(recorded)
    assert [step for s in parts for step in range(s.start, s.stop)] == list(range(len(recorded)))
    assert sum(len(s) for s in parts) == len(recorded)
    assert sum(len(s) for s in parts if s.controller is EXPERT) == recorded.expert_steps


@given(rollouts())
def test_a_segment_has_one_controller_and_one_episode_and_is_maximal(recorded):
    """The same as grouping consecutive steps by (episode, controller)."""
    owners = zip(recorded.episode.tolist(), recorded.controller.tolist(), strict=True)
    expected, start = [], 0
    for (_, controller), steps in itertools.groupby(owners):
        length = len(list(steps))
        expected.append((start, start + length, controller))
        start += length
    assert [tuple(s) for s in segments(recorded)] == expected


@given(rollouts(), percents)
def test_pseudo_expert_selects_the_first_share_of_each_policy_segment(recorded, percent):
    """Policy steps only, and within each policy segment a beginning of exactly floor((1 - kappa) |xi|) steps."""
    selected = pseudo_expert(recorded, kappa=percent / 100)
    assert not (selected & recorded.by_expert).any()
    for segment in segments(recorded):
        if segment.controller is POLICY:
            n = int((1 - Fraction(percent, 100)) * len(segment))
            assert selected[segment.start : segment.stop].tolist() == [True] * n + [False] * (len(segment) - n)


@given(rollouts())
def test_kappa_one_selects_nothing_and_kappa_zero_every_policy_step(recorded):
    assert not pseudo_expert(recorded, kappa=1.0).any()
    np.testing.assert_array_equal(pseudo_expert(recorded, kappa=0.0), ~recorded.by_expert)


@given(rollouts(), st.floats(0, 1), st.floats(0, 1))
def test_a_smaller_kappa_never_selects_less(recorded, one, other):
    more, less = (pseudo_expert(recorded, kappa=k) for k in sorted([one, other]))
    assert (more | ~less).all()


def test_an_episode_border_splits_a_segment():
    """Two episodes under one controller are two segments, so each has its own snippet."""
    recorded = rollout([POLICY] * 4, episodes=[0, 0, 1, 1])
    assert [(s.start, s.stop) for s in segments(recorded)] == [(0, 2), (2, 4)]
    assert pseudo_expert(recorded, kappa=0.5).tolist() == [True, False, True, False]


@pytest.mark.parametrize("controller", [POLICY, EXPERT])
def test_one_step_is_one_segment(controller):
    (segment,) = segments(rollout([controller]))
    assert (segment.start, segment.stop, segment.controller, len(segment)) == (0, 1, controller, 1)


def test_what_was_taken_back_is_no_demonstration_but_still_an_effort():
    """Before step 5 the second intervention is taken back, before step 9 the third, as a whole and across a cut."""
    who = [POLICY, EXPERT, POLICY, EXPERT, EXPERT, POLICY, POLICY, EXPERT, EXPERT, POLICY, EXPERT]
    recorded = rollout(who, features=np.arange(22).reshape(11, 2), retracts=[5, 9])
    np.testing.assert_array_equal(np.flatnonzero(demonstrated(recorded)), [1, 10])
    assert recorded.expert_steps == 6
    log = InterventionLog((recorded,))
    np.testing.assert_array_equal(log.expert_features(kappa=1.0), [[2, 3], [20, 21]])
    assert log.expert_steps == 6


@pytest.mark.parametrize(("k", "left"), [(1, [0, 2, 3]), (2, [0, 5]), (3, [2, 3, 5]), (4, [0, 2, 3, 5])])
def test_an_earlier_intervention_is_taken_back_by_its_place_from_the_last(k, left):
    """The one that begins with the step itself does not count, and one that was taken back does."""
    who = [EXPERT, POLICY, EXPERT, EXPERT, POLICY, EXPERT, POLICY, EXPERT]
    recorded = rollout(who[:7], retracts={6: k})
    assert np.flatnonzero(demonstrated(recorded)).tolist() == left
    again = rollout([*who, POLICY], retracts={6: 1, 8: 3})
    assert np.flatnonzero(demonstrated(again)).tolist() == [0, 7]


def test_an_intervention_is_taken_back_after_the_end_of_its_episode():
    recorded = rollout([EXPERT, EXPERT, POLICY, POLICY], episodes=[0, 0, 1, 1], retracts=[3])
    assert not demonstrated(recorded).any()


@given(rollouts())
def test_everything_is_demonstrated_when_nothing_is_taken_back(recorded):
    np.testing.assert_array_equal(demonstrated(recorded), recorded.by_expert)


def test_to_take_back_when_there_was_no_intervention_changes_nothing():
    recorded = rollout([POLICY, POLICY, EXPERT], retracts=[1])
    np.testing.assert_array_equal(demonstrated(recorded), recorded.by_expert)
