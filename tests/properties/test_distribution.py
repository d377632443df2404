"""Categorical: a distribution, whatever the logits. Gaussians, squashed and clipped, and samples with weights."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.integrate import quad
from scipy.stats import chisquare, kstest, norm

from mereq.core.distribution import NEVER, Categorical, ClippedGaussian, SquashedGaussian, WeightedSamples, log_softmax

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


# ------------------------------------------------------------------------------------------------ SquashedGaussian

MEANS, STDS = np.array([[0.0, -0.7], [1.5, 3.0]], np.float32), np.array([[0.3, 1.2], [0.05, 2.0]], np.float32)
N = 20_000


def drawn(rng: np.random.Generator) -> np.ndarray:
    """(N, 2, 2): draws, rows, coordinates."""
    distribution = SquashedGaussian(np.tile(MEANS, (N, 1)), np.tile(np.log(STDS), (N, 1)))
    return distribution.sample(rng).reshape(N, 2, 2)


def test_before_the_tanh_samples_are_normal():
    """Kolmogorov-Smirnov of each row's and coordinate's 20,000 draws. Float32 cannot tell 1 from what is near it."""
    samples = drawn(np.random.default_rng(0)).astype(np.float64)
    assert (np.abs(samples) <= 1.0).all()
    for row, coordinate in np.ndindex(2, 2):
        if MEANS[row, coordinate] + 3 * STDS[row, coordinate] < 5:
            normal = norm(MEANS[row, coordinate], STDS[row, coordinate])
            assert kstest(np.arctanh(samples[:, row, coordinate]), normal.cdf).pvalue > 0.01


def test_sample_moments_are_those_of_the_density():
    """Mean and mean square against numerical integration, within four standard errors."""
    samples = drawn(np.random.default_rng(1)).astype(np.float64)
    for row, coordinate in np.ndindex(2, 2):
        normal = norm(MEANS[row, coordinate], STDS[row, coordinate])
        for power in (1, 2):
            moment, square = (
                quad(lambda u, k=k, n=normal: np.tanh(u) ** k * n.pdf(u), *normal.interval(1 - 1e-12))[0]
                for k in (power, 2 * power)
            )
            deviation = np.sqrt((square - moment**2) / N)
            assert abs((samples[:, row, coordinate] ** power).mean() - moment) < 4 * deviation


def test_rows_and_coordinates_are_drawn_independently():
    correlations = np.corrcoef(drawn(np.random.default_rng(2)).reshape(N, 4).T)
    assert np.abs(correlations - np.eye(4)).max() < 0.03


def test_the_mode_is_the_median_of_each_coordinate():
    """tanh grows, so half of all samples are below tanh of the mean."""
    mode = SquashedGaussian(MEANS, np.log(STDS)).mode()
    np.testing.assert_allclose(np.arctanh(mode.astype(np.float64)), MEANS, rtol=1e-4)
    below = (drawn(np.random.default_rng(3)) < mode).mean(axis=0)
    np.testing.assert_allclose(below, 0.5, atol=4 * 0.5 / np.sqrt(N))


def test_squashed_samples_are_float32_and_follow_their_generator():
    one, again, other = (drawn(np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_log_softmax_is_over_the_last_axis():
    """For any number of axes, probabilities sum to 1 over the last one."""
    x = np.random.default_rng(0).normal(size=(3, 2, 4))
    np.testing.assert_allclose(np.exp(log_softmax(x)).sum(axis=2), np.ones((3, 2)), rtol=1e-12)
    np.testing.assert_array_equal(log_softmax(x)[1], log_softmax(x[1]))
    np.testing.assert_array_equal(log_softmax(x)[1, 0], log_softmax(x[1, 0]))


def test_a_squashed_gaussian_adds_its_noise_to_the_mean():
    """Recorded runs depend on the sign, too."""
    mean, log_std = np.array([[0.5, -1.0]], np.float32), np.array([[0.0, -2.0]], np.float32)
    noise = np.random.default_rng(4).standard_normal((1, 2), dtype=np.float32)
    drawn = SquashedGaussian(mean, log_std).sample(np.random.default_rng(4))
    np.testing.assert_array_equal(drawn, np.tanh(mean + np.exp(log_std) * noise))


# ------------------------------------------------------------------------------- known by samples, and clipped


def test_shares_of_samples_are_probabilities():
    """Also of an action that was drawn once; one that was never drawn has probability zero, and a finite logarithm."""
    distribution = Categorical.from_samples(np.array([[0, 0, 2, 0], [1, 1, 1, 1]]), 3)
    np.testing.assert_allclose(np.exp(distribution.log_probs), [[0.75, 0.0, 0.25], [0.0, 1.0, 0.0]], rtol=1e-6)
    assert distribution.log_probs[0, 1] == NEVER == -10_000.0
    assert distribution.log_probs.dtype == np.float32


def test_a_clipped_gaussian_is_a_normal_cut_off_at_the_limits():
    mean, log_std = np.array([[0.5, -3.0, 1.5]], np.float32), np.array([[0.0, -2.0, 0.5]], np.float32)
    distribution = ClippedGaussian(mean, log_std)
    np.testing.assert_array_equal(distribution.parameters, [[0.5, -3.0, 1.5, 0.0, -2.0, 0.5]])
    np.testing.assert_array_equal(distribution.mode(), [[0.5, -1.0, 1.0]])
    noise = np.random.default_rng(4).standard_normal((1, 3), dtype=np.float32)
    drawn = distribution.sample(np.random.default_rng(4))
    np.testing.assert_array_equal(drawn, np.clip(mean + np.exp(log_std) * noise, -1.0, 1.0))
    assert -1.0 in drawn
    many = ClippedGaussian(np.zeros((999, 1), np.float32), np.ones((999, 1), np.float32))
    assert set(np.sign(many.sample(np.random.default_rng(0)).ravel()).tolist()) == {-1.0, 1.0}


def test_a_sample_is_chosen_by_its_weight():
    """Weights 1, 2 and 1: the quarters of [0, 1) belong to the first, twice the second, and the third sample."""
    actions = np.arange(6.0).reshape(1, 3, 2).repeat(4, axis=0)
    chosen = np.array([0.1, 0.25, 0.7, 0.8])
    distribution = WeightedSamples(actions, np.log(np.tile([1.0, 2.0, 1.0], (4, 1))), chosen)
    np.testing.assert_array_equal(distribution.parameters, np.tile(np.arange(6.0), (4, 1)))
    np.testing.assert_array_equal(distribution.mode(), [[0, 1], [2, 3], [2, 3], [4, 5]])
    quantiles = np.random.default_rng(3).random(4)
    at = np.searchsorted([0.25, 0.75], quantiles, side="right")
    np.testing.assert_array_equal(distribution.sample(np.random.default_rng(3)), actions[0, at])
    last = WeightedSamples(actions[:1], np.zeros((1, 3)), np.array([1.0]))  # a float32 that was rounded up
    np.testing.assert_array_equal(last.mode(), [[4, 5]])
