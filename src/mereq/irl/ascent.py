"""Which way theta goes, given the gradient of the interventions' log-likelihood. Alg. 1, l. 10."""

from typing import Literal

import numpy as np
from jaxtyping import Float

Ascent = Literal["gradient", "natural"]  # along the gradient, or along what it says of each feature by itself

CONSTANT = 0.0002  # added to each variance, so that a feature that was seen to be constant has a bounded step


def direction(
    gradient: Float[np.ndarray, " features"], seen: Float[np.ndarray, "steps features"], ascent: Ascent
) -> Float[np.ndarray, " features"]:
    """The way of theta in a step of length 1.

    "gradient": the gradient itself, as in the paper.

    "natural": v (C + CONSTANT I)^-1 gradient, with C the covariance of the features that were seen and v their mean
    variance. The Hessian of a maximum-entropy log-likelihood is minus a covariance of features, for which C stands: a
    weight moves the mean of every feature that goes along with its own. So a small difference in a feature that hardly
    varies says as much as a large one in another; and of two features that rise and fall together, the one that
    explains both gets the weight. Thanks to v, step sizes are of the same order as for the gradient.
    """
    if ascent == "gradient":
        return gradient
    covariance = np.atleast_2d(np.cov(seen, rowvar=False, bias=True))
    regular = covariance + CONSTANT * np.eye(len(gradient))
    return np.trace(covariance) / len(gradient) * np.linalg.solve(regular, gradient)
