"""Sets of actions: their arrays, their uniform draws, and distributions over them from parameters and back."""

import numpy as np
import pytest
from scipy.stats import chisquare, kstest, uniform

from ids import words
from mereq.core.actions import Box, Discrete, parameters_of
from mereq.core.distribution import Categorical, SquashedGaussian

BOTH = pytest.mark.parametrize("actions", [Discrete(4), Box(3)], ids=words)


@BOTH
def test_what_is_drawn_has_the_shape_of_actions(actions):
    drawn = actions.uniform(np.random.default_rng(0), 7)
    assert drawn.shape == (7, *actions.shape)
    assert np.array_equal(drawn.astype(actions.dtype), drawn)  # nothing is lost in memory


@BOTH
def test_a_distribution_is_its_parameters(actions):
    """From parameters to a distribution and back; and it gives as many actions as there are rows."""
    parameters = np.random.default_rng(1).normal(size=(5, actions.n_parameters))
    distribution = actions.distribution(parameters)
    np.testing.assert_array_equal(distribution.parameters, parameters)
    np.testing.assert_array_equal(parameters_of(distribution, actions, 5), parameters)
    assert distribution.mode().shape == distribution.sample(np.random.default_rng(2)).shape == (5, *actions.shape)


@BOTH
def test_without_a_distribution_the_parameters_are_zeros(actions):
    parameters = parameters_of(None, actions, 6)
    assert parameters.shape == (6, actions.n_parameters)
    assert not parameters.any()


def test_finitely_many_actions_have_a_log_probability_each():
    log_probs = np.log([[0.2, 0.8], [0.5, 0.5]])
    distribution = Discrete(2).distribution(log_probs)
    assert isinstance(distribution, Categorical)
    np.testing.assert_array_equal(distribution.log_probs, log_probs)


def test_a_box_has_means_and_then_log_stds():
    distribution = Box(2).distribution(np.array([[0.1, 0.2, -1.0, -2.0]]))
    assert isinstance(distribution, SquashedGaussian)
    np.testing.assert_array_equal(distribution.mean, [[0.1, 0.2]])
    np.testing.assert_array_equal(distribution.log_std, [[-1.0, -2.0]])


def test_all_actions_are_equally_likely():
    drawn = Discrete(5).uniform(np.random.default_rng(0), 5000)
    assert chisquare(np.bincount(drawn, minlength=5)).pvalue > 0.01


def test_a_box_is_filled_evenly_and_its_coordinates_independently():
    drawn = Box(2).uniform(np.random.default_rng(0), 5000)
    assert drawn.dtype == np.float32
    for coordinate in drawn.T:
        assert kstest(coordinate, uniform(-1.0, 2.0).cdf).pvalue > 0.01
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.04


def test_how_they_are_called():
    assert (str(Discrete(5)), str(Box(3))) == ("5 actions", "3 continuous actions")


def test_limits_are_mapped_to_minus_one_and_one():
    """Both ways, coordinate by coordinate; and what a space's units are is no part of the space."""
    space = Box(2, low=(-3.0, 2.0), high=(5.0, 3.0))
    inside, units = np.array([[-1.0, -1.0], [1.0, 1.0], [0.5, -0.5]]), [[-3.0, 2.0], [5.0, 3.0], [3.0, 2.25]]
    np.testing.assert_array_equal(space.to_units(inside), units)
    np.testing.assert_array_equal(space.from_units(np.array(units)), inside)
    assert space == Box(2)
    assert space == Box(2, low=(-3.0, 2.0))


def test_without_limits_units_are_minus_one_and_one():
    low, high = Box(2).limits
    assert (low.tolist(), high.tolist()) == ([-1.0, -1.0], [1.0, 1.0])
