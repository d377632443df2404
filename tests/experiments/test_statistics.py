"""Means, intervals and expert samples to a threshold, on numbers worked out by hand."""

import numpy as np
import pytest

from mereq.experiments.statistics import SamplesToThreshold, mean_ci95, samples_to_threshold


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
