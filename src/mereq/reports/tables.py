"""Tables of a study: as Markdown for people, as CSV for programs."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mereq.reports.paper import Reported
from mereq.reports.statistics import THRESHOLDS, Estimate, Samples, mean_samples
from mereq.reports.summary import (
    AcrossTasks,
    Condition,
    ConditionSummary,
    Outcome,
    condition_labels,
    condition_of,
    condition_summaries,
    conditions_of,
    samples_of,
    task_name,
    tasks_of,
)
from mereq.store.provenance import without_folders
from mereq.studies.study_store import StudyRun

Record = dict[str, Any]  # one line of a CSV file


@dataclass(frozen=True)
class Table:
    """A table of texts, in Markdown's notation."""

    header: tuple[str, ...]
    lines: list[tuple[str, ...]]

    def markdown(self) -> str:
        """The table in Markdown, with its columns aligned."""
        cells = [[cell.replace("|", r"\|") for cell in line] for line in (self.header, *self.lines)]
        widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
        cells.insert(1, ["-" * width for width in widths])
        padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in cells]
        return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def write_csv(path: Path, records: Sequence[Record]) -> None:
    """Write a CSV file: a line per record, under the names of the first; NaN and None are empty, infinity is `inf`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, records[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _plain(value) for name, value in record.items()} for record in records)


def small(text: str) -> str:
    """Text in small letters, in Markdown: the line under a table or figure."""
    return f"<sub>{text}</sub>"


# For people


def table_1(outcomes: Sequence[Outcome]) -> Table:
    """Table 1: expert samples, a line per task and delta, a column per condition.

    The smallest mean is bold, unless a lower bound (censored runs) leaves open which one is the smallest.
    """
    labels = condition_labels(_conditions(outcomes))
    tasks = list(dict.fromkeys(o.task for o in outcomes))
    lines = []
    for task, delta in dict.fromkeys((o.task, o.delta) for o in outcomes):
        of_condition = {o.condition: o for o in outcomes if (o.task, o.delta) == (task, delta)}
        best = _best(list(of_condition.values()))
        cells = [_outcome_cell(of_condition.get(condition), best) for condition in labels]
        lines.append((*([task_name(task)] if len(tasks) > 1 else []), f"{delta:.2f}", *cells))
    return Table((*(["task"] if len(tasks) > 1 else []), "δ", *labels.values()), lines)


def table_2(outcomes: Sequence[Outcome]) -> Table:
    """Table 2: expert samples of a person until one threshold, two lines per task: ours and the paper's."""
    labels = condition_labels(_conditions(outcomes))
    lines = []
    for task in dict.fromkeys(o.task for o in outcomes):
        of_condition = {o.condition: o for o in outcomes if o.task == task}
        best = _best(list(of_condition.values()))
        ours = [_outcome_cell(of_condition.get(condition), best) for condition in labels]
        lines.append((task_name(task), "here", *ours))
        if any(o.reported for o in of_condition.values()):
            found = [of_condition.get(condition) for condition in labels]
            theirs = [reported_text(outcome.reported if outcome else None) for outcome in found]
            lines.append(("", "paper", *theirs))
    return Table(("task", "", *labels.values()), lines)


