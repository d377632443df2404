"""Tables of a study: as Markdown for people, as CSV for programs."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mereq.reports.paper import Reported
from mereq.reports.statistics import Estimate
from mereq.reports.summary import (
    AcrossTasks,
    Condition,
    ConditionSummary,
    Outcome,
    condition_labels,
    conditions_of,
    samples_of,
    task_name,
    tasks_of,
)
from mereq.studies.study_store import StudyRun

Record = dict[str, Any]  # one line of a CSV file


@dataclass(frozen=True)
class Table:
    """Text in cells, in Markdown's notation."""

    header: tuple[str, ...]
    lines: list[tuple[str, ...]]

    def markdown(self) -> str:
        """The table with its columns lined up."""
        cells = [[cell.replace("|", r"\|") for cell in line] for line in (self.header, *self.lines)]
        widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
        cells.insert(1, ["-" * width for width in widths])
        padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in cells]
        return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def write_csv(path: Path, records: Sequence[Record]) -> None:
    """One line per record under the names of the first; NaN and None are empty, infinity is `inf`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, records[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _plain(value) for name, value in record.items()} for record in records)


# For people


def table_1(outcomes: Sequence[Outcome]) -> Table:
    """Expert samples, a line per task and delta, a column per row; as the paper's Table 1.

    The smallest mean is bold, unless a lower bound (censored runs) leaves open which one is.
    """
    labels = condition_labels(_rows(outcomes))
    tasks = list(dict.fromkeys(o.task for o in outcomes))
    lines = []
    for task, delta in dict.fromkeys((o.task, o.delta) for o in outcomes):
        of_row = {o.row: o for o in outcomes if (o.task, o.delta) == (task, delta)}
        best = _best(list(of_row.values()))
        cells = [_samples_cell(of_row[row], bold=of_row[row] is best) if row in of_row else "–" for row in labels]
        lines.append((*([task_name(task)] if len(tasks) > 1 else []), f"{delta:.2f}", *cells))
    return Table((*(["task"] if len(tasks) > 1 else []), "δ", *labels.values()), lines)


def table_2(outcomes: Sequence[Outcome]) -> Table:
    """A person's samples until one threshold, two lines per task: ours and the paper's; as the paper's Table 2."""
    labels = condition_labels(_rows(outcomes))
    lines = []
    for task in dict.fromkeys(o.task for o in outcomes):
        of_row = {o.row: o for o in outcomes if o.task == task}
        best = _best(list(of_row.values()))
        ours = [_samples_cell(of_row[row], bold=of_row[row] is best) if row in of_row else "–" for row in labels]
        lines.append((task_name(task), "here", *ours))
        if any(o.reported for o in of_row.values()):
            theirs = [reported_text(of_row[row].reported if row in of_row else None) for row in labels]
            lines.append(("", "paper", *theirs))
    return Table(("task", "", *labels.values()), lines)


def side_by_side(outcomes: Sequence[Outcome]) -> Table:
    """Ours beside the paper's, where the paper has the task and the method; no lines when it has none."""
    labels = condition_labels(_rows(outcomes))
    several = len({o.task for o in outcomes}) > 1
    words = {"within": "no, but within", "": "–"}
    lines = [
        (
            *([task_name(o.task)] if several else []),
            f"{o.delta:.2f}",
            labels[o.row],
            estimate_with_half_width(o.mean),
            reported_text(o.reported),
            estimate_with_interval(o.interquartile_mean),
            "1" if o.is_reference else estimate_with_interval(o.ratio, 2),
            "–" if o.reported_ratio is None else "1" if o.is_reference else f"{o.reported_ratio:.2f}",
            words.get(o.at_least_as_good, o.at_least_as_good),
            estimate_with_interval(o.mereq_fewer, 2),
            f"{o.samples.censored.sum()}/{len(o.samples)}",
        )
        for o in outcomes
        if o.reported is not None
    ]
    header = (
        *(["task"] if several else []),
        *("δ", "method", "ours: mean (CI)", "paper: mean (CI)", "ours: IQM [CI]", "ours: ratio to MEReQ [CI]"),
        *("paper: ratio", "at least the paper's ratio", "P(MEReQ needs fewer) [CI]", "censored"),
    )
    return Table(header, lines)


def across_tasks_table(over: Sequence[AcrossTasks]) -> Table:
    """Each row over all tasks, in units of MEReQ's mean."""
    labels = condition_labels(_rows(over))
    lines = [
        (
            f"{a.delta:.2f}",
            labels[a.row],
            f"{len(a.tasks)}",
            estimate_with_interval(a.interquartile_mean, 2),
            estimate_with_interval(a.mereq_fewer, 2),
            f"{a.censored}/{a.runs}",
        )
        for a in over
    ]
    return Table(("δ", "method", "tasks", "IQM / MEReQ's mean [CI]", "P(MEReQ needs fewer) [CI]", "censored"), lines)


