"""The command line: `mereq train | align | show | tasks | doctor`."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Table

from mereq import __version__
from mereq.core.errors import MereqError

app = tyro.extras.SubcommandApp()
console = Console(stderr=True, highlight=False)  # progress and words; results that a program may read go to stdout

Positional = tyro.conf.Positional


@app.command
def align(
    task: Positional[str] = "highway",
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("runs/align"),
    *,
    resume: bool = False,
    overwrite: bool = False,
    method: str | None = None,
    preset: str | None = None,
    seed: int | None = None,
    iterations: int | None = None,
    rate_threshold: float | None = None,
    prior: str | None = None,
    expert: str | None = None,
) -> None:
    """Align a prior policy with a synthesized expert, from interventions (Algorithm 1).

    Each round, the policy drives under the expert's eyes; the expert takes over when it dislikes what it sees; then
    the policy is improved from all interventions so far. Every step is on disk before the next one is made: stop with
    Ctrl-C (or a power cut) whenever you like, and go on with `--resume`.

    Examples:
      mereq align highway --seed 1 --iterations 6 --out runs/first
      mereq align --resume --out runs/first --iterations 10
      mereq align highway --method mereq-np --preset paper --out runs/np

    Args:
        task: what the policy does; `mereq tasks` lists them.
        out: directory of the run.
        resume: go on with the run in --out, exactly. Other options need not be repeated; --iterations may be raised.
        overwrite: delete the run in --out first.
        method: `mereq`, or `mereq-np` (no pseudo-expert). [mereq]
        preset: `fast`, or `paper` (the paper's Table 7). [fast]
        seed: everything random follows from it. [0]
        iterations: most rounds. [10]
        rate_threshold: stop once the intervention rate is below it; 0 goes on to the last round. [0]
        prior: checkpoint to start from. [the shipped one]
        expert: checkpoint of the expert. [the shipped one]
    """
    from mereq.commands.align import align as run

    run(
        out,
        resume=resume,
        overwrite=overwrite,
        given={
            "task": task if not resume else None,
            "method": method,
            "preset": preset,
            "seed": seed,
            "n_iterations": iterations,
            "rate_threshold": rate_threshold,
            "prior": prior,
            "expert": expert,
        },
        console=console,
    )


@app.command
def train(
    task: Positional[str],
    which: Positional[Literal["prior", "expert"]],
    *,
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    steps: int | None = None,
    seed: int = 0,
    resume: bool = False,
) -> None:
    """Train a task's prior or expert policy on its own reward, as the shipped ones were.

    Writes the policy to OUT.safetensors and OUT.json after every leg of the training, evaluates it, and keeps what is
    needed to go on with `--resume` after Ctrl-C.

    Examples:
      mereq train highway prior
      mereq train highway expert --out runs/expert --resume

    Args:
        task: what the policy does; `mereq tasks` lists them.
        which: `prior` learns the reward without the preference, `expert` the one with it.
        out: where to write, without a suffix. [runs/TASK-WHICH]
        steps: environment steps. [as in the preset: 500,000 on the highway, the paper's Table 6]
        seed: everything random follows from it.
        resume: go on with the training in --out.
    """
    from mereq.commands.train import train as run

    run(task, which, out or Path("runs") / f"{task}-{which}", steps, seed, resume, console)


@app.command
def show(
    run: Positional[Path],
    *,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
    clip: bool = True,
) -> None:
    """Show a run: its table, its pictures, and the road before and after.

    Writes OUT/figures/run.png (intervention rate, weights, behaviour) and OUT/figures/before_after.gif (the same
    traffic, driven by the prior above and by the aligned policy below). Works while the run is going on.

    Args:
        run: directory of a run.
        json_: print one JSON object with every round's intervention rate, expert samples, theta and seconds waited,
            and write nothing.
        clip: make the clip (a few seconds).
    """
    from mereq.commands import show as command

    if json_:
        print(json.dumps(command.run_report(run)))
    else:
        command.show(run, clip=clip, console=console)


@app.command
def tasks() -> None:
    """List the tasks, their features and weights."""
    from mereq.experiments.presets import TASKS

    table = Table(box=None, header_style="bold")
    for column in ("task", "feature", "prior", "expert"):
        table.add_column(column, justify="left" if column in ("task", "feature") else "right")
    for name, preset in TASKS.items():
        rows = zip(preset.task.feature_names, preset.theta_prior, preset.theta_expert, strict=True)
        for index, (feature, prior, expert) in enumerate(rows):
            table.add_row(name if index == 0 else "", feature, f"{prior:g}", f"{expert:g}")
        table.add_row("", f"[dim]{preset.summary}[/]", "", "")
    Console().print(table)


@app.command
def doctor() -> None:
    """Say what is installed, what is missing and what for. Exits with 1 when something needed is missing."""
    from mereq.experiments.doctor import examine

    findings = examine()
    table = Table(box=None, header_style="bold")
    for column in ("", "what", "found", "for"):
        table.add_column(column)
    for finding in findings:
        mark = "[green]✓[/]" if finding.found else "[red]✗[/]" if finding.required else "[yellow]–[/]"
        table.add_row(mark, finding.what, finding.found or "not here", finding.needed_for)
    Console().print(table)
    if not all(finding.fine for finding in findings):
        sys.exit(1)


def main() -> None:
    """Run the command line. A mistake of the user's is a sentence and exit status 2; Ctrl-C is status 130."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")  # small networks: an accelerator's dispatch costs more than it saves
    if sys.argv[1:] == ["--version"]:
        print(f"mereq {__version__}")
        return
    try:
        app.cli(prog="mereq", description=__doc__, config=(tyro.conf.OmitArgPrefixes,))
    except MereqError as mistake:
        console.print(f"[bold red]mereq:[/] {mistake}", soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
