"""Update direction of theta, from the gradient of the interventions' log-likelihood. Alg. 1, l. 10."""

from typing import Literal

import numpy as np
from jaxtyping import Float

Ascent = Literal["gradient", "natural"]  # the gradient, or the gradient divided by the covariance of the features

CONSTANT = 0.0002  # added to each variance, which bounds the step of a feature that was constant


def direction(
    gradient: Float[np.ndarray, " features"],
    seen: Float[np.ndarray, "steps features"],
    ascent: Ascent,
    precision: Float[np.ndarray, " features"] | None = None,
) -> Float[np.ndarray, " features"]:
    """Update direction of theta, for a step size of 1.

    "gradient": the gradient itself, as in the paper.

    "natural": v (C + P + CONSTANT I)^-1 gradient, with C the covariance of the features in `seen`, P the precisions,
    and v the mean variance of the features without one. The Hessian of a maximum-entropy log-likelihood is minus a
    covariance of features, and C estimates that covariance: changing a weight also moves the means of all features that
    are correlated with its own. A small difference in a feature of small variance thus counts as much as a large one in
    another feature, and of two correlated features the one that explains both gets the weight. The factor v keeps step
    sizes comparable with those of "gradient". See docs/deviations.md#natural-ascent.

    Args:
        gradient: of the log-likelihood in theta, as `normalized_gradient`.
        seen: features of supervised steps, one row per step.
        ascent: "gradient" or "natural".
        precision: of each weight's normal distribution before any evidence, per expert step; None: there is none.
    """
    if ascent == "gradient":
        return gradient
    covariance = np.atleast_2d(np.cov(seen, rowvar=False, bias=True))
    regular = covariance + CONSTANT * np.eye(len(gradient))
    if precision is None:
        return np.trace(covariance) / len(gradient) * np.linalg.solve(regular, gradient)
    mean_variance = np.diag(covariance)[precision == 0.0].mean()
    return mean_variance * np.linalg.solve(regular + np.diag(precision), gradient)
