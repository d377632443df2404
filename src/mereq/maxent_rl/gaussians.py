"""Families of Gaussian policies in JAX: how a normal variable u becomes an action, and the log-probability of u.

Prior and learned policy are of one family, so that the first policy is the prior itself.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mereq.core.distribution import ClippedGaussian, Distribution, SquashedGaussian
from mereq.maxent_rl.squashed_gaussian import LOG_STD, log_prob, normal_log_prob

GaussianDistribution = SquashedGaussian | ClippedGaussian


class Family(NamedTuple):
    """A family of distributions of actions a, functions of a normal u."""

    distribution: type[SquashedGaussian] | type[ClippedGaussian]
    action: Callable[[Array, Array], Array]  # a, given u and the mean
    log_prob: Callable[[Array, Array, Array], Array]  # log pi(a|s), given u, the mean and the log-std
    log_std: tuple[float, float]  # limits of a log-std


@jax.custom_vjp
def clipped(u: Float[Array, "*batch actions"], mean: Float[Array, "*batch actions"]) -> Float[Array, "*batch actions"]:
    """clip(u, -1, 1) of u drawn around a mean.

    Where u and the mean lie beyond the same limit, the true derivative 0 is replaced by 1 for a descent that leads back
    inside. A policy whose mean lies far beyond a limit could otherwise never learn to leave it.
    """
    return jnp.clip(u, -1.0, 1.0)


def _forward(u: Array, mean: Array) -> tuple[Array, tuple[Array, Array]]:
    return clipped(u, mean), (u, mean)


def _backward(kept: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    u, mean = kept
    above = (u > 1.0) & (mean > 1.0) & (gradient > 0.0)  # a descent subtracts the gradient
    below = (u < -1.0) & (mean < -1.0) & (gradient < 0.0)
    return jnp.where((jnp.abs(u) <= 1.0) | above | below, gradient, 0.0), jnp.zeros_like(mean)


clipped.defvjp(_forward, _backward)


def _squashed(u: Array, mean: Array) -> Array:
    return jnp.tanh(u)


SQUASHED = Family(SquashedGaussian, _squashed, log_prob, LOG_STD)
CLIPPED = Family(ClippedGaussian, clipped, normal_log_prob, (-20.0, 10.0))


def family_of(distribution: Distribution | type) -> Family | None:
    """Family of a distribution; None if it belongs to none."""
    kind = distribution if isinstance(distribution, type) else type(distribution)
    return next((family for family in (SQUASHED, CLIPPED) if family.distribution is kind), None)


def gaussian(
    family: Family, parameters: Float[np.ndarray, "n parameters"], n_actions: int
) -> SquashedGaussian | ClippedGaussian:
    """Distributions of a family with these means and log-stds, the latter within the family's limits."""
    mean, log_std = parameters[:, :n_actions], parameters[:, n_actions:]
    return family.distribution(mean, np.clip(log_std, *family.log_std))
