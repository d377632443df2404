"""Feature counts: sums of feature vectors with the number of summed steps."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class FeatureCounts:
    """Feature counts f(xi) = sum of f(s, a) along xi, and |xi|. Section 3.2. Counts can be added (a monoid)."""

    total: Float[np.ndarray, " features"]
    steps: int

    @classmethod
    def zero(cls, n_features: int) -> "FeatureCounts":
        """Counts of no steps."""
        return cls(np.zeros(n_features), 0)

    @classmethod
    def of(cls, features: Float[np.ndarray, "steps features"]) -> "FeatureCounts":
        """Counts of the given steps, summed in float64."""
        return cls(np.asarray(features, np.float64).sum(axis=0), len(features))

    @classmethod
    def union(cls, counts: list["FeatureCounts"], n_features: int) -> "FeatureCounts":
        """Counts of the union of several sets of steps; `n_features` gives the size if there are none."""
        return reduce(lambda a, b: a + b, counts, cls.zero(n_features))

    def __add__(self, other: "FeatureCounts") -> "FeatureCounts":
        return FeatureCounts(self.total + other.total, self.steps + other.steps)

    @property
    def mean(self) -> Float[np.ndarray, " features"]:
        """Mean feature vector per step.

        Raises:
            ValueError: there are no steps.
        """
        if self.steps == 0:
            raise ValueError("no steps to average features over")
        return self.total / self.steps
