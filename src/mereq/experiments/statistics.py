"""Means and intervals over seeds, and expert samples to a threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student_t

THRESHOLDS = (0.15, 0.10, 0.05)  # delta: section 6 asks for the expert samples to each


def mean_ci95(values: Float[np.ndarray, "seeds *rest"]) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the first axis, and the half width of its 95 % confidence interval by Student's t.

    One value alone has no interval: its half width is NaN.
    """
    values = np.asarray(values, float)
    n = len(values)
    mean = np.asarray(values.mean(axis=0))
    if n < 2:
        return mean, np.full(values.shape[1:], np.nan)
    return mean, np.asarray(student_t.ppf(0.975, n - 1) * values.std(axis=0, ddof=1) / np.sqrt(n))


@dataclass(frozen=True)
class SamplesToThreshold:
    """Expert samples used until the first round whose intervention rate is below delta. Section 6.

    A run that never gets there is censored: its total is a lower bound.
    """

    samples: int
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