def overview(condition_summaries: Sequence[ConditionSummary], outcomes: Sequence[Outcome]) -> Table:
    """A line for each task and row, of any study."""
    labels = condition_labels(_rows(outcomes))
    several = len({c.task for c in condition_summaries}) > 1
    deltas = list(dict.fromkeys(o.delta for o in outcomes))
    reached = {(o.task, o.row, o.delta): o for o in outcomes}
    lines = [
        (
            *([task_name(c.task)] if several else []),
            labels[c.row],
            str(len(c.runs)),
            estimate_with_half_width(c.first_rate, 3),
            estimate_with_half_width(c.last_rate, 3),
            *(_samples_cell(reached[c.task, c.row, delta]) for delta in deltas),
            estimate_with_half_width(c.first_samples),
            estimate_with_half_width(c.later_samples),
            f"{c.wait_median:.1f}, {c.wait_p95:.1f}",
            f"{c.seconds:.0f}",
        )
        for c in condition_summaries
    ]
    header = (
        *(["task"] if several else []),
        *("method", "seeds", "first rate", "last 3 rounds"),
        *(f"samples to {delta:.2f}" for delta in deltas),
        *("samples in the first round", "in all later ones", "wait: median, 95th pct [s]", "run [s]"),
    )
    return Table(header, lines)


def estimate_with_half_width(estimate: Estimate, digits: int = 0) -> str:
    """As in the paper: `1819 (456)`; `≥ 1819 (456)` for a lower bound; no brackets for a single run."""
    half = "" if math.isnan(estimate.low) else f" ({estimate.value - estimate.low:.{digits}f})"
    return f"{_signed(estimate, digits)}{half}"


def estimate_with_interval(estimate: Estimate | None, digits: int = 0) -> str:
    """`1.23 [1.01, 1.40]`; the sign alone where censored runs leave nothing to compare; `–` for no estimate."""
    if estimate is None or math.isnan(estimate.value):
        return "–"
    if estimate.sign == "≷":
        return "≷"
    ends = [f"{end:.{digits}f}" if math.isfinite(end) else "∞" for end in (estimate.low, estimate.high)]
    interval = "" if math.isnan(estimate.low) else f" [{', '.join(ends)}]"
    return f"{_signed(estimate, digits)}{interval}"


def reported_text(reported: Reported | None) -> str:
    """A number of the paper's."""
    return "–" if reported is None else f"{reported.mean:.0f} ({reported.ci95:.0f})"


def _signed(estimate: Estimate, digits: int) -> str:
    value = f"{estimate.value:.{digits}f}" if math.isfinite(estimate.value) else "∞"
    return f"{estimate.sign} {value}" if estimate.sign else value


def _samples_cell(outcome: Outcome, *, bold: bool = False) -> str:
    text = estimate_with_half_width(outcome.mean)
    text = f"**{text}**" if bold else text
    n = int(outcome.samples.censored.sum())
    return f"{text} ({n}/{len(outcome.samples)} censored)" if n else text


def _best(outcomes: Sequence[Outcome]) -> Outcome | None:
    """The one with the smallest mean; None when that is a lower bound, or when it has nothing beside it."""
    best = min(outcomes, key=lambda o: o.mean.value)
    return best if len(outcomes) > 1 and not best.mean.sign else None


def _rows(of: Sequence[Outcome] | Sequence[AcrossTasks]) -> list[Condition]:
    return list(dict.fromkeys(item.row for item in of))


# For programs


def table_1_records(outcomes: Sequence[Outcome]) -> list[Record]:
    """Table 1, a line per cell."""
    best = [
        _best([o for o in outcomes if (o.task, o.delta) == place])
        for place in dict.fromkeys((o.task, o.delta) for o in outcomes)
    ]
    return [
        _key(o.task, o.row)
        | {
            "delta": o.delta,
            "mean": o.mean.value,
            "ci95": o.mean.value - o.mean.low,
            "is_lower_bound": int(o.mean.sign == "≥"),
            "best": int(any(o is b for b in best)),
            "runs": len(o.samples),
            "censored": int(o.samples.censored.sum()),
        }
        for o in outcomes
    ]


