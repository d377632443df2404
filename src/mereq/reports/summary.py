"""Summary of a study: its conditions, and for each the expert samples to every threshold, beside the paper's."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mereq.alignment.robot_gated import RobotGated
from mereq.core.seeding import stream
from mereq.presets.methods import known_method
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
from mereq.store.provenance import without_folders
from mereq.studies.study_store import StudyRun

MEREQ = "mereq"
NAMES = {  # of methods that the paper does not have
    "mereq-bayes": "MEReQ-Bayes",
    "mereq-bayes-fading": "MEReQ-Bayes, fading",
    "rlif": "RLIF",
    "rift": "RIFT",
    "pvp": "PVP",
    "mile": "MILE",
    "ppl": "PPL",
    "csil": "residual CSIL",
    "aim": "AIM",
    "thrifty-dagger": "ThriftyDAgger",
}


class Condition(NamedTuple):
    """A condition of a study, its task aside: what runs share that differ in their seed only."""

    method: str
    variant: str
    preset: str


@dataclass(frozen=True)
class Outcome:
    """Expert samples of one condition on one task until the intervention rate was below delta."""

    task: str
    condition: Condition
    delta: float
    samples: Samples
    mean: Estimate
    interquartile_mean: Estimate
    ratio: Estimate | None  # mean of this condition over MEReQ's; None for MEReQ itself, and where there is no MEReQ
    mereq_fewer: Estimate | None  # probability that MEReQ needs fewer
    reported: paper.Reported | None  # the paper's mean, where it has this task and method
    reported_ratio: float | None  # of the paper's means

    @property
    def is_reference(self) -> bool:
        """Whether the other conditions are compared with this one: MEReQ as it is, no variant of it."""
        return self.condition.method == MEREQ and not self.condition.variant

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
    """One condition over all tasks that MEReQ was run on too, its samples in units of MEReQ's mean on the same task."""

    condition: Condition
    delta: float
    tasks: tuple[str, ...]
    runs: int
    censored: int
    interquartile_mean: Estimate
    mereq_fewer: Estimate | None


@dataclass(frozen=True)
class ConditionSummary:
    """Rates, samples and times of one condition on one task, thresholds aside."""

    task: str
    condition: Condition
    runs: list[StudyRun]
    first_rate: Estimate
    last_rate: Estimate  # mean of the last three rounds
    first_samples: Estimate  # expert samples of the first round: before anything was learned
    later_samples: Estimate  # expert samples of all later rounds
    wait_median: float  # between two rounds [s]
    wait_p95: float
    seconds: float  # per run, mean


def tasks_of(runs: Sequence[StudyRun]) -> list[str]:
    """Names of the tasks: the paper's in its order, then the others as they come."""
    return _ordered((run.task for run in runs), paper.TASKS)


def conditions_of(runs: Sequence[StudyRun]) -> list[Condition]:
    """Conditions of the runs: methods in the paper's order, then the others; of one method as they come."""
    methods = _ordered((run.method for run in runs), paper.METHODS)
    conditions = dict.fromkeys(condition_of(run) for run in runs)
    return sorted(conditions, key=lambda condition: methods.index(condition.method))


def condition_of(run: StudyRun) -> Condition:
    """Condition of a run."""
    return Condition(run.method, run.variant, run.preset)


def condition_labels(conditions: Sequence[Condition]) -> dict[Condition, str]:
    """Short name of each condition: "MEReQ", "MEReQ, kappa 0.3"; with the preset where there are several."""
    presets = {condition.preset for condition in conditions}
    return {
        condition: ", ".join(
            filter(
                None,
                (method_name(condition.method), condition.variant, condition.preset if len(presets) > 1 else ""),
            )
        )
        for condition in conditions
    }


def is_robot_gated(method: str) -> bool:
    """Whether a method's supervisor acts only where it is asked; no, of a method whose code was not named."""
    return isinstance(known_method(method), RobotGated)


def of_single_episodes(run: StudyRun) -> bool:
    """Whether a round of the run is a single episode, so that its intervention rate is often zero by chance."""
    return run.config.fields.get("settings", {}).get("rollout_episodes") == 1


def method_name(method: str) -> str:
    """Name of a method, as the paper or its authors write it."""
    return paper.METHODS.get(method) or NAMES.get(method, method)


