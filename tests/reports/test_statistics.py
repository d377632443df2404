"""Statistics over seeds: on numbers worked out by hand, against rliable, and by their properties."""

import sys
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mereq.reports.statistics import (
    Samples,
    SamplesToThreshold,
    interquartile_mean,
    interquartile_mean_samples,
    mean_ci95,
    mean_samples,
    probability_of_fewer_samples,
    probability_of_improvement,
    ratio_of_means,
    samples_to_threshold,
)

pytestmark = pytest.mark.paper("section 6.1 expert samples to a threshold")

counts = st.lists(st.integers(1, 5000), min_size=2, max_size=10).map(lambda values: np.array(values, float))


def rng():
    return np.random.default_rng(0)


def reached(*values):
    return Samples(np.array(values, float), np.array(values, float))


def with_censored(got_there, never):
    return Samples(np.array([*got_there, *never], float), np.array([*got_there, *[np.inf] * len(never)], float))


def test_interval_of_three_values_is_student_t():
    mean, half = mean_ci95(np.array([1.0, 2.0, 3.0]))
    assert mean == pytest.approx(2.0)
    assert half == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)  # t(0.975, 2 dof) * std 1 / sqrt 3


def test_interval_is_taken_over_the_first_axis():
    mean, half = mean_ci95(np.array([[1.0, 10.0], [3.0, 10.0]]))
    assert mean.tolist() == [2.0, 10.0]
    assert half == pytest.approx([12.706205 * np.sqrt(2) / np.sqrt(2), 0.0], rel=1e-6)


def test_one_value_has_no_interval():
    mean, half = mean_ci95(np.array([4.0]))
    assert mean == 4.0
    assert np.isnan(half)


def test_samples_count_up_to_the_first_round_below_delta():
    rates, samples = [0.3, 0.09, 0.2, 0.04], [300, 345, 545, 565]
    assert samples_to_threshold(rates, samples, delta=0.10) == SamplesToThreshold(345, censored=False)
    assert samples_to_threshold(rates, samples, delta=0.05) == SamplesToThreshold(565, censored=False)


def test_a_rate_equal_to_delta_is_not_below_it():
    assert samples_to_threshold([0.1], [100], delta=0.1) == SamplesToThreshold(100, censored=True)


def test_a_run_that_never_gets_there_is_censored_at_its_total():
    assert samples_to_threshold([0.3, 0.2], [300, 500], delta=0.05) == SamplesToThreshold(500, censored=True)


def test_rounds_and_counts_must_match():
    with pytest.raises(ValueError, match="one rate and one count per round"):
        samples_to_threshold([0.1, 0.2], [1], delta=0.1)


def test_samples_of_runs_are_bounds():
    samples = Samples.of([SamplesToThreshold(345, censored=False), SamplesToThreshold(500, censored=True)])
    assert samples.at_least.tolist() == [345, 500]
    assert samples.at_most.tolist() == [345, np.inf]
    assert samples.censored.tolist() == [False, True]


def test_a_mean_with_a_censored_run_is_a_lower_bound():
    assert mean_samples(reached(100, 300)).sign == ""
    estimate = mean_samples(with_censored([100], [300]))
    assert (estimate.value, estimate.sign) == (200, "≥")


# Interquartile mean


def test_interquartile_mean_of_eight_drops_two_at_each_end():
    assert interquartile_mean(np.array([1000.0, 1, 4, 5, 6, 7, -1000, 90])) == (4 + 5 + 6 + 7) / 4


def test_interquartile_mean_of_three_is_their_mean():
    assert interquartile_mean(np.array([1.0, 2.0, 9.0])) == 4.0


@given(counts, st.randoms(use_true_random=False))
def test_interquartile_mean_does_not_see_the_order(values, random):
    shuffled = values.copy()
    random.shuffle(shuffled)
    assert interquartile_mean(shuffled) == pytest.approx(interquartile_mean(values), rel=1e-12)


@given(counts, st.floats(0.01, 100), st.floats(-1000, 1000))
def test_interquartile_mean_scales_and_shifts(values, factor, shift):
    expected = factor * interquartile_mean(values) + shift
    assert interquartile_mean(factor * values + shift) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(counts, st.integers(0, 2**32 - 1))
def test_interquartile_mean_and_its_interval_lie_between_the_extremes(values, seed):
    estimate = interquartile_mean_samples([reached(*values)], rng=np.random.default_rng(seed), resamples=100)
    tolerance = 1e-9 * values.max()
    assert values.min() - tolerance <= estimate.low <= estimate.high <= values.max() + tolerance
    assert values.min() - tolerance <= estimate.value <= values.max() + tolerance


def test_interquartile_mean_is_exact_while_censored_runs_are_in_the_upper_quarter():
    estimate = interquartile_mean_samples([with_censored([1, 2, 3, 4, 5, 6], [7, 8])], rng=rng())
    assert (estimate.value, estimate.sign) == (4.5, "")
    assert estimate.high == np.inf  # many resamples have more than two of them


