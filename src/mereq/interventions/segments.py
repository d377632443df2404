"""Segments of a rollout, and the pseudo-expert snippets of its policy segments. Sections 5.1 and 5.3."""

import itertools
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from mereq.core.supervisor import Controller
from mereq.interventions.rollout import Rollout


class Segment(NamedTuple):
    """Steps start .. stop-1 of a rollout: a maximal run of one controller inside one episode. Section 5.1."""

    start: int
    stop: int
    controller: Controller

    def __len__(self) -> int:
        return self.stop - self.start


def segments(rollout: Rollout) -> list[Segment]:
    """The segments of a rollout, in order: together they are exactly its steps. Section 5.1."""
    changes = (np.diff(rollout.controller) != 0) | (np.diff(rollout.episode) != 0)
    borders = [0, *(np.flatnonzero(changes) + 1).tolist(), len(rollout)]
    return [
        Segment(start, stop, Controller(int(rollout.controller[start]))) for start, stop in itertools.pairwise(borders)
    ]


def demonstrated(rollout: Rollout) -> Bool[np.ndarray, " T"]:
    """Which steps show what the expert wants: theirs, without the interventions that they took back as mistakes.

    What was taken back still counts as the expert's effort, and in the intervention rate: they did act.
    """
    shown = rollout.by_expert.copy()
    interventions = [segment for segment in segments(rollout) if segment.controller is Controller.EXPERT]
    for step in np.flatnonzero(rollout.retracts):
        before = [segment for segment in interventions if segment.start < step]
        for segment in before[-1:]:
            shown[segment.start : segment.stop] = False
    return shown


def snippet_length(length: int, *, kappa: float) -> int:
    """Steps in the snippet [0, 1 - kappa) of a segment: floor((1 - kappa) * length). Section 5.3.

    A product within 1e-9 of a whole number counts as that number, so that (1 - 0.3) * 10 is 7.
    """
    return math.floor((1.0 - kappa) * length + 1e-9)


def pseudo_expert(rollout: Rollout, *, kappa: float) -> Bool[np.ndarray, " T"]:
    """Which steps are "good enough": the first (1 - kappa) of each policy segment. Section 5.3.

    kappa = 1 selects none (MEReQ-NP), kappa = 0 every policy step.

    Raises:
        ValueError: if kappa is not in [0, 1].
    """
    if not 0.0 <= kappa <= 1.0:
        raise ValueError(f"kappa is a share of each policy segment, between 0 and 1; got {kappa}")
    selected = np.zeros(len(rollout), bool)
    for segment in segments(rollout):
        if segment.controller is Controller.POLICY:
            selected[segment.start : segment.start + snippet_length(len(segment), kappa=kappa)] = True
    return selected
