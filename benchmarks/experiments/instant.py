"""Expert samples until the own rate stays below delta, for each task and method of a study that measured own rates.

python benchmarks/experiments/instant.py runs/studies/instant [--out results/instant.json]
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from mereq.commands.show import run_report
from mereq.reports.statistics import mean_ci95
from mereq.store.run_store import RunReader

DELTA = "0.05"


def summary(runs: list[Path]) -> dict[str, object]:
    """Means over a condition's runs, with half widths of 95 % intervals; a censored run counts with its total."""
    reports = [run_report(run) for run in runs]
    reached = [report["stays_below"][DELTA] for report in reports]
    seconds = []
    for run in runs:
        with RunReader.open(run) as reader:
            seconds += [version.seconds for version in reader.versions()]
    samples, half = mean_ci95(np.array([each["expert_samples"] for each in reached], float))
    late, late_half = mean_ci95(np.array([report["own_rates"][-1]["own_rate"] for report in reports]))
    theta, theta_half = mean_ci95(np.array([report["rounds"][-1]["theta"] for report in reports]))
    return {
        "seeds": sorted(report["seed"] for report in reports),
        "samples_until_own_rate_stays_below": {DELTA: [round(float(samples), 1), round(float(half), 1)]},
        "each_run": [each["expert_samples"] for each in reached],
        "censored": sum(each["censored"] for each in reached),
        "expert_samples": round(float(np.mean([report["rounds"][-1]["expert_samples"] for report in reports])), 1),
        "last_own_rate": [round(float(late), 4), round(float(late_half), 4)],
        "theta": [np.round(theta, 2).tolist(), np.round(theta_half, 2).tolist()],
        "seconds_of_inference": {q: round(float(np.quantile(seconds, float(q))), 3) for q in ("0.5", "0.95")},
        "provenance": reports[0]["provenance"],
    }


def main() -> None:
    """Print the summary of each condition of a study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    conditions: dict[str, list[Path]] = defaultdict(list)
    for run in sorted((asked.study / "runs").iterdir()):
        report = run_report(run)
        if report["stays_below"]:
            conditions[f"{report['task']}, {report['method']}"].append(run)
    found = {name: summary(runs) for name, runs in conditions.items()}
    for name, values in found.items():
        print(name, json.dumps({key: value for key, value in values.items() if key != "provenance"}))
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
