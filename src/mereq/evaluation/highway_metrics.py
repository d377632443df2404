"""The highway's model card, and its film before and after."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mereq.core.policy import Policy
from mereq.evaluation.rollouts import Evaluation
from mereq.tasks.highway.config import HighwayConfig
from mereq.tasks.highway.drawing import draw
from mereq.tasks.highway.engine import HighwayEngine

SPEED_OF_ONE = 80.0  # m/s that the observation's vx = 1 stands for
FRAME_MILLISECONDS = 100  # twice as fast as life: the simulation has 5 frames per second
FILM_SIZE = (600, 110)


def highway_card(evaluation: Evaluation) -> dict[str, Any]:
    """Speed and lanes of a policy: what the mean features do not say."""
    speed = evaluation.next_obs[:, 3] * SPEED_OF_ONE
    lanes, counts = np.unique(evaluation.features[:, 2], return_counts=True)
    names = {0.0: "left", 0.5: "middle", 1.0: "right"}
    return {
        "crash_rate": round(float(evaluation.terminated.mean()), 4),
        "speed_mean": round(float(speed.mean()), 2),
        "speed_quartiles": [round(float(q), 2) for q in np.quantile(speed, [0.25, 0.5, 0.75])],
        "lane_shares": {
            names.get(lane, f"{lane:g}"): round(float(share), 4)
            for lane, share in zip(lanes, counts / counts.sum(), strict=True)
        },
    }


def film_highway(prior: Policy, policy: Policy, path: Path, *, seed: int = 1, n_steps: int = 30) -> None:
    """The same traffic, driven by the prior (above) and by another policy (below), as an animated GIF."""
    above, below = (_drive(p, name, seed, n_steps) for p, name in ((prior, "before"), (policy, "after")))
    length = max(len(above), len(below))
    pairs = [np.vstack([above[min(i, len(above) - 1)], below[min(i, len(below) - 1)]]) for i in range(length)]
    palette = Image.fromarray(np.vstack(pairs[:: max(length // 4, 1)])).quantize(64, dither=Image.Dither.NONE)
    first, *rest = [Image.fromarray(pair).quantize(palette=palette, dither=Image.Dither.NONE) for pair in pairs]
    first.save(path, save_all=True, append_images=rest, duration=FRAME_MILLISECONDS, loop=0, optimize=True)


def _drive(policy: Policy, caption: str, seed: int, n_steps: int) -> list[np.ndarray]:
    """Frames of one unsupervised episode; a crash ends it."""
    engine = HighwayEngine(HighwayConfig.TASK, film=True)
    obs, frames = engine.reset([seed]).obs, []
    for _ in range(n_steps):
        out = engine.step(policy.distribution(obs).mode())
        frames += [
            draw(scene, size=FILM_SIZE, caption=f"{caption}: {scene.speed[0]:.0f} m/s")
            for scene in engine.film_scenes()
        ]
        if out.terminated[0]:
            break
        obs = out.obs
    return frames
