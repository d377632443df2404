"""A blind trial on disk: its plan, and when it was looked at. The runs are beside it, in `runs/`, under numbers.

`trial.sqlite` has a row for each start, with the file and all configurations, and one for each time that somebody was
told which run had which method.
"""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from mereq import __version__
from mereq.core.errors import IncompatibleRun, StillBlind
from mereq.runs.finished import is_finished
from mereq.runs.run import config_of
from mereq.runs.toml_file import STRUCTURE
from mereq.store.compatibility import changes
from mereq.store.database import Database, Schema, Store
from mereq.store.provenance import provenance
from mereq.store.run_store import RUN, RunReader
from mereq.studies.study_store import RUNS, StudyRun
from mereq.trials.plan import BlindRun, Trial, TrialFile

TRIAL = Schema(
    what="trial",
    format=1,
    tables={
        "trial": ("start", "time, mereq, file, configs, provenance"),
        "unblinded": ("look", "time, finished, planned"),
    },
    remedy="Restore it from a copy. The runs are whole: each is a run of its own in runs/.",
    beside=frozenset({RUNS}),
)


class Look(NamedTuple):
    """One time at which somebody was told which run had which method."""

    time: float  # [s] since 1970
    finished: int  # runs, at that time
    planned: int

    @property
    def early(self) -> bool:
        """Whether there were runs to come."""
        return self.finished < self.planned


class TrialStore(Store):
    """A trial on disk: `begin` it to go on, `open` it to read."""

    def __init__(self, directory: Path, database: Database, trial: Trial):
        super().__init__(directory, database)
        self.trial = trial

    @classmethod
    def begin(cls, directory: Path, trial: Trial) -> "TrialStore":
        """A trial, new or as far as it got. It is what it was: a plan is not changed once it has begun.

        Raises:
            RunExists: the directory holds something else.
            IncompatibleRun: recorded by another version, from another file, or with other presets or policies.
            CorruptCheckpoint: its record is damaged.
            CannotWrite: no permission, the disk is full, or another process is at it.
        """
        if not (directory / TRIAL.file).is_file():
            return cls(directory, Database.create(TRIAL, directory, _start(0, trial)), trial)
        store = cls.open(directory, write=True)
        try:
            store._check(trial)
            store.trial = trial
            with store.database.transaction():
                store.database.insert("trial", _start(len(store.database.rows("trial")), trial))
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, directory: Path, *, write: bool = False) -> "TrialStore":
        """A trial to read; write: and to note that somebody was told.

        Raises:
            NoRun: there is none.
            IncompatibleRun: recorded by another version.
            CorruptCheckpoint: its record is damaged.
            CannotWrite: to write, and no permission or another process is at it.
        """
        database = Database.open(TRIAL, directory, write=write)
        try:
            start = database.rows("trial")[-1]
            file = STRUCTURE.structure(json.loads(start["file"]), TrialFile)
            return cls(directory, database, Trial.recorded(file, json.loads(start["configs"])))
        except BaseException:
            database.close()
            raise

    def run_directory(self, run: BlindRun) -> Path:
        """Where a run is recorded."""
        return self.directory / RUNS / run.name

    def left(self) -> list[BlindRun]:
        """The runs that are not finished, in the order of the trial; the first may have begun.

        Raises:
            CorruptCheckpoint: a run's record is damaged.
        """
        return [run for run in self.trial.runs if not self._finished(run)]

    def runs(self) -> list[StudyRun]:
        """The finished runs, as those of a study. Who reads this knows which had which method: see `tell`.

        Raises:
            CorruptCheckpoint: a run's record is damaged.
        """
        return [self._read(run) for run in self.trial.runs if self._finished(run)]

    def looks(self) -> list[Look]:
        """Each time at which somebody was told."""
        return [Look(row["time"], row["finished"], row["planned"]) for row in self.database.rows("unblinded")]

    def tell(self) -> None:
        """Note that somebody is told now."""
        planned = len(self.trial.runs)
        look = Look(time.time(), planned - len(self.left()), planned)
        with self.database.transaction():
            self.database.insert("unblinded", {"look": len(self.looks())} | look._asdict())

    def _finished(self, run: BlindRun) -> bool:
        directory = self.run_directory(run)
        if not (directory / RUN.file).is_file():
            return False
        with RunReader.open(directory) as store:
            return is_finished(store.rounds(), run.spec.n_rounds)

    def _read(self, run: BlindRun) -> StudyRun:
        spec = run.spec
        with RunReader.open(self.run_directory(run)) as store:
            start = store.starts()[-1]
            about = start.config, start.provenance, store.seconds()
            return StudyRun(spec.task, spec.method, spec.preset, "", spec.seed, store.rounds(), *about)

    def _check(self, trial: Trial) -> None:
        last = self.database.rows("trial")[-1]
        found = changes(json.loads(last["file"]), asdict(trial.file))
        pairs = zip(json.loads(last["configs"]), [config_of(run.spec) for run in trial.runs], strict=False)
        found = found or next(filter(None, (changes(_unnamed(old), _unnamed(new)) for old, new in pairs)), "")
        if found:
            raise IncompatibleRun(
                f"The trial in {self.directory} was begun with another plan: {found}. A trial is finished as it was "
                "begun. Put it back, or begin another one in another directory (--out)."
            )


def refuse_blind(run: Path) -> None:
    """Whoever looks at a run of an unfinished trial would learn its method, and perhaps tell.

    Raises:
        StillBlind: the run in this directory is of such a trial.
    """
    directory = run.resolve().parent.parent
    if run.resolve().parent.name != RUNS or not (directory / TRIAL.file).is_file():
        return
    with TrialStore.open(directory) as trial:
        left = len(trial.left())
        if left and not trial.looks():
            raise StillBlind(
                f"The run in {run} is of a blind trial, which has {left} of {len(trial.trial.runs)} runs left. Go on "
                "with `mereq trial`. `mereq report --unblind` ends the blindness early, and its report says so."
            )


def _start(number: int, trial: Trial) -> dict[str, Any]:
    """A row of the table `trial`."""
    return {
        "start": number,
        "time": time.time(),
        "mereq": __version__,
        "file": json.dumps(asdict(trial.file)),
        "configs": json.dumps([config_of(run.spec) for run in trial.runs]),
        "provenance": json.dumps(provenance()),
    }


def _unnamed(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without the method: a refusal is read by the person."""
    return {name: value for name, value in config.items() if name != "method"}
