"""Commands around a run: `mereq init | check | robot | tasks | doctor`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from mereq.cli.options import PolicyName, PresetName, PriorKind, app, console
from mereq.commands.output import PlainConsole


@app.command
def init(
    file: Annotated[Path, Positional, arg(metavar="FILE")],
    environment: Annotated[str, Positional, arg(metavar="GYMNASIUM_ID")] = "CartPole-v1",
) -> None:
    """Write a file with a task of your own, of a Gymnasium environment. It runs as it is; comments say what to edit.

    For instance:
      mereq init my_task.py
      mereq init lander.py LunarLander-v3

    Args:
        file: file to write, such as my_task.py.
        environment: Gymnasium's id of the environment.
    """
    from mereq.commands.init import init as run

    run(file, environment, console)


@app.command
def check(
    task: Annotated[str, Positional, arg(metavar="TASK")],
    *,
    preset: PresetName = None,
    prior: PolicyName = None,
    prior_kind: PriorKind = None,
    expert: PolicyName = None,
) -> None:
    """Check a task, its prior and its supervisor: what a run relies on is tried, and told in one table.

    Every run begins with these checks; a run that cannot work is refused before its first step. Exits with 1 when a
    check fails.

    For instance:
      mereq check my_task.py:LANDER --prior my_prior.safetensors
      mereq check highway

    Args:
        task: a task's name, or your own: file.py:NAME or package.module:NAME. Naming it runs that code.
        preset: settings of the run.
        prior: policy to start from, in the forms of `mereq align`.
        prior_kind: what your function, ONNX or TorchScript file returns, as for `mereq align`.
        expert: policy of the expert, in the same forms.
    """
    from mereq.commands.check import check as run

    if not run(task, preset or "fast", prior, prior_kind, expert, PlainConsole(), console):
        sys.exit(1)


@app.command
def robot(
    what: Annotated[Literal["check", "tags", "calibrate", "jog"], Positional],
    file: Annotated[Path, Positional, arg(metavar="FILE")] = Path("fanuc.toml"),
    *,
    out: Annotated[Path | None, arg(aliases=["-o"], metavar="FILE", help_behavior_hint="(default: tags.pdf)")] = None,
) -> None:
    """Check a robot's cell, print its tags, calibrate its camera, or move its arm by keys (docs/fanuc.md).

    `check` connects arm and camera and lists what is found; it exits with 1 when something is wrong. `tags` writes the
    sheets to print. `calibrate` asks you to touch corners of the table's tags, and writes the result into the file.
    `jog` moves the tool by 1 mm for each key, unless a check fails; with the others nothing moves.

    For instance:
      mereq robot tags lab.toml
      mereq robot calibrate lab.toml
      mereq robot check lab.toml

    Args:
        what: check, tags, calibrate or jog.
        file: the cell's file.
        out: of the sheets, for `tags`.
    """
    from mereq.commands.robot import robot as run
    from mereq.commands.unused import refuse_unused

    refuse_unused((out and what != "tags", "--out is where `tags` writes its sheets: leave it out."))
    if not run(what, file, out, PlainConsole(), console):
        sys.exit(1)


@app.command
def tasks() -> None:
    """List the tasks, their features and weights.

    Tasks for a person have no expert's weights: they are yours. `mereq align` takes these tasks, too; a synthesized
    expert with the simulated task's weights then replaces the person.
    """
    from mereq.commands.tasks import list_tasks

    list_tasks(PlainConsole())


@app.command
def doctor() -> None:
    """List what is installed, what is missing, and what needs it. Exits with 1 when something required is missing."""
    from mereq.commands.doctor import doctor as examine

    if not examine(PlainConsole()):
        sys.exit(1)
