"""Driver of a study: its missing runs go to an engine, which computes them somewhere; their results are stored here."""

import os
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from mereq.alignment.algorithm import Round
from mereq.core.errors import MereqError
from mereq.runs.finished import is_finished
from mereq.runs.run import config_of, create, resume, run
from mereq.runs.spec import RunSpec
from mereq.store.compatibility import check_resumable
from mereq.store.run_store import RUN, RunReader
from mereq.studies.grid import PlannedRun, Study, import_named
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


def one_thread() -> dict[str, str]:
    """Variables of a worker's environment: those for one thread, after the user's own flags of the compiler."""
    own = os.environ.get("XLA_FLAGS", "")
    return ONE_THREAD | {"XLA_FLAGS": " ".join(filter(None, (own, ONE_THREAD["XLA_FLAGS"])))}


class Job(NamedTuple):
    """A run to compute, or to resume."""

    name: str
    spec: RunSpec
    directory: Path  # where this machine records it


class RunStarted(NamedTuple):
    """A worker began a run, or resumed it."""

    name: str
    pid: int
    rounds: int  # recorded before


class RoundFinished(NamedTuple):
    """A worker finished a round of a run."""

    name: str
    index: int


class RunFinished(NamedTuple):
    """A run is finished, and recorded in its directory."""

    name: str


class RunFailed(NamedTuple):
    """A run raised an exception. What it recorded before is kept; it is tried again at the next start."""

    name: str
    sentence: str
    traceback: str


class WorkerDied(NamedTuple):
    """A worker died in the middle of a run, which another worker resumes."""

    name: str
    how: str


Event = RunStarted | RoundFinished | RunFinished | RunFailed | WorkerDied


class Engine(Protocol):
    """Computes runs: in processes of this machine, or on a cluster."""

    @property
    def workers(self) -> int:
        """Number of runs that the engine can compute at once."""
        ...

    def events(self, jobs: Sequence[Job]) -> Generator[Event, None, None]:
        """Compute the runs, each into its directory. Closing the generator stops all of them.

        Raises:
            StudyStopped: the engine cannot continue.
        """
        ...


def run_study(study: Study, store: StudyStore, engine: Engine) -> Iterator[tuple[Event, StudyRun | None]]:
    """Compute the missing runs of a study. The results of a finished run are stored before its event is yielded.

    Raises:
        StudyStopped: the engine cannot continue.
        CannotWrite: the disk is full.
    """
    planned = {run.name: run for run in store.missing(study)}
    jobs = [Job(name, run.spec, store.run_directory(run)) for name, run in planned.items()]
    with closing(engine.events(jobs)) as events:
        for event in events:
            yield event, store.add(planned[event.name]) if isinstance(event, RunFinished) else None


def compute(job: Job, directory: Path, tell: Callable[[Event], None]) -> None:
    """Compute one run in a worker: begin it in the directory, or resume what is recorded there.

    tell: takes the events of the run, the last of which is `RunFinished` or `RunFailed`.
    """
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
    """Number of finished rounds of the run in a directory; 0 if there is no run."""
    if not (directory / RUN.file).is_file():
        return 0
    with RunReader.open(directory, accept_loss=True) as store:
        return len(store.rounds())


def _rounds(spec: RunSpec, directory: Path) -> Iterator[int]:
    """Compute a run, yielding the index of each round. A finished run is left as it is."""
    import_named(spec)  # a worker process has not imported the code that the study file names
    if not (directory / RUN.file).is_file():
        writer = create(spec, directory)
    else:
        with RunReader.open(directory, accept_loss=True) as recorded:
            check_resumable(recorded.starts()[-1].config, config_of(spec))
            if is_finished(recorded.rounds(), spec.n_rounds):
                return
        writer = resume(spec, directory)
    with writer, closing(run(spec, writer)) as events:
        for event in events:
            if isinstance(event, Round):
                yield event.index


@dataclass
class Pace:
    """Speed of a study, and an estimate of the time that is left."""

    _spent: dict[tuple[str, ...], tuple[float, int]] = field(default_factory=dict)  # by condition: seconds, rounds

    def add(self, condition: tuple[str, ...], seconds: float, rounds: int = 1) -> None:
        """Add the time that some rounds of a condition of the study took."""
        before = self._spent.get(condition, (0.0, 0))
        self._spent[condition] = before[0] + seconds, before[1] + rounds

    def seconds_left(self, runs: Sequence[tuple[tuple[str, ...], int]], workers: int) -> float | None:
        """Estimate of the time that is left [s]; None before any round is finished.

        runs: condition of each unfinished run, and how many rounds are left.

        A condition without a finished round counts as the mean of the others. A run's rounds come one after another,
        so that no number of workers is faster than the longest run.
        """
        seconds, rounds = (sum(column) for column in zip(*self._spent.values(), strict=True)) if self._spent else (0, 0)
        if not rounds:
            return None
        times = []
        for condition, left in runs:
            spent, done = self._spent.get(condition, (seconds, rounds))
            times.append(left * spent / done)
        return max(sum(times) / workers, max(times, default=0.0))


def pending(planned: Sequence[PlannedRun], rounds: dict[str, int]) -> list[tuple[tuple[str, ...], int]]:
    """Condition and number of rounds left of each run, given how many rounds each has finished."""
    return [(run.condition, run.spec.n_rounds - rounds[run.name]) for run in planned]
