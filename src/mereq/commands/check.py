"""`mereq check`: what a run relies on, tried and told in one table."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mereq.alignment.check import Tried, Verdict, examined
from mereq.commands.opening import refuse_unused_policies
from mereq.commands.terminal import prepare
from mereq.core.errors import MereqError
from mereq.presets.registry import find_task
from mereq.runs.policies import name_policy, policy_of
from mereq.runs.run import supervisor_of
from mereq.runs.spec import RunSpec

MARKS: dict[Verdict, Text] = {
    "pass": Text("✓ pass", "green"),
    "warn": Text("! warn", "yellow"),
    "fail": Text("✗ fail", "red"),
    "skip": Text("– not tried", "dim"),
}


def check(
    task: str,
    preset: str,
    prior: str | None,
    prior_kind: str | None,
    expert: str | None,
    out: Console,
    console: Console,
) -> bool:
    """Print the table of what was tried. Returns whether a run can start.

    Args:
        task: name of the task, as the user gives it.
        preset: name of the settings.
        prior, expert: names of the policies; None for the task's own.
        prior_kind: what the prior's function or graph returns.
        out: console for the table.
        console: console for progress.
    """
    definition = find_task(task)
    for name in (prior, expert):
        name_policy(name)
    spec = RunSpec.named(task=task, preset=preset, prior=prior, prior_kind=prior_kind, expert=expert)
    refuse_unused_policies(spec)
    prepare(definition, console)
    missing: list[Tried] = []
    loaded_prior = loaded_supervisor = None
    try:
        loaded_prior = policy_of(spec, "prior")
    except MereqError as error:
        missing.append(Tried("the prior", "fail", str(error)))
    if definition.supervisor is not None:
        try:
            loaded_supervisor = supervisor_of(spec)
        except MereqError as error:
            missing.append(Tried("the supervisor", "fail", str(error)))
    rows = [*missing, *examined(definition.task, loaded_prior, loaded_supervisor, spec.settings)]
    if definition.supervisor is None:
        rows.append(Tried("the supervisor's decisions", "skip", "The task has none: a person supervises it."))
    out.print(f"{task}, preset {preset}", style="bold", markup=False)
    out.print(_table(rows))
    fine = not any(row.verdict == "fail" for row in rows)
    out.print("A run can start." if fine else "No run can start.", style="bold")
    return fine


def _table(rows: list[Tried]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("tried")
    table.add_column("found", overflow="fold", ratio=1)
    for row in rows:
        table.add_row(MARKS[row.verdict], Text(row.what), Text(row.words))
    return table
