"""Expert samples to a threshold; means, interquartile means, ratios and probabilities over seeds, with intervals.

Runs that never get below a threshold are *censored*: the number that they would have needed is at least their total,
and has no upper bound. The statistics below carry both bounds along, so that an interval holds whatever that number is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import stdtrit

THRESHOLDS = (0.15, 0.10, 0.05)  # delta: section 6 asks for the expert samples to each
RESAMPLES = 10_000
Sign = Literal["", "≥", "≤", "≷"]


def mean_ci95(values: Float[np.ndarray, "seeds *rest"]) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the first axis, and the half width of its 95 % confidence interval by Student's t.

    One value alone has no interval: its half width is NaN.
    """
    values = np.asarray(values, float)
    n = len(values)
    mean = np.asarray(values.mean(axis=0))
    if n < 2:
        return mean, np.full(values.shape[1:], np.nan)
    return mean, np.asarray(stdtrit(n - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(n))


@dataclass(frozen=True)
class SamplesToThreshold:
    """Expert samples used until the first round whose intervention rate is below delta. Section 6.

    A run that never gets below delta is censored: its total is a lower bound.
    """

    samples: float
    censored: bool


def samples_to_threshold(rates: Sequence[float], expert_steps: Sequence[int], *, delta: float) -> SamplesToThreshold:
    """Expert samples of all rounds up to and including the first one below delta.

    rates: intervention rate of each round; expert_steps: expert samples of each round and those before it together.

    Raises:
        ValueError: when there are no rounds.
    """
    if len(rates) == 0 or len(rates) != len(expert_steps):
        raise ValueError(f"need one rate and one count per round, got {len(rates)} and {len(expert_steps)}")
    for rate, samples in zip(rates, expert_steps, strict=True):
        if rate < delta:
            return SamplesToThreshold(int(samples), censored=False)
    return SamplesToThreshold(int(expert_steps[-1]), censored=True)


def samples_to_stay_below(rates: Sequence[float], expert_steps: Sequence[int], *, delta: float) -> SamplesToThreshold:
    """Expert samples until the own rate is below delta and stays there to the end of the run.

    rates: own rate at each measurement; expert_steps: expert samples at that time.

    Raises:
        ValueError: when there are no measurements.
    """
    if len(rates) == 0 or len(rates) != len(expert_steps):
        raise ValueError(f"need one rate and one count per measurement, got {len(rates)} and {len(expert_steps)}")
    above = [i for i, rate in enumerate(rates) if rate >= delta]
    first = above[-1] + 1 if above else 0
    if first == len(rates):
        return SamplesToThreshold(int(expert_steps[-1]), censored=True)
    return SamplesToThreshold(int(expert_steps[first]), censored=False)


@dataclass(frozen=True)
class Samples:
    """Expert samples of several runs, each known to lie between two bounds, which differ for a censored run only."""

    at_least: Float[np.ndarray, " runs"]
    at_most: Float[np.ndarray, " runs"]  # infinite where censored

    @classmethod
    def of(cls, reached: Sequence[SamplesToThreshold]) -> "Samples":
        """Samples of runs, one entry each."""
        at_least = np.array([run.samples for run in reached], float)
        return cls(at_least, np.where([run.censored for run in reached], np.inf, at_least))

    @property
    def censored(self) -> Bool[np.ndarray, " runs"]:
        """Whether each run is censored."""
        return np.isinf(self.at_most)

    def __len__(self) -> int:
        return len(self.at_least)


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, both ends NaN where there is none.

    sign: bounds that censored runs leave: "≥" at least this, "≤" at most this, "≷" bounded on neither side.
    """

    value: float
    low: float
    high: float
    sign: Sign = ""


def mean_samples(samples: Samples) -> Estimate:
    """Mean with the interval of `mean_ci95`, as in the paper's Table 1. Censored runs count with their totals."""
    mean, half = mean_ci95(samples.at_least)
    return Estimate(float(mean), float(mean - half), float(mean + half), "≥" if samples.censored.any() else "")


def interquartile_mean(values: Float[np.ndarray, "..."]) -> float:
    """Mean of the middle half of all values: the floor(n/4) lowest and as many of the highest are left out.

    Agarwal et al. (2021), Deep RL at the edge of the statistical precipice, section 4.3.
    """
    return float(_trimmed_mean(np.ravel(values)))


def _trimmed_mean(values: Float[np.ndarray, "*rows n"]) -> Float[np.ndarray, "*rows"]:
    """Means along the last axis without its lowest and highest quarter (rounded down): `scipy.stats.trim_mean`, whose
    import takes half a second.
    """
    cut = values.shape[-1] // 4
    return np.asarray(np.sort(values, axis=-1)[..., cut : values.shape[-1] - cut].mean(axis=-1))


def interquartile_mean_samples(
    strata: Sequence[Samples], *, rng: np.random.Generator, resamples: int = RESAMPLES
) -> Estimate:
    """Interquartile mean of all runs, with its stratified bootstrap interval: 2.5th and 97.5th percentile over
    resamples that draw, with replacement, as many runs from each stratum (task) as it has.

    Agarwal et al. (2021), section 4.1. The mean is monotone in every run. So it is exact when it is the same with
    censored runs at their totals and at infinity, and else at least the former; the interval reaches from the low end
    of the one to the high end of the other.
    """
    picks = [_resample(len(stratum), resamples, rng) for stratum in strata]
    lowest, highest = (
        interquartile_mean(np.concatenate(values))
        for values in ([s.at_least for s in strata], [s.at_most for s in strata])
    )
    drawn_lowest, drawn_highest = (
        _trimmed_mean(np.concatenate([v[pick] for v, pick in zip(values, picks, strict=True)], axis=1))
        for values in ([s.at_least for s in strata], [s.at_most for s in strata])
    )
    interval = _interval(drawn_lowest, drawn_highest, strata)
    return Estimate(lowest, *interval, sign="" if math.isclose(lowest, highest) else "≥")


def probability_of_improvement(
    x: Sequence[Float[np.ndarray, " x_runs"]], y: Sequence[Float[np.ndarray, " y_runs"]]
) -> float:
    """P(X < Y) + P(X = Y) / 2 for one run of X and one of Y on the same task, averaged over tasks: fewer is better.

    Agarwal et al. (2021), section 4.3, whose scores are the better the higher. x, y: runs of each task.
    """
    return float(np.mean([_wins(a, b).mean() for a, b in zip(x, y, strict=True)]))


def probability_of_fewer_samples(
    x: Sequence[Samples], y: Sequence[Samples], *, rng: np.random.Generator, resamples: int = RESAMPLES
) -> Estimate:
    """`probability_of_improvement` of X over Y, with its bootstrap interval, the runs of both drawn independently.

    A censored run is worse than any that is not, and two censored ones tie.
    """
    drawn = np.zeros(resamples)
    for a, b in zip(x, y, strict=True):
        wins = _wins(a.at_most, b.at_most)
        a_pick, b_pick = _resample(len(a), resamples, rng), _resample(len(b), resamples, rng)
        drawn += wins[a_pick[:, :, None], b_pick[:, None, :]].mean(axis=(1, 2)) / len(x)
    value = probability_of_improvement([a.at_most for a in x], [b.at_most for b in y])
    return Estimate(value, *_interval(drawn, drawn, [*x, *y]))


def ratio_of_means(x: Samples, y: Samples, *, rng: np.random.Generator, resamples: int = RESAMPLES) -> Estimate:
    """mean(X) / mean(Y) with its percentile bootstrap interval, the runs of both drawn independently.

    Efron and Tibshirani (1993), An introduction to the bootstrap, chapter 13. A censored run in X makes it a lower
    bound, one in Y an upper bound, and both leave nothing to compare. The interval reaches from the low end with X at
    its totals and Y unbounded, to the high end the other way round.
    """
    x_pick, y_pick = _resample(len(x), resamples, rng), _resample(len(y), resamples, rng)

    def means(values: np.ndarray, pick: np.ndarray) -> np.ndarray:
        return values[pick].mean(axis=1)

    low = _divide(means(x.at_least, x_pick), means(y.at_most, y_pick), undefined=0.0)
    high = _divide(means(x.at_most, x_pick), means(y.at_least, y_pick), undefined=np.inf)
    value = _divide(x.at_least.mean(), y.at_least.mean(), undefined=np.nan)
    signs: dict[tuple[bool, bool], Sign] = {
        (False, False): "",
        (True, False): "≥",
        (False, True): "≤",
        (True, True): "≷",
    }
    return Estimate(
        float(value), *_interval(low, high, [x, y]), sign=signs[bool(x.censored.any()), bool(y.censored.any())]
    )


def _resample(n: int, resamples: int, rng: np.random.Generator) -> Int[np.ndarray, "resamples n"]:
    return rng.integers(n, size=(resamples, n))


def _wins(x: Float[np.ndarray, " x_runs"], y: Float[np.ndarray, " y_runs"]) -> Float[np.ndarray, "x_runs y_runs"]:
    """1 where x is fewer, 1/2 where they tie, else 0."""
    return (x[:, None] < y) + 0.5 * (x[:, None] == y)


def _divide(x, y, *, undefined: float) -> np.ndarray:
    """x / y; `undefined` for 0 / 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.true_divide(x, y)
    return np.where(np.isnan(ratio), undefined, ratio)


def _interval(
    low: Float[np.ndarray, " resamples"], high: Float[np.ndarray, " resamples"], samples: Sequence[Samples]
) -> tuple[float, float]:
    """2.5th percentile of `low` and 97.5th of `high`; nothing where a sample is a single run."""
    if any(len(s) < 2 for s in samples):
        return np.nan, np.nan
    return _percentile(low, 0.025, "lower"), _percentile(high, 0.975, "higher")


def _percentile(draws: Float[np.ndarray, " resamples"], q: float, outward: Literal["lower", "higher"]) -> float:
    """By linear interpolation; outward to the next draw where that one is infinite."""
    with np.errstate(invalid="ignore"):
        between = np.quantile(draws, q)
    return float(between if np.isfinite(between) else np.quantile(draws, q, method=outward))
