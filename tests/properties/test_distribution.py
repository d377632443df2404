"""Categorical: a distribution, whatever the logits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.stats import chisquare

from mereq.core.distribution import Categorical

logits = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(-1e4, 1e4))


@given(logits)
def test_probabilities_sum_to_one(x):
    log_probs = Categorical.from_logits(x).log_probs
    assert np.isfinite(log_probs).all()
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=1), 1.0, rtol=1e-12)


@given(logits, st.floats(-1e3, 1e3))
def test_a_shift_of_a_rows_logits_changes_nothing(x, shift):
    """Z_s takes out any constant of a state: why V*(s) never matters to a policy."""
    shifts = shift * np.arange(1, len(x) + 1)[:, None]
    np.testing.assert_allclose(
        Categorical.from_logits(x + shifts).log_probs, Categorical.from_logits(x).log_probs, atol=1e-9
    )


@given(logits)
def test_log_odds_are_differences_of_logits(x):
    log_probs = Categorical.from_logits(x).log_probs
    np.testing.assert_allclose(log_probs - log_probs[:, :1], x - x[:, :1], atol=1e-9)


@given(logits)
def test_the_mode_is_the_first_of_the_largest(x):
    modes = Categorical.from_logits(np.round(x, -3)).mode()  # rounded, so that there are ties
    assert modes.tolist() == [row.tolist().index(row.max()) for row in np.round(x, -3)]


def test_samples_have_the_right_frequencies():
    """Chi-square of 20,000 draws for each of two rows, drawn together; the third action of the second never comes."""
    p = np.array([[0.1, 0.6, 0.3], [0.5, 0.5, 0.0]])
    with np.errstate(divide="ignore"):
        distribution = Categorical(np.repeat(np.log(p), 20_000, axis=0))
    drawn = distribution.sample(np.random.default_rng(0)).reshape(2, -1)
    frequencies = [np.bincount(row, minlength=3) for row in drawn]
    assert chisquare(frequencies[0], 20_000 * p[0]).pvalue > 0.01
    assert chisquare(frequencies[1][:2]).pvalue > 0.01
    assert frequencies[1][2] == 0
    assert abs(np.corrcoef(drawn[0] == 1, drawn[1] == 1)[0, 1]) < 0.03  # rows are drawn independently


def test_sampling_follows_its_generator():
    distribution = Categorical.from_logits(np.zeros((50, 4)))
    same = [distribution.sample(np.random.default_rng(5)).tolist() for _ in range(2)]
    assert same[0] == same[1]
    assert same[0] != distribution.sample(np.random.default_rng(6)).tolist()