def test_interquartile_mean_is_a_lower_bound_when_a_censored_run_stopped_in_the_middle():
    estimate = interquartile_mean_samples([with_censored([1, 2, 4, 5, 6, 7, 8], [3])], rng=rng())
    assert (estimate.value, estimate.sign) == (4.5, "≥")


@given(counts, st.data())
def test_what_censored_runs_would_have_needed_stays_inside_the_interval(values, data):
    """Whatever they are continued to, the interval of the continued runs is within the one made without knowing."""
    n = data.draw(st.integers(0, len(values)))
    more = np.array(data.draw(st.lists(st.integers(0, 9000), min_size=n, max_size=n)), float)
    continued = values.copy()
    continued[:n] += more
    other = reached(100, 200, 300)
    unknown = Samples(values, np.where(np.arange(len(values)) < n, np.inf, values))
    known = reached(*continued)
    for statistic in (
        lambda samples: interquartile_mean_samples([samples], rng=rng(), resamples=100),
        lambda samples: ratio_of_means(samples, other, rng=rng(), resamples=100),
        lambda samples: ratio_of_means(other, samples, rng=rng(), resamples=100),
    ):
        outer, inner = statistic(unknown), statistic(known)
        assert outer.low <= inner.low * (1 + 1e-12)
        assert inner.high <= outer.high * (1 + 1e-12)
        if outer.sign == "":
            assert outer.value == pytest.approx(inner.value)
        elif outer.sign == "≥":
            assert outer.value <= inner.value * (1 + 1e-12)
        else:
            assert outer.value >= inner.value * (1 - 1e-12)


def test_one_run_has_no_bootstrap_interval():
    for estimate in (
        interquartile_mean_samples([reached(5)], rng=rng()),
        probability_of_fewer_samples([reached(5)], [reached(6, 7)], rng=rng()),
        ratio_of_means(reached(6, 8), reached(5), rng=rng()),
    ):
        assert np.isnan([estimate.low, estimate.high]).all()


def test_the_same_generator_gives_the_same_interval():
    samples = [reached(3, 1, 4, 1, 5, 9)]
    assert interquartile_mean_samples(samples, rng=rng()) == interquartile_mean_samples(samples, rng=rng())


def calls_for(resamples: int) -> int:
    """Number of Python's calls that statistics with so many resamples take."""
    tasks, calls = [reached(*np.arange(8) + 100 * task) for task in range(4)], Counter()
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, arg: calls.update([event]))
    try:
        interquartile_mean_samples(tasks, rng=rng(), resamples=resamples)
        probability_of_fewer_samples(tasks, tasks, rng=rng(), resamples=resamples)
        ratio_of_means(tasks[0], tasks[1], rng=rng(), resamples=resamples)
    finally:
        sys.setprofile(before)
    return calls["call"] + calls["c_call"]


def test_resamples_are_arrays_and_no_loop():
    calls_for(10)  # the first calls of a function are checked
    assert calls_for(10_000) < calls_for(100) + 9_000  # a loop makes a call for each, at least


# Probability of improvement


def test_probability_of_improvement_counts_pairs_and_half_the_ties():
    assert probability_of_improvement([np.array([1.0, 2.0])], [np.array([2.0, 3.0, 0.0])]) == (2 + 1.5) / 6


@given(counts, counts, st.floats(0.01, 100))
def test_probability_of_improvement_is_a_probability_and_symmetric(x, y, factor):
    p = probability_of_improvement([x], [y])
    assert 0 <= p <= 1
    assert probability_of_improvement([y], [x]) == pytest.approx(1 - p)
    assert probability_of_improvement([x], [x]) == 0.5
    assert probability_of_improvement([factor * x], [factor * y]) == p  # an order is all it sees
    assert probability_of_improvement([x[::-1]], [y]) == pytest.approx(p)


def test_a_censored_run_is_worse_than_any_that_got_there_and_ties_with_another():
    early, late = with_censored([], [10, 10]), reached(1000, 2000)
    assert probability_of_fewer_samples([early], [late], rng=rng()).value == 0.0
    assert probability_of_fewer_samples([early], [with_censored([], [99, 99])], rng=rng()).value == 0.5


@given(counts, counts)
def test_the_interval_of_the_probability_lies_in_zero_to_one(x, y):
    estimate = probability_of_fewer_samples([reached(*x)], [reached(*y)], rng=rng(), resamples=100)
    assert -1e-12 <= estimate.low <= estimate.high <= 1 + 1e-12


# Ratio of means


def test_ratio_of_means_by_hand():
    estimate = ratio_of_means(reached(300, 500), reached(100, 300), rng=rng())
    assert (estimate.value, estimate.sign) == (2.0, "")
    assert (estimate.low, estimate.high) == (1.0, 5.0)  # 300/300 and 500/100, each in 1 of 16 resamples


