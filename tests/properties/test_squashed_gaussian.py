"""The squashed Gaussian: its density against scipy's and against its own distribution function, near and far out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad
from scipy.stats import kstest, norm

from exact_sac import log_density
from mereq.core.actions import Box
from mereq.core.distribution import SquashedGaussian
from mereq.maxent_rl.squashed_gaussian import LOG_STD, log_prob, split_parameters

pytestmark = pytest.mark.paper("section 3.1 squashed Gaussian, its density")


def rows(lowest: float, highest: float, dtype=np.float64):
    """Five rows of two numbers."""
    limits = {"width": 8 * np.dtype(dtype).itemsize, "allow_subnormal": False}
    return arrays(dtype, (5, 2), elements=st.floats(lowest, highest, **limits))


@given(rows(-30, 30), rows(-10, 10), rows(-5, 2))
def test_log_prob_is_scipys_normal_over_the_slope_of_tanh(u, mean, log_std):
    """To rounding error of float64, u = 30 included, where 1 - tanh(u)^2 is 0 to the computer."""
    with jax.enable_x64(True):
        ours = log_prob(*map(jnp.asarray, (u, mean, log_std)))
    np.testing.assert_allclose(ours, log_density(u, mean, log_std), rtol=1e-12, atol=1e-12)


@given(rows(-30, 30, np.float32), rows(-10, 10, np.float32), rows(-5, 2, np.float32))
def test_single_precision_is_enough(u, mean, log_std):
    """What updates compute in: against float64, on numbers that float32 has."""
    exact = log_density(*(np.float64(x) for x in (u, mean, log_std)))
    np.testing.assert_allclose(log_prob(*map(jnp.asarray, (u, mean, log_std))), exact, rtol=2e-5, atol=1e-4)


@given(rows(-30, 30, np.float32), rows(-30, 30, np.float32), rows(*LOG_STD, np.float32))
def test_nothing_overflows(u, mean, log_std):
    """Up to |u| = 30 at every log-std that is allowed: log_prob and all of its derivatives are finite."""
    value, slopes = jax.value_and_grad(lambda *x: log_prob(*x).sum(), (0, 1, 2))(*map(jnp.asarray, (u, mean, log_std)))
    assert np.isfinite(value)
    assert all(np.isfinite(slope).all() for slope in slopes)


@given(st.floats(-0.99, 0.99), st.floats(-2, 2), st.floats(-2, 1))
def test_the_density_is_the_slope_of_the_distribution_function(a, mean, log_std):
    """P(action <= a) = Phi((arctanh(a) - mean) / std), differentiated numerically in a itself."""

    def below(action):
        return norm.cdf(np.arctanh(action), mean, np.exp(log_std))

    step = 1e-5 * (1 - abs(a))
    numerical = (below(a + step) - below(a - step)) / (2 * step)
    with jax.enable_x64(True):
        density = np.exp(log_prob(jnp.array([np.arctanh(a)]), jnp.array([mean]), jnp.array([log_std])))
    np.testing.assert_allclose(density, numerical, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("mean", "log_std"), [(0.0, 0.0), (1.0, -1.0), (-0.5, 0.5)])
def test_the_density_integrates_to_one(mean, log_std):
    """Over actions, from -1 to 1."""

    def density(a):
        u = np.array([np.arctanh(a)])
        return float(np.exp(log_prob(*map(jnp.asarray, (u, np.array([mean]), np.array([log_std])))))[()])

    with jax.enable_x64(True):
        assert quad(density, -1, 1, limit=200)[0] == pytest.approx(1.0, abs=1e-6)


def test_samples_are_of_this_distribution():
    """Kolmogorov-Smirnov on 20,000 draws of two coordinates, which are independent of each other."""
    mean, log_std = np.tile([[0.5, -1.0]], (20_000, 1)), np.tile([[-0.5, 0.2]], (20_000, 1))
    drawn = SquashedGaussian(mean, log_std).sample(np.random.default_rng(0))
    assert (np.abs(drawn) <= 1).all()
    for i in range(2):
        assert kstest(np.arctanh(drawn[:, i]), norm(mean[0, i], np.exp(log_std[0, i])).cdf).pvalue > 0.01
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.03


def test_the_mode_is_the_median():
    """tanh of the mean: half of the probability lies below it."""
    distribution = SquashedGaussian(np.array([[0.3, -4.0]]), np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(distribution.mode(), np.tanh([[0.3, -4.0]]))


@given(rows(-3, 3, np.float32), rows(-3, 2, np.float32))
def test_parameters_make_the_distribution_again(mean, log_std):
    """As stored with a transition: means first, then log-stds, in NumPy and in JAX."""
    parameters = SquashedGaussian(mean, log_std).parameters
    assert parameters.shape == (5, Box(2).n_parameters)
    again = Box(2).distribution(parameters)
    for one, other in zip((mean, log_std) * 2, (again.mean, again.log_std, *split_parameters(parameters)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_sampling_follows_its_generator():
    distribution = SquashedGaussian(np.zeros((50, 3), np.float32), np.zeros((50, 3), np.float32))
    draws = [distribution.sample(np.random.default_rng(seed)) for seed in (5, 5, 6)]
    assert draws[0].dtype == np.float32
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
