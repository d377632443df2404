"""`mereq report`: the report of a study or a trial, and its main tables on the terminal."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console

from mereq.commands.output import words
from mereq.commands.tables import print_table
from mereq.commands.terminal import progress_bar
from mereq.commands.unused import refuse_unused
from mereq.reports.study_report import report as write
from mereq.trials.trial_store import TRIAL


def report(
    directory: Path,
    out: Path | None,
    *,
    deltas: Sequence[float],
    with_behaviour: bool = False,
    unblind: bool = False,
    console: Console,
) -> None:
    """Write the report of a study or of a trial, and print its main tables. See `mereq.reports.study_report.report`."""
    is_trial = (directory / TRIAL.file).is_file()
    refuse_unused((unblind and not is_trial, f"--unblind is for trials, and there is none in {directory}."))
    if with_behaviour:
        with _Bar(console) as bar:
            made = write(directory, out, thresholds=deltas, behaviour=True, unblind=unblind, progress=bar.show)
    else:
        with console.status("drawing"):
            made = write(directory, out, thresholds=deltas, unblind=unblind)
    for note in made.notes:
        console.print(words((note, "yellow")))
    print_table(made.state, made.main_table)
    for title, table in made.behaviour_tables.items():
        print_table(f"\n{title}", table)
    console.print(words(str(made.files[0])))


class _Bar:
    """Progress bar of the evaluated policies, which stays until the figures are drawn."""

    def __init__(self, console: Console):
        self._console, self._done, self._total = console, 0, 0
        self._progress = progress_bar(console)
        self._task = self._progress.add_task("policies evaluated", note="")

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._total:
            self._progress.stop()
        if kind is KeyboardInterrupt and self._total:
            self._console.print(
                f"\nStopped after {self._done} of {self._total} policies. The same command resumes from there."
            )

    def show(self, what: str, done: int, total: int) -> None:
        """Show the number of evaluated policies; `report` calls this method."""
        if not self._total:
            self._progress.start()
        self._done, self._total = done, total
        note = "drawing" if done == total else what
        self._progress.update(self._task, completed=done, total=total, note=note)