def test_ratio_interval_agrees_with_the_delta_method():
    x, y = np.random.default_rng(1).normal(2000, 200, 200), np.random.default_rng(2).normal(1000, 100, 200)
    estimate = ratio_of_means(reached(*x), reached(*y), rng=rng())
    relative = np.hypot(x.std() / x.mean(), y.std() / y.mean()) / np.sqrt(200)
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * estimate.value * relative, rel=0.05)


@pytest.mark.parametrize(
    ("x", "y", "sign", "low", "high"),
    [
        (with_censored([100], [200]), reached(100, 100), "≥", 1.0, np.inf),
        (reached(100, 200), with_censored([100], [100]), "≤", 0.0, 2.0),
        (with_censored([100], [200]), with_censored([100], [100]), "≷", 0.0, np.inf),
    ],
)
def test_censored_runs_leave_a_bound_of_a_ratio(x, y, sign, low, high):
    estimate = ratio_of_means(x, y, rng=rng())
    assert (estimate.value, estimate.sign, estimate.low, estimate.high) == (1.5, sign, low, high)


@given(counts, counts, st.floats(0.1, 10))
def test_ratio_scales_with_the_numerator(x, y, factor):
    one = ratio_of_means(reached(*x), reached(*y), rng=rng(), resamples=100)
    scaled = ratio_of_means(reached(*factor * x), reached(*y), rng=rng(), resamples=100)
    assert (scaled.value, scaled.low, scaled.high) == pytest.approx(
        (factor * one.value, factor * one.low, factor * one.high)
    )
    assert ratio_of_means(reached(*x), reached(*x), rng=rng(), resamples=100).value == 1.0


def test_a_ratio_to_nothing_is_infinite_and_of_nothing_undefined():
    assert ratio_of_means(reached(1, 2), reached(0, 0), rng=rng()).value == np.inf
    nothing = ratio_of_means(reached(0, 0), reached(0, 0), rng=rng())
    assert np.isnan(nothing.value)
    assert (nothing.low, nothing.high) == (0.0, np.inf)


# Against rliable, whose scores are (runs, tasks) and the better the higher

FIXTURES = {
    "one task": np.random.default_rng(3).integers(300, 4000, size=(8, 1)).astype(float),
    "four tasks": np.random.default_rng(4).gamma(3, 500, size=(8, 4)),
    "odd number, ties": np.random.default_rng(5).integers(1, 5, size=(5, 3)).astype(float),
    "heavy tail": np.exp(np.random.default_rng(6).normal(7, 1.5, size=(10, 2))),
}


@pytest.fixture(scope="module")
def rliable():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that rliable imports, about their own imports
        from rliable import library, metrics
    return library, metrics


@pytest.fixture(params=FIXTURES.values(), ids=FIXTURES)
def scores(request):
    return request.param


def tasks_of(scores):
    return [reached(*column) for column in scores.T]


def test_interquartile_mean_equals_rliable(rliable, scores):
    _, metrics = rliable
    assert interquartile_mean(scores) == metrics.aggregate_iqm(scores)
    assert interquartile_mean_samples(tasks_of(scores), rng=rng()).value == pytest.approx(
        metrics.aggregate_iqm(scores), rel=1e-12
    )


def test_interquartile_mean_interval_equals_rliable(rliable, scores):
    library, metrics = rliable
    np.random.seed(0)  # noqa: NPY002 (rliable draws from it)
    _, intervals = library.get_interval_estimates(
        {"x": scores}, lambda x: np.array([metrics.aggregate_iqm(x)]), reps=2500
    )
    ours = interquartile_mean_samples(tasks_of(scores), rng=rng(), resamples=50_000)
    low, high = intervals["x"][:, 0]
    assert abs(ours.low - low) < 0.08 * (high - low)  # 0.03 is the standard error of a percentile of 2500 draws, about
    assert abs(ours.high - high) < 0.08 * (high - low)


def test_probability_of_improvement_equals_rliable(rliable, scores):
    _, metrics = rliable
    other = np.random.default_rng(7).permutation(scores.ravel()).reshape(scores.shape)[:-1] * 1.2
    for x, y in ((scores, other), (other, scores), (scores, scores)):
        ours = probability_of_improvement(list(x.T), list(y.T))
        assert ours == pytest.approx(metrics.probability_of_improvement(-x, -y), rel=1e-12)


def test_probability_interval_equals_rliable(rliable):
    library, metrics = rliable
    x, y = FIXTURES["four tasks"], FIXTURES["four tasks"][::-1, ::-1][:6] * 1.2
    np.random.seed(0)  # noqa: NPY002 (rliable draws from it)
    _, intervals = library.get_interval_estimates(
        {"x": [-x, -y]}, lambda a, b: np.array([metrics.probability_of_improvement(a, b)]), reps=300
    )
    ours = probability_of_fewer_samples(tasks_of(x), tasks_of(y), rng=rng())
    assert [ours.low, ours.high] == pytest.approx(intervals["x"][:, 0], abs=0.05)
