"""Store of a blind trial: its plan, and each time that the methods were revealed. The numbered runs are in `runs/`.

`trial.sqlite` has one row for each start, with the file and all configurations, and one row for each time that the
methods of the runs were revealed.
"""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from mereq import __version__
from mereq.core.errors import IncompatibleRun, StillBlind
from mereq.core.toml_file import STRUCTURE
from mereq.runs.finished import is_finished
from mereq.runs.recorded import RecordedConfig
from mereq.runs.run import config_of
from mereq.store.compatibility import changes
from mereq.store.database import Database, Schema, Store, from_json
from mereq.store.links import inside
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
    lost="Or continue from what is left: --accept-loss.",
    remedy="Restore it from a copy. The runs in runs/ are separate records, and are not affected.",
    beside=frozenset({RUNS}),
)


class Look(NamedTuple):
    """One time at which the methods of the runs were revealed."""

    time: float  # [s] since 1970
    finished: int  # number of finished runs at that time
    planned: int  # number of runs of the trial

    @property
    def early(self) -> bool:
        """Whether some runs were not finished yet."""
        return self.finished < self.planned


class TrialStore(Store):
    """Store of a trial: `begin` starts or continues the trial, `open` reads it."""

    def __init__(self, directory: Path, database: Database, trial: Trial):
        super().__init__(directory, database)
        self.trial = trial

    @classmethod
    def begin(cls, directory: Path, trial: Trial, *, accept_loss: bool = False) -> "TrialStore":
        """Store of a new or interrupted trial. The plan of a started trial cannot be changed.

        accept_loss: continue although rows that were stored are lost.

        Raises:
            RunExists: the directory contains other files.
            IncompatibleRun: the trial was recorded by another version, from another file, or with other presets or
                policies.
            CorruptCheckpoint: the record is damaged.
            CannotWrite: no permission, the disk is full, or another process is recording there.
        """
        if not (directory / TRIAL.file).is_file():
            return cls(directory, Database.create(TRIAL, directory, _start(0, trial)), trial)
        store = cls.open(directory, write=True, accept_loss=accept_loss)
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
    def open(cls, directory: Path, *, write: bool = False, accept_loss: bool = False) -> "TrialStore":
        """Store of a recorded trial; `write` allows `record_look`, `accept_loss` a record that has lost rows.

        Raises:
            NoRun: the directory has no trial.
            IncompatibleRun: another version recorded the trial.
            CorruptCheckpoint: the record is damaged.
            CannotWrite: with `write`, no permission, or another process is recording there.
        """
        database = Database.open(TRIAL, directory, write=write, accept_loss=accept_loss)
        try:
            start = database.rows("trial")[-1]
            file = STRUCTURE.structure(from_json(start["file"]), TrialFile)
            return cls(directory, database, Trial.recorded(file, from_json(start["configs"])))
        except BaseException:
            database.close()
            raise

    def run_directory(self, run: BlindRun) -> Path:
        """Directory of a run.

        Raises:
            CannotWrite: it is a link, or leads out of the trial.
        """
        return inside(self.directory, self.directory / RUNS / run.name)

    def left(self) -> list[BlindRun]:
        """Unfinished runs, in the order of the trial; the first one may have started.

        Raises:
            CorruptCheckpoint: a run's record is damaged.
        """
        return [run for run in self.trial.runs if not self._finished(run)]

    def runs(self) -> list[StudyRun]:
        """Finished runs, as those of a study. They reveal the methods; see `record_look`.

        Raises:
            CorruptCheckpoint: a run's record is damaged.
        """
        return [self._read(run) for run in self.trial.runs if self._finished(run)]

    def looks(self) -> list[Look]:
        """Each time at which the methods were revealed."""
        return [Look(row["time"], row["finished"], row["planned"]) for row in self.database.rows("unblinded")]

    def record_look(self) -> None:
        """Record that the methods are revealed now."""
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
            about = RecordedConfig(start.config), start.provenance, store.seconds()
            return StudyRun(spec.task, spec.method, spec.preset, "", spec.seed, store.rounds(), *about)

    def _check(self, trial: Trial) -> None:
        last = self.database.rows("trial")[-1]
        found = changes(from_json(last["file"]), asdict(trial.file))
        pairs = zip(from_json(last["configs"]), [config_of(run.spec) for run in trial.runs], strict=False)
        found = found or next(
            filter(None, (changes(_without_method(old), _without_method(new)) for old, new in pairs)), ""
        )
        if found:
            raise IncompatibleRun(
                f"The trial in {self.directory} was started with another plan: {found}. The plan of a started trial "
                "cannot be changed. Restore it, or start another trial in another directory (--out)."
            )


def refuse_blind(run: Path) -> None:
    """Refuse a run of an unfinished blind trial, since its record reveals the method.

    Raises:
        StillBlind: the run in this directory belongs to such a trial.
    """
    directory = run.resolve().parent.parent
    if run.resolve().parent.name != RUNS or not (directory / TRIAL.file).is_file():
        return
    with TrialStore.open(directory) as trial:
        left = len(trial.left())
        if left and not trial.looks():
            raise StillBlind(
                f"The run in {run} belongs to a blind trial with {left} of {len(trial.trial.runs)} runs left. Continue "
                "it with `mereq trial`. `mereq report --unblind` reveals the methods early, and its report says so."
            )


def _start(number: int, trial: Trial) -> dict[str, Any]:
    """Row of the table `trial`."""
    return {
        "start": number,
        "time": time.time(),
        "mereq": __version__,
        "file": json.dumps(asdict(trial.file)),
        "configs": json.dumps([config_of(run.spec) for run in trial.runs]),
        "provenance": json.dumps(provenance()),
    }


def _without_method(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration without the method, since the participant may read an error message."""
    return {name: value for name, value in config.items() if name != "method"}
