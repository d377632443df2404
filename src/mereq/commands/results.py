"""What a report is made of: the finished runs of a study, or of a trial in the part of one."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mereq.core.errors import StillBlind
from mereq.reports.summary import method_name, task_name
from mereq.reports.tables import Table
from mereq.studies.study_store import StudyRun
from mereq.trials.trial_store import Look, TrialStore


@dataclass(frozen=True)
class StudyResults:
    """What a report is made of."""

    title: str
    description: str
    planned: int  # runs
    runs: list[StudyRun]  # the finished ones
    notes: tuple[str, ...] = ()  # Markdown: what a reader must know about how they came to be


def trial_results(directory: Path, *, unblind: bool, console: Console) -> StudyResults:
    """A trial as a study. Who asks is told which run had which method, and the trial's record notes that.

    Raises:
        StillBlind: the trial is not finished, and was not unblinded before.
        CannotWrite: this cannot be noted.
    """
    with TrialStore.open(directory) as store:
        left, planned, known = len(store.left()), len(store.trial.runs), bool(store.looks())
    if left and not (unblind or known):
        raise StillBlind(
            f"The trial in {directory} has {left} of {planned} runs left, and a report tells which run had which "
            "method. Finish it with `mereq trial`, or end the blindness early with --unblind; the report says so."
        )
    if left:
        console.print(f"[yellow]Unblinding early: {left} of {planned} runs are to come.[/]")
    if left or not known:
        with TrialStore.open(directory, write=True) as store:
            store.tell()
    with TrialStore.open(directory) as store:
        file = store.trial.file
        notes = [
            f"A blind trial with participant {file.participant}: methods in random order, their names hidden.",
            *_early(store.looks()),
            _who_was_who(store),
        ]
        return StudyResults(file.title, "", planned, store.runs(), tuple(notes))


def _early(looks: list[Look]) -> list[str]:
    first = next((look for look in looks if look.early), None)
    if first is None:
        return []
    return [f"**Unblinded early, after {first.finished} of {first.planned} runs.** Runs after that were not blind."]


def _who_was_who(store: TrialStore) -> str:
    left = store.left()
    lines = [
        (run.name, task_name(run.spec.task), method_name(run.spec.method), str(run.spec.seed))
        for run in store.trial.runs
        if run not in left
    ]
    return Table(("run", "task", "method", "seed"), lines).markdown()
