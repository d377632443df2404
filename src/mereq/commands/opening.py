"""Run directories of commands: a new run, or a resumed one."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from mereq.commands.output import command, words
from mereq.core.errors import LostRows, NotNamed
from mereq.presets.methods import find_method
from mereq.presets.named import is_named, recorded_name
from mereq.presets.registry import definition_of, find_task
from mereq.runs.policies import name_policy
from mereq.runs.robots import find_driver, is_own, name_robot, recorded_robot
from mereq.runs.run import create, resume
from mereq.runs.spec import RunSpec
from mereq.store.provenance import environment_changes
from mereq.store.run_store import RUN, RunReader
from mereq.store.run_writer import RunWriter, is_repeatable
from mereq.trials.trial_store import refuse_blind

FIELDS = (  # fields of a run that the command line can set
    *("task", "method", "preset", "seed", "n_rounds", "rate_threshold", "prior", "expert", "supervisor"),
    *("learning", "pace", "robot", "prior_kind", "family"),
)


@dataclass(frozen=True)
class RunDirectory:
    """Directory of a run, with the options about an existing run."""

    out: Path
    resume: bool  # continue the existing run
    overwrite: bool = False  # delete the existing run first
    accept_loss: bool = False  # continue the existing run although stored steps are lost


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
        NotNamed: the run's task, method or robot is code of a user's, and was not named.
        LostRows: stored steps are lost, and cannot be made again.
        StillBlind: the run belongs to a blind trial.
    """
    given = {name: value for name, value in given.items() if value is not None}
    for which in ("prior", "expert"):
        name_policy(given.get(which))
    if where.resume:
        spec = _spec_to_resume(where, given, console)
        _print_robot(spec, console)
        writer = resume(spec, where.out, accept_loss=where.accept_loss)
        _warn_of_changes(writer, console)
        return spec, writer
    spec = _named(defaults | given)
    _print_robot(spec, console)
    if spec.robot is not None:
        find_driver(spec.robot, definition_of(spec.task))  # a mistake in its name deletes nothing
    return spec, create(spec, where.out, overwrite=where.overwrite)


@contextmanager
def recording(writer: RunWriter) -> Generator[RunWriter, None, None]:
    """Context of a command that records a run. Closes the writer; a new run without any step is deleted."""
    try:
        yield writer
    finally:
        writer.discard_if_empty()


def stopped(writer: RunWriter, out: Path, again: str) -> str:
    """Message that a command was stopped. again: command that resumes the run."""
    if writer.is_empty:
        return f"\nStopped before the first step. Nothing is left in {out}."
    return f"\nStopped. Everything so far is in {out}. Resume it with:  {again}"


def resume_or_create(out: Path, spec: RunSpec, console: Console, *, accept_loss: bool = False) -> RunWriter:
    """Writer of the run in `out`, which is resumed if it exists.

    Raises:
        RunExists: `out` contains other files.
        IncompatibleRun: the run to resume has another configuration.
        LostRows: stored steps are lost.
    """
    if not (out / RUN.file).is_file():
        return create(spec, out)
    writer = resume(spec, out, accept_loss=accept_loss)
    _warn_of_changes(writer, console)
    return writer


def warn_of_environment(origins: Sequence[dict[str, Any]], what: str, console: Console) -> None:
    """Warn if an earlier start had another environment than the last one: other versions, threads or processors.

    Args:
        origins: provenance of each start of a run or a study, in order.
        what: "run" or "study".
        console: console for the warning.
    """
    *before, now = origins
    found = next(filter(None, (environment_changes(earlier, now) for earlier in before)), "")
    if found:
        text = (
            f"This {what} was started in another environment: {found}. What follows may not be what it would have "
            "been there."
        )
        console.print(words((text, "yellow")), soft_wrap=True)


def _spec_to_resume(where: RunDirectory, given: dict[str, Any], console: Console) -> RunSpec:
    """The recorded run, with the values of the command line."""
    out = where.out
    refuse_blind(out)
    config = _recorded_config(where, console)
    recorded = RunSpec.from_config(config)
    for option, name in (("task", recorded.task), ("method", recorded.method), ("robot", recorded.robot)):
        if name is not None and _is_own(option, name) and option not in given:
            again = command(*([name] if option == "task" else [f"--{option}", name]), "--resume", "--out", out)
            raise NotNamed(
                f"The run in {out} has the {option} {name}, which is a user's own. Such code or file is used only "
                "if you name it, since a recorded run may come from another person. Name it (a file with its path): "
                f"{again}"
            )
    if "task" in given:
        find_task(given["task"])
    if "method" in given:
        find_method(given["method"])
    name_robot(given.get("robot"))
    asked = {name: _recorded(name, value) if isinstance(value, str) else value for name, value in given.items()}
    if all(asked[name] == getattr(recorded, name, None) for name in asked.keys() - {"n_rounds"}):
        return recorded.with_rounds(given.get("n_rounds", recorded.n_rounds))
    return _named({name: getattr(recorded, name) for name in FIELDS} | given)


def _is_own(option: str, name: str) -> bool:
    """Whether a recorded task, method or robot is code or a file of a user's."""
    return is_own(name) if option == "robot" else is_named(name)


def _recorded(option: str, name: str) -> str:
    """A name of the command line as it is recorded."""
    return recorded_robot(name) if option == "robot" else recorded_name(name)


def _recorded_config(where: RunDirectory, console: Console) -> dict[str, Any]:
    """Configuration of the run to resume. Lost steps that can be made again cause a warning."""
    try:
        with RunReader.open(where.out, accept_loss=where.accept_loss) as reader:
            return reader.starts()[-1].config
    except LostRows as loss:
        with RunReader.open(where.out, accept_loss=True) as reader:
            config = reader.starts()[-1].config
        if not is_repeatable(config):
            raise
        again = "A rule supervises this run in the simulation: what is lost is made again, the same."
        console.print(words((f"{loss} {again}", "yellow")), soft_wrap=True)
        return config


def _named(values: dict[str, Any]) -> RunSpec:
    spec = RunSpec.named(**{name: values[name] for name in FIELDS if name in values})
    changes = values.get("changes", {})
    return spec.changed(changes) if changes else spec


def _print_robot(spec: RunSpec, console: Console) -> None:
    """Print that supervised rollouts run on a robot, and which settings follow from that."""
    if spec.robot is not None:
        console.print(
            words(
                "Supervised on the robot ",
                (spec.robot, "bold"),
                ", improved in the simulation. The simulation cannot repeat the robot's episodes, so policy and expert "
                "are compared in new ones: settings.inference.starts = 'episodes', kappa = "
                f"{spec.settings.inference.kappa:g}.",
            ),
            soft_wrap=True,
        )


def _warn_of_changes(writer: RunWriter, console: Console) -> None:
    """Warn if code or environment have changed since the run was started: the continuation may then differ."""
    origins = [start.provenance for start in writer.starts()]
    *before, now = (origin.get("git") or {} for origin in origins)
    if any(start.get("commit") != now.get("commit") for start in before):
        text = (
            "The code has changed since this run was started. The run continues, but its results may differ from those "
            "of the earlier code."
        )
        console.print(words((text, "yellow")), soft_wrap=True)
    warn_of_environment(origins, "run", console)
