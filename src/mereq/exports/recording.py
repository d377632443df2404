"""Recording: the episodes of one or several runs that are exported, in the order in which they were recorded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from mereq.core.actions import Actions, Box, Discrete
from mereq.core.errors import CannotExport, UnknownName
from mereq.core.task import Task
from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import demonstrated
from mereq.presets.known_tasks import known_task
from mereq.store.provenance import clean, clean_provenance, without_folders
from mereq.store.run_store import RecordedRound, RunReader, Start


@dataclass(frozen=True)
class Episode:
    """An episode of T steps, whole or as far as it was recorded before its round ended."""

    run: int  # number of the run in the recording
    round: int  # number of the round in the run
    number: int  # number of the episode in the round
    rollout: Rollout
    retracted: Bool[np.ndarray, " T"]  # the expert acted, and later retracted the step as a mistake

    def __len__(self) -> int:
        return len(self.rollout)


def without_answer(rollout: Rollout, config: dict[str, Any]) -> Rollout:
    """The rollout with states alone, without the answers of a prior that sees raw observations."""
    n = int(config.get("prior_answer", 0))
    return replace(rollout, obs=rollout.obs[:, :-n], next_obs=rollout.next_obs[:, :-n]) if n else rollout


@dataclass(frozen=True)
class RecordedRun:
    """A run on disk, and which of its rounds are exported."""

    directory: Path
    starts: tuple[Start, ...]
    finished: tuple[RecordedRound, ...]
    rounds: tuple[int, ...]  # the exported ones; the last may be unfinished

    def episodes(self, number: int) -> Iterator[Episode]:
        """Episodes of the run, which has this number in the recording."""
        with RunReader.open(self.directory) as store:
            for index in self.rounds:
                rollout = without_answer(store.rollout(index), self.starts[-1].config)
                retracted = rollout.by_expert & ~demonstrated(rollout)
                for episode in np.unique(rollout.episode):
                    steps = rollout.episode == episode
                    yield Episode(number, index, int(episode), rollout.only(steps), retracted[steps])

    def record(self) -> dict[str, Any]:
        """Configuration, provenance and rounds of the run, for JSON. Of a path only the last part is kept."""
        return {
            "name": self.directory.resolve().name,
            "config": clean(self.starts[-1].config),
            "starts": [clean_provenance(start.provenance) for start in self.starts],
            "exported_rounds": list(self.rounds),
            "finished_rounds": [
                {
                    "round": round.index,
                    "steps": round.steps,
                    "intervention_rate": round.intervention_rate,
                    "expert_samples": round.expert_steps,
                    "theta": round.theta.tolist(),
                }
                for round in self.finished
            ],
        }


@dataclass(frozen=True)
class RecordedTask:
    """Description of the task that runs are of."""

    name: str
    summary: str
    hz: float | None  # steps per second of the task's own time; None if unknown
    feature_names: tuple[str, ...]
    actions: Actions
    env_spec: str | None = None  # Gymnasium's specification of the environment, in JSON; None if it has none

    @classmethod
    def of(cls, task: Task, summary: str, hz: float) -> "RecordedTask":
        """Description of a task whose code is at hand."""
        return cls(task.name, summary, hz, task.feature_names, task.actions, task.env_spec)

    @classmethod
    def from_record(cls, name: str, runs: Sequence[RecordedRun]) -> "RecordedTask":
        """Description of a task whose code is not at hand, from its recorded runs.

        Finitely many actions are as many as were recorded.
        """
        rollouts = [episode.rollout for run in runs for episode in run.episodes(0)]
        n_features = rollouts[0].features.shape[1]
        recorded = runs[0].starts[-1].config.get("feature_names") or range(n_features)
        chosen = [actions for rollout in rollouts for actions in (rollout.executed, rollout.proposed)]
        discrete = chosen[0].dtype.kind in "iu"
        actions = Discrete(1 + int(max(a.max() for a in chosen))) if discrete else Box(chosen[0].shape[1])
        name = without_folders(name)
        specs = {run.starts[-1].config.get("env_spec") for run in runs}
        (env_spec,) = specs if len(specs) == 1 else (None,)
        return cls(name, name, None, tuple(map(str, recorded)), actions, env_spec)


@dataclass(frozen=True)
class Recording:
    """Runs of one task."""

    task: RecordedTask
    runs: tuple[RecordedRun, ...]

    @property
    def n_rounds(self) -> int:
        """Number of rounds of all runs together."""
        return sum(len(run.rounds) for run in self.runs)

    def episodes(self) -> Iterator[Episode]:
        """All episodes, read one by one."""
        for number, run in enumerate(self.runs):
            yield from run.episodes(number)


def read_runs(
    directories: Sequence[Path], *, rounds: Sequence[int] = (), task: Task | None = None, hz: float = 1.0
) -> Recording:
    """Read the runs in these directories, as far as they are recorded.

    Args:
        directories: of one or several runs of one task.
        rounds: of each run; empty means all, also the unfinished one.
        task: the task of the runs; if None, the one of their configuration, where it comes with mereq; else what the
            runs recorded about it. No code is imported.
        hz: steps per second of the own time of the given task.

    Raises:
        NoRun, IncompatibleRun, CorruptCheckpoint: a directory without a run, or with one that cannot be read.
        UnknownName: no step of a round was recorded.
        CannotExport: no run is named, nothing is recorded yet, or the runs are of different tasks.
    """
    if not directories:
        raise CannotExport("No run was named. Name the directory of a run, or several.")
    runs = tuple(_read(directory, tuple(dict.fromkeys(rounds))) for directory in directories)
    names = sorted({str(run.starts[-1].config.get("task")) for run in runs})
    if task is not None:
        return Recording(RecordedTask.of(task, task.name, hz), runs)
    if len(names) != 1:
        raise CannotExport(
            f"The runs are of different tasks: {', '.join(names)}. A dataset holds runs of one "
            "task; export the runs of each task by themselves."
        )
    known = known_task(names[0])
    if known is None:
        return Recording(RecordedTask.from_record(names[0], runs), runs)
    return Recording(RecordedTask.of(known.task, known.summary or known.name, known.hz), runs)


def _read(directory: Path, rounds: tuple[int, ...]) -> RecordedRun:
    with RunReader.open(directory) as store:
        finished = store.rounds()
        recorded = list(range(len(finished) + bool(store.steps(len(finished)))))
        if not recorded:
            raise CannotExport(f"The run in {directory} has no steps yet. Wait for the first ones, or resume it.")
        for index in rounds:
            if index not in recorded:
                raise UnknownName("recorded round", str(index), [str(known) for known in recorded])
        return RecordedRun(directory, tuple(store.starts()), tuple(finished), rounds or tuple(recorded))
