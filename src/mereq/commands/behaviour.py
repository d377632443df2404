"""`mereq report --behaviour`: what a study's policies do when nobody watches, as a part of its report."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mereq.commands.terminal import progress_bar, warm_up
from mereq.evaluation.rollouts import EPISODES
from mereq.reports import behaviour_tables as tables
from mereq.reports.behaviour import ALIGNED, EXPERT_AGAIN, Behaviour, compared, observe, subjects
from mereq.reports.distributions import BINS
from mereq.reports.figures import feature_figure, return_figure
from mereq.reports.paper import BEHAVIOUR_TASK
from mereq.reports.sources import evaluation_line, origin_line
from mereq.reports.summary import task_name
from mereq.reports.tables import Table, write_csv
from mereq.studies.study_store import StudyRun

WHO = f"""\
Of each run, the policy that was supervised in the first round with an intervention rate of at most {ALIGNED:.2f}: the
one made in the round before, and in the first round what the method starts from. {tables.DAGGER}n/N marks methods of
whose N runs n never got there; their last policies count instead. Every policy, the expert's and the prior's too, does
the same {EPISODES} episodes to their end without supervision, taking its most probable actions."""
HOW_FAR = f"""\
Jensen-Shannon distance (natural logarithm; 0: equal, 0.833: nothing in common) between the distribution of a feature
over all steps and the expert's, in {BINS} equal bins on [0, 1]: mean over seeds (half width of the 95 % interval).
*{EXPERT_AGAIN}* is the expert against itself in {EPISODES} more: how much chance alone does. Distances depend on the
bins, which the paper does not give, so compare the order of the methods with the paper's rather than the numbers."""


def watch(study: Path, runs: Sequence[StudyRun], console: Console) -> list[Behaviour]:
    """Let all policies do their episodes, with a bar. Each that has done them is kept, whatever happens next.

    Raises:
        NoRun, CorruptCheckpoint, IncompatibleRun: a policy is not to be had.
    """
    wanted, found = subjects(study, runs), []
    if wanted:
        warm_up(console)
    try:
        with progress_bar(console) as progress:
            bar = progress.add_task("policies watched", total=len(wanted), note="")
            for observed in observe(study, wanted):
                found.append(observed)
                note = f"{observed.subject.who} on {task_name(observed.subject.task)}"
                progress.update(bar, completed=len(found), note=note)
    except KeyboardInterrupt:
        console.print(f"\nStopped after {len(found)} of {len(wanted)} policies. The same command goes on from there.")
        raise
    return compared(found)


def write_files(behaviours: Sequence[Behaviour], out: Path) -> None:
    """The pictures, and all numbers."""
    for behaviour in behaviours:
        feature_figure(behaviour, out / f"figure11_{behaviour.task}.png")
        return_figure(behaviour, out / f"figure12_{behaviour.task}.png")
    write_csv(out / "behaviour.csv", tables.policy_records(behaviours))
    write_csv(out / "behaviour_summary.csv", tables.summary_records(behaviours))
    write_csv(out / "returns.csv", tables.return_records(behaviours))
    write_csv(out / "distributions.csv", tables.distribution_records(behaviours))


def sections(behaviours: Sequence[Behaviour]) -> list[str]:
    """What report.md says about it."""
    return [part for behaviour in behaviours for part in _section(behaviour)]


def tables_of(behaviours: Sequence[Behaviour]) -> list[tuple[str, Table]]:
    """For a terminal: titles and tables."""
    return [
        (f"{title} ({task_name(behaviour.task)})", table)
        for behaviour in behaviours
        for title, table in (
            ("Distance of each feature's distribution from the expert's", tables.distance_table(behaviour)),
            ("Return under the expert's reward", tables.return_table(behaviour)),
            ("Before and after, as the task measures it", tables.measure_table(behaviour)),
        )
        if len(table.header) > 1
    ]


def _section(behaviour: Behaviour) -> list[str]:
    name, source = task_name(behaviour.task), _source(behaviour)
    like = "" if behaviour.task == BEHAVIOUR_TASK else "as "
    parts = [
        f"## Behaviour on {name}",
        WHO,
        f"### Features ({like}the paper's Figure 11 and Table 3)",
        f"![distribution of each feature, for each method over the expert's](figure11_{behaviour.task}.png)",
        "Share of the steps of all seeds in each bin, on a scale of square roots. Grey: the expert's.",
        _small(f"`distributions.csv`. {source}"),
        tables.distance_table(behaviour).markdown(),
        HOW_FAR,
        _small(f"`behaviour.csv`, `behaviour_summary.csv`. {source}"),
        f"### Return under the expert's reward ({like}the paper's Figure 12 and Table 4)",
        f"![distribution of the return, for each method](figure12_{behaviour.task}.png)",
        "Undiscounted, of the episodes of all seeds; each shape is as wide as its fullest bin. Dots: means, with a "
        "standard deviation to both sides; hollow: the paper's. Dashed: the expert's mean.",
        _small(f"`returns.csv`. {source}"),
        tables.return_table(behaviour).markdown(),
        "Mean (standard deviation) over all episodes, as in the paper; and mean over seeds (half width of its 95 % "
        "interval).",
        _small(f"`behaviour_summary.csv`. {source}"),
    ]
    if tables.measures_of(behaviour):
        parts += [
            "### Before and after, as the task measures it",
            tables.measure_table(behaviour).markdown(),
            "Before: the prior. After: each method; mean over seeds (half width of the 95 % interval).",
            _small(f"`behaviour.csv`, `behaviour_summary.csv`. {source}"),
        ]
    return parts


def _source(behaviour: Behaviour) -> str:
    members = [member for group in behaviour.groups for member in group.members]
    runs = [member.subject.run for member in members if member.subject.run]
    return f"{origin_line(runs)} {evaluation_line([member.provenance for member in members])}"


def _small(text: str) -> str:
    return f"<sub>{text}</sub>"
