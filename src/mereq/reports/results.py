"""Results that a report is made of: the finished runs of a study, or of a blind trial."""

from dataclasses import dataclass
from pathlib import Path

from mereq.core.errors import NoRun, StillBlind
from mereq.reports.summary import method_name, task_name
from mereq.reports.tables import Table
from mereq.studies.study_store import StudyRun, StudyStore
from mereq.trials.trial_store import TRIAL, Look, TrialStore


@dataclass(frozen=True)
class StudyResults:
    """Finished runs of a study or a trial, and what a reader must know about them."""

    title: str
    description: str
    planned: int  # number of runs
    runs: list[StudyRun]  # the finished ones
    notes: tuple[str, ...] = ()  # Markdown: how the runs came about
    warnings: tuple[str, ...] = ()  # sentences for the person who asked for the report

    @property
    def state(self) -> str:
        """Sentence that says how many of the planned runs are finished, in Markdown."""
        done = len(self.runs)
        if done < self.planned:
            return f"**Unfinished: {done} of {self.planned} runs.** The numbers below are of those {done}."
        return f"Finished: {done} of {self.planned} runs."


def read_results(directory: Path, *, unblind: bool = False) -> StudyResults:
    """Results of the study or trial in a directory.

    Reading a trial tells which run had which method, and the trial's record notes that.

    Args:
        directory: of a study or a trial, also while it is running.
        unblind: read a trial before it is finished.

    Raises:
        NoRun: there is neither a study nor a trial, or no run of it is finished.
        IncompatibleRun, CorruptCheckpoint: recorded by another version, or damaged.
        StillBlind: an unfinished trial, unless it is to be unblinded or was before.
        CannotWrite: the note cannot be written.
    """
    is_trial = (directory / TRIAL.file).is_file()
    results = _trial_results(directory, unblind=unblind) if is_trial else _study_results(directory)
    if not results.runs:
        raise NoRun(
            f"No run of the study in {directory} is finished yet (planned: {results.planned}). Wait for the first one, "
            "or start it with `mereq study` (a trial: `mereq trial`)."
        )
    return results


def _study_results(directory: Path) -> StudyResults:
    with StudyStore.open(directory) as store:
        runs = [run for run in store.runs() if run.rounds]
        return StudyResults(store.title, store.description, store.planned, runs)


def _trial_results(directory: Path, *, unblind: bool) -> StudyResults:
    with TrialStore.open(directory) as store:
        left, planned, known = len(store.left()), len(store.trial.runs), bool(store.looks())
    if left and not (unblind or known):
        raise StillBlind(
            f"The trial in {directory} has {left} of {planned} runs left, and a report tells which run had which "
            "method. Finish it with `mereq trial`, or end the blindness early with --unblind; the report says so."
        )
    if left or not known:
        with TrialStore.open(directory, write=True) as store:
            store.record_look()
    with TrialStore.open(directory) as store:
        file = store.trial.file
        notes = [
            f"A blind trial with participant {file.participant}: methods in random order, their names hidden.",
            *_early(store.looks()),
            _methods_of_runs(store),
        ]
        warnings = (f"Unblinding early: {left} of {planned} runs are to come.",) if left else ()
        return StudyResults(file.title, "", planned, store.runs(), tuple(notes), warnings)


def _early(looks: list[Look]) -> list[str]:
    first = next((look for look in looks if look.early), None)
    if first is None:
        return []
    return [f"**Unblinded early, after {first.finished} of {first.planned} runs.** Runs after that were not blind."]


def _methods_of_runs(store: TrialStore) -> str:
    left = store.left()
    lines = [
        (run.name, task_name(run.spec.task), method_name(run.spec.method), str(run.spec.seed))
        for run in store.trial.runs
        if run not in left
    ]
    return Table(("run", "task", "method", "seed"), lines).markdown()
