"""Behaviour as a part of a study's report: its sections, tables, figures and CSV files."""

from collections.abc import Callable, Sequence
from pathlib import Path

from mereq.core.errors import NoRun
from mereq.evaluation.rollouts import EPISODES
from mereq.presets.definition import TaskDefinition
from mereq.reports import behaviour_tables as tables
from mereq.reports import paper
from mereq.reports.behaviour import (
    ALIGNED,
    EXPERT_AGAIN,
    Behaviour,
    compare_with_expert,
    evaluate_policies,
    policies_to_evaluate,
    tasks_to_evaluate,
)
from mereq.reports.distributions import BINS
from mereq.reports.figures import feature_figure, return_figure
from mereq.reports.sources import evaluation_line, source_line
from mereq.reports.summary import task_name, tasks_of
from mereq.reports.tables import Table, small, write_csv
from mereq.store.links import inside
from mereq.studies.study_store import StudyRun

Progress = Callable[[str, int, int], None]  # what is or was done, how many policies are evaluated, of how many

WHICH_POLICIES = f"""\
Of each run, the policy that was supervised in the first round with an intervention rate of at most {ALIGNED:.2f}: it
was made in the round before, and in the first round it is what the method starts from. {tables.DAGGER}n/N marks methods
of whose N runs n never had such a rate; of these the last policy is evaluated. So it is where a round is a single
episode, whose rate is zero by chance, and of robot-gated methods, whose rate says how often they asked. Every policy,
also the expert's and the prior's, does the same {EPISODES} episodes to their end without supervision, taking its most
probable actions."""
HOW_FAR = f"""\
Jensen-Shannon distance (natural logarithm; 0: equal, 0.833: nothing in common) between the distribution of a feature
over all steps and the expert's, in {BINS} equal bins on [0, 1]: mean over seeds (half width of the 95 % interval).
*{EXPERT_AGAIN}* is the expert against itself in {EPISODES} more episodes, which shows how large a distance is by chance
alone. Distances depend on the bins, which the paper does not give, so compare the order of the methods with the paper's
rather than the numbers."""


def evaluate_behaviour(study: Path, runs: Sequence[StudyRun], progress: Progress | None = None) -> list[Behaviour]:
    """Evaluate a policy of each run, the experts and the priors. Each evaluation is stored in the study as it is made.

    Args:
        study: directory of the study, with its runs.
        runs: the finished runs. Those of tasks whose code is not known are left out; see `left_out`.
        progress: called before work that is done once on a machine, such as compiling, and after each evaluation.

    Raises:
        NoRun, CorruptCheckpoint, IncompatibleRun: a policy cannot be loaded, or a person supervised the runs.
    """
    if any(run.supervised_by_person for run in runs):
        raise NoRun(
            f"The runs in {study} were supervised by a person, who is no policy that others could be compared with. "
            "Report them without --behaviour."
        )
    tasks = tasks_to_evaluate(runs)
    policies, evaluations = policies_to_evaluate(study, runs), []
    for task in tasks.values():
        _prepare(task.definition, lambda what: progress(what, 0, len(policies)) if progress else None)
    for evaluation in evaluate_policies(study, policies):
        evaluations.append(evaluation)
        if progress:
            policy = evaluation.policy
            progress(f"{policy.name} on {task_name(policy.task)}", len(evaluations), len(policies))
    return compare_with_expert(evaluations)


def _prepare(definition: TaskDefinition, say: Callable[[str], None]) -> None:
    preparation = definition.preparation
    if preparation is not None and not preparation.is_done():
        say(preparation.what)
        preparation.do()


def left_out(runs: Sequence[StudyRun]) -> str:
    """Sentence about the tasks whose policies cannot be evaluated; empty when there are none."""
    known = tasks_to_evaluate(runs)
    names = [task_name(task) for task in tasks_of(runs) if task not in known]
    if not names:
        return ""
    return (
        f"The behaviour on {', '.join(names)} is left out: evaluating it needs the task's code, and its expert's "
        "reward and policy; and a report imports no code that is only named in a record."
    )


def write_behaviour(behaviours: Sequence[Behaviour], out: Path) -> list[Path]:
    """Write the figures and all numbers into a folder; returns the files."""
    files = []
    for behaviour in behaviours:
        files += [inside(out, out / _figure(number, behaviour)) for number in (11, 12)]
        feature_figure(behaviour, files[-2])
        return_figure(behaviour, files[-1])
    for name, records in (
        ("behaviour.csv", tables.policy_records(behaviours)),
        ("behaviour_summary.csv", tables.summary_records(behaviours)),
        ("returns.csv", tables.return_records(behaviours)),
        ("distributions.csv", tables.distribution_records(behaviours)),
    ):
        files.append(inside(out, out / name))
        write_csv(files[-1], records)
    return files


def behaviour_sections(behaviours: Sequence[Behaviour]) -> list[str]:
    """Parts of `report.md` about behaviour, in Markdown."""
    return [part for behaviour in behaviours for part in _section(behaviour)]


def behaviour_tables(behaviours: Sequence[Behaviour]) -> dict[str, Table]:
    """Tables of every task, by title."""
    return {
        f"{title} ({task_name(behaviour.task)})": table
        for behaviour in behaviours
        for title, table in (
            ("Distance of each feature's distribution from the expert's", tables.distance_table(behaviour)),
            ("Return under the expert's reward", tables.return_table(behaviour)),
            ("Before and after, as the task measures it", tables.measure_table(behaviour)),
        )
        if len(table.header) > 1
    }


def _figure(number: int, behaviour: Behaviour) -> str:
    task = "".join(c if c.isalnum() or c in "-._" else "_" for c in behaviour.task)
    return f"figure{number}_{task}.png"


def _section(behaviour: Behaviour) -> list[str]:
    source = _source(behaviour)
    like = "" if paper.has_behaviour(behaviour.task) else "as "
    parts = [
        f"## Behaviour on {task_name(behaviour.task)}",
        WHICH_POLICIES,
        f"### Features ({like}the paper's Figure 11 and Table 3)",
        f"![distribution of each feature, for each method over the expert's]({_figure(11, behaviour)})",
        "Share of the steps of all seeds in each bin, on a square-root scale. Grey: the expert's.",
        small(f"`distributions.csv`. {source}"),
        tables.distance_table(behaviour).markdown(),
        HOW_FAR,
        small(f"`behaviour.csv`, `behaviour_summary.csv`. {source}"),
        f"### Return under the expert's reward ({like}the paper's Figure 12 and Table 4)",
        f"![distribution of the return, for each method]({_figure(12, behaviour)})",
        "Undiscounted, of the episodes of all seeds; each shape is as wide as its fullest bin. Dots: means, with a "
        "standard deviation to both sides; hollow: the paper's. Dashed: the expert's mean.",
        small(f"`returns.csv`. {source}"),
        tables.return_table(behaviour).markdown(),
        "Mean (standard deviation) over all episodes, as in the paper; and mean over seeds (half width of its 95 % "
        "interval).",
        small(f"`behaviour_summary.csv`. {source}"),
    ]
    if tables.measures_of(behaviour):
        parts += [
            "### Before and after, as the task measures it",
            tables.measure_table(behaviour).markdown(),
            "Before: the prior. After: each method; mean over seeds (half width of the 95 % interval).",
            small(f"`behaviour.csv`, `behaviour_summary.csv`. {source}"),
        ]
    return parts


def _source(behaviour: Behaviour) -> str:
    members = [member for group in behaviour.groups for member in group.members]
    runs = [member.policy.run for member in members if member.policy.run]
    return f"{source_line(runs)} {evaluation_line([member.provenance for member in members])}"
