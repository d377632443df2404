"""Clips and stills of the arm: the same episode of two policies, before and after, side by side."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mereq.core.policy import Policy
from mereq.evaluation.clips import Picture, write_gif
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.definition import N_STEPS, ArmTask
from mereq.tasks.arm.drawing import draw
from mereq.tasks.arm.environment import ArmEnv

EVERY = 3  # steps between frames
FRAME_MILLISECONDS = 150  # twice as fast as life: a step is 0.1 s
FILM_SIZE, STILL_SIZE = (320, 240), (480, 360)  # of each side [px]
COLOURS = 96  # of a film
NAMES = ("before", "after")


@dataclass(frozen=True)
class Shot:
    """Clip of an arm task: which moment and which caption."""

    task: ArmTask
    moment: int  # the most telling step
    caption: Callable[[Any], str]  # a few words, from a single environment's measurements

    def film(
        self,
        prior: Policy,
        policy: Policy,
        path: Path,
        *,
        seed: int = 1,
        first: int = 0,
        n_steps: int = N_STEPS,
        names: tuple[str, str] = NAMES,
    ) -> None:
        """The same episode of the prior (left) and of another policy (right), as an animated GIF.

        Args:
            prior, policy: left and right.
            path: of the GIF.
            seed: of the episode.
            first: step from which on it is shown.
            n_steps: steps of the episode at its end.
            names: of both.
        """
        steps = range(first, n_steps, EVERY)
        pairs = self._pairs(prior, policy, seed, steps, FILM_SIZE, names)
        coverage = Image.Quantize.MAXCOVERAGE  # the bottle's cap and the marker are small
        write_gif(pairs, path, frame_milliseconds=FRAME_MILLISECONDS, colours=COLOURS, method=coverage)

    def still(self, prior: Policy, policy: Policy, path: Path, *, seed: int = 1) -> None:
        """The most telling moment of the same episode, with the prior (left) and with another policy (right)."""
        (pair,) = self._pairs(prior, policy, seed, range(self.moment, self.moment + 1), STILL_SIZE)
        Image.fromarray(pair).save(path, optimize=True)

    def _pairs(
        self,
        prior: Policy,
        policy: Policy,
        seed: int,
        steps: range,
        size: tuple[int, int],
        names: tuple[str, str] = NAMES,
    ) -> list[Picture]:
        sides = [self._frames(p, name, seed, steps, size) for p, name in zip((prior, policy), names, strict=True)]
        return [np.hstack(pair) for pair in zip(*sides, strict=True)]

    def _frames(self, policy: Policy, name: str, seed: int, steps: range, size: tuple[int, int]) -> list[Picture]:
        """Pictures after the given steps of an unsupervised episode."""
        env, frames = ArmEnv(self.task), []
        obs, _ = env.reset(seed=seed)
        for step in range(steps.stop):
            obs, _, _, _, info = env.step(policy.distribution(obs[None]).mode()[0])
            if step in steps:
                caption = f"{name}: {self.caption(info['measurements'])}"
                frames.append(draw(env.scene(), size=size, caption=caption))
        return frames


def _of_bottle(m: bottle_pushing.Measurements) -> str:
    return "toppled" if m.toppled else f"fingers {100 * m.tip_height:.0f} cm high"


def _of_board(m: erasing.Measurements) -> str:
    return f"{m.force:.1f} N, {m.erased_fraction:.0%} erased"


def _of_pillow(m: pillow_grasping.Measurements) -> str:
    return f"{100 * m.to_center:.0f} cm off centre, {100 * m.pillow_height:.0f} cm up"


BOTTLE_SHOT = Shot(bottle_pushing.TASK, 34, _of_bottle)
ERASING_SHOT = Shot(erasing.TASK, N_STEPS - 1, _of_board)
PILLOW_SHOT = Shot(pillow_grasping.TASK, 40, _of_pillow)
