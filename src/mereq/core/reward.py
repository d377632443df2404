"""Rewards linear in features."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class LinearReward:
    """r(s, a) = theta . f(s, a) + bonus. Section 3.2.

    The bonus (an alive bonus when positive) is the same for every step and belongs to no feature; inferred rewards
    have none.
    """

    theta: Float[np.ndarray, " features"]
    bonus: float = 0.0

    def __call__(self, features: Float[np.ndarray, "*batch features"]) -> Float[np.ndarray, "*batch"]:
        """Reward of each feature vector."""
        return features @ self.theta + self.bonus
