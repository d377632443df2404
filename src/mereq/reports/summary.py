"""What the runs of a study add up to: rows, and for each the expert samples to every threshold, beside the paper's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mereq.core.seeding import stream
from mereq.reports import paper
from mereq.reports.statistics import (
    THRESHOLDS,
    Estimate,
    Samples,
    interquartile_mean_samples,
    mean_ci95,
    mean_samples,
    probability_of_fewer_samples,
    ratio_of_means,
    samples_to_threshold,
)
from mereq.studies.study_store import StudyRun

MEREQ = "mereq"


class Condition(NamedTuple):
    """Runs that differ in their seed only (and in the task, where there are several)."""

    method: str
    variant: str
    preset: str


@dataclass(frozen=True)
class Outcome:
    """Expert samples of one row on one task until the intervention rate was below delta."""

    task: str
    row: Condition
    delta: float
    samples: Samples
    mean: Estimate
    interquartile_mean: Estimate
    ratio: Estimate | None  # of the means: this row's over MEReQ's; None for MEReQ itself, and where it is not there
    mereq_fewer: Estimate | None  # probability that MEReQ needs fewer
    reported: paper.Reported | None  # the paper's mean, where it has this task and method
    reported_ratio: float | None  # of the paper's means

    @property
    def is_reference(self) -> bool:
        """Whether others are compared with this one: MEReQ as it is, no variant of it."""
        return self.row.method == MEREQ and not self.row.variant

    @property
    def at_least_as_good(self) -> str:
        """Whether MEReQ saves at least as large a factor of samples here as in the paper: "yes", "within" (no, but the
        paper's ratio is in our interval), "no", or "open" (censored runs leave it open); "" with nothing to compare."""
        if self.ratio is None or self.reported_ratio is None or np.isnan(self.ratio.value):
            return ""
        more = self.ratio.value >= self.reported_ratio
        if self.ratio.sign == "≷" or (self.ratio.sign == "≥" and not more) or (self.ratio.sign == "≤" and more):
            return "open"
        if more:
            return "yes"
        return "within" if self.ratio.low <= self.reported_ratio <= self.ratio.high else "no"


@dataclass(frozen=True)
class AcrossTasks:
    """One row over all tasks that MEReQ was run on too, its samples in units of MEReQ's mean on the same task."""

    row: Condition
    delta: float
    tasks: tuple[str, ...]
    runs: int
    censored: int
    interquartile_mean: Estimate
    mereq_fewer: Estimate | None


@dataclass(frozen=True)
class ConditionSummary:
    """How one row went on one task, thresholds aside."""

    task: str
    row: Condition
    runs: list[StudyRun]
    first_rate: Estimate
    last_rate: Estimate  # mean of the last three rounds
    first_samples: Estimate  # of the expert, in the first round: before anything was learned
    later_samples: Estimate  # of the expert, in all rounds after it
    wait_median: float  # between two rounds [s]
    wait_p95: float
    seconds: float  # per run, mean


def tasks_of(runs: Sequence[StudyRun]) -> list[str]:
    """The tasks, in the paper's order, others after it as they come."""
    return _ordered((run.task for run in runs), paper.TASKS)


def conditions_of(runs: Sequence[StudyRun]) -> list[Condition]:
    """The rows, by method in the paper's order, and for each method as they come."""
    methods = _ordered((run.method for run in runs), paper.METHODS)
    rows = dict.fromkeys(condition_of(run) for run in runs)
    return sorted(rows, key=lambda row: methods.index(row.method))


def condition_of(run: StudyRun) -> Condition:
    """The row a run belongs to."""
    return Condition(run.method, run.variant, run.preset)


def condition_labels(rows: Sequence[Condition]) -> dict[Condition, str]:
    """A short name for each row: "MEReQ", "MEReQ, kappa 0.3"; the preset where there are several."""
    presets = {row.preset for row in rows}
    return {
        row: ", ".join(
            part for part in (method_name(row.method), row.variant, row.preset if len(presets) > 1 else "") if part
        )
        for row in rows
    }


def method_name(method: str) -> str:
    """As the paper writes it."""
    return paper.METHODS.get(method, method)


def task_name(task: str) -> str:
    """As the paper writes it."""
    return paper.TASKS.get(task, task)


def runs_of(runs: Sequence[StudyRun], task: str, row: Condition) -> list[StudyRun]:
    """The runs of one row on one task."""
    return [run for run in runs if run.task == task and condition_of(run) == row]


def samples_of(runs: Sequence[StudyRun], delta: float) -> Samples:
    """Expert samples of each run until its intervention rate was below delta."""
    return Samples.of(
        [
            samples_to_threshold(
                [r.intervention_rate for r in run.rounds], [r.expert_steps for r in run.rounds], delta=delta
            )
            for run in runs
        ]
    )


def outcomes(runs: Sequence[StudyRun], deltas: Sequence[float] = THRESHOLDS) -> list[Outcome]:
    """Every task, delta and row that there are runs of."""
    return [
        _outcome(runs, task, row, delta)
        for task in tasks_of(runs)
        for delta in deltas
        for row in conditions_of(runs)
        if runs_of(runs, task, row)
    ]


def across_tasks(runs: Sequence[StudyRun], deltas: Sequence[float] = THRESHOLDS) -> list[AcrossTasks]:
    """Every delta and row, over all tasks; none when there is only one task."""
    found = []
    for delta in deltas if len(tasks_of(runs)) > 1 else ():
        for row in conditions_of(runs):
            reference = {task: _reference(runs, task, row) or row for task in tasks_of(runs)}
            tasks = [t for t in tasks_of(runs) if runs_of(runs, t, row) and reference[t].method == MEREQ]
            ours = [samples_of(runs_of(runs, task, row), delta) for task in tasks]
            mereq = [samples_of(runs_of(runs, task, reference[task]), delta) for task in tasks]
            units = [samples.at_least.mean() for samples in mereq]
            if not tasks or min(units) == 0:
                continue
            scaled = [Samples(s.at_least / u, s.at_most / u) for s, u in zip(ours, units, strict=True)]
            same = all(reference[task] == row for task in tasks)
            iqm = interquartile_mean_samples(scaled, rng=_generator())
            if any(samples.censored.any() for samples in mereq):  # then the unit is a lower bound
                iqm = Estimate(iqm.value, 0.0, iqm.high, "≷" if iqm.sign else "≤")
            found.append(
                AcrossTasks(
                    row=row,
                    delta=delta,
                    tasks=tuple(tasks),
                    runs=sum(map(len, ours)),
                    censored=sum(int(samples.censored.sum()) for samples in ours),
                    interquartile_mean=iqm,
                    mereq_fewer=None if same else probability_of_fewer_samples(mereq, ours, rng=_generator()),
                )
            )
    return found


def condition_summaries(runs: Sequence[StudyRun]) -> list[ConditionSummary]:
    """Every task and row that there are runs of."""
    return [
        _course(task, row, runs_of(runs, task, row))
        for task in tasks_of(runs)
        for row in conditions_of(runs)
        if runs_of(runs, task, row)
    ]


def per_round(runs: Sequence[StudyRun], of: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean over runs of a number (or vector) of each round, and the half width of its 95 % interval.

    of: a field of `RecordedRound`. Runs may have stopped early: a round's mean is over those that had it.
    """
    rounds = max(len(run.rounds) for run in runs)
    means, halves = zip(
        *(
            mean_ci95(np.array([getattr(run.rounds[i], of) for run in runs if len(run.rounds) > i], float))
            for i in range(rounds)
        ),
        strict=True,
    )
    return np.array(means), np.array(halves)


def _outcome(runs: Sequence[StudyRun], task: str, row: Condition, delta: float) -> Outcome:
    mine, reference = runs_of(runs, task, row), _reference(runs, task, row)
    samples = samples_of(mine, delta)
    ratio, mereq_fewer = None, None
    if reference is not None:
        mereq = samples_of(runs_of(runs, task, reference), delta)
        ratio = ratio_of_means(samples, mereq, rng=_generator())
        mereq_fewer = probability_of_fewer_samples([mereq], [samples], rng=_generator())
    noise = mine[0].config.get("noise", 0.0)
    reported, reported_mereq = (_reported(task, method, delta, noise) for method in (row.method, MEREQ))
    return Outcome(
        task=task,
        row=row,
        delta=delta,
        samples=samples,
        mean=mean_samples(samples),
        interquartile_mean=interquartile_mean_samples([samples], rng=_generator()),
        ratio=ratio,
        mereq_fewer=mereq_fewer,
        reported=reported,
        reported_ratio=reported.mean / reported_mereq.mean if reported and reported_mereq else None,
    )


def _reference(runs: Sequence[StudyRun], task: str, row: Condition) -> Condition | None:
    """The MEReQ that a row is compared with: of the same variant and preset, else of the preset; None for itself."""
    candidates = [Condition(MEREQ, row.variant, row.preset)] if row.method != MEREQ else []
    candidates += [Condition(MEREQ, "", row.preset)] if row.variant or row.method != MEREQ else []
    return next((candidate for candidate in candidates if runs_of(runs, task, candidate)), None)


def _reported(task: str, method: str, delta: float, noise: float) -> paper.Reported | None:
    if noise:
        known = paper.TABLE_5.get(noise, {}) if (task, delta) == ("bottle-pushing", 0.10) else {}
    elif delta == paper.TABLE_2_DELTA and task in paper.TABLE_2:
        known = paper.TABLE_2[task]
    else:
        known = paper.TABLE_1.get((task, delta), {})
    return known.get(method)


def _course(task: str, row: Condition, runs: list[StudyRun]) -> ConditionSummary:
    waits = np.array([r.seconds_waited for run in runs for r in run.rounds])
    return ConditionSummary(
        task=task,
        row=row,
        runs=runs,
        first_rate=_mean([run.rounds[0].intervention_rate for run in runs]),
        last_rate=_mean([float(np.mean([r.intervention_rate for r in run.rounds[-3:]])) for run in runs]),
        first_samples=_mean([run.rounds[0].expert_steps for run in runs]),
        later_samples=_mean([run.rounds[-1].expert_steps - run.rounds[0].expert_steps for run in runs]),
        wait_median=float(np.median(waits)),
        wait_p95=float(np.quantile(waits, 0.95)),
        seconds=float(np.mean([run.seconds for run in runs])),
    )


def _mean(values: Sequence[float]) -> Estimate:
    mean, half = mean_ci95(np.array(values, float))
    return Estimate(float(mean), float(mean - half), float(mean + half))


def _generator() -> np.random.Generator:
    """The same draws for every number, so that none depends on which others there are."""
    return stream(0, "bootstrap")


def _ordered(names, known) -> list[str]:
    return sorted(dict.fromkeys(names), key=lambda name: list(known).index(name) if name in known else len(known))