def task_name(task: str) -> str:
    """Name of a task, as the paper writes it where it has the task; of a file, without its folders."""
    return paper.TASKS.get(task) or without_folders(task)


def runs_of(runs: Sequence[StudyRun], task: str, condition: Condition) -> list[StudyRun]:
    """Runs of one condition on one task."""
    return [run for run in runs if run.task == task and condition_of(run) == condition]


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
    """Outcome of every task, delta and condition that has runs."""
    return [
        _outcome(runs, task, condition, delta)
        for task in tasks_of(runs)
        for delta in deltas
        for condition in conditions_of(runs)
        if runs_of(runs, task, condition)
    ]


def across_tasks(runs: Sequence[StudyRun], deltas: Sequence[float] = THRESHOLDS) -> list[AcrossTasks]:
    """Summary over all tasks of every delta and condition; empty when there is only one task."""
    found = []
    for delta in deltas if len(tasks_of(runs)) > 1 else ():
        for condition in conditions_of(runs):
            reference = {task: _reference(runs, task, condition) or condition for task in tasks_of(runs)}
            tasks = [t for t in tasks_of(runs) if runs_of(runs, t, condition) and reference[t].method == MEREQ]
            ours = [samples_of(runs_of(runs, task, condition), delta) for task in tasks]
            mereq = [samples_of(runs_of(runs, task, reference[task]), delta) for task in tasks]
            units = [samples.at_least.mean() for samples in mereq]
            if not tasks or min(units) == 0:
                continue
            scaled = [Samples(s.at_least / u, s.at_most / u) for s, u in zip(ours, units, strict=True)]
            same = all(reference[task] == condition for task in tasks)
            iqm = interquartile_mean_samples(scaled, rng=_generator())
            if any(samples.censored.any() for samples in mereq):  # then the unit is a lower bound
                iqm = Estimate(iqm.value, 0.0, iqm.high, "≷" if iqm.sign else "≤")
            found.append(
                AcrossTasks(
                    condition=condition,
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
    """Summary of every task and condition that has runs."""
    return [
        _condition_summary(task, condition, runs_of(runs, task, condition))
        for task in tasks_of(runs)
        for condition in conditions_of(runs)
        if runs_of(runs, task, condition)
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


def _outcome(runs: Sequence[StudyRun], task: str, condition: Condition, delta: float) -> Outcome:
    mine, reference = runs_of(runs, task, condition), _reference(runs, task, condition)
    samples = samples_of(mine, delta)
    ratio, mereq_fewer = None, None
    if reference is not None:
        mereq = samples_of(runs_of(runs, task, reference), delta)
        ratio = ratio_of_means(samples, mereq, rng=_generator())
        mereq_fewer = probability_of_fewer_samples([mereq], [samples], rng=_generator())
    noise = mine[0].config.noise
    reported, reported_mereq = (paper.samples(task, m, delta, noise=noise) for m in (condition.method, MEREQ))
    return Outcome(
        task=task,
        condition=condition,
        delta=delta,
        samples=samples,
        mean=mean_samples(samples),
        interquartile_mean=interquartile_mean_samples([samples], rng=_generator()),
        ratio=ratio,
        mereq_fewer=mereq_fewer,
        reported=reported,
        reported_ratio=reported.mean / reported_mereq.mean if reported and reported_mereq else None,
    )


def _reference(runs: Sequence[StudyRun], task: str, condition: Condition) -> Condition | None:
    """MEReQ's condition to compare with: of the same variant and preset, else of the preset; None for MEReQ itself."""
    candidates = [Condition(MEREQ, condition.variant, condition.preset)] if condition.method != MEREQ else []
    candidates += [Condition(MEREQ, "", condition.preset)] if condition.variant or condition.method != MEREQ else []
    return next((candidate for candidate in candidates if runs_of(runs, task, candidate)), None)


def _condition_summary(task: str, condition: Condition, runs: list[StudyRun]) -> ConditionSummary:
    waits = np.array([r.seconds_waited for run in runs for r in run.rounds])
    return ConditionSummary(
        task=task,
        condition=condition,
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
    """Generator of the bootstrap: the same draws for every number, so that none depends on which others there are."""
    return stream(0, "bootstrap")


def _ordered(names: Iterable[str], known: Collection[str]) -> list[str]:
    """Names once each: the known ones in their order, then the others as they come."""
    return sorted(dict.fromkeys(names), key=lambda name: list(known).index(name) if name in known else len(known))
