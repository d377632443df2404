"""Occasions: where in a run each intervention was, for a reader to find it."""

import itertools
from typing import NamedTuple

import numpy as np

from mereq.interventions.log import InterventionLog
from mereq.irl.decisions import Decisions


class Occasion(NamedTuple):
    """Place of an intervention in a run."""

    round: int
    episode: int  # of the round, from 0
    first: int  # step of the episode, from 0
    last: int


def occasions(log: InterventionLog, decisions: Decisions) -> list[Occasion]:
    """Place of each intervention of `decisions.shown`, in its order."""
    rounds = np.repeat(np.arange(len(log.rollouts)), [len(rollout) for rollout in log.rollouts])
    episodes = np.concatenate([rollout.episode for rollout in log.rollouts])
    steps = np.concatenate([rollout.step for rollout in log.rollouts])
    borders = np.searchsorted(decisions.shown.window, np.arange(decisions.n_interventions + 1))
    used = decisions.shown.steps
    ends = [(used[start], used[stop - 1]) for start, stop in itertools.pairwise(borders)]
    return [Occasion(*map(int, (rounds[one], episodes[one], steps[one], steps[other]))) for one, other in ends]
