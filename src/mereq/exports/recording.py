"""What is exported: the episodes of one or several runs, in the order in which they were recorded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from mereq.core.errors import CannotExport, UnknownName
from mereq.core.task import Task
from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import demonstrated
from mereq.presets.registry import definition_of
from mereq.store.provenance import clean, clean_provenance
from mereq.store.run_store import RecordedRound, RunStore, Start


@dataclass(frozen=True)
class Episode:
    """T steps of one episode: all of it, or what was recorded before its round ended."""

    run: int  # of the recording
    round: int  # of the run
    number: int  # of the round
    rollout: Rollout
    retracted: Bool[np.ndarray, " T"]  # the expert acted, and later took it back as a mistake

    def __len__(self) -> int:
        return len(self.rollout)


@dataclass(frozen=True)
class RecordedRun:
    """A run on disk, and what is taken of it."""

    directory: Path
    starts: tuple[Start, ...]
    finished: tuple[RecordedRound, ...]
    rounds: tuple[int, ...]  # that are exported; the last one may be going on

    def episodes(self, number: int) -> Iterator[Episode]:
        """Its episodes, when it is this one of the recording."""
        with RunStore.open(self.directory) as store:
            for index in self.rounds:
                rollout = store.rollout(index)
                retracted = rollout.by_expert & ~demonstrated(rollout)
                for episode in np.unique(rollout.episode):
                    steps = rollout.episode == episode
                    yield Episode(number, index, int(episode), rollout.only(steps), retracted[steps])

    def record(self) -> dict[str, Any]:
        """Configuration, provenance and rounds, for JSON. Of a path only the last part is kept."""
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
class Recording:
    """Runs of one task.

    hz: steps per second of the task's own time.
    """

    task: Task
    summary: str
    hz: float
    runs: tuple[RecordedRun, ...]

    @property
    def n_rounds(self) -> int:
        """Of all runs together."""
        return sum(len(run.rounds) for run in self.runs)

    def episodes(self) -> Iterator[Episode]:
        """All episodes, read as they are asked for."""
        for number, run in enumerate(self.runs):
            yield from run.episodes(number)


def read_runs(
    directories: Sequence[Path], *, rounds: Sequence[int] = (), task: Task | None = None, hz: float = 1.0
) -> Recording:
    """The runs in these directories, as far as they have got.

    Args:
        directories: one or several runs of one task.
        rounds: of each run; empty means all, and the one that is going on.
        task: what the runs are of; None takes it, and `hz`, from our tasks by the name in the runs' configuration.
        hz: steps per second of the task's own time.

    Raises:
        NoRun, IncompatibleRun, CorruptCheckpoint: a directory without a run, or with one that cannot be read.
        UnknownName: one of our tasks was expected; or no step of a round was recorded.
        CannotExport: no run is named, nothing is recorded yet, or the runs are of different tasks.
    """
    if not directories:
        raise CannotExport("No run was named. Name the directory of a run, or several.")
    runs = tuple(_read(directory, tuple(dict.fromkeys(rounds))) for directory in directories)
    names = sorted({str(run.starts[-1].config.get("task")) for run in runs})
    if task is not None:
        return Recording(task, task.name, hz, runs)
    if len(names) != 1:
        raise CannotExport(
            f"The runs are of different tasks: {', '.join(names)}. A dataset holds runs of one "
            "task; export each task's runs by themselves."
        )
    preset = definition_of(names[0])
    return Recording(preset.task, preset.summary, preset.hz, runs)


def _read(directory: Path, rounds: tuple[int, ...]) -> RecordedRun:
    with RunStore.open(directory) as store:
        finished = store.rounds()
        begun = list(range(len(finished) + bool(store.steps(len(finished)))))
        if not begun:
            raise CannotExport(f"The run in {directory} has no steps yet. Wait for the first ones, or go on with it.")
        for index in rounds:
            if index not in begun:
                raise UnknownName("recorded round", str(index), [str(known) for known in begun])
        return RecordedRun(directory, tuple(store.starts()), tuple(finished), rounds or tuple(begun))
