"""Progress of commands on the terminal."""

import os

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mereq.core.errors import WrongValue
from mereq.presets.definition import TaskDefinition
from mereq.supervision.interruption import interruption


def prepare(definition: TaskDefinition, console: Console) -> None:
    """Do the task's preparation if this machine needs it, and show its description meanwhile.

    Raises:
        WrongValue: an environment variable forbids what a run needs.
    """
    with interruption.at_once():
        _check_platform()
        _prepare(definition, console)


def _prepare(definition: TaskDefinition, console: Console) -> None:
    preparation = definition.preparation
    if preparation is not None and os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise WrongValue(
            f"The task {definition.name} has to be compiled, and NUMBA_DISABLE_JIT forbids it. Unset this variable."
        )
    if preparation is not None and not preparation.is_done():
        with console.status(preparation.what):
            preparation.do()


def _check_platform() -> None:
    """Refuse a platform that JAX does not have here."""
    named = os.environ.get("JAX_PLATFORMS", "")
    if named in ("", "cpu"):
        return
    import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        reason = str(error) or "it is not installed"
        raise WrongValue(
            f"JAX cannot use the platform that JAX_PLATFORMS={named} names ({reason}). Unset this variable, or install "
            "what that platform needs."
        ) from error


def progress_bar(console: Console) -> Progress:
    """Progress bar with counts, times and a note; it disappears at the end."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=console,
        transient=True,
    )


def round_columns(names: tuple[str, ...]) -> list[tuple[str, int]]:
    """Titles and widths of the columns of the table of rounds."""
    fixed = [("round", 6), ("intervention rate", 19), ("samples", 9)]
    return [*fixed, *((name, max(len(name) + 2, 9)) for name in names), ("waited (s)", 12)]


def round_line(
    columns: list[tuple[str, int]], index: int, rate: float, expert_steps: int, theta: np.ndarray, waited: float
) -> str:
    """Line of one round in the table."""
    inferred = [f"{weight:+.2f}" for weight in theta] or ["–"] * (len(columns) - 4)  # imitation infers no weights
    texts = [str(index), f"{rate:.3f}", str(expert_steps), *inferred, f"{waited:.1f}"]
    return "".join(f"{text:>{width}}" for text, (_, width) in zip(texts, columns, strict=True))
