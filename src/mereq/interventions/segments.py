"""Segments of a rollout, its demonstrated steps, and its pseudo-expert steps. Sections 5.1 and 5.3."""

import itertools
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from mereq.core.supervisor import Controller
from mereq.interventions.rollout import Rollout


class Segment(NamedTuple):
    """Steps start .. stop-1 of a rollout: a maximal run of one controller within one episode. Section 5.1."""

    start: int
    stop: int
    controller: Controller

    def __len__(self) -> int:
        return self.stop - self.start


def segments(rollout: Rollout) -> list[Segment]:
    """Segments of a rollout, in order. Each step belongs to exactly one of them. Section 5.1."""
    changes = (np.diff(rollout.controller) != 0) | (np.diff(rollout.episode) != 0)
    borders = [0, *(np.flatnonzero(changes) + 1).tolist(), len(rollout)]
    return [
        Segment(start, stop, Controller(int(rollout.controller[start]))) for start, stop in itertools.pairwise(borders)
    ]


def demonstrated(rollout: Rollout) -> Bool[np.ndarray, " T"]:
    """Mask of the expert's steps, without the interventions that the supervisor retracted as mistakes.

    Retracted steps still count as expert samples and in the intervention rate, because the expert did act.
    """
    shown = rollout.by_expert.copy()
    interventions = [segment for segment in segments(rollout) if segment.controller is Controller.EXPERT]
    for step in np.flatnonzero(rollout.retracts):
        before = [segment for segment in interventions if segment.start < step]
        k = int(rollout.retracts[step])
        for segment in before[-k:][:1] if k <= len(before) else ():
            shown[segment.start : segment.stop] = False
    return shown


def snippet_length(length: int, *, kappa: float) -> int:
    """Number of steps in the snippet [0, 1 - kappa) of a segment: floor((1 - kappa) * length). Section 5.3.

    A product within 1e-9 below a whole number is rounded up to it, so that (1 - 0.3) * 10 is 7.
    """
    return math.floor((1.0 - kappa) * length + 1e-9)


def pseudo_expert(rollout: Rollout, *, kappa: float) -> Bool[np.ndarray, " T"]:
    """Mask of the "good-enough" steps: the first (1 - kappa) of each policy segment. Section 5.3.

    kappa = 1 selects none (MEReQ-NP), kappa = 0 every policy step.

    Raises:
        ValueError: kappa is not in [0, 1].
    """
    if not 0.0 <= kappa <= 1.0:
        raise ValueError(f"kappa is a share of each policy segment, between 0 and 1; got {kappa}")
    selected = np.zeros(len(rollout), bool)
    for segment in segments(rollout):
        if segment.controller is Controller.POLICY:
            selected[segment.start : segment.start + snippet_length(len(segment), kappa=kappa)] = True
    return selected
