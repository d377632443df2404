"""Study store: one SQLite file with the results of a grid of runs, added run by run as they finish.

`study.sqlite` has a row for each start of the study, each finished run and each of its rounds. A finished run's rows
are never changed. The runs themselves are beside it, in `runs/`, each a run store of its own.
"""

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from mereq import __version__
from mereq.core.errors import IncompatibleRun
from mereq.runs.recorded import RecordedConfig
from mereq.runs.run import config_of
from mereq.store.compatibility import changes
from mereq.store.database import Database, Schema, Store, from_json
from mereq.store.links import inside
from mereq.store.provenance import provenance
from mereq.store.run_store import ROUND, RecordedRound, RunReader
from mereq.studies.grid import PlannedRun, Study, run_name

RUNS = "runs"  # the directory of the runs
EVALUATIONS = "evaluations"  # the directory of evaluated policies, which a report of their behaviour keeps
STUDY = Schema(
    what="study",
    format=1,
    tables={
        "study": ("start", "time, mereq, title, description, grid, provenance"),
        "runs": ("run", "time, task, method, preset, variant, seed, seconds, config, provenance"),
        "rounds": ("run, round", ROUND),
    },
    lost="Or start the study again: finished runs are read again from runs/.",
    remedy="Restore it from a copy; or delete it and start the study again: finished runs are read again from runs/.",
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
    config: RecordedConfig
    provenance: dict[str, Any]
    seconds: float  # that it took to compute

    @property
    def name(self) -> str:
        """Name of the run's directory."""
        return run_name(*self.condition, self.seed)

    @property
    def condition(self) -> tuple[str, str, str, str]:
        """Task, method, preset and variant: what the seeds of a condition share."""
        return self.task, self.method, self.preset, self.variant

    @property
    def supervised_by_person(self) -> bool:
        """Whether a person supervised the run, by its configuration."""
        return self.config.supervised_by_person

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the features, as the run recorded them; None where it did not."""
        return self.config.feature_names


class StudyStore(Store):
    """A study on disk: `begin` it to write, `open` it to read, also while another process writes."""

    @classmethod
    def begin(cls, directory: Path, study: Study) -> "StudyStore":
        """Open a study to add runs to, new or begun before. A finished study that did not change is not touched.

        Raises:
            RunExists: the directory holds something else.
            IncompatibleRun: recorded by another version, or with other configurations of runs that are finished.
            CorruptCheckpoint: its record is damaged.
            CannotWrite: no permission, the disk is full, or another process is writing.
        """
        if not (directory / STUDY.file).is_file():
            return cls(directory, Database.create(STUDY, directory, _start(0, study)))
        store = cls(directory, Database.open(STUDY, directory, write=True, accept_loss=True))
        try:
            store._check(study)
            last, start = store._last_start(), _start(len(store.database.rows("study")), study)
            if store.missing(study) or any(start[name] != last[name] for name in ("title", "description", "grid")):
                with store.database.transaction():
                    store.database.insert("study", start)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, directory: Path) -> "StudyStore":
        """Open a study to read, also while another process writes.

        Raises:
            NoRun: there is no study.
            IncompatibleRun: recorded by another version.
            CorruptCheckpoint: its record is damaged.
        """
        return cls(directory, Database.open(STUDY, directory, write=False))

    @property
    def title(self) -> str:
        """Title of the study."""
        return self._last_start()["title"]

    @property
    def description(self) -> str:
        """Description of the study; may be empty."""
        return self._last_start()["description"]

    @property
    def planned(self) -> int:
        """Number of runs in the grid."""
        return len(self._grid())

    @property
    def commits(self) -> list[str | None]:
        """Commit of the code at each start; None where it was unknown."""
        return [(origin.get("git") or {}).get("commit") for origin in self.origins]

    @property
    def origins(self) -> list[dict[str, Any]]:
        """Provenance of each start."""
        return [from_json(start["provenance"]) for start in self.database.rows("study")]

    def runs(self) -> list[StudyRun]:
        """The finished runs, in the order of the grid.

        Raises:
            CorruptCheckpoint: what is read is damaged.
        """
        rounds: dict[str, list[RecordedRound]] = {}
        for row in self.database.rows("rounds"):
            rounds.setdefault(row["run"], []).append(RecordedRound.from_row(row))
        found = {
            row["run"]: StudyRun(
                task=row["task"],
                method=row["method"],
                preset=row["preset"],
                variant=row["variant"],
                seed=row["seed"],
                rounds=rounds.get(row["run"], []),
                config=RecordedConfig(from_json(row["config"])),
                provenance=from_json(row["provenance"]),
                seconds=row["seconds"],
            )
            for row in self.database.rows("runs")
        }
        return [found[name] for name in self._grid() if name in found]

    def missing(self, study: Study) -> list[PlannedRun]:
        """Runs of a grid that are not finished, in its order."""
        finished = {row["run"] for row in self.database.rows("runs")}
        return [run for run in study.runs if run.name not in finished]

    def run_directory(self, run: PlannedRun) -> Path:
        """Directory that a run is recorded in.

        Raises:
            CannotWrite: it is a link, or leads out of the study.
        """
        return inside(self.directory, self.directory / RUNS / run.name)

    def add(self, run: PlannedRun) -> StudyRun:
        """Read a finished run from its directory, and store its results, all or nothing.

        Raises:
            CorruptCheckpoint: the run's record is damaged.
            CannotWrite: the disk is full.
        """
        with RunReader.open(self.run_directory(run)) as store:
            start, rounds = store.starts()[-1], store.rounds()
            config = RecordedConfig(start.config)
            done = StudyRun(*run.condition, run.spec.seed, rounds, config, start.provenance, store.seconds())
        with self.database.transaction():
            self.database.insert("runs", _row(run.name, done))
            for recorded in rounds:
                self.database.insert("rounds", {"run": run.name} | recorded.to_row())
        return done

    def _check(self, study: Study) -> None:
        """Refuse a grid in which finished runs have other configurations than they were made with."""
        recorded = {row["run"]: from_json(row["config"]) for row in self.database.rows("runs")}
        finished = [run for run in study.runs if run.name in recorded]
        wanted = {run.name: config_of(run.spec) for run in finished}
        different = {name: found for name in wanted if (found := changes(recorded[name], wanted[name]))}
        if different:
            name, what = next(iter(different.items()))
            others = f", and those of {len(different) - 1} more" if len(different) > 1 else ""
            raise IncompatibleRun(
                f"The study in {self.directory} has a finished run {name} with other numbers{others}: {what}. A "
                "finished run is not repeated. Restore the numbers, write them as a variant of the study, or start the "
                "study in another directory (--out)."
            )

    def _last_start(self) -> dict[str, Any]:
        return self.database.rows("study")[-1]

    def _grid(self) -> list[str]:
        return from_json(self._last_start()["grid"])


def _row(name: str, run: StudyRun) -> dict[str, Any]:
    """Row of the table `runs`."""
    return {
        "run": name,
        "time": time.time(),
        "task": run.task,
        "method": run.method,
        "preset": run.preset,
        "variant": run.variant,
        "seed": run.seed,
        "seconds": run.seconds,
        "config": json.dumps(run.config.fields),
        "provenance": json.dumps(run.provenance),
    }


def _start(number: int, study: Study) -> dict[str, Any]:
    """Row of the table `study`."""
    return {
        "start": number,
        "time": time.time(),
        "mereq": __version__,
        "title": study.title,
        "description": study.description,
        "grid": json.dumps([run.name for run in study.runs]),
        "provenance": json.dumps(provenance()),
    }
