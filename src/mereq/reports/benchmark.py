"""Benchmark: methods beside each other, by the own rates of their policies. docs/benchmark.md tells how to enter it.

A study belongs to it if its runs measured own rates (`own_rate_steps`): the intervention rate of each new policy in
supervised steps that are neither counted nor learned from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from mereq.core.seeding import stream
from mereq.presets.known_tasks import known_task
from mereq.reports.behaviour import EvaluatedPolicy, evaluate_policies, load_last_policy, tasks_to_evaluate
from mereq.reports.figures import Measure
from mereq.reports.statistics import (
    Estimate,
    Samples,
    SamplesToThreshold,
    mean_ci95,
    mean_samples,
    probability_of_fewer_samples,
    samples_to_stay_below,
)
from mereq.reports.summary import (
    Condition,
    condition_labels,
    condition_of,
    conditions_of,
    is_robot_gated,
    method_name,
    task_name,
)
from mereq.reports.tables import Record, Table, estimate_with_half_width
from mereq.store.links import inside
from mereq.store.run_store import RUN, OwnRate, RunReader
from mereq.studies.study_store import RUNS, StudyRun

DELTA = 0.05
HOW_TO_READ = f"""\
- *Expert samples*: until the own rate stays below {DELTA:.2f} to the end of the run; ≥ where some run is above at its
  end, and counts with all its samples. *Censored*: how many runs.
- *Own rate*: of the last policy. *Return*: of the last policy in unsupervised episodes, under the expert's weights;
  only with `--behaviour`.
- *Attention*: duration of the supervised steps until the own rate stays below, at the page's pace. A supervisor has
  to watch all of them, except where the method is robot-gated (AIM, ThriftyDAgger): there only the steps count in which
  it asked and the supervisor acted. To be called away and back is not counted.
- *Computing*: of learning, in the whole run. It depends on the machine and on what else it did.
- All numbers: mean (half width of the 95 % interval over seeds).
- *Seen here*: whether the method needs fewer expert samples (ThriftyDAgger: less attention) than the one in brackets,
  with which its authors compare it. *Yes* and *no*: the 95 % interval of the probability that a run needs fewer is
  above or below one half; *open* otherwise, as with a single run of either. It is about this protocol, not theirs."""
SINGLE_EPISODES = """\
A round of these runs is a single episode, so its intervention rate is often zero by chance. Therefore neither the
paper's Figure 2 nor its Table 1 is made of them, and the overview's samples *to δ* end at the first lucky episode:
compare by the own rates above."""


class Claim(NamedTuple):
    """A claim of a method's authors, as far as it can be compared here: less than another method needs."""

    words: str
    than: str  # that method's name
    of: Literal["expert samples", "attention"] = "expert samples"


CLAIMS = {
    "mereq": Claim("fewer expert samples", "hg-dagger-ft"),
    "rlif": Claim("needs less of the expert", "hg-dagger-ft"),
    "rift": Claim("the prior saves takeovers in learning from them", "rlif"),
    "pvp": Claim("needs less of the expert than imitation", "hg-dagger-ft"),
    "mile": Claim("non-intervention is data, so fewer interventions", "hg-dagger-ft"),
    "ppl": Claim("half the samples of interactive imitation", "hg-dagger-ft"),
    "csil": Claim("a coherent reward improves on the clone", "hg-dagger-ft"),
    "aim": Claim("40 % less takeover cost", "thrifty-dagger"),
    "thrifty-dagger": Claim("less of the supervisor's attention", "hg-dagger-ft", of="attention"),
}