def side_by_side(outcomes: Sequence[Outcome]) -> Table:
    """Our numbers beside the paper's, where the paper has the task and the method; no lines when it has none."""
    labels = condition_labels(_conditions(outcomes))
    several = len({o.task for o in outcomes}) > 1
    words = {"within": "no, but within", "": "–"}
    lines = [
        (
            *([task_name(o.task)] if several else []),
            f"{o.delta:.2f}",
            labels[o.condition],
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
    """Expert samples of each condition over all tasks, in units of MEReQ's mean."""
    labels = condition_labels(_conditions(over))
    lines = [
        (
            f"{a.delta:.2f}",
            labels[a.condition],
            f"{len(a.tasks)}",
            estimate_with_interval(a.interquartile_mean, 2),
            estimate_with_interval(a.mereq_fewer, 2),
            f"{a.censored}/{a.runs}",
        )
        for a in over
    ]
    return Table(("δ", "method", "tasks", "IQM / MEReQ's mean [CI]", "P(MEReQ needs fewer) [CI]", "censored"), lines)


def overview(
    runs: Sequence[StudyRun],
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    planned: Mapping[tuple[str, Condition], int] | None = None,
) -> Table:
    """Overview of any study, a line per task and condition: rates, expert samples and times.

    planned: number of planned runs by task and condition; then conditions without a finished run have a line too, and
        `seeds` is "finished/planned".
    """
    summaries = {(c.task, c.condition): c for c in condition_summaries(runs)}
    places = list(summaries if planned is None else planned)
    labels = condition_labels([condition for _, condition in places])
    several = len({task for task, _ in places}) > 1
    header = (
        *(["task"] if several else []),
        *("method", "seeds", "first rate", "last 3 rounds"),
        *(f"samples to {delta:.2f}" for delta in thresholds),
        *("samples in the first round", "in all later ones", "wait: median, 95th pct [s]", "run [s]"),
    )
    lines = []
    for task, condition in places:
        found = summaries.get((task, condition))
        seeds = str(len(found.runs) if found else 0) + (f"/{planned[task, condition]}" if planned else "")
        names = (*([task_name(task)] if several else []), labels[condition], seeds)
        cells = _overview_cells(found, thresholds) if found else ["–"] * (len(header) - len(names))
        lines.append((*names, *cells))
    return Table(header, lines)


def _overview_cells(summary: ConditionSummary, thresholds: Sequence[float]) -> list[str]:
    samples = [samples_of(summary.runs, delta) for delta in thresholds]
    return [
        estimate_with_half_width(summary.first_rate, 3),
        estimate_with_half_width(summary.last_rate, 3),
        *(_samples_cell(found, mean_samples(found)) for found in samples),
        estimate_with_half_width(summary.first_samples),
        estimate_with_half_width(summary.later_samples),
        f"{summary.wait_median:.1f}, {summary.wait_p95:.1f}",
        f"{summary.seconds:.0f}",
    ]


def estimate_with_half_width(estimate: Estimate, digits: int = 0) -> str:
    """Text of an estimate as in the paper: `1819 (456)`; `≥ 1819 (456)` for a lower bound; no brackets for one run."""
    half = "" if math.isnan(estimate.low) else f" ({estimate.value - estimate.low:.{digits}f})"
    return f"{_signed(estimate, digits)}{half}"


def estimate_with_interval(estimate: Estimate | None, digits: int = 0) -> str:
    """Text of an estimate: `1.23 [1.01, 1.40]`; the sign alone where it is bounded on neither side; `–` for none."""
    if estimate is None or math.isnan(estimate.value):
        return "–"
    if estimate.sign == "≷":
        return "≷"
    ends = [f"{end:.{digits}f}" if math.isfinite(end) else "∞" for end in (estimate.low, estimate.high)]
    interval = "" if math.isnan(estimate.low) else f" [{', '.join(ends)}]"
    return f"{_signed(estimate, digits)}{interval}"


def reported_text(reported: Reported | None) -> str:
    """Text of a number of the paper's; `–` for none."""
    return "–" if reported is None else f"{reported.mean:.0f} ({reported.ci95:.0f})"


def _signed(estimate: Estimate, digits: int) -> str:
    value = f"{estimate.value:.{digits}f}" if math.isfinite(estimate.value) else "∞"
    return f"{estimate.sign} {value}" if estimate.sign else value


def _outcome_cell(outcome: Outcome | None, best: Outcome | None) -> str:
    return "–" if outcome is None else _samples_cell(outcome.samples, outcome.mean, bold=outcome is best)


def _samples_cell(samples: Samples, mean: Estimate, *, bold: bool = False) -> str:
    text = estimate_with_half_width(mean)
    text = f"**{text}**" if bold else text
    n = int(samples.censored.sum())
    return f"{text} ({n}/{len(samples)} censored)" if n else text


def _best(outcomes: Sequence[Outcome]) -> Outcome | None:
    """Outcome with the smallest mean; None when that is a lower bound, or the only outcome."""
    best = min(outcomes, key=lambda o: o.mean.value)
    return best if len(outcomes) > 1 and not best.mean.sign else None


def _conditions(of: Sequence[Outcome] | Sequence[AcrossTasks]) -> list[Condition]:
    return list(dict.fromkeys(item.condition for item in of))


# For programs


def table_1_records(outcomes: Sequence[Outcome]) -> list[Record]:
    """Records of Table 1, one per cell."""
    best = [
        _best([o for o in outcomes if (o.task, o.delta) == place])
        for place in dict.fromkeys((o.task, o.delta) for o in outcomes)
    ]
    return [
        _key(o.task, o.condition)
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
    """Records of Table 2, one per cell, with the paper's number where it has one."""
    reported = [o.reported for o in outcomes]
    return [
        record | {"paper_mean": theirs and theirs.mean, "paper_ci95": theirs and theirs.ci95}
        for record, theirs in zip(table_1_records(outcomes), reported, strict=True)
    ]


def round_records(runs: Sequence[StudyRun]) -> list[Record]:
    """Records of `rounds.csv`, one per run and round."""
    weights = max(r.theta.size for run in runs for r in run.rounds)
    return [
        _key(run.task, condition_of(run))
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
    """Records of `runs.csv`, one per run."""
    reached = {delta: samples_of(runs, delta) for delta in deltas}
    place = {id(run): index for index, run in enumerate(runs)}
    return [
        _key(run.task, condition_of(run))
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
    """Records of `summary.csv`, one per statistic; `task` is empty for those over all tasks."""
    records = []

    def add(
        task: str,
        condition: Condition,
        runs: int,
        statistic: str,
        estimate: Estimate | None,
        delta: float | None = None,
        censored: int | None = None,
    ) -> None:
        if estimate is not None:
            bounds = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "sign": estimate.sign}
            counts = {"runs": runs, "censored": censored}
            records.append(_key(task, condition) | {"delta": delta, "statistic": statistic} | bounds | counts)

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
            add(o.task, o.condition, len(o.samples), statistic, estimate, o.delta, int(o.samples.censored.sum()))
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
            add(c.task, c.condition, len(c.runs), statistic, estimate)
    for a in over:
        add("", a.condition, a.runs, "interquartile_mean_over_mereq_mean", a.interquartile_mean, a.delta, a.censored)
        add("", a.condition, a.runs, "probability_mereq_needs_fewer", a.mereq_fewer, a.delta, a.censored)
    return records


def _key(task: str, condition: Condition) -> Record:
    return {"task": without_folders(task)} | condition._asdict()


def _in_order(runs: Sequence[StudyRun]) -> list[StudyRun]:
    """The runs by task, condition and seed, whatever the grid's order was."""
    tasks, conditions = tasks_of(runs), conditions_of(runs)
    return sorted(
        runs,
        key=lambda run: (tasks.index(run.task), conditions.index(condition_of(run)), run.seed),
    )


def _exactly(value: float) -> Estimate:
    return Estimate(value, math.nan, math.nan)


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return "" if math.isnan(value) else round(float(value), 6)
    return value
