"""Random streams named by their purpose.

Every random decision of a run is drawn from `stream(seed, purpose, *index)`, a pure function of the run's seed.
Therefore an exact resume needs no saved generator, and two purposes never share a stream by accident.
"""

import zlib

import numpy as np


def stream(seed: int, purpose: str, *index: int) -> np.random.Generator:
    """Random generator for one purpose of a run, such as `stream(3, "replay", iteration)`.

    Raises:
        ValueError: if `seed` or an index is negative.
    """
    return np.random.Generator(np.random.PCG64(_sequence(seed, purpose, *index)))


def seed_for(seed: int, purpose: str, *index: int) -> int:
    """31-bit integer seed, for interfaces that take one, such as `env.reset(seed=...)`."""
    return int(_sequence(seed, purpose, *index).generate_state(1)[0] >> 1)


def episode_seed(seed: int, iteration: int, episode: int) -> int:
    """Seed of a supervised episode of a run."""
    return seed_for(seed, "episode", iteration, episode)


def _sequence(seed: int, purpose: str, *index: int) -> np.random.SeedSequence:
    if min((seed, *index)) < 0:
        raise ValueError(f"seeds and indices must be >= 0, got seed={seed}, index={index}")
    return np.random.SeedSequence(seed, spawn_key=(zlib.crc32(purpose.encode()), *index))