def table_2_records(outcomes: Sequence[Outcome]) -> list[Record]:
    """Table 2, a line per cell, with the paper's number where it has one."""
    reported = [o.reported for o in outcomes]
    return [
        record | {"paper_mean": theirs and theirs.mean, "paper_ci95": theirs and theirs.ci95}
        for record, theirs in zip(table_1_records(outcomes), reported, strict=True)
    ]


def round_records(runs: Sequence[StudyRun]) -> list[Record]:
    """A line per run and round."""
    weights = max(r.theta.size for run in runs for r in run.rounds)
    return [
        _key(run.task, Condition(run.method, run.variant, run.preset))
        | {
            "seed": run.seed,
            "round": r.index,
            "intervention_rate": r.intervention_rate,
            "expert_samples": r.expert_steps,
            "seconds_waited": r.seconds_waited,
        }
        | {f"theta_{i}": r.theta[i] if i < r.theta.size else None for i in range(weights)}
        for run in _in_order(runs)
        for r in run.rounds
    ]


def run_records(runs: Sequence[StudyRun], deltas: Sequence[float]) -> list[Record]:
    """A line per run."""
    reached = {delta: samples_of(runs, delta) for delta in deltas}
    place = {id(run): index for index, run in enumerate(runs)}
    return [
        _key(run.task, Condition(run.method, run.variant, run.preset))
        | {
            "seed": run.seed,
            "rounds": len(run.rounds),
            "steps": sum(r.steps for r in run.rounds),
            "expert_samples": run.rounds[-1].expert_steps,
            "first_rate": run.rounds[0].intervention_rate,
            "last_rate": run.rounds[-1].intervention_rate,
            "seconds": run.seconds,
        }
        | {
            name: value
            for delta in deltas
            for name, value in (
                (f"samples_to_{delta:.2f}", int(reached[delta].at_least[place[id(run)]])),
                (f"censored_{delta:.2f}", int(reached[delta].censored[place[id(run)]])),
            )
        }
        for run in _in_order(runs)
    ]


def summary_records(
    outcomes: Sequence[Outcome], condition_summaries: Sequence[ConditionSummary], over: Sequence[AcrossTasks]
) -> list[Record]:
    """Every statistic, a line each; `task` is empty for those over all tasks."""
    records = []

    def add(task: str, row: Condition, runs: int, statistic: str, estimate: Estimate | None, delta=None, censored=None):
        if estimate is not None:
            bounds = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "sign": estimate.sign}
            counts = {"runs": runs, "censored": censored}
            records.append(_key(task, row) | {"delta": delta, "statistic": statistic} | bounds | counts)

    for o in outcomes:
        exact = None if o.reported_ratio is None else _exactly(o.reported_ratio)
        theirs = o.reported and Estimate(
            o.reported.mean, o.reported.mean - o.reported.ci95, o.reported.mean + o.reported.ci95
        )
        for statistic, estimate in (
            ("mean", o.mean),
            ("interquartile_mean", o.interquartile_mean),
            ("ratio_to_mereq", o.ratio),
            ("probability_mereq_needs_fewer", o.mereq_fewer),
            ("paper_mean", theirs),
            ("paper_ratio_to_mereq", exact),
        ):
            add(o.task, o.row, len(o.samples), statistic, estimate, o.delta, int(o.samples.censored.sum()))
    for c in condition_summaries:
        for statistic, estimate in (
            ("first_rate", c.first_rate),
            ("first_samples", c.first_samples),
            ("later_samples", c.later_samples),
            ("last_3_rounds_rate", c.last_rate),
            ("wait_median_seconds", _exactly(c.wait_median)),
            ("wait_95th_percentile_seconds", _exactly(c.wait_p95)),
            ("seconds_per_run", _exactly(c.seconds)),
        ):
            add(c.task, c.row, len(c.runs), statistic, estimate)
    for a in over:
        add("", a.row, a.runs, "interquartile_mean_over_mereq_mean", a.interquartile_mean, a.delta, a.censored)
        add("", a.row, a.runs, "probability_mereq_needs_fewer", a.mereq_fewer, a.delta, a.censored)
    return records


def _key(task: str, row: Condition) -> Record:
    return {"task": task, "method": row.method, "variant": row.variant, "preset": row.preset}


def _in_order(runs: Sequence[StudyRun]) -> list[StudyRun]:
    """By task, row and seed, whatever the grid's order was."""
    tasks, rows = tasks_of(runs), conditions_of(runs)
    return sorted(
        runs,
        key=lambda run: (tasks.index(run.task), rows.index(Condition(run.method, run.variant, run.preset)), run.seed),
    )


def _exactly(value: float) -> Estimate:
    return Estimate(value, math.nan, math.nan)


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return "" if math.isnan(value) else round(float(value), 6)
    return value