@dataclass(frozen=True)
class BenchmarkRun:
    """A run with what the benchmark compares."""

    run: StudyRun
    samples: SamplesToThreshold  # expert samples until the own rate stays below DELTA
    expert_samples: int  # of the whole run
    last_own_rate: float
    attention: SamplesToThreshold  # the same in seconds of the supervisor's attention; NaN: the task's pace is unknown
    computing: float  # [s]
    mean_return: float | None  # None: not evaluated

    @classmethod
    def of(cls, run: StudyRun, rates: Sequence[OwnRate], computing: float, mean_return: float | None) -> "BenchmarkRun":
        """The run with these own rates, of which there is at least one."""
        own, counts, steps = (list(column) for column in zip(*((r[2], r[1], r[0]) for r in rates), strict=True))
        definition = known_task(run.task)
        pace = definition.hz if definition is not None else float("nan")
        watched = samples_to_stay_below(own, counts if is_robot_gated(run.method) else steps, delta=DELTA)
        return cls(
            run,
            samples_to_stay_below(own, counts, delta=DELTA),
            run.rounds[-1].expert_steps,
            own[-1],
            replace(watched, samples=watched.samples / pace),
            computing,
            mean_return,
        )


Progress = Callable[[str, int, int], None]


def benchmark_runs(
    study: Path, runs: Sequence[StudyRun], *, returns: bool, progress: Progress | None = None
) -> list[BenchmarkRun]:
    """The runs that measured own rates; none where the study's runs are not on this machine.

    Args:
        study: directory of the study.
        runs: the finished runs.
        returns: also evaluate the last policies. Evaluations are kept in the study.
        progress: called after each evaluation.

    Raises:
        NoRun, CorruptCheckpoint, IncompatibleRun: a run or a policy cannot be loaded.
    """
    found: list[tuple[StudyRun, list[OwnRate], float]] = []
    for run in runs:
        directory = inside(study, study / RUNS / run.name)
        if (directory / RUN.file).is_file():
            with RunReader.open(directory) as reader:
                rates = reader.own_rates()
                learning = sum(version.seconds for version in reader.versions())
            if rates:
                found.append((run, rates, learning + sum(each.seconds_waited for each in run.rounds)))
    values = _returns(study, [run for run, *_ in found], progress) if returns else {}
    return [BenchmarkRun.of(run, rates, seconds, values.get(run.name)) for run, rates, seconds in found]


def _returns(study: Path, runs: Sequence[StudyRun], progress: Progress | None) -> Mapping[str, float]:
    """Mean return of each run's last policy under the expert's weights, by the run's name."""
    known = tasks_to_evaluate(runs)
    policies = [
        EvaluatedPolicy(run.task, method_name(run.method), partial(load_last_policy, study / RUNS / run.name), run=run)
        for run in runs
        if run.task in known
    ]
    values: dict[str, float] = {}
    for evaluation in evaluate_policies(study, policies):
        assert evaluation.policy.run is not None
        values[evaluation.policy.run.name] = float(evaluation.returns.mean())
        if progress:
            progress(f"{evaluation.policy.name} on {task_name(evaluation.policy.task)}", len(values), len(policies))
    return values


def benchmark_table(found: Sequence[BenchmarkRun]) -> Table:
    """A line per task and condition, in the order of the study's other tables."""
    runs = [each.run for each in found]
    labels = condition_labels(conditions_of(runs))
    several = len({run.variant for run in runs}) > 1
    names = {condition: label if several else method_name(condition.method) for condition, label in labels.items()}
    lines = [
        (task_name(task), names[condition], *_cells(found, task, condition))
        for task in dict.fromkeys(run.task for run in runs)
        for condition in labels
        if _of(found, task, condition)
    ]
    header = ("task", "method", "expert samples", "censored", "in all", "own rate", "return", "attention [s]")
    return Table((*header, "computing [s]", "its authors claim", "seen here"), lines)


def _of(found: Sequence[BenchmarkRun], task: str, condition: Condition) -> list[BenchmarkRun]:
    return [each for each in found if each.run.task == task and condition_of(each.run) == condition]


def _samples(found: Sequence[BenchmarkRun]) -> Samples:
    return Samples.of([each.samples for each in found])


