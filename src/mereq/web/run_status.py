"""Where a run stands, in the numbers that the page shows."""

from dataclasses import dataclass

import numpy as np

from mereq.alignment.algorithm import Event, Round
from mereq.alignment.method import Progress
from mereq.alignment.schedule import PolicyVersion
from mereq.core.supervisor import Controller
from mereq.interventions.rollout import SupervisedStep
from mereq.presets.registry import definition_of
from mereq.runs.spec import RunSpec
from mereq.store.run_store import RecordedRound, RunReader
from mereq.web.views import LastStep, LearningProgress, Phase, RoundSummary, Status


@dataclass
class Intervention:
    """Steps that the person took in a row."""

    episode: int
    steps: int = 0
    taken_back: bool = False


class RunStatus:
    """Counts the events of a run, those from before an interruption included."""

    def __init__(self, spec: RunSpec, store: RunReader):
        self._spec, self._behind = spec, spec.learning == "concurrent"
        definition = definition_of(spec.task)
        self._theta_prior, n_features = definition.theta_prior, len(definition.task.feature_names)
        self._directory = str(store.directory.resolve())
        self._rounds = [_summary(row) for row in store.rounds()]
        self._theta = store.rounds()[-1].theta if self._rounds else np.zeros(n_features)
        versions = store.versions()
        self._version = versions[-1].number if versions else 0
        self._theta = versions[-1].theta if versions else self._theta
        self._begin_round()
        self._samples = self._rounds[-1]["samples"] if self._rounds else 0
        self._step_of_episode = 0
        self.words = ""  # why the run stopped
        for step in store.steps(len(self._rounds)):
            self._add(step)

    @property
    def can_retract(self) -> bool:
        """Whether the last intervention of this round was not taken back yet."""
        return bool(self._interventions) and not self._interventions[-1].taken_back

    def count(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, SupervisedStep):
            self._add(event)
        elif isinstance(event, Progress):
            self._progress = {"step": event.step + 1, "of": event.of, "gradient": _finite(event.gradient_norm)}
        elif isinstance(event, PolicyVersion):
            self._version, self._theta, self._progress = event.version, event.theta, None
        else:
            self._finish(event)

    def begin_episode(self, step: int) -> None:
        """A new episode is shown, or one that was brought back to this step."""
        self._step_of_episode, self._last = step, None

    def describe(self, action: str) -> None:
        """How the action of the last step is called."""
        step = self._step
        assert step is not None
        self._step_of_episode = step.step + 1
        self._last = {"action": action, "by": int(step.controller), "terminated": step.terminated}

    def view(self) -> Status:
        """All numbers, as JSON."""
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
            "taken_back": sum(each.steps for each in self._interventions if each.taken_back),
            "can_retract": self.can_retract,
            "samples": self._samples + yours,
            "rounds": self._rounds,
            "progress": self._progress,
            "version": self._version if self._behind else None,
        }

    def _begin_round(self) -> None:
        self.phase: Phase = "supervising"
        self._interventions: list[Intervention] = []
        self._step: SupervisedStep | None = None
        self._count = 0
        self._last: LastStep | None = None
        self._progress: LearningProgress | None = None

    def _add(self, step: SupervisedStep) -> None:
        if step.retracts and self._interventions:
            self._interventions[-1].taken_back = True
        if step.controller is Controller.EXPERT:
            with_rounds = self._step is not None and self._step.controller is Controller.EXPERT
            if not with_rounds or self._interventions[-1].episode != step.episode:
                self._interventions.append(Intervention(step.episode))
            self._interventions[-1].steps += 1
        self._step, self._count = step, self._count + 1
        if self._count >= self._spec.settings.rollout_steps and not self._behind:
            self.phase = "learning"

    def _finish(self, finished: Round) -> None:
        del self._rounds[finished.index :]  # rounds whose state was damaged are made again
        self._rounds.append(_summary(finished))
        self._theta, self._samples = finished.theta, finished.expert_steps
        self._begin_round()


def _summary(done: RecordedRound | Round) -> RoundSummary:
    return {
        "rate": done.intervention_rate,
        "samples": done.expert_steps,
        "theta": done.theta.tolist(),
        "waited": done.seconds_waited,
    }


def _finite(number: float | None) -> float | None:
    return None if number is None or not np.isfinite(number) else round(float(number), 4)
