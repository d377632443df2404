"""`mereq study`: a grid of runs, from a file."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mereq.commands.terminal import warm_up
from mereq.core.errors import StudyStopped
from mereq.reports.statistics import THRESHOLDS, mean_ci95, samples_to_threshold
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
        study = Study.read(file)
        table.add_row(name, str(len(study.runs)), study.description or study.title)
    console.print(table)
    folder = next(iter(shipped_studies().values())).parent
    console.print(f"Their files are in {folder}. Copy one to begin one of your own.", style="dim", soft_wrap=True)


def study(name: str, out: Path | None, engine: str, workers: int | None, address: str | None, console: Console) -> int:
    """Do what is missing of a study, and print its table. Returns how many runs failed."""
    if workers is not None and workers < 1:
        raise StudyStopped(f"--workers is {workers}, and must be at least 1.")
    if address and engine != "ray":
        raise StudyStopped("--address is for --engine ray: add that, or leave the address out.")
    file = find_study(name)
    planned = Study.read(file)
    out = out or Path("runs/studies") / file.stem
    with StudyStore.begin(out, planned) as store:
        missing = store.missing(planned)
        console.print(
            f"[bold]{planned.title}[/]: {len(planned.runs)} runs, {len(planned.runs) - len(missing)} of them finished"
        )
        failed = 0
        if missing:
            _warn_of_other_code(store, console)
            warm_up(console)
            try:
                engines = {"local": LocalEngine, "ray": partial(RayEngine, address), "row": LockstepEngine}
                failed = _follow(planned, store, engines[engine](workers), console)
            except KeyboardInterrupt:
                words = f"mereq study {name} --out {out}"
                console.print(
                    f"\nStopped. Everything so far is in {out}. Go on with the same command:  {words}", soft_wrap=True
                )
                raise
        Console(highlight=False, width=max(Console().width, 130)).print(summary(store.runs(), planned))
        console.print(f"The study is in {store.directory}; `mereq show` works on each of {out / 'runs'}.")
    if failed:
        console.print(f"[bold red]{failed} of the runs failed.[/] Start the study again to try them again.")
    return failed


def _warn_of_other_code(store: StudyStore, console: Console) -> None:
    if len(set(store.commits)) > 1:
        console.print("[yellow]The code has changed since this study was started: its runs may not be comparable.[/]")


def _follow(planned: Study, store: StudyStore, engine: Engine, console: Console) -> int:
    """Do the missing runs, with a line for each that ends and a bar for the whole grid. Returns how many failed."""
    missing = {run.name: run for run in store.missing(planned)}
    rounds = {name: finished_rounds(store.run_directory(run)) for name, run in missing.items()}
    pace, failed = Pace(), 0
    for run in store.runs():
        pace.add(run[:4], run.seconds, len(run.rounds))
    since: dict[str, float] = {}  # the last event of each run
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
            run = missing.get(event.name)  # None: late news of a run that has ended
            now = time.perf_counter()
            if run and isinstance(event, RunStarted):
                rounds[run.name] = event.rounds
            elif run and isinstance(event, RoundFinished):
                rounds[run.name] = event.index + 1
                pace.add(run.row, now - since.get(run.name, now))
            elif run and isinstance(event, RunFinished) and done:
                del missing[run.name]
                _traceback_file(store, run).unlink(missing_ok=True)
                progress.console.print(_run_line(run, done))
            elif run and isinstance(event, RunFailed):
                del missing[run.name]
                failed += 1
                progress.console.print(f"[bold red]{run.name} failed:[/] {event.sentence}")
                _traceback_file(store, run).write_text(event.traceback)
            elif run and isinstance(event, WorkerDied):
                progress.console.print(f"[yellow]a worker died ({event.how}) at {run.name}, which will go on[/]")
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
    return directory.with_name(f"{directory.name}.failed.txt")


def _run_line(run: PlannedRun, done: StudyRun) -> str:
    rates = [row.intervention_rate for row in done.rounds]
    variant = f", {run.variant}" if run.variant else ""
    return (
        f"{done.task}, {done.method}, {done.preset}{variant}, seed {done.seed}: "
        f"rate {rates[0]:.3f} -> {rates[-1]:.3f}, {done.rounds[-1].expert_steps} expert samples, {done.seconds:.0f} s"
    )


def summary(runs: Sequence[StudyRun], planned: Study) -> Table:
    """A row per task, method, preset and variant: mean (95 % interval) over its finished seeds."""
    rows = list(dict.fromkeys(run.row for run in planned.runs))
    names = ("task", "method", "preset", "variant")
    shown = [i for i in range(len(names)) if len({row[i] for row in rows}) > 1]  # the others are the same everywhere
    same = [text for i, text in enumerate(rows[0]) if i not in shown and text]
    table = Table(box=None, header_style="bold", title=", ".join([planned.title, *same]), title_justify="left")
    for i in shown:
        table.add_column(names[i], no_wrap=True)
    for column in ("seeds", "first rate", "last 3 rounds", *(f"samples to {delta:.2f}" for delta in THRESHOLDS)):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        seeds = sum(run.row == row for run in planned.runs)
        mine = [run for run in runs if run[:4] == row]
        cells = [*(row[i] for i in shown), f"{len(mine)}/{seeds}"]
        if mine:
            rates = [[r.intervention_rate for r in run.rounds] for run in mine]
            cells += [
                _with_interval([r[0] for r in rates], 3),
                _with_interval([float(np.mean(r[-3:])) for r in rates], 3),
            ]
            cells += [_samples(mine, delta) for delta in THRESHOLDS]
        table.add_row(*cells)
    table.caption = "mean (95 % interval over seeds); not: seeds that never got there, counted with all their samples"
    table.caption_justify = "left"
    return table


def _samples(runs: Sequence[StudyRun], delta: float) -> str:
    reached = [
        samples_to_threshold(
            [r.intervention_rate for r in run.rounds], [r.expert_steps for r in run.rounds], delta=delta
        )
        for run in runs
    ]
    censored = sum(r.censored for r in reached)
    return _with_interval([r.samples for r in reached], 0) + (f"; {censored} not" if censored else "")


def _with_interval(values: Sequence[float], digits: int) -> str:
    mean, half = mean_ci95(np.asarray(values, float))
    return f"{mean:.{digits}f}" + ("" if np.isnan(half) else f" ({half:.{digits}f})")
