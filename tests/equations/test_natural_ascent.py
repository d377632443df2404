"""The natural way of theta against the Newton step on a problem whose Hessian is known, and what makes it worth it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mereq.irl.ascent import CONSTANT, direction

pytestmark = pytest.mark.paper("Alg. 1, l. 10 the step of theta")

MATRICES = arrays.arrays(np.float64, (40, 3), elements=st.floats(0.0, 1.0))
GRADIENTS = arrays.arrays(np.float64, 3, elements=st.floats(-1.0, 1.0))


def boltzmann(features, theta):
    """Maximum entropy over a finite set of things with these features: probabilities proportional to exp(theta . f)."""
    weights = np.exp(features @ theta)
    return weights / weights.sum()


def test_it_is_newtons_step_where_what_was_seen_are_the_things_themselves():
    """L(theta) = theta . wanted - log Z: its Hessian, by finite differences, against the step from theta = 0."""
    features = np.random.default_rng(0).random((500, 3)) * [4.0, 1.0, 0.5]
    wanted = boltzmann(features, np.array([0.3, -0.8, 0.4])) @ features

    def gradient(theta):
        return wanted - boltzmann(features, theta) @ features

    hessian = np.column_stack([(gradient(h) - gradient(-h)) / 2e-4 for h in 1e-4 * np.eye(3)])
    newton = np.linalg.solve(CONSTANT * np.eye(3) - hessian, gradient(np.zeros(3)))
    scale = features.var(axis=0).mean()
    np.testing.assert_allclose(direction(gradient(np.zeros(3)), features, "natural"), scale * newton, rtol=1e-5)


def test_of_two_features_that_go_along_the_one_that_explains_both_gets_the_weight():
    """Theta = (0, -0.8) moves the mean of the first feature, too; the gradient would blame both."""
    rng = np.random.default_rng(1)
    height = rng.random(4000)
    features = np.column_stack([0.6 - 0.5 * height + 0.1 * rng.standard_normal(4000), height])
    truth = np.array([0.0, -0.8])
    gradient = boltzmann(features, truth) @ features - features.mean(axis=0)
    plain, natural = (direction(gradient, features, ascent) for ascent in ("gradient", "natural"))
    assert plain[0] / plain[1] == pytest.approx(-0.5, abs=0.1)
    assert abs(natural[0] / natural[1]) < 0.25
    assert abs(natural[0] / natural[1]) < 0.5 * abs(plain[0] / plain[1])


@given(GRADIENTS)
def test_the_papers_way_is_the_gradient(gradient):
    assert direction(gradient, np.full((1, 3), np.nan), "gradient") is gradient


@given(MATRICES, GRADIENTS)
def test_both_ways_go_up(seen, gradient):
    """And a feature that never varies makes nothing infinite."""
    way = direction(gradient, seen, "natural")
    assert np.isfinite(way).all()
    assert way @ gradient >= -1e-12


@given(MATRICES, GRADIENTS)
def test_what_is_left_out_stays_out(seen, gradient):
    """A feature that weighs nothing: its gradient is 0, and so are its columns."""
    one_less = np.array([1.0, 1.0, 0.0])
    assert direction(gradient * one_less, seen * one_less, "natural")[2] == 0.0


def test_a_step_in_numbers():
    """Two features, one of variance 1/4 and one that is constant: v = 1/8, and the constant counts as .0002."""
    seen = np.array([[0.0, 0.5], [1.0, 0.5]])
    way = direction(np.array([0.1, 0.01]), seen, "natural")
    np.testing.assert_allclose(way, [0.125 * 0.1 / 0.2502, 0.125 * 0.01 / 0.0002], rtol=1e-12)


def test_a_task_with_one_feature():
    """np.cov of one column is a number; the way is v / (v + .0002) times the gradient."""
    way = direction(np.array([0.3]), np.array([[0.0], [1.0]]), "natural")
    np.testing.assert_allclose(way, [0.25 / 0.2502 * 0.3], rtol=1e-12)
