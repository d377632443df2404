"""Section 3.2: feature counts of steps add up, however the steps are split; and so does what the gradient sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mereq.irl.feature_counts import FeatureCounts
from mereq.irl.gradient import log_likelihood_gradient, normalized_gradient

pytestmark = pytest.mark.paper("section 3.2 feature counts")

# whole numbers, which float64 adds without rounding: equality below is exact
whole = st.integers(-100, 100).map(float)
steps = st.integers(0, 12).flatmap(lambda n: arrays(np.float64, (n, 3), elements=whole))
counts = steps.map(FeatureCounts.of)
policies = st.builds(FeatureCounts, arrays(np.float64, 3, elements=whole), st.integers(1, 8).map(lambda k: 2**k))


def same(a: FeatureCounts, b: FeatureCounts) -> bool:
    return a.steps == b.steps and np.array_equal(a.total, b.total)


@given(counts, counts, counts)
def test_counts_are_a_commutative_monoid(a, b, c):
    assert same((a + b) + c, a + (b + c))
    assert same(a + b, b + a)
    assert same(a + FeatureCounts.zero(3), a)
    assert same(FeatureCounts.zero(3) + a, a)
    assert same(FeatureCounts.union([a, b, c], 3), a + b + c)
    assert same(FeatureCounts.union([], 3), FeatureCounts.zero(3))


@given(steps)
def test_counts_are_sums_over_steps(features):
    """The union counts every step once; no steps are the neutral element."""
    counted = FeatureCounts.of(features)
    assert counted.steps == len(features)
    assert counted.total.tolist() == [sum(column) for column in features.T.tolist()]


@given(steps, st.data())
def test_splitting_segments_changes_nothing(features, data):
    """f(xi) = f(xi_1) + f(xi_2) wherever xi is cut: a pause in an intervention does not move theta."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(features)), max_size=4)))
    parts = [FeatureCounts.of(part) for part in np.split(features, cuts)]
    policy = data.draw(policies)
    whole_segment, split = FeatureCounts.of(features), FeatureCounts.union(parts, 3)
    assert same(whole_segment, split)
    np.testing.assert_array_equal(
        log_likelihood_gradient(whole_segment, policy), log_likelihood_gradient(split, policy)
    )
    separately = sum((log_likelihood_gradient(part, policy) for part in parts), np.zeros(3))
    np.testing.assert_allclose(separately, log_likelihood_gradient(split, policy), atol=1e-9)
    if split.steps:
        np.testing.assert_array_equal(normalized_gradient(whole_segment, policy), normalized_gradient(split, policy))


def test_many_small_float32_features_keep_their_sum():
    """A million float32 steps of 0.1 are summed in float64: float32's running sum would be off by a percent."""
    counted = FeatureCounts.of(np.full((1_000_000, 1), 0.1, np.float32))
    assert counted.mean[0] == pytest.approx(np.float64(np.float32(0.1)), rel=1e-9)
    assert counted.total.dtype == np.float64


def test_no_steps_have_no_mean():
    with pytest.raises(ValueError, match="no steps"):
        _ = FeatureCounts.zero(2).mean


def test_the_normalized_gradient_is_the_difference_of_the_means():
    """Twice the expert's steps with the same features: the gradient doubles, the normalised one stays."""
    expert = FeatureCounts.of(np.array([[1.0, 4.0], [3.0, 0.0]]))
    policy = FeatureCounts(np.array([4.0, 8.0]), 8)
    assert log_likelihood_gradient(expert, policy).tolist() == [3.0, 2.0]
    assert normalized_gradient(expert, policy).tolist() == [1.5, 1.0]
    assert log_likelihood_gradient(expert + expert, policy).tolist() == [6.0, 4.0]
    assert normalized_gradient(expert + expert, policy).tolist() == [1.5, 1.0]
