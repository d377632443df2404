"""`mereq align`: run Algorithm 1 into a run directory."""

from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console

from mereq.alignment.algorithm import Round
from mereq.alignment.method import Progress
from mereq.alignment.posterior_alignment import PosteriorAlignment
from mereq.alignment.replay import replayed
from mereq.alignment.schedule import PolicyVersion
from mereq.commands.opening import RunDirectory, open_run, recording, stopped
from mereq.commands.output import command, resume_command, words
from mereq.commands.robot_operator import attend_robot
from mereq.commands.terminal import prepare, progress_bar, round_columns, round_line
from mereq.commands.unused import refuse_unused
from mereq.core.errors import NeedsPerson, RobotLost, WrongValue
from mereq.exports.reading import read_dataset
from mereq.interventions.rollout import SupervisedStep
from mereq.maxent_rl.family_preparation import Preparation
from mereq.presets.methods import find_method
from mereq.presets.registry import definition_of
from mereq.runs.families import method_of
from mereq.runs.policies import name_policy, policy_of, task_of
from mereq.runs.preparations import preparation_of
from mereq.runs.run import create, environment_of, run
from mereq.runs.spec import RunSpec
from mereq.runs.tracking import require_tracker, tracked_run
from mereq.store.recording import record
from mereq.store.run_writer import RunWriter
from mereq.supervision.interruption import interruption

SUPERVISED = {  # options of supervised runs, by their names in Python
    **{name: f"--{name}" for name in ("expert", "pace", "robot", "learning", "resume", "track")},
    **{"rate_threshold": "--rate-threshold", "n_rounds": "--rounds", "accept_loss": "--accept-loss"},
}
DEFAULTS: dict[str, Any] = {"task": "highway"}  # every other field has the default of `RunSpec.named`


def align(
    out: Path,
    *,
    resume: bool,
    overwrite: bool,
    accept_loss: bool = False,
    track: str | None = None,
    given: dict[str, Any],
    console: Console,
) -> None:
    """Run Algorithm 1 into a run directory."""
    interruption.check()
    if track is not None:
        require_tracker(track)  # a missing package deletes nothing
    where = RunDirectory(out, resume, overwrite, accept_loss)
    spec, writer = open_run(where, given, DEFAULTS, console)
    with recording(writer):
        try:
            interruption.check()
            prepare(definition_of(spec.task), console)
            interruption.check()
            _run(spec, writer, console, track)
            interruption.check()
        except (KeyboardInterrupt, RobotLost, NeedsPerson):
            console.print(words(stopped(writer, out, resume_command("align", out, given))), soft_wrap=True)
            raise
    console.print(words(f"\nThe run is in {out}. Show it with:  {command('mereq', 'show', out)}"), soft_wrap=True)


def align_from(source: Path, out: Path, *, overwrite: bool, given: dict[str, Any], console: Console) -> None:
    """Infer theta from the interventions of a dataset, into a run directory.

    Raises:
        CannotLoad: the dataset cannot be read, or does not fit the task.
        WrongValue: an option needs a supervisor, or the method needs more than the record.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    wrong = [option for name, option in SUPERVISED.items() if chosen.pop(name, None)]
    refuse_unused((wrong, f"With --from, nothing is supervised: leave out {', '.join(wrong)}."))
    method = chosen.get("method", "mereq-bayes")
    if not isinstance(find_method(method), PosteriorAlignment):
        raise WrongValue(
            f"--from infers theta with mereq-bayes, which needs the recorded steps alone; {method} was asked for."
        )
    name_policy(chosen.get("prior"))
    spec = RunSpec.named(**{**DEFAULTS, **chosen, "method": method, "supervisor": "person", "learning": "handback"})
    prepare(definition_of(spec.task), console)
    task, prior = task_of(spec), policy_of(spec, "prior")
    rounds = read_dataset(source, task, prior)
    spec = spec.with_rounds(len(rounds))
    improver = method_of(spec).start(task, prior, spec.settings, seed=spec.seed)
    columns = round_columns(task.feature_names)
    console.print(words(("".join(f"{title:>{width}}" for title, width in columns), "bold")))
    with (
        recording(create(spec, out, overwrite=overwrite)) as writer,
        closing(record(replayed(rounds, improver), writer)) as events,
    ):
        for event in events:
            interruption.check()
            if isinstance(event, Round):
                numbers = event.index, event.intervention_rate, event.expert_steps, event.theta, event.seconds_waited
                console.print(round_line(columns, *numbers))
    console.print(words(f"\nThe run is in {out}. Show it with:  {command('mereq', 'show', out)}"), soft_wrap=True)


def _run(spec: RunSpec, writer: RunWriter, console: Console, track: str | None) -> None:
    """Execute the run, with one line per finished round and a progress bar for the present one."""
    names = definition_of(spec.task).task.feature_names
    columns = round_columns(names)
    console.print(
        words((spec.method, "bold"), " on ", (spec.task, "bold"), f", preset {spec.preset}, seed {spec.seed}")
    )
    console.print(words(("".join(f"{title:>{width}}" for title, width in columns), "bold")))
    for row in writer.rounds():
        console.print(
            round_line(columns, row.index, row.intervention_rate, row.expert_steps, row.theta, row.seconds_waited),
            style="dim",
        )
    given: dict[str, Any] = {"preparation": preparation_of(spec, writer)}
    if spec.robot is not None:
        given["environment"] = environment_of(spec)
        attend_robot(given["environment"], console, spec.pace)
    observed = tracked_run(track, writer.directory, spec, names, lambda: len(writer.rounds()))
    stream = observed(run(spec, writer, **given))
    with progress_bar(console) as progress, closing(stream) as events:
        bar = progress.add_task("", total=spec.settings.rollout_steps, note="")
        version = ""
        expert = supervised = 0
        for event in events:
            interruption.check()
            if isinstance(event, SupervisedStep):
                supervised += 1
                expert += int(event.controller)
                progress.update(
                    bar,
                    description="supervised steps",
                    total=spec.settings.rollout_steps,
                    completed=supervised,
                    note=f"{expert} by the expert{version}{_prepared(given['preparation'])}",
                )
            elif isinstance(event, PolicyVersion):
                version = f", policy {event.version}"
            elif isinstance(event, Progress) and spec.learning == "sequential":
                progress.update(
                    bar,
                    description="policy updates",
                    total=event.of,
                    completed=event.step + 1,
                    note=f"|gradient| {event.gradient_norm:.3f}" if event.theta.size else f"loss {event.loss:.3f}",
                )
            elif isinstance(event, Round):
                expert = supervised = 0
                progress.console.print(
                    round_line(
                        columns,
                        event.index,
                        event.intervention_rate,
                        event.expert_steps,
                        event.theta,
                        event.seconds_waited,
                    )
                )


def _prepared(preparation: Preparation | None) -> str:
    """How far the preparation of the run's family is, for the note beside the bar."""
    progress = None if preparation is None else preparation.progress()
    return "" if progress is None else f", family {progress.share:.0%}"
