"""Rewards that are linear in features. Section 3.2."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class LinearReward:
    """Linear reward r(s, a) = theta . f(s, a) + bonus. Section 3.2.

    The bonus (an alive bonus if positive) is constant and belongs to no feature. Inferred rewards have none.
    """

    theta: Float[np.ndarray, " features"]
    bonus: float = 0.0

    def __call__(self, features: Float[np.ndarray, "*batch features"]) -> Float[np.ndarray, "*batch"]:
        """Reward of each feature vector."""
        return features @ self.theta + self.bonus
