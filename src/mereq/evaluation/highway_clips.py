"""Clip of the highway before and after: the same traffic, driven by two policies."""

from pathlib import Path

import numpy as np

from mereq.core.policy import Policy
from mereq.evaluation.clips import Picture, write_gif
from mereq.tasks.highway.config import HighwayConfig
from mereq.tasks.highway.drawing import draw
from mereq.tasks.highway.engine import HighwayEngine

FRAME_MILLISECONDS = 100  # twice as fast as life: the simulation has 5 frames per second
FILM_SIZE = (600, 110)
COLOURS = 64  # of a film


def film_highway(
    prior: Policy,
    policy: Policy,
    path: Path,
    *,
    seed: int = 1,
    first: int = 0,
    n_steps: int = 30,
    names: tuple[str, str] = ("before", "after"),
) -> None:
    """The same traffic, driven by the prior (above) and by another policy (below), as an animated GIF.

    Args:
        prior, policy: drivers.
        path: of the GIF.
        seed: of the episode.
        first: step from which on it is shown.
        n_steps: steps of the episode at its end.
        names: of both drivers.
    """
    above, below = (_drive(p, name, seed, n_steps, first) for p, name in zip((prior, policy), names, strict=True))
    length = max(len(above), len(below))
    pairs = [np.vstack([above[min(i, len(above) - 1)], below[min(i, len(below) - 1)]]) for i in range(length)]
    write_gif(pairs, path, frame_milliseconds=FRAME_MILLISECONDS, colours=COLOURS)


def _drive(policy: Policy, caption: str, seed: int, n_steps: int, first: int) -> list[Picture]:
    """Frames of one unsupervised episode; a crash ends it."""
    engine = HighwayEngine(HighwayConfig.TASK, film=True)
    obs, frames = engine.reset([seed]).obs, []
    for step in range(n_steps):
        out = engine.step(policy.distribution(obs).mode())
        if step >= first or out.terminated[0]:
            frames += [
                draw(scene, size=FILM_SIZE, caption=f"{caption}: {scene.speed[0]:.0f} m/s")
                for scene in engine.film_scenes()
            ]
        if out.terminated[0]:
            break
        obs = out.obs
    return frames
