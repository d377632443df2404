"""Laplace approximation of a posterior: its mode by Newton's method, and a normal distribution around it.

    mode = argmax_x  sum_i l_i(x) + log p(x)        H = -d2/dx2 of the sum, at the mode

The l_i are log-likelihoods of units of evidence. If each unit is a step, H counts the steps of one intervention as
independent, although one wish made all of them. The covariance that holds whatever the correlation within a unit is the
sandwich C = H^-1 (P + sum_i g_i g_i^T) H^-1, with g_i the gradient of unit i, an intervention, and P the precision of
the prior. Votes are one per decision, so that both covariances agree for a model that is right.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array, Float

from mereq.irl.posterior import NormalPrior


@dataclass(frozen=True)
class Laplace:
    """Normal approximation of a posterior."""

    mode: Float[np.ndarray, " d"]
    covariance: Float[np.ndarray, "d d"]  # H^-1
    gradients: Float[np.ndarray, "units d"]  # g_i, at the mode
    prior_precision: Float[np.ndarray, "d d"]

    @property
    def sandwich(self) -> Float[np.ndarray, "d d"]:
        """Covariance that is right for units whose parts are correlated."""
        spread = self.prior_precision + self.gradients.T @ self.gradients
        return self.covariance @ spread @ self.covariance

    @property
    def influences(self) -> Float[np.ndarray, "units d"]:
        """Change of the mode if a unit is left out, to first order: -H^-1 g_i."""
        return -self.gradients @ self.covariance


def laplace(
    log_likelihoods: Callable[[Float[Array, " d"]], Float[Array, " units"]],
    prior: NormalPrior,
    *,
    start: Float[np.ndarray, " d"] | None = None,
    iterations: int = 100,
    tolerance: float = 1e-5,
) -> Laplace:
    """Laplace approximation by damped Newton steps, each of which increases the log-posterior.

    Args:
        log_likelihoods: of the units of evidence, in JAX, twice differentiable.
        prior: of the parameters.
        start: of the search; by default the prior's mean. A posterior with several modes has one in each of their
            surroundings.
        iterations: largest number of steps, accepted or not.
        tolerance: a step that is shorter, in standard deviations of the prior, is the last.
    """
    precision = np.diag(np.asarray(prior.std, float) ** -2.0)
    total = jax.jit(lambda x: log_likelihoods(x).sum())
    derivatives = jax.jit(
        lambda x: (jax.jacfwd(log_likelihoods)(x), jax.hessian(lambda y: log_likelihoods(y).sum())(x))
    )

    def value(x: np.ndarray) -> float:
        return float(total(x)) - 0.5 * float(((x - prior.mean) / prior.std) @ ((x - prior.mean) / prior.std))

    def differentiated(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gradients, hessian = derivatives(x)
        return np.array(gradients, float), np.array(hessian, float)

    x: np.ndarray = np.array(prior.mean if start is None else start, float)
    here, damping = value(x), 0.0
    gradients, hessian = differentiated(x)
    for _ in range(iterations):
        curvature = precision - hessian
        lowest = float(np.linalg.eigvalsh(curvature)[0])
        shift = max(damping, 1e-3 - lowest if lowest <= 0 else 0.0)
        ascent = gradients.sum(axis=0) - precision @ (x - prior.mean)
        step: np.ndarray = np.linalg.solve(curvature + shift * np.eye(len(x)), ascent)
        there = value(x + step)
        if there < here - 1e-6 * abs(here):
            damping = 4.0 * max(shift, 1e-3)
            continue
        x, here, damping = x + step, there, 0.25 * damping if damping > 1e-3 else 0.0
        gradients, hessian = differentiated(x)
        if (np.abs(step) < tolerance * prior.std).all():
            break
    return Laplace(x, np.linalg.inv(precision - hessian), gradients, precision)
