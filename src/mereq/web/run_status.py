"""Status of a run: the numbers that the page shows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mereq.alignment.algorithm import Event, Round
from mereq.alignment.method import Progress
from mereq.alignment.posterior_alignment import PosteriorAlignment
from mereq.alignment.schedule import PolicyVersion
from mereq.core.supervisor import Controller
from mereq.interventions.rollout import SupervisedStep
from mereq.irl.belief import Belief, InterventionEffect, WeightBelief
from mereq.maxent_rl.family_preparation import PreparationProgress
from mereq.presets.methods import known_method
from mereq.presets.registry import definition_of
from mereq.runs.spec import RunSpec
from mereq.store.run_store import RecordedRound, RunReader
from mereq.web.controls import Retraction
from mereq.web.messages import InterventionPlace
from mereq.web.views import (
    Beliefs,
    BelievedWeight,
    Contradiction,
    ContradictionState,
    LastStep,
    LearningProgress,
    Phase,
    RoundSummary,
    Status,
)

MOST = 5  # contradictions that are shown at once


@dataclass
class Intervention:
    """Successive steps of the person."""

    episode: int
    step: int  # of the episode, the first one
    steps: int = 0
    retracted: bool = False


class RunStatus:
    """Status of a run, updated by its events. Recorded events of an interrupted run are included."""

    def __init__(self, spec: RunSpec, store: RunReader):
        self._spec, self._concurrent = spec, spec.learning == "concurrent"
        definition = definition_of(spec.task)
        self._theta_prior, n_features = definition.theta_prior, len(definition.task.feature_names)
        self._directory = str(store.directory.resolve())
        self._rounds = [_summary(row) for row in store.rounds()]
        self._theta = store.rounds()[-1].theta if self._rounds else np.zeros(n_features)
        versions = store.versions()
        self._version = versions[-1].number if versions else 0
        self._theta = versions[-1].theta if versions else self._theta
        self._infers = isinstance(known_method(spec.method), PosteriorAlignment)
        last = store.last_beliefs(2) if self._infers else []
        self._before, self._belief = [None, None, *last][-2:]  # before and after the last handback
        self._begin_round()
        self._samples = self._rounds[-1]["samples"] if self._rounds else 0
        self._step_of_episode = 0
        self.words = ""  # why the run stopped
        self._retracted_last = False  # whether the last belief followed from a retraction
        learned_from = versions[-1].learned_from - sum(row.steps for row in store.rounds()) if versions else 0
        for number, step in enumerate(store.steps(len(self._rounds)), 1):
            self._add(step)
            self._retracted_last |= number == learned_from and bool(step.retracts)

    def counted_back(self, place: InterventionPlace | None) -> int:
        """Number of an intervention of this round, counted from the last one; 0 if it cannot be taken back.

        place: of the intervention; None: the last one.
        """
        if place is None:
            return int(self.can_retract)
        index, episode, step = place
        for k, each in enumerate(reversed(self._interventions), 1):
            if index == len(self._rounds) and (each.episode, each.step) == (episode, step) and not each.retracted:
                return k
        return 0

    @property
    def can_retract(self) -> bool:
        """Whether the round has an intervention, and the last one is not retracted."""
        return bool(self._interventions) and not self._interventions[-1].retracted

    def count(self, event: Event) -> None:
        """Update the numbers with an event."""
        if isinstance(event, SupervisedStep):
            self._add(event)
        elif isinstance(event, Progress):
            self._progress = {"step": event.step + 1, "of": event.of, "gradient": _finite(event.gradient_norm)}
        elif isinstance(event, PolicyVersion):
            self._version, self._theta, self._progress = event.version, event.theta, None
            self._before, self._belief = self._belief, event.belief
            self._retracted_last = self._step is not None and bool(self._step.retracts)
        else:
            self._finish(event)

    def begin_episode(self, step: int) -> None:
        """Start the display of an episode: at step 0, or at the step from which a resumed one continues."""
        self._step_of_episode, self._last = step, None

    def describe(self, action: str) -> None:
        """Add the name of the last step's action."""
        step = self._step
        assert step is not None
        self._step_of_episode = step.step + 1
        self._last = {"action": action, "by": int(step.controller), "terminated": step.terminated}

    def view(self, kept: frozenset[InterventionPlace] = frozenset(), asked: Sequence[Retraction] = ()) -> Status:
        """All numbers, in the form of the message.

        Args:
            kept: interventions that the person wants to keep, although they contradict the others.
            asked: interventions that the next steps take back.
        """
        yours = sum(intervention.steps for intervention in self._interventions)
        features = self._step.features if self._step else None
        basic = None if features is None or self._theta_prior is None else float(self._theta_prior @ features)
        residual = None if features is None or not self._theta.size else float(self._theta @ features)
        return {
            "phase": self.phase,
            "words": self.words,
            "directory": self._directory,
            "round": len(self._rounds),
            "of_rounds": self._spec.n_rounds,
            "step": self._count,
            "of_steps": self._spec.settings.rollout_steps,
            "episode": self._step.episode if self._step else 0,
            "step_of_episode": self._step_of_episode,
            "last": self._last,
            "basic": _finite(basic),
            "residual": _finite(residual),
            "yours": yours,
            "taken_back": sum(each.steps for each in self._interventions if each.retracted),
            "can_retract": self.can_retract,
            "samples": self._samples + yours,
            "rounds": self._rounds,
            "progress": self._progress,
            "version": self._version if self._concurrent else None,
            "beliefs": self._beliefs(kept, asked) if self._infers else None,
        }

    def _beliefs(self, kept: frozenset[InterventionPlace], asked: Sequence[Retraction]) -> Beliefs:
        """What the program believes, in the form of the message, beside the belief before it."""
        belief = self._belief
        if belief is None:
            return {"weights": [], "confused": [], "changed": "", "contradictions": []}
        was = [each.mean for each in self._before.weights] if self._before else [0.0] * len(belief.weights)
        what = "Taking it back" if self._retracted_last else "Your last intervention"
        against = [self._contradiction(belief, effect, asked) for effect in belief.interventions if effect.contradicts]
        against = [each for each in against if each["at"] not in kept and each["state"] != "taken back"]
        return {
            "weights": [_believed(each, mean) for each, mean in zip(belief.weights, was, strict=True)],
            "confused": [(_spaced(one), _spaced(other)) for one, other, _ in belief.confused],
            "changed": f"{what} changed: {_spaced(belief.change_since(was))}.",
            "contradictions": sorted(against, key=lambda each: -each["slip"])[:MOST],
        }

    def _contradiction(self, belief: Belief, effect: InterventionEffect, asked: Sequence[Retraction]) -> Contradiction:
        at = (effect.round, effect.episode, effect.step)
        present = next(
            (each for each in self._interventions if (each.episode, each.step) == at[1:]),
            None,
        )
        if effect.round != len(self._rounds) or present is None:
            state: ContradictionState = "in a finished round"
        elif present.retracted:
            state = "taken back"
        else:
            state = "is taken back" if Retraction(at) in asked else "counts"
        first, last = effect.step + 1, effect.step + effect.steps
        steps = f"step {last}" if first == last else f"steps {first} to {last}"
        earlier = f"round {effect.round + 1}, " if effect.round != len(self._rounds) else ""
        return {
            "at": at,
            "where": f"{earlier}episode {effect.episode + 1}, {steps}",
            "changed": _spaced(belief.moved_by(effect)),
            "slip": round(effect.contradiction, 2),
            "state": state,
        }

    def _begin_round(self) -> None:
        self.phase: Phase = "supervising"
        self._interventions: list[Intervention] = []
        self._step: SupervisedStep | None = None
        self._count = 0
        self._last: LastStep | None = None
        self._progress: LearningProgress | None = None

    def _add(self, step: SupervisedStep) -> None:
        if 0 < step.retracts <= len(self._interventions):
            self._interventions[-step.retracts].retracted = True
        if step.controller is Controller.EXPERT:
            continued = self._step is not None and self._step.controller is Controller.EXPERT
            if not continued or self._interventions[-1].episode != step.episode:
                self._interventions.append(Intervention(step.episode, step.step))
            self._interventions[-1].steps += 1
        self._step, self._count = step, self._count + 1
        if self._count >= self._spec.settings.rollout_steps and not self._concurrent:
            self.phase = "learning"

    def _finish(self, finished: Round) -> None:
        del self._rounds[finished.index :]  # rounds after a damaged state are learned again
        self._rounds.append(_summary(finished))
        self._theta, self._samples = finished.theta, finished.expert_steps
        self._begin_round()


