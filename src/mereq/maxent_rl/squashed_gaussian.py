"""Squashed Gaussians in JAX: parameters and log-probabilities."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

LOG_STD = (-20.0, 2.0)  # limits of a log-std, as in Stable-Baselines3


def split_parameters(
    parameters: Float[Array | np.ndarray, "*batch parameters"],
) -> tuple[Float[Array, "*batch actions"], Float[Array, "*batch actions"]]:
    """Mean and log-std from rows of parameters."""
    mean, log_std = jnp.split(jnp.asarray(parameters), 2, axis=-1)
    return mean, log_std


def log_prob(
    u: Float[Array, "*batch actions"], mean: Float[Array, "*batch actions"], log_std: Float[Array, "*batch actions"]
) -> Float[Array, "*batch"]:
    """Log-probability log pi(a|s) of a = tanh(u), given u: the normal density times the Jacobian of arctanh.

    sum_i log N(u_i; mean_i, std_i) - log(1 - tanh(u_i)^2)
    """
    log_slope = 2.0 * (math.log(2.0) - u - jax.nn.softplus(-2.0 * u))
    return (_normal(u, mean, log_std) - log_slope).sum(axis=-1)


def normal_log_prob(
    u: Float[Array, "*batch actions"], mean: Float[Array, "*batch actions"], log_std: Float[Array, "*batch actions"]
) -> Float[Array, "*batch"]:
    """Log-probability of u itself: sum_i log N(u_i; mean_i, std_i)."""
    return _normal(u, mean, log_std).sum(axis=-1)


def _normal(u: Array, mean: Array, log_std: Array) -> Array:
    z = (u - mean) * jnp.exp(-log_std)
    return -0.5 * z * z - log_std - 0.5 * math.log(2.0 * math.pi)
