"""Statistics of a LeRobot dataset: of each feature in each episode, and merged over episodes as LeRobot does."""

from collections.abc import Sequence

import numpy as np

Statistics = dict[str, np.ndarray]  # min, max, mean, std, count, q01 .. q99, each of shape (numbers of the feature,)
QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}


def statistics(values: np.ndarray) -> Statistics:
    """Statistics of one episode.

    values: (T,) or (T, n) numbers.
    """
    numbers = values.reshape(len(values), -1).astype(np.float64)
    found = {
        "min": numbers.min(axis=0),
        "max": numbers.max(axis=0),
        "mean": numbers.mean(axis=0),
        "std": numbers.std(axis=0),
        "count": np.array([len(numbers)]),
    }
    quantiles = np.quantile(numbers, list(QUANTILES.values()), axis=0, method="inverted_cdf")
    return found | dict(zip(QUANTILES, quantiles, strict=True))


def merged(of_episodes: Sequence[Statistics]) -> Statistics:
    """Statistics of all episodes. Quantiles are means of the episodes', weighted by length, as LeRobot has them."""
    columns = {name: np.stack([found[name] for found in of_episodes]) for name in of_episodes[0]}
    counts = columns["count"]
    total = counts.sum(axis=0)

    def mean(values: np.ndarray) -> np.ndarray:
        return (values * counts).sum(axis=0) / total

    centre = mean(columns["mean"])
    spread = mean(columns["std"] ** 2 + (columns["mean"] - centre) ** 2)
    found = {
        "min": columns["min"].min(axis=0),
        "max": columns["max"].max(axis=0),
        "mean": centre,
        "std": np.sqrt(spread),
        "count": total,
    }
    return found | {name: mean(columns[name]) for name in QUANTILES}
