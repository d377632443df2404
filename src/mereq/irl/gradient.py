"""Gradient of the interventions' log-likelihood with respect to theta_R. Eqs. (6)-(8)."""

import numpy as np
from jaxtyping import Float

from mereq.irl.feature_counts import FeatureCounts


def log_likelihood_gradient(expert: FeatureCounts, policy: FeatureCounts) -> Float[np.ndarray, " features"]:
    """Gradient of the log-likelihood, Eq. (7), with its expectation estimated as in Eq. (8).

    sum_k f(xi_k^e) - sum_k |xi_k^e| / T * E_policy[f(xi)]  =  expert.total - expert.steps * policy.mean

    The prior's reward r appears in the likelihood, Eq. (6), but not in the gradient: r does not depend on theta_R.
    """
    return expert.total - expert.steps * policy.mean


def normalized_gradient(expert: FeatureCounts, policy: FeatureCounts) -> Float[np.ndarray, " features"]:
    """Gradient of Eq. (7) per expert step: the difference of the two mean feature vectors.

    The paper's step size eta = 0.2 and tolerances epsilon = 0.03 ... 0.4 only make sense for this form
    (docs/deviations.md#gradient-per-step).
    """
    return log_likelihood_gradient(expert, policy) / expert.steps
