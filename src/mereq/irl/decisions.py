"""Log-likelihood of reward weights, given a supervisor's decisions: what interventions show, and what led to them.

An intervention is one decision, although it lasts for several steps, and these are not independent. It has one vote on
each coordinate of the action. No theta explains all votes (slips, and habits of the supervisor that are no wish):

    log p(intervention k | theta) = sum_c log[(1 - e) exp(v_kc(theta)) + e exp(u)]

with v_kc the mean of log pi_theta over the intervention's steps, of coordinate c of the executed action, and u the
log-probability of a coordinate that is drawn uniformly.

A stretch of the policy's steps is one decision, too: to take over or not. It says how bad the policy's proposals may be
before the supervisor takes over, and not that the supervisor would have chosen them:

    p(takeover in stretch j | theta) = a [e / 2 + (1 - e) sigmoid(d_j(theta) / s)]
    d_j(theta) = max over R consecutive steps of the mean of (u - log pi_theta(proposed action))

A proposal is bad as far as it is less probable than one that is drawn uniformly. a is the supervisor's attention: the
share of stretches that are looked at. The last R proposals before a takeover are a stretch of their own.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array  # pyright: ignore[reportMissingTypeStubs]

from mereq.core.supervisor import Controller
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import demonstrated, segments

STEPS = 16  # at most, of one decision: evenly spaced ones represent a longer segment
REACTION = 2  # R: steps of proposals that make a supervisor take over


@dataclass(frozen=True, kw_only=True)
class DecisionModel:
    """How decisions depend on what the supervisor wants."""

    slip: float  # e: share of votes and of takeovers that no theta explains
    spread: float  # s: of the badness at which the supervisor takes over [nats]

    def __post_init__(self):
        if not (0.0 <= self.slip < 1.0 and self.spread > 0.0):
            raise ValueError(f"need 0 <= slip < 1, spread > 0; got slip={self.slip}, spread={self.spread}")


@dataclass(frozen=True)
class Windows:
    """Groups of steps: of each intervention all at once, of each stretch of proposals R consecutive ones at a time."""

    steps: Int[np.ndarray, " steps"]  # numbers of the log's steps, ascending and distinct
    place: Int[np.ndarray, " uses"]  # which of these steps a window uses; windows overlap
    window: Int[np.ndarray, " uses"]  # number of the window that uses it, ascending
    group: Int[np.ndarray, " windows"]  # number of the intervention or stretch of each window, ascending

    @classmethod
    def of(cls, groups: list[list[np.ndarray]]) -> "Windows":
        """Windows of groups, each of which is a list of windows."""
        windows = [window for group in groups for window in group]
        steps, place = np.unique(np.concatenate([np.zeros(0, int), *windows]), return_inverse=True)
        return cls(
            steps,
            place,
            np.repeat(np.arange(len(windows)), [len(window) for window in windows]),
            np.repeat(np.arange(len(groups)), [len(group) for group in groups]),
        )

    def only(self, groups: Bool[np.ndarray, " groups"]) -> tuple["Windows", Int[np.ndarray, " steps"]]:
        """Windows of some of the groups, which are numbered again, and the places of their steps among ours."""
        windows = groups[self.group]
        uses = windows[self.window]
        kept, place = np.unique(self.place[uses], return_inverse=True)
        return Windows(
            self.steps[kept],
            place,
            (np.cumsum(windows) - 1)[self.window[uses]],
            (np.cumsum(groups) - 1)[self.group[windows]],
        ), kept

    def means(self, values: Float[np.ndarray, "steps *rest"]) -> Float[np.ndarray, "windows *rest"]:
        """Mean over each window's steps."""
        found: np.ndarray = self._averaging(values.dtype) @ values.reshape(len(values), math.prod(values.shape[1:]))
        return found.reshape(len(self.group), *values.shape[1:])

    def _averaging(self, dtype: np.dtype) -> Any:
        """Matrix that takes the means of windows."""
        counts = np.bincount(self.window, minlength=len(self.group))
        shares = (1.0 / np.maximum(counts, 1)).astype(dtype)[self.window]
        rows = np.concatenate([[0], np.cumsum(counts)])
        return csr_array((shares, self.place, rows), shape=(len(self.group), len(self.steps)))

    def largest(self, values: Float[np.ndarray, "windows *rest"]) -> Float[np.ndarray, "groups *rest"]:
        """Largest of each group's windows."""
        if not len(self.group):
            return np.zeros((0, *values.shape[1:]))
        return np.maximum.reduceat(values, np.flatnonzero(np.diff(self.group, prepend=-1)), axis=0)


@dataclass(frozen=True)
class Decisions:
    """Decisions of a log: its interventions, and the stretches of proposals that the supervisor let pass or did not."""

    shown: Windows  # steps of each intervention
    judged: Windows  # steps of each stretch, whose proposals the supervisor judged
    takeover: Int[np.ndarray, " stretches"]  # number of the intervention that a stretch led to; -1: none

    def __len__(self) -> int:
        return self.n_interventions

    @property
    def n_interventions(self) -> int:
        """Number of interventions."""
        return len(self.shown.group)

    def without_passed(self) -> tuple["Decisions", Int[np.ndarray, " steps"]]:
        """The decisions without the stretches that the supervisor let pass, and the places of the judged steps."""
        judged, steps = self.judged.only(self.taken_over)
        return Decisions(self.shown, judged, self.takeover[self.taken_over]), steps

    @cached_property
    def taken_over(self) -> Bool[np.ndarray, " stretches"]:
        """Stretches that led to an intervention."""
        return self.takeover >= 0


