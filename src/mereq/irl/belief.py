"""What a posterior of theta says about each feature, in numbers and in words."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from mereq.irl.posterior import NormalPrior, Posterior

LEVEL = 0.95  # of all intervals
NORMAL_TAIL = 1.96  # standard deviations of a normal distribution's interval
CONFUSED = 0.8  # correlation beyond which two weights cannot be told apart
WIDE = 0.8  # share of the interval before any evidence; a wider interval says nothing
CLEAR = 0.1  # share of an interval by which zero must be inside for the sign to be open
SMALL = 0.02  # change of a mean, as a share of the interval before any evidence, that is not worth a word
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
class InterventionEffect:
    """What one intervention does to the posterior of theta, and whether it contradicts the others."""

    round: int
    episode: int  # of the round
    step: int  # of the episode, the first one
    steps: int
    contradiction: float  # probability that it is a slip, given the others
    without: tuple[float, ...]  # posterior mean of theta without it

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "InterventionEffect":
        """The effect of `Belief.to_json`'s entry."""
        named: dict[str, Any] = {**content, "without": tuple(float(weight) for weight in content["without"])}
        return cls(**named)

    @property
    def contradicts(self) -> bool:
        """Whether a slip is more probable than a choice."""
        return self.contradiction > 0.5

    @property
    def place(self) -> str:
        """Where it is, such as "episode 3, steps 12 to 17"; all numbers from 0, as they are recorded."""
        last = self.step + self.steps - 1
        return f"episode {self.episode}, " + (f"step {last}" if self.steps == 1 else f"steps {self.step} to {last}")


@dataclass(frozen=True)
class OtherWish:
    """A second wish, which is not the present one."""

    probability: float  # that there are two wishes
    weights: tuple[WeightBelief, ...]
    shown_by: tuple[int, ...]  # numbers of the interventions that show it, in the most probable case

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "OtherWish":
        """The wish of `Belief.to_json`'s entry."""
        weights = tuple(WeightBelief(**each) for each in content["weights"])
        return cls(float(content["probability"]), weights, tuple(map(int, content["shown_by"])))


@dataclass(frozen=True)
class Belief:
    """Summary of a posterior of theta and of the rationality."""

    weights: tuple[WeightBelief, ...]
    confused: tuple[tuple[str, str, float], ...]  # pairs of features that cannot be told apart, and their correlation
    rationality: tuple[float, float, float]  # mean and interval of beta
    interventions: tuple[InterventionEffect, ...] = ()  # in their order
    unnamed: tuple[float, ...] | None = None  # what an unnamed part of the reward adds to each's log-likelihood [nats]
    other: OtherWish | None = None  # of a method that infers wishes which come and go

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

    def with_interventions(self, effects: Sequence[InterventionEffect]) -> "Belief":
        """The same summary with what each intervention does."""
        return replace(self, interventions=tuple(effects))

    def change_since(self, before: Sequence[float]) -> str:
        """The largest change of a mean since others, in words such as "right_lane 0.20 -> 0.50".

        Changes are compared as shares of the intervals before any evidence. Small ones are called so.
        """
        shares = [
            abs(each.mean - was) / each.before if each.before else 0.0
            for each, was in zip(self.weights, before, strict=True)
        ]
        largest = int(np.argmax(shares))
        weight = self.weights[largest]
        if shares[largest] < SMALL:
            return "hardly anything"
        return f"{weight.name} {before[largest]:.2f} -> {weight.mean:.2f}".replace("-0.00", "0.00")

    def moved_by(self, effect: InterventionEffect) -> str:
        """What an intervention changed most, in words: from the mean without it to the mean with it."""
        return self.change_since(effect.without)

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
        effects = tuple(
            InterventionEffect.from_json(each)
            for each in content.get("interventions", [])  # beliefs of earlier versions have none
        )
        if any(len(each.without) != len(weights) for each in effects):
            raise ValueError("an intervention's weights are not as many as the features")
        unnamed = content.get("unnamed")
        nats = None if unnamed is None else tuple(map(float, unnamed))
        other = None if content.get("other") is None else OtherWish.from_json(content["other"])
        return cls(weights, confused, (mean, low, high), effects, nats, other)
