"""The study store: one SQLite file with the results of a grid of runs, added run by run as they finish.

`study.sqlite` has a row for each start of the study, each finished run and each of its rounds. A finished run's rows
are never changed. The runs themselves are beside it, in `runs/`, each a run store of its own.
"""

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from mereq import __version__
from mereq.core.errors import IncompatibleRun
from mereq.store.compatibility import changes
from mereq.store.database import Database, Schema, Store
from mereq.store.provenance import provenance
from mereq.store.run_store import ROUND, RecordedRound, RunStore
from mereq.studies.grid import PlannedRun, Study, run_name

RUNS = "runs"  # the directory of the runs
EVALUATIONS = "evaluations"  # that of what a report of the runs' behaviour keeps
STUDY = Schema(
    what="study",
    format=1,
    tables={
        "study": ("start", "time, mereq, title, description, grid, provenance"),
        "runs": ("run", "time, task, method, preset, variant, seed, seconds, config, provenance"),
        "rounds": ("run, round", ROUND),
    },
    remedy="Restore it from a copy; or delete it and start the study again: finished runs are read anew from runs/.",
    beside=frozenset({RUNS, EVALUATIONS}),
)


class StudyRun(NamedTuple):
    """A finished run of a study."""

    task: str
    method: str
    preset: str
    variant: str
    seed: int
    rounds: list[RecordedRound]
    config: dict[str, Any]
    provenance: dict[str, Any]
    seconds: float  # that it took to compute

    @property
    def name(self) -> str:
        """Its directory's name."""
        return run_name(*self[:5])


class StudyStore(Store):
    """A study on disk: `begin` it to write, `open` it to read, also while another process writes."""

    @classmethod
    def begin(cls, directory: Path, study: Study) -> "StudyStore":
        """A study, new or as far as it got, ready to add runs to. One that is as it was and finished is not touched.

        Raises:
            RunExists: the directory holds something else.
            IncompatibleRun: recorded by another version, or with other configurations of runs that are finished.
            CorruptCheckpoint: its record is damaged.
            CannotWrite: no permission, the disk is full, or another process is at it.
        """
        if not (directory / STUDY.file).is_file():
            return cls(directory, Database.create(STUDY, directory, *_start(0, study)))
        store = cls(directory, Database.open(STUDY, directory, write=True))
        try:
            store._check(study)
            starts = store.database.rows("study")
            start = _start(len(starts), study)
            if store.missing(study) or start[3:6] != starts[-1][3:6]:
                with store.database.transaction():
                    store.database.insert("study", *start)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, directory: Path) -> "StudyStore":
        """A study to read, also while it goes on.

        Raises:
            NoRun: there is none.
            IncompatibleRun: recorded by another version.
            CorruptCheckpoint: its record is damaged.
        """
        return cls(directory, Database.open(STUDY, directory, write=False))

    @property
    def title(self) -> str:
        """What the study is called."""
        return self._last_start()[3]

    @property
    def description(self) -> str:
        """What it is about."""
        return self._last_start()[4]

    @property
    def planned(self) -> int:
        """Runs in the grid."""
        return len(self._grid())

    @property
    def commits(self) -> list[str | None]:
        """Of the code, at each start."""
        origins = [json.loads(start[6]) for start in self.database.rows("study")]
        return [(origin.get("git") or {}).get("commit") for origin in origins]

    def runs(self) -> list[StudyRun]:
        """The finished runs, in the order of the grid.

        Raises:
            CorruptCheckpoint: what is read is damaged.
        """
        rounds: dict[str, list[RecordedRound]] = {}
        for run, *columns in self.database.rows("rounds"):
            rounds.setdefault(run, []).append(RecordedRound.from_row(tuple(columns)))
        found = {
            row[0]: StudyRun(
                *row[2:7],
                rounds=rounds.get(row[0], []),
                config=json.loads(row[8]),
                provenance=json.loads(row[9]),
                seconds=row[7],
            )
            for row in self.database.rows("runs")
        }
        return [found[name] for name in self._grid() if name in found]

    def missing(self, study: Study) -> list[PlannedRun]:
        """The runs of a grid that are not finished, in its order."""
        finished = {row[0] for row in self.database.rows("runs")}
        return [run for run in study.runs if run.name not in finished]

    def run_directory(self, run: PlannedRun) -> Path:
        """Where a run is recorded."""
        return self.directory / RUNS / run.name

    def add(self, run: PlannedRun) -> StudyRun:
        """Read a finished run from its directory, and store its results, all or nothing.

        Raises:
            CorruptCheckpoint: the run's record is damaged.
            CannotWrite: the disk is full.
        """
        with RunStore.open(self.run_directory(run)) as store:
            start, rounds = store.starts()[-1], store.rounds()
            done = StudyRun(*run.row, run.spec.seed, rounds, start.config, start.provenance, store.seconds())
        texts = json.dumps(done.config), json.dumps(done.provenance)
        with self.database.transaction():
            self.database.insert("runs", run.name, time.time(), *done[:5], done.seconds, *texts)
            for row in rounds:
                self.database.insert("rounds", run.name, *row.to_row())
        return done

    def _check(self, study: Study) -> None:
        """Refuse a grid in which finished runs are to have been otherwise."""
        recorded = {row[0]: json.loads(row[8]) for row in self.database.rows("runs")}
        finished = [run for run in study.runs if run.name in recorded]
        wanted = {run.name: run.spec.config() for run in finished}
        different = {name: found for name in wanted if (found := changes(recorded[name], wanted[name]))}
        if different:
            name, what = next(iter(different.items()))
            others = f", and those of {len(different) - 1} more" if len(different) > 1 else ""
            raise IncompatibleRun(
                f"Numbers of the finished run {name} of the study in {self.directory} are not what they were{others}: "
                f"{what}. A finished run is not made again. Put the numbers back, write them as a variant of the "
                "study, or start it in another directory (--out)."
            )

    def _last_start(self) -> tuple[Any, ...]:
        return self.database.rows("study")[-1]

    def _grid(self) -> list[str]:
        return json.loads(self._last_start()[5])


def _start(number: int, study: Study) -> tuple[Any, ...]:
    grid = json.dumps([run.name for run in study.runs])
    return number, time.time(), __version__, study.title, study.description, grid, json.dumps(provenance())
