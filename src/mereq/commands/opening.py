"""Run directories of commands: a new run, or a resumed one."""

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

FIELDS = (  # fields of a run that the command line can set
    *("task", "method", "preset", "seed", "n_rounds", "rate_threshold", "prior", "expert", "supervisor"),
    *("learning", "pace", "robot", "prior_kind"),
)


@dataclass(frozen=True)
class RunDirectory:
    """Directory of a run, with the options about an existing run."""

    out: Path
    resume: bool  # continue the existing run
    overwrite: bool  # delete the existing run first


def open_run(
    where: RunDirectory, given: dict[str, Any], defaults: dict[str, Any], console: Console
) -> tuple[RunSpec, RunWriter]:
    """Specification and writer of the run that the command line describes.

    Args:
        where: directory of the run.
        given: values of the command line, by the names of `FIELDS`, and `changes` (see `RunSpec.changed`). None: not
            given.
        defaults: values of a new run that were not given.
        console: console for messages.

    Raises:
        RunExists: the directory contains other files.
        IncompatibleRun: the run to resume has another configuration.
        NotNamed: the run's task is code of a user's, and was not named.
        StillBlind: the run belongs to a blind trial.
    """
    given = {name: value for name, value in given.items() if value is not None}
    for which in ("prior", "expert"):
        name_policy(given.get(which))
    if where.resume:
        spec = _spec_to_resume(where.out, given)
        _print_robot(spec, console)
        writer = resume(spec, where.out)
        _warn_of_changed_code(writer, console)
        return spec, writer
    spec = _named(defaults | given)
    _print_robot(spec, console)
    if where.overwrite and where.out.exists():
        _delete_run(where.out)
    return spec, create(spec, where.out)


def resume_command(verb: str, out: Path, given: dict[str, Any]) -> str:
    """The command that resumes a run. A task of the user's own has to be named again."""
    task = given.get("task")
    named = f" {task}" if task is not None and is_named(task) else ""
    return f"mereq {verb}{named} --resume --out {out}"


def resume_or_create(out: Path, spec: RunSpec, console: Console) -> RunWriter:
    """Writer of the run in `out`, which is resumed if it exists.

    Raises:
        RunExists: `out` contains other files.
        IncompatibleRun: the run to resume has another configuration.
    """
    if not (out / RUN.file).is_file():
        return create(spec, out)
    writer = resume(spec, out)
    _warn_of_changed_code(writer, console)
    return writer


def _spec_to_resume(out: Path, given: dict[str, Any]) -> RunSpec:
    """The recorded run, with the values of the command line."""
    refuse_blind(out)
    with RunReader.open(out) as reader:
        recorded = RunSpec.from_config(reader.starts()[-1].config)
    if "task" in given:
        find_task(given["task"])
    elif is_named(recorded.task):
        raise NotNamed(
            f"The run in {out} has the task {recorded.task}, which is your own code. Such code is imported only if you "
            "name it, since a recorded run may come from another person. Name it (a file with its path): "
            f"{recorded.task} --resume --out {out}"
        )
    asked = {name: recorded_name(value) if isinstance(value, str) else value for name, value in given.items()}
    if asked.get("task", recorded.task) == recorded.task and asked.keys() <= {"task", "n_rounds"}:
        return recorded.with_rounds(given.get("n_rounds", recorded.n_rounds))
    return _named({name: getattr(recorded, name) for name in FIELDS} | given)


def _named(values: dict[str, Any]) -> RunSpec:
    spec = RunSpec.named(**{name: values[name] for name in FIELDS if name in values})
    changes = values.get("changes", {})
    return spec.changed(changes) if changes else spec


def _print_robot(spec: RunSpec, console: Console) -> None:
    """Print that supervised rollouts run on a robot, and which settings follow from that."""
    if spec.robot is not None:
        console.print(
            f"Supervised on the robot [bold]{spec.robot}[/], improved in the simulation. The simulation cannot repeat "
            "the robot's episodes, so policy and expert are compared in new ones: settings.inference.starts = "
            f"'episodes', kappa = {spec.settings.inference.kappa:g}.",
            soft_wrap=True,
        )


def _warn_of_changed_code(writer: RunWriter, console: Console) -> None:
    """Warn if the code has changed since the run was started: the continuation may then differ."""
    *before, now = (start.provenance.get("git") or {} for start in writer.starts())
    if any(start.get("commit") != now.get("commit") for start in before):
        console.print(
            "[yellow]The code has changed since this run was started. The run continues, but its results may differ "
            "from those of the earlier code.[/]"
        )


def _delete_run(out: Path) -> None:
    """Delete a run directory. Any other directory is refused."""
    if any(out.iterdir()) and not (out / RUN.file).exists():
        raise RunExists(f"{out} contains files, but no run, and is not overwritten. Choose another --out.")
    shutil.rmtree(out)
