"""The gradient of the interventions' log-likelihood in theta_R. Eqs. (6)-(8)."""

import numpy as np
from jaxtyping import Float

from mereq.irl.feature_counts import FeatureCounts


def log_likelihood_gradient(expert: FeatureCounts, policy: FeatureCounts) -> Float[np.ndarray, " features"]:
    """Gradient of the log-likelihood, Eq. (7), with its expectation estimated as in Eq. (8).

    sum_k f(xi_k^e) - sum_k |xi_k^e| / T * E_policy[f(xi)]  =  expert.total - expert.steps * policy.mean

    The prior's reward r is in the likelihood, Eq. (6), but its gradient is not: it does not depend on theta_R.
    """
    return expert.total - expert.steps * policy.mean


def normalized_gradient(expert: FeatureCounts, policy: FeatureCounts) -> Float[np.ndarray, " features"]:
    """Eq. (7) per expert step: the difference of the two mean feature vectors.

    Deviation: the paper's step size eta = 0.2 and tolerances epsilon = 0.03 ... 0.4 only make sense for this form.
    """
    return log_likelihood_gradient(expert, policy) / expert.steps
