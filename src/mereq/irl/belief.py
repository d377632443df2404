"""What a posterior of theta says about each feature, in numbers and in words."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from mereq.irl.posterior import NormalPrior, Posterior

LEVEL = 0.95  # of all intervals
NORMAL_TAIL = 1.96  # standard deviations of a normal distribution's interval
CONFUSED = 0.8  # correlation beyond which two weights cannot be told apart
WIDE = 0.8  # share of the interval before any evidence; a wider interval says nothing
CLEAR = 0.1  # share of an interval by which zero must be inside for the sign to be open
NARROW = 0.1  # share of the interval before any evidence; zero within a narrower interval: the feature does not matter

Sign = Literal["more", "less", "neither", "unknown"]


@dataclass(frozen=True)
class WeightBelief:
    """Belief about the weight of one feature."""

    name: str
    mean: float
    low: float
    high: float
    before: float  # half the interval before any evidence, which is around zero

    @property
    def sign(self) -> Sign:
        """Whether more of the feature is wanted, or less; "unknown" if the interval does not say.

        It does not say so if zero is clearly inside, or if the interval is nearly as wide as before any evidence.
        """
        width = self.high - self.low
        if self.low > 0.0 or self.high < 0.0:
            return "more" if self.mean > 0.0 else "less"
        if width < NARROW * 2.0 * self.before:
            return "neither"
        if width > WIDE * 2.0 * self.before or min(-self.low, self.high) > CLEAR * width:
            return "unknown"
        return "more" if self.mean > 0.0 else "less"

    @property
    def words(self) -> str:
        """The belief in words, such as "wants more, 0.50 ± 0.10"."""
        said = f"{self.mean:.2f} ± {0.5 * (self.high - self.low):.2f}".replace("-0.00 ", "0.00 ")
        if self.sign == "unknown":
            return "cannot tell yet"
        if self.sign == "neither":
            return f"does not matter, {said}"
        certain = self.low > 0.0 or self.high < 0.0
        return f"{'wants' if certain else 'probably wants'} {self.sign}, {said}"


@dataclass(frozen=True)
class Belief:
    """Summary of a posterior of theta and of the rationality."""

    weights: tuple[WeightBelief, ...]
    confused: tuple[tuple[str, str, float], ...]  # pairs of features that cannot be told apart, and their correlation
    rationality: tuple[float, float, float]  # mean and interval of beta

    @classmethod
    def of(
        cls,
        posterior: Posterior,
        before: NormalPrior,
        limit: Float[np.ndarray, " features"],
        names: tuple[str, ...],
    ) -> "Belief":
        """Summary of a posterior whose parameters begin with theta and log beta.

        Args:
            posterior: of the parameters.
            before: distribution of the parameters before any evidence.
            limit: largest weight of each feature.
            names: of the features.
        """
        n = len(limit)
        theta = np.clip(posterior.draws[:, :n], -limit, limit)
        inside = Posterior(np.column_stack([theta, np.exp(posterior.draws[:, n])]), posterior.weights)
        intervals, mean = inside.interval(LEVEL).tolist(), np.clip(posterior.mean[:n], -limit, limit).tolist()
        widths = np.minimum(NORMAL_TAIL * before.std[:n], limit).tolist()
        weights = tuple(WeightBelief(name, mean[i], *intervals[i], before=widths[i]) for i, name in enumerate(names))
        correlation = posterior.correlation()
        confused = tuple(
            (names[i], names[j], float(correlation[i, j]))
            for i in range(n)
            for j in range(i + 1, n)
            if abs(correlation[i, j]) > CONFUSED
        )
        return cls(weights, confused, (float(inside.mean[n]), *intervals[n]))

    def to_json(self) -> dict[str, Any]:
        """The summary as an object that JSON can represent."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Belief":
        """The summary that `to_json` returned.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        weights = tuple(WeightBelief(**each) for each in content["weights"])
        confused = tuple((str(one), str(other), float(how)) for one, other, how in content["confused"])
        mean, low, high = map(float, content["rationality"])
        return cls(weights, confused, (mean, low, high))
