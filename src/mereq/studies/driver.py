"""Doing a study: its missing runs go to an engine, which computes them somewhere; what comes back is stored here."""

import os
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from mereq.alignment.algorithm import Round
from mereq.core.errors import MereqError
from mereq.runs.spec import RunSpec
from mereq.store.compatibility import check_resumable
from mereq.store.run_store import RUN, RunStore
from mereq.studies.grid import PlannedRun, Study
from mereq.studies.study_store import StudyRun, StudyStore

ONE_THREAD = {  # variables of a worker's environment, read when it imports NumPy, Numba and JAX
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "NPROC": "1",  # threads of XLA's CPU client
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
}


class Job(NamedTuple):
    """A run to compute, or to go on with."""

    name: str
    spec: RunSpec
    directory: Path  # where this machine keeps it


class RunStarted(NamedTuple):
    """A worker began a run, or went on with it."""

    name: str
    pid: int
    rounds: int  # that were there already


class RoundFinished(NamedTuple):
    """A worker finished a round of a run."""

    name: str
    index: int


class RunFinished(NamedTuple):
    """A run is whole, in its directory."""

    name: str


class RunFailed(NamedTuple):
    """A run raised an exception. What it recorded before is kept; it is tried again at the next start."""

    name: str
    sentence: str
    traceback: str


class WorkerDied(NamedTuple):
    """A worker died in the middle of a run, which another worker goes on with."""

    name: str
    how: str


Event = RunStarted | RoundFinished | RunFinished | RunFailed | WorkerDied


class Engine(Protocol):
    """Computes runs: in processes of this machine, or on a cluster."""

    @property
    def workers(self) -> int:
        """Runs it can compute at once."""
        ...

    def events(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        """Compute the runs, each into its directory, as far as they go. Closing this stops all of them.

        Raises:
            StudyStopped: the engine cannot go on.
        """
        ...


def run_study(study: Study, store: StudyStore, engine: Engine) -> Iterator[tuple[Event, StudyRun | None]]:
    """Compute the missing runs of a study. A finished run is in the store before its event is seen, with its results.

    Raises:
        StudyStopped: the engine cannot go on.
        CannotWrite: the disk is full.
    """
    planned = {run.name: run for run in store.missing(study)}
    jobs = [Job(name, run.spec, store.run_directory(run)) for name, run in planned.items()]
    with closing(engine.events(jobs)) as events:
        for event in events:
            yield event, store.add(planned[event.name]) if isinstance(event, RunFinished) else None


def compute(job: Job, directory: Path, tell: Callable[[Event], None]) -> None:
    """A worker's work: one run, into a directory, from wherever it stands there."""
    try:
        tell(RunStarted(job.name, os.getpid(), finished_rounds(directory)))
        for index in _rounds(job.spec, directory):
            tell(RoundFinished(job.name, index))
    except MereqError as error:
        tell(RunFailed(job.name, str(error), traceback.format_exc()))
    except Exception as error:
        tell(RunFailed(job.name, f"{type(error).__name__}: {error}", traceback.format_exc()))
    else:
        tell(RunFinished(job.name))


def finished_rounds(directory: Path) -> int:
    """Of the run in a directory, if there is one."""
    if not (directory / RUN.file).is_file():
        return 0
    with RunStore.open(directory) as store:
        return len(store.rounds())


def _rounds(spec: RunSpec, directory: Path) -> Iterator[int]:
    """Compute a run, round by round. One that is whole already is left as it is."""
    config = spec.config()
    if not (directory / RUN.file).is_file():
        store = RunStore.create(directory, config)
    else:
        with RunStore.open(directory) as recorded:
            check_resumable(recorded.starts()[-1].config, config)
            rounds = recorded.rounds()
        if rounds and (rounds[-1].aligned or len(rounds) == spec.n_rounds):
            return
        store = RunStore.resume(directory, config)
    with store, closing(spec.events(store)) as events:
        for event in events:
            if isinstance(event, Round):
                yield event.index


@dataclass
class Pace:
    """How fast a study goes, and how long it will take."""

    _spent: dict[tuple[str, ...], tuple[float, int]] = field(default_factory=dict)  # by row: seconds, rounds

    def add(self, row: tuple[str, ...], seconds: float, rounds: int = 1) -> None:
        """So many rounds of a row of the study took so long."""
        before = self._spent.get(row, (0.0, 0))
        self._spent[row] = before[0] + seconds, before[1] + rounds

    def seconds_left(self, runs: Sequence[tuple[tuple[str, ...], int]], workers: int) -> float | None:
        """Estimate for runs of some row, with some rounds left; None before any round is finished.

        A row without a finished round counts as the mean of the others. A run's rounds come one after another, so that
        no number of workers is faster than the longest run.
        """
        seconds, rounds = (sum(column) for column in zip(*self._spent.values(), strict=True)) if self._spent else (0, 0)
        if not rounds:
            return None
        times = []
        for row, left in runs:
            spent, done = self._spent.get(row, (seconds, rounds))
            times.append(left * spent / done)
        return max(sum(times) / workers, max(times, default=0.0))


def pending(planned: Sequence[PlannedRun], rounds: dict[str, int]) -> list[tuple[tuple[str, ...], int]]:
    """Row and number of rounds left of each run, given how many each has finished."""
    return [(run.row, run.spec.n_rounds - rounds[run.name]) for run in planned]
