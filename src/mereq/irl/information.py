"""Information that one more supervised decision is expected to give about theta: when the supervisor should look.

    I = H( sum_x w(x) p(takeover | x) ) - sum_x w(x) H( p(takeover | x) ),    H(p) = -p log p - (1 - p) log(1 - p)

the mutual information of the parameters x and the decision to take over or not, in nats, given the policy's proposals.
What an intervention then shows comes on top, so this is a lower bound; where no draw of the posterior expects a
takeover, nothing is to be learned either way.
"""

import numpy as np
from jaxtyping import Float


def information_of_a_decision(
    takeover: Float[np.ndarray, "decisions m"], weights: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " decisions"]:
    """Expected information of each decision to take over or not [nats].

    Args:
        takeover: probability of a takeover under each draw of the posterior, as `takeover_probabilities` returns it.
        weights: of the draws.
    """
    return np.maximum(_entropy(takeover @ weights) - _entropy(takeover) @ weights, 0.0)


def _entropy(p: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Entropy of a binary decision [nats]."""
    inside = np.clip(p, 1e-300, 1.0 - 1e-16)
    return -(inside * np.log(inside) + (1.0 - inside) * np.log1p(-inside))
