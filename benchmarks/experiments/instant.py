"""Expert samples until the own rate stays below delta, for each task and method of studies that measured own rates.

python benchmarks/experiments/instant.py STUDY [STUDY ...] [--out results/instant] [--no-returns]

For instance runs/studies/instant runs/studies/episodes-highway runs/studies/episodes-arm, or, with another OUT,
runs/studies/noise-instant, whose experts err or take over late. Writes OUT/summary.json,
where results of several calls are joined, and OUT/curves.png: expert samples so far, and the policies' own rates, over
supervised steps. Unfinished runs are left out.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from mereq.commands.show import run_report
from mereq.evaluation.rollouts import EPISODES, SEED, evaluate
from mereq.presets.registry import definition_of
from mereq.reports.figures import curves_figure
from mereq.reports.statistics import mean_ci95
from mereq.runs.finished import is_finished
from mereq.runs.recorded import load_method_policy
from mereq.store.run_store import RunReader

DELTA = "0.05"
POINTS = 61  # of each curve


def measured(run: Path, *, returns: bool) -> dict[str, Any] | None:
    """Report of a finished run with own rates, with its waits and the return of its last policy; None for any other.

    returns: whether the last policy is evaluated.
    """
    with RunReader.open(run) as reader:
        rounds, config = reader.rounds(), reader.starts()[-1].config
        if not is_finished(rounds, config.get("n_rounds", 1)) or not reader.own_rates():
            return None
        versions = [version.seconds for version in reader.versions()]
        waits = versions or [each.seconds_waited for each in rounds if each.seconds_waited > 0]
        if not returns:
            return run_report(run) | {"waits": waits}
        task, _, policy = load_method_policy(reader, len(rounds) - 1)
    definition = definition_of(config["task"])
    result = evaluate(policy, task.simulate(EPISODES), seed=SEED)
    weights = definition.theta_expert
    assert weights is not None
    return run_report(run) | {
        "waits": waits,
        "return": float(result.returns(weights).mean()),
        "measures": definition.metrics(result),
    }


def condition_of(run: dict[str, Any]) -> tuple[str, ...]:
    """Task and method of a run, and how its expert errs."""
    noise, late = run["config"].get("noise", 0.0), run["config"].get("lateness", 0)
    errors = (f"{100 * noise:.0f} % noise" if noise else "", f"{late} late" if late else "")
    return (run["task"], run["method"], *filter(None, errors))


def mean_and_half(values: list[float], digits: int) -> list[float]:
    """Mean and half width of the 95 % interval, rounded."""
    return [round(float(x), digits) for x in mean_ci95(np.array(values, float))]


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over a condition's runs, with half widths of 95 % intervals; a censored run counts with its total."""
    reached = [run["stays_below"][DELTA] for run in runs]
    waits = np.concatenate([run["waits"] for run in runs]) if any(run["waits"] for run in runs) else np.zeros(1)
    evaluated = [run["return"] for run in runs if "return" in run]
    returns = {"return_under_the_experts_weights": mean_and_half(evaluated, 2)} if evaluated else {}
    numbers = [name for name, value in runs[0].get("measures", {}).items() if isinstance(value, float | int)]
    theta, theta_half = mean_ci95(np.array([run["rounds"][-1]["theta"] for run in runs]))
    return {
        "seeds": sorted(run["seed"] for run in runs),
        "samples_until_own_rate_stays_below": {DELTA: mean_and_half([each["expert_samples"] for each in reached], 1)},
        "each_run": [each["expert_samples"] for each in reached],
        "censored": sum(each["censored"] for each in reached),
        "expert_samples": mean_and_half([run["rounds"][-1]["expert_samples"] for run in runs], 1),
        "last_own_rate": mean_and_half([run["own_rates"][-1]["own_rate"] for run in runs], 4),
        **returns,
        "measures": {name: mean_and_half([run["measures"][name] for run in runs], 3) for name in numbers},
        "theta": [np.round(theta, 2).tolist(), np.round(theta_half, 2).tolist()],
        "seconds_of_learning": {q: round(float(np.quantile(waits, float(q))), 3) for q in ("0.5", "0.95")},
        "curve": mean_curve([run["own_rates"] for run in runs]),
        "provenance": runs[0]["provenance"],
    }


def mean_curve(runs: list[list[dict[str, Any]]]) -> dict[str, list[float | None]]:
    """Means over runs of the expert samples so far and of the newest policy's own rate, over supervised steps."""
    steps = np.linspace(0, min(run[-1]["supervised_steps"] for run in runs), POINTS)
    curves = {"supervised_steps": steps.round()}
    for name, before in (("expert_samples", 0.0), ("own_rate", np.nan)):
        held = []
        for run in runs:
            at = np.searchsorted([each["supervised_steps"] for each in run], steps, side="right")
            held.append(np.array([before, *(each[name] for each in run)])[at])
        curves[name] = np.mean(held, axis=0)
    return {name: [None if np.isnan(x) else round(float(x), 4) for x in values] for name, values in curves.items()}


def main() -> None:
    """Print the summary of each condition, and write the file and the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, nargs="+")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--no-returns", action="store_true", help="do not evaluate the last policies")
    asked = parser.parse_args()
    conditions: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for study in asked.studies:
        for folder in sorted((study / "runs").iterdir()):
            if (run := measured(folder, returns=not asked.no_returns)) is not None:
                conditions[condition_of(run)].append(run)
    found = {", ".join(condition): summary(runs) for condition, runs in sorted(conditions.items())}
    for name, values in found.items():
        print(name, json.dumps({key: value for key, value in values.items() if key not in ("curve", "provenance")}))
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
        file = asked.out / "summary.json"
        found = (json.loads(file.read_text()) if file.exists() else {}) | found
        file.write_text(json.dumps(found, indent=1) + "\n")
        labels = {name: tuple(name.split(", ", 1)) for name in found}
        curves_figure({labels[name]: each["curve"] for name, each in found.items()}, asked.out / "curves.png")


if __name__ == "__main__":
    main()
