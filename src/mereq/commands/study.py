"""`mereq study`: the grid of runs of a study file."""

import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mereq.commands.opening import warn_of_environment
from mereq.commands.output import command, words
from mereq.commands.tables import print_table
from mereq.commands.terminal import prepare
from mereq.core.errors import StudyStopped, WrongStudy
from mereq.presets.named import recorded_name
from mereq.presets.registry import definition_of
from mereq.reports.summary import Condition
from mereq.reports.tables import overview
from mereq.store.atomic import writing
from mereq.store.links import inside
from mereq.studies.driver import (
    Engine,
    Pace,
    RoundFinished,
    RunFailed,
    RunFinished,
    RunStarted,
    WorkerDied,
    finished_rounds,
    pending,
    run_study,
)
from mereq.studies.grid import PlannedRun, Study, find_study, shipped_studies
from mereq.studies.local_engine import LocalEngine
from mereq.studies.lockstep_engine import LockstepEngine
from mereq.studies.ray_engine import RayEngine
from mereq.studies.study_store import StudyRun, StudyStore


def list_studies(console: Console) -> None:
    """Print the shipped studies."""
    table = Table(box=None, header_style="bold")
    for column in ("study", "runs", "about"):
        table.add_column(column, justify="right" if column == "runs" else "left")
    for name, file in shipped_studies().items():
        try:
            study = Study.read(file)
        except WrongStudy as error:  # of a task whose packages are not installed
            table.add_row(name, "", str(error))
            continue
        table.add_row(name, str(len(study.runs)), study.description or study.title)
    console.print(table)
    folder = next(iter(shipped_studies().values())).parent
    console.print(words(f"Their files are in {folder}. Copy one to start your own."), style="dim", soft_wrap=True)


def study(name: str, out: Path | None, engine: str, workers: int | None, address: str | None, console: Console) -> int:
    """Execute the missing runs of a study, and print the overview. Returns the number of failed runs."""
    if workers is not None and workers < 1:
        raise StudyStopped(f"--workers is {workers}, and must be at least 1.")
    if address and engine != "ray":
        raise StudyStopped("--address needs --engine ray. Add that option, or omit the address.")
    file = find_study(name)
    planned = Study.read(file)
    out = out or Path("runs/studies") / file.stem
    with StudyStore.begin(out, planned) as store:
        missing = store.missing(planned)
        console.print(
            words(
                (planned.title, "bold"),
                f": {len(planned.runs)} runs, {len(planned.runs) - len(missing)} of them finished",
            )
        )
        failed = 0
        if missing:
            _warn_of_changed_code(store, console)
            for task in dict.fromkeys(run.spec.task for run in missing):
                prepare(definition_of(task), console)
            try:
                engines = {"local": LocalEngine, "ray": partial(RayEngine, address), "lockstep": LockstepEngine}
                failed = _execute(planned, store, engines[engine](workers), console)
            except KeyboardInterrupt:
                again = command("mereq", "study", name, "--out", out)
                console.print(
                    words(f"\nStopped. Everything so far is in {out}. Resume with the same command:  {again}"),
                    soft_wrap=True,
                )
                raise
        runs = store.runs()
        counts = Counter((run.condition[0], _condition(run)) for run in planned.runs)
        print_table(f"{planned.title}: {len(runs)} of {len(planned.runs)} runs", overview(runs, planned=counts))
        console.print(words(f"The study is in {out}; `mereq show` works on each of {out / 'runs'}."))
        if runs:
            again = command("mereq", "report", out)
            console.print(words(f"For figures, intervals and the paper's numbers:  {again}"), soft_wrap=True)
    if failed:
        console.print(words((f"{failed} of the runs failed.", "bold red"), " Start the study again to repeat them."))
    return failed


def _warn_of_changed_code(store: StudyStore, console: Console) -> None:
    if len(set(store.commits)) > 1:
        changed = "The code has changed since this study was started. Its runs may not be comparable."
        console.print(words((changed, "yellow")))
    warn_of_environment(store.origins, "study", console)


def _execute(planned: Study, store: StudyStore, engine: Engine, console: Console) -> int:
    """Execute the missing runs, with a line per finished run and a progress bar. Returns the number of failed runs."""
    missing = {run.name: run for run in store.missing(planned)}
    rounds = {name: finished_rounds(store.run_directory(run)) for name, run in missing.items()}
    pace, failed = Pace(), 0
    for run in store.runs():
        pace.add(run.condition, run.seconds, len(run.rounds))
    since: dict[str, float] = {}  # time of the last event of each run
    total = sum(run.spec.n_rounds for run in planned.runs)
    with Progress(
        TextColumn("rounds"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        console=console,
        transient=True,
    ) as progress:
        bar = progress.add_task("", total=total, left="")
        for event, done in run_study(planned, store, engine):
            run = missing.get(event.name)  # None: a late event of a run that has ended
            now = time.perf_counter()
            if run and isinstance(event, RunStarted):
                rounds[run.name] = event.rounds
            elif run and isinstance(event, RoundFinished):
                rounds[run.name] = event.index + 1
                pace.add(run.condition, now - since.get(run.name, now))
            elif run and isinstance(event, RunFinished) and done:
                del missing[run.name]
                _traceback_file(store, run).unlink(missing_ok=True)
                progress.console.print(words(_run_line(run, done)))
            elif run and isinstance(event, RunFailed):
                del missing[run.name]
                failed += 1
                progress.console.print(words((f"{run.name} failed:", "bold red"), f" {event.sentence}"))
                with writing(store.directory):
                    _traceback_file(store, run).write_text(event.traceback, encoding="utf-8")
            elif run and isinstance(event, WorkerDied):
                progress.console.print(
                    words((f"a worker died ({event.how}) at {run.name}, which is resumed", "yellow"))
                )
            since[event.name] = now
            left = pending(list(missing.values()), rounds)
            progress.update(bar, completed=total - sum(n for _, n in left), left=_left(pace, left, engine.workers))
    return failed


def _left(pace: Pace, left: Sequence[tuple[tuple[str, ...], int]], workers: int) -> str:
    seconds = pace.seconds_left(left, workers)
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    return "less than a minute left" if minutes < 1 else f"about {minutes // 60}:{minutes % 60:02} h left"


def _traceback_file(store: StudyStore, run: PlannedRun) -> Path:
    directory = store.run_directory(run)
    directory.parent.mkdir(exist_ok=True)
    return inside(store.directory, directory.with_name(f"{directory.name}.failed.txt"))


def _run_line(run: PlannedRun, done: StudyRun) -> str:
    rates = [r.intervention_rate for r in done.rounds]
    variant = f", {run.variant}" if run.variant else ""
    return (
        f"{done.task}, {done.method}, {done.preset}{variant}, seed {done.seed}: "
        f"rate {rates[0]:.3f} -> {rates[-1]:.3f}, {done.rounds[-1].expert_steps} expert samples, {done.seconds:.0f} s"
    )


def _condition(run: PlannedRun) -> Condition:
    return Condition(recorded_name(run.spec.method), run.variant, run.spec.preset)
