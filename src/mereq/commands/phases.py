"""Trainings in phases, as `mereq train` and `mereq prepare` do them: locked output, resume, progress, Ctrl-C."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from mereq.commands.output import words
from mereq.commands.terminal import progress_bar
from mereq.core.errors import IncompatibleRun, RunExists, WrongValue
from mereq.maxent_rl.training import PhasedTraining
from mereq.store.atomic import writing
from mereq.store.checkpoints import load_arrays, save_arrays, state_file
from mereq.store.locks import WriterLock

Curve = list[dict[str, float]]  # one entry per phase


@contextmanager
def locked_output(out: Path, what: str) -> Iterator[Path]:
    """Absolute path to write to, without a suffix, which no other process may write to meanwhile.

    Raises:
        WrongValue: `out` is not the name of a file.
        CannotWrite: another process writes there.
    """
    if not out.name:
        raise WrongValue(
            f"--out is {str(out)!r}, and must be the name of a file without its suffix, such as runs/mine."
        )
    file = out.absolute()  # a task's code may change the working directory
    with writing(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = WriterLock.acquire(file.with_name(f"{file.name}.lock"), f"{what} {out}")
    try:
        yield file
    finally:
        if not file.with_name(f"{file.name}.json").exists():
            lock.file.unlink(missing_ok=True)  # nothing was written
        lock.release()


def begin(training: PhasedTraining, out: Path, about: dict[str, Any], *, resume: bool) -> Curve:
    """Restore a training that is resumed, and return its curve; an empty curve for a new one.

    Args:
        training: the training; its state is changed.
        out: path of the output, without a suffix.
        about: what the training depends on, as JSON; it must be the same for a resumed training.
        resume: whether to continue the training in `out`.

    Raises:
        IncompatibleRun: the training in `out` depends on other values.
        RunExists: `out` exists, and is not resumed.
    """
    if not resume:
        if out.with_name(f"{out.name}.json").exists():
            raise RunExists(f"{out}.json already exists. Continue with --resume, or choose another --out.")
        return []
    saved = load_arrays(state_file(out), kind="state")
    if saved.about.get("training") != about:
        raise IncompatibleRun(
            f"{out} was started with another policy or other settings. Repeat its options, or choose another --out."
        )
    training.restore(saved.arrays)
    return saved.about["curve"]


def run_phases(
    training: PhasedTraining,
    out: Path,
    about: dict[str, Any],
    curve: Curve,
    *,
    title: str,
    evaluate: Callable[[int], tuple[dict[str, float], str]],
    save: Callable[[int], None],
    resume_with: str,
    console: Console,
) -> None:
    """Run the phases that are left. After each phase the state is saved, so that Ctrl-C loses one phase at most.

    Args:
        training: the training.
        out: path of the output, without a suffix.
        about: what the training depends on, as JSON.
        curve: entries of earlier phases; extended.
        title: text beside the progress bar.
        evaluate: from the steps so far, an entry of the curve and a line for the console.
        save: writes the output, given the steps so far; called when the curve has the phase's entry.
        resume_with: the command that continues the training.
        console: console for progress.
    """
    n_steps = training.settings.n_steps
    begun, first = time.perf_counter(), training.steps
    try:
        with progress_bar(console) as progress:
            bar = progress.add_task(title, total=n_steps, completed=first, note="")
            for done in training.run_phases():
                entry, line = evaluate(done)
                curve.append({"steps": done, **entry})
                save_arrays(state_file(out), training.state(), kind="state", about={"training": about, "curve": curve})
                save(done)
                left = (time.perf_counter() - begun) / (done - first) * (n_steps - done)
                progress.update(bar, completed=done, note=f"about {left:.0f} s left" if left else "")
                progress.console.print(words(f"{done:>9,} of {n_steps:,} steps   {line}".rstrip()))
    except KeyboardInterrupt:
        console.print(words(f"\nStopped after {training.steps:,} steps. Continue with:  {resume_with}"), soft_wrap=True)
        raise


def options(given: dict[str, Any]) -> list[Any]:
    """Words of a command line for the options that are not None."""
    return [word for name, value in given.items() if value is not None for word in (f"--{name}", value)]


def rounded(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics with four significant digits, without values that are not finite (before the first update)."""
    return {name: float(f"{x:.4g}") for name, x in metrics.items() if np.isfinite(x)}