def _cells(found: Sequence[BenchmarkRun], task: str, condition: Condition) -> tuple[str, ...]:
    mine = _of(found, task, condition)
    samples = _samples(mine)
    returns = [each.mean_return for each in mine if each.mean_return is not None]
    claim = CLAIMS.get(condition.method)
    return (
        estimate_with_half_width(mean_samples(samples)),
        f"{samples.censored.sum()}/{len(samples)}",
        _mean([each.expert_samples for each in mine], 0),
        _mean([each.last_own_rate for each in mine], 3),
        _mean(returns, 1) if len(returns) == len(mine) else "–",
        _attention(mine),
        _mean([each.computing for each in mine], 1),
        "–" if claim is None else f"{claim.words} ({method_name(claim.than)})",
        "–" if claim is None else _seen(claim, mine, _of(found, task, condition._replace(method=claim.than))),
    )


def _attention(mine: Sequence[BenchmarkRun]) -> str:
    seconds = Samples.of([each.attention for each in mine])
    return "–" if np.isnan(seconds.at_least).any() else estimate_with_half_width(mean_samples(seconds))


def _seen(claim: Claim, ours: Sequence[BenchmarkRun], theirs: Sequence[BenchmarkRun]) -> str:
    if claim.of == "attention":
        return seen(*(Samples.of([each.attention for each in runs]) for runs in (ours, theirs)))
    return seen(_samples(ours), _samples(theirs))


def _mean(values: Sequence[float], digits: int) -> str:
    mean, half = mean_ci95(np.array(values, float))
    return estimate_with_half_width(Estimate(float(mean), float(mean - half), float(mean + half)), digits)


def seen(ours: Samples, theirs: Samples) -> str:
    """Whether our runs need fewer expert samples than the other method's: "yes", "no" or "open"; "–" without those."""
    if not len(theirs):
        return "–"
    fewer = probability_of_fewer_samples([ours], [theirs], rng=stream(0, "benchmark"))
    return "yes" if fewer.low > 0.5 else "no" if fewer.high < 0.5 else "open"


def benchmark_measures(found: Sequence[BenchmarkRun]) -> list[Measure]:
    """Measures of the benchmark's figure, in the order of its table; attention only where paces are known."""
    labels = condition_labels(conditions_of([each.run for each in found]))
    several = len({each.run.variant for each in found}) > 1
    lines = {
        task_name(task): {
            label if several else method_name(condition.method): runs
            for condition, label in labels.items()
            if (runs := _of(found, task, condition))
        }
        for task in dict.fromkeys(each.run.task for each in found)
    }

    def by(value: Callable[[BenchmarkRun], Any]) -> dict[str, dict[str, list[Any]]]:
        return {
            task: {name: [value(run) for run in runs] for name, runs in mine.items()} for task, mine in lines.items()
        }

    censored = by(lambda run: run.samples.censored)
    measures = [
        Measure("expert samples", by(lambda run: run.samples.samples), censored, logarithmic=True),
        Measure("own rate at the end", by(lambda run: run.last_own_rate), line=DELTA),
    ]
    if not any(np.isnan(run.attention.samples) for run in found):
        measures.append(Measure("attention [s]", by(lambda run: run.attention.samples), censored, logarithmic=True))
    return measures


def benchmark_records(found: Sequence[BenchmarkRun]) -> list[Record]:
    """A line per run, for programs."""
    return [
        {
            "task": each.run.task,
            "method": each.run.method,
            "preset": each.run.preset,
            "variant": each.run.variant,
            "seed": each.run.seed,
            "samples_until_own_rate_stays_below": each.samples.samples,
            "censored": each.samples.censored,
            "expert_samples": each.expert_samples,
            "last_own_rate": each.last_own_rate,
            "mean_return": each.mean_return,
            "attention_s": None if np.isnan(each.attention.samples) else each.attention.samples,
            "computing_s": each.computing,
        }
        for each in found
    ]
