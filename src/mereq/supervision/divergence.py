"""Divergence of a proposed action from the expert's policy. App. A.1.1."""

import numpy as np
from jaxtyping import Float, Int

from mereq.core.distribution import Categorical


def kl_of_action(action: Int[np.ndarray, " n"], expert: Categorical) -> Float[np.ndarray, " n"]:
    """Divergence D_KL(delta[a_l] || pi_e) = -log pi_e(a_l | s) of a point mass on the learner's action. Eq. (A.3)."""
    return -np.take_along_axis(expert.log_probs, np.asarray(action)[:, None], axis=-1)[:, 0]