def sigmoid(x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def decisions_of(log: InterventionLog) -> Decisions:
    """The decisions of a log, without interventions that were retracted."""
    shown, judged, takeover = list[list[Int[np.ndarray, " _"]]](), list[list[Int[np.ndarray, " _"]]](), list[int]()
    before = 0
    for rollout in log.rollouts:
        counted = demonstrated(rollout)
        for segment in segments(rollout):
            if segment.controller is Controller.POLICY:
                stop = segment.stop - (REACTION - 1) * _leads_to_expert(rollout, segment.stop)
                if stop > segment.start:
                    judged.append([before + window for window in _windows(segment.start, stop)])
                    takeover.append(-1)
            elif counted[segment.start]:
                spread = np.linspace(segment.start, segment.stop - 1, min(len(segment), STEPS)).round().astype(int)
                episode = int(rollout.episode[segment.start])
                first = max(segment.start - (REACTION - 1), int(np.searchsorted(rollout.episode, episode)))
                judged.append([before + np.arange(first, segment.start + 1)])
                takeover.append(len(shown))
                shown.append([before + spread])
        before += len(rollout)
    return Decisions(Windows.of(shown), Windows.of(judged), np.array(takeover, int))


def _leads_to_expert(rollout: Rollout, stop: int) -> bool:
    """Whether the segment that ends before this step ends with a takeover."""
    return stop < len(rollout) and bool(rollout.episode[stop] == rollout.episode[stop - 1])


def _windows(start: int, stop: int) -> list[np.ndarray]:
    """Windows of R consecutive steps, evenly spaced in a long stretch; a shorter stretch is one window."""
    length = min(REACTION, stop - start)
    last = stop - length
    firsts = np.unique(np.linspace(start, last, min(last - start + 1, STEPS)).round().astype(int))
    return [np.arange(first, first + length) for first in firsts]


def votes(
    log_probs: Float[np.ndarray, "steps coordinates m"], decisions: Decisions
) -> Float[np.ndarray, "interventions coordinates m"]:
    """Mean log-probability over the steps of each intervention, under each of m policies: v_kc."""
    return decisions.shown.means(log_probs)


def intervention_log_likelihoods(
    log_probs: Float[np.ndarray, "steps coordinates m"], decisions: Decisions, model: DecisionModel, *, uniform: float
) -> Float[np.ndarray, "interventions m"]:
    """Log-likelihood of what each intervention shows, under each of m policies.

    Args:
        log_probs: log pi_theta of each coordinate of the executed actions, in the steps of `decisions.shown`.
        decisions: of the log.
        model: of the decisions.
        uniform: u, the log-probability (or log-density) of a coordinate that is drawn uniformly.
    """
    explained = np.log1p(-model.slip) + votes(log_probs, decisions)
    mixed = np.logaddexp(explained, np.log(model.slip) + uniform) if model.slip else explained
    return mixed.sum(axis=1)


def takeover_probabilities(
    log_probs: Float[np.ndarray, "steps coordinates m"],
    attention: Float[np.ndarray, " m"],
    decisions: Decisions,
    model: DecisionModel,
    *,
    uniform: float,
) -> Float[np.ndarray, "stretches m"]:
    """Probability that each stretch of proposals leads to a takeover, under each of m policies.

    Args:
        log_probs: log pi_theta of each coordinate of the proposed actions, in the steps of `decisions.judged`.
        attention: a, the probability that a stretch is looked at.
        decisions: of the log.
        model: of the decisions.
        uniform: u, as above.
    """
    badness = decisions.judged.largest(decisions.judged.means(uniform * log_probs.shape[1] - log_probs.sum(axis=1)))
    return attention * (0.5 * model.slip + (1.0 - model.slip) * sigmoid(badness / model.spread))


def judgement_log_likelihoods(
    log_probs: Float[np.ndarray, "steps coordinates m"],
    attention: Float[np.ndarray, " m"],
    decisions: Decisions,
    model: DecisionModel,
    *,
    uniform: float,
) -> Float[np.ndarray, "stretches m"]:
    """Log-likelihood of taking over or not in each stretch. Arguments as in `takeover_probabilities`."""
    taken = takeover_probabilities(log_probs, attention, decisions, model, uniform=uniform)
    return np.log(np.where(decisions.taken_over[:, None], taken, 1.0 - taken))


def slip_probabilities(
    log_probs: Float[np.ndarray, "steps coordinates m"], decisions: Decisions, model: DecisionModel, *, uniform: float
) -> Float[np.ndarray, "interventions m"]:
    """Probability that each intervention is one that theta does not explain in any coordinate, under each policy."""
    explained = np.log1p(-model.slip) + votes(log_probs, decisions)
    slip = np.log(model.slip) + uniform
    return np.exp(slip - np.logaddexp(explained, slip)).prod(axis=1)
