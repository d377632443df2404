"""Opening a run directory for a command: a new run, or one to resume."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from mereq.core.errors import NotNamed, RunExists
from mereq.presets.named import is_named, recorded_name
from mereq.presets.registry import find_task
from mereq.runs.policies import name_policy
from mereq.runs.run import create, resume
from mereq.runs.spec import RunSpec
from mereq.store.run_store import RUN, RunReader
from mereq.store.run_writer import RunWriter
from mereq.trials.trial_store import refuse_blind

FIELDS = (  # of a run, that a command line can give
    *("task", "method", "preset", "seed", "n_rounds", "rate_threshold", "prior", "expert", "supervisor"),
    *("learning", "pace", "robot"),
)


@dataclass(frozen=True)
class RunDirectory:
    """What a command line says about the directory of a run."""

    out: Path
    resume: bool  # continue the run that is there
    overwrite: bool  # delete it first


def open_run(
    where: RunDirectory, given: dict[str, Any], defaults: dict[str, Any], console: Console
) -> tuple[RunSpec, RunWriter]:
    """The run that a command line asks for, and its writer.

    Args:
        where: its directory.
        given: what the command line said, by the names of `FIELDS`, and `changes` (see `RunSpec.changed`). None was not
            said.
        defaults: of a new run.
        console: for words.

    Raises:
        RunExists: something else is in the directory.
        IncompatibleRun: the run to resume was another one.
        NotNamed: its task is code of a user's, and was not named.
        StillBlind: it is of a blind trial.
    """
    given = {name: value for name, value in given.items() if value is not None}
    for which in ("prior", "expert"):
        name_policy(given.get(which))
    if where.resume:
        spec = _spec_to_resume(where.out, given)
        _tell_of_robot(spec, console)
        writer = resume(spec, where.out)
        _warn_of_other_code(writer, console)
        return spec, writer
    spec = _named(defaults | given)
    _tell_of_robot(spec, console)
    if where.overwrite and where.out.exists():
        _delete_run(where.out)
    return spec, create(spec, where.out)


def resume_or_create(out: Path, spec: RunSpec, console: Console) -> RunWriter:
    """The writer of the run in `out`: an interrupted one, or a new one.

    Raises:
        RunExists: something else is in `out`.
        IncompatibleRun: the run to resume was another one.
    """
    if not (out / RUN.file).is_file():
        return create(spec, out)
    writer = resume(spec, out)
    _warn_of_other_code(writer, console)
    return writer


def _spec_to_resume(out: Path, given: dict[str, Any]) -> RunSpec:
    """The recorded run, with what the command line says."""
    refuse_blind(out)
    with RunReader.open(out) as reader:
        recorded = RunSpec.from_config(reader.starts()[-1].config)
    if "task" in given:
        find_task(given["task"])
    elif is_named(recorded.task):
        raise NotNamed(
            f"The run in {out} is of the task {recorded.task}, which is code of yours. It is imported only when you "
            "name it, because a recorded run may come from anybody. Name it (of a file, with its path): "
            f"{recorded.task} --resume --out {out}"
        )
    said = {name: recorded_name(value) if isinstance(value, str) else value for name, value in given.items()}
    if said.get("task", recorded.task) == recorded.task and said.keys() <= {"task", "n_rounds"}:
        return recorded.with_rounds(given.get("n_rounds", recorded.n_rounds))
    return _named({name: getattr(recorded, name) for name in FIELDS} | given)


def _named(words: dict[str, Any]) -> RunSpec:
    spec = RunSpec.named(**{name: words[name] for name in FIELDS if name in words})
    changes = words.get("changes", {})
    return spec.changed(changes) if changes else spec


def _tell_of_robot(spec: RunSpec, console: Console) -> None:
    """Say that supervised rollouts run on a robot, and what follows from that."""
    if spec.robot is not None:
        console.print(
            f"Supervised on the robot [bold]{spec.robot}[/], improved in the simulation. The simulation cannot repeat "
            "the robot's episodes, so policy and expert are compared in new ones: settings.inference.starts = "
            f"'episodes', kappa = {spec.settings.inference.kappa:g}.",
            soft_wrap=True,
        )


def _warn_of_other_code(writer: RunWriter, console: Console) -> None:
    """Say so when a run is resumed with other code than it was started with: then it need not be exact."""
    *before, now = (start.provenance.get("git") or {} for start in writer.starts())
    if any(start.get("commit") != now.get("commit") for start in before):
        console.print(
            "[yellow]The code has changed since this run was started: it continues, but may not be what it would have "
            "been.[/]"
        )


def _delete_run(out: Path) -> None:
    """Delete a run directory, and nothing that is not one."""
    if any(out.iterdir()) and not (out / RUN.file).exists():
        raise RunExists(f"{out} holds something that is not a run: it is not overwritten. Choose another --out.")
    shutil.rmtree(out)
