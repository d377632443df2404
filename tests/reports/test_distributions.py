"""The distance of Table 3: by hand, by its properties, and against SciPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from mereq.reports.distributions import BINS, feature_counts, jensen_shannon_distance

pytestmark = pytest.mark.paper("Table 3, Jensen-Shannon distance of features")


def counts(bins: int):
    return st.lists(st.integers(0, 1000), min_size=bins, max_size=bins).filter(any).map(np.array)


def test_a_case_by_hand():
    """m = (3/4, 1/4); KL(p || m) = log 4/3; KL(q || m) = (log 2/3 + log 2) / 2 = log(4/3) / 2."""
    p, q = np.array([8, 0]), np.array([5, 5])
    assert jensen_shannon_distance(p, q) == pytest.approx(np.sqrt(0.75 * np.log(4 / 3)), rel=1e-12)


@given(p=counts(6), q=counts(6))
def test_it_is_scipys_and_symmetric_and_bounded(p, q):
    distance = jensen_shannon_distance(p, q)
    assert distance == jensen_shannon_distance(q, p)
    assert 0 <= distance <= np.sqrt(np.log(2)) + 1e-12
    with np.errstate(invalid="ignore"):
        scipys = jensenshannon(p, q)
    if np.isfinite(scipys):
        assert distance == pytest.approx(scipys, rel=1e-9, abs=1e-12)


@given(p=counts(6), times=st.integers(1, 50))
def test_it_is_0_for_equal_distributions_whatever_their_sizes(p, times):
    assert jensen_shannon_distance(p, times * p) == pytest.approx(0, abs=1e-7)


@given(p=counts(3), q=counts(3))
def test_it_is_the_root_of_log_2_for_disjoint_ones(p, q):
    nothing = np.zeros(3, int)
    apart = jensen_shannon_distance(np.concatenate([p, nothing]), np.concatenate([nothing, q]))
    assert apart == pytest.approx(np.sqrt(np.log(2)), rel=1e-12)


@given(p=counts(4), q=counts(4), r=counts(4))
def test_it_is_a_distance(p, q, r):
    """Endres and Schindelin (2003): the root of the divergence obeys the triangle inequality."""
    direct = jensen_shannon_distance(p, r)
    assert direct <= jensen_shannon_distance(p, q) + jensen_shannon_distance(q, r) + 1e-9


def test_rounding_never_makes_it_nan():
    rng = np.random.default_rng(0)
    p = rng.random((2000, 7))
    distances = jensen_shannon_distance(p, p * (1 + 1e-15 * rng.standard_normal(p.shape)))
    assert np.isfinite(distances).all()
    assert distances.max() < 1e-6


def test_each_feature_has_its_own():
    p, q = np.array([[1, 0], [1, 1]]), np.array([[0, 1], [2, 2]])
    assert jensen_shannon_distance(p, q) == pytest.approx([np.sqrt(np.log(2)), 0])


def test_bins_are_closed_below_and_the_outermost_take_the_rest():
    column = np.array([0.0, 0.019, 0.02, 0.5, 0.98, 1.0, -0.1, 1.7])
    found = feature_counts(np.stack([column, np.full(8, 0.3)], axis=1))
    assert found.shape == (2, BINS)
    assert {i: n for i, n in enumerate(found[0]) if n} == {0: 3, 1: 1, 25: 1, 49: 3}
    assert {i: n for i, n in enumerate(found[1]) if n} == {15: 8}
