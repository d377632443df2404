"""Distributions of features of two policies, and the distance between them. Table 3."""

import numpy as np
from jaxtyping import Float, Int
from scipy.special import rel_entr

BINS = 50  # equally wide, from 0 to 1: what features are ramped to


def feature_counts(features: Float[np.ndarray, "steps features"]) -> Int[np.ndarray, "features bins"]:
    """Number of steps in each of the `BINS` bins of [0, 1], for each feature.

    A value on a border belongs to the bin above it, 1 to the last bin; the outermost bins take what lies outside.
    """
    bins = np.clip(np.floor(features * BINS).astype(np.int64), 0, BINS - 1)
    return np.stack([np.bincount(column, minlength=BINS) for column in bins.T])


def jensen_shannon_distance(
    p: Float[np.ndarray, "*rest bins"] | Int[np.ndarray, "*rest bins"],
    q: Float[np.ndarray, "*rest bins"] | Int[np.ndarray, "*rest bins"],
) -> Float[np.ndarray, "*rest"]:
    """sqrt((KL(p || m) + KL(q || m)) / 2) with m = (p + q) / 2 and natural logarithms: 0 for equal distributions,
    sqrt(log 2) = 0.833 for those that have nothing in common. Table 3 (which calls it the divergence).

    p, q: counts or probabilities; each distribution is divided by its sum. As `scipy.spatial.distance.jensenshannon`,
    which gives NaN where rounding leaves the sum of two nearly equal distributions below 0.
    """
    p, q = (np.asarray(counts / counts.sum(axis=-1, keepdims=True)) for counts in (p, q))
    middle = (p + q) / 2.0
    divergence = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=-1) / 2.0
    return np.asarray(np.sqrt(np.maximum(divergence, 0.0)))
