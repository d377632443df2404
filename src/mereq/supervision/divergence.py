"""How far a proposed action is from what the expert would do. App. A.1.1."""

import numpy as np
from jaxtyping import Float, Int

from mereq.core.distribution import Categorical


def kl_of_action(action: Int[np.ndarray, " n"], expert: Categorical) -> Float[np.ndarray, " n"]:
    """D_KL(delta[a_l] || pi_e) = -log pi_e(a_l | s): the learner's policy taken as a point mass on its action."""
    return -np.take_along_axis(expert.log_probs, np.asarray(action)[:, None], axis=-1)[:, 0]
