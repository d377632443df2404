"""`mereq show`: a run's table, its pictures, and the task before and after."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from mereq.commands.terminal import round_columns, round_line, warm_up
from mereq.evaluation.rollouts import EPISODES, SEED, evaluate
from mereq.presets.registry import definition_of
from mereq.reports.figures import RunCurves, run_figure
from mereq.reports.statistics import THRESHOLDS, samples_to_threshold
from mereq.runs.spec import load_method_policy
from mereq.store.run_store import RunStore
from mereq.trials.trial_store import refuse_blind


def run_report(directory: Path) -> dict[str, Any]:
    """A run as one JSON-able object."""
    refuse_blind(directory)
    with RunStore.open(directory) as store:
        config, rounds, origin = store.starts()[-1].config, store.rounds(), store.starts()[-1].provenance
    rates, samples = [r.intervention_rate for r in rounds], [r.expert_steps for r in rounds]
    report: dict[str, Any] = {
        "task": config["task"],
        "method": config["method"],
        "preset": config["preset"],
        "seed": config["seed"],
        "feature_names": list(definition_of(config["task"]).task.feature_names),
        "rounds": [
            {
                "round": r.index,
                "intervention_rate": r.intervention_rate,
                "expert_samples": r.expert_steps,
                "theta": r.theta.tolist(),
                "seconds_waited": r.seconds_waited,
                "memory_bytes": r.memory,
            }
            for r in rounds
        ],
        "samples_to_threshold": {},
        "config": config,
        "provenance": origin,
    }
    if rounds:
        for delta in THRESHOLDS:
            reached = samples_to_threshold(rates, samples, delta=delta)
            report["samples_to_threshold"][f"{delta:.2f}"] = {
                "expert_samples": reached.samples,
                "censored": reached.censored,
            }
    return report


def show(directory: Path, *, clip: bool, console: Console) -> None:
    """Print a run's table and draw its pictures."""
    report = run_report(directory)
    out = Console(highlight=False, soft_wrap=True)
    names = tuple(report["feature_names"])
    out.print(f"{report['method']} on {report['task']}, preset {report['preset']}, seed {report['seed']}", style="bold")
    columns = round_columns(names)
    out.print("".join(f"{title:>{width}}" for title, width in columns), style="bold")
    for row in report["rounds"]:
        out.print(
            round_line(
                columns,
                row["round"],
                row["intervention_rate"],
                row["expert_samples"],
                np.array(row["theta"]),
                row["seconds_waited"],
            )
        )
    out.print("samples: of the expert, so far; waited: for the policy's update after the round", style="dim")
    for delta, reached in report["samples_to_threshold"].items():
        text = (
            f"not reached (more than {reached['expert_samples']})"
            if reached["censored"]
            else (f"{reached['expert_samples']}")
        )
        out.print(f"expert samples until the rate was below {delta}: {text}")
    if not report["rounds"]:
        out.print("No round is finished yet.")
        return
    warm_up(console)
    with console.status("filming before and after"):
        _pictures(directory, report, clip, out)


def _pictures(directory: Path, report: dict[str, Any], clip: bool, out: Console) -> None:
    """Draw the run's curves, and film the task before and after."""
    with RunStore.open(directory) as store:
        task, prior, policy = load_method_policy(store, len(report["rounds"]) - 1)
    simulator = task.simulate(EPISODES)
    before, after = (evaluate(p, simulator, seed=SEED) for p in (prior, policy))
    figures = directory / "figures"
    figures.mkdir(exist_ok=True)
    rounds = report["rounds"]
    curves = RunCurves(
        title=f"{report['method']} on {report['task']} (preset {report['preset']}, seed {report['seed']})",
        feature_names=task.feature_names,
        rates=[row["intervention_rate"] for row in rounds],
        expert_steps=[row["expert_samples"] for row in rounds],
        thetas=np.array([row["theta"] for row in rounds]),
        features_before=before.features.mean(axis=0),
        features_after=after.features.mean(axis=0),
    )
    run_figure(curves, figures / "run.png")
    out.print(f"{figures / 'run.png'}")
    film = definition_of(report["task"]).film
    if clip:
        film(prior, policy, figures / "before_after.gif")
        out.print(f"{figures / 'before_after.gif'}")