def preparing_words(progress: PreparationProgress) -> str:
    """What a person needs to know about a preparation that goes on meanwhile."""
    share = f"{int(100 * progress.share)} %"
    if progress.learns:
        left = "" if progress.seconds_left is None else f", about {_about(progress.seconds_left)} left"
        return f"{share}{left}; it learns from you already"
    start = "soon" if progress.seconds_to_snapshot is None else f"in about {_about(progress.seconds_to_snapshot)}"
    return f"{share}; it learns from you {start}, and until then it does what it did before"


def _about(seconds: float) -> str:
    return f"{math.ceil(seconds / 60)} min" if seconds > 60 else f"{10 * math.ceil(seconds / 10)} s"


def _summary(done: RecordedRound | Round) -> RoundSummary:
    return {
        "rate": done.intervention_rate,
        "samples": done.expert_steps,
        "theta": done.theta.tolist(),
        "waited": done.seconds_waited,
    }


def _believed(weight: WeightBelief, was: float) -> BelievedWeight:
    """What is believed about a weight, in the form of the message.

    was: its mean before.
    """
    return {
        "name": _spaced(weight.name),
        "mean": round(weight.mean, 3),
        "low": round(weight.low, 3),
        "high": round(weight.high, 3),
        "before": round(weight.before, 3),
        "was": round(was, 3),
        "sign": weight.sign,
        "words": weight.words,
    }


def _spaced(words: str) -> str:
    return words.replace("_", " ")


def _finite(number: float | None) -> float | None:
    return None if number is None or not np.isfinite(number) else round(float(number), 4)
