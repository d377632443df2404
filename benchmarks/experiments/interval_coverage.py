"""Coverage of the posterior's intervals: experts are members of the policy family, at thetas drawn from its region.

python benchmarks/experiments/interval_coverage.py TASK [TASK ...] [--seeds 100 200] [--episodes 20] [--out FOLDER]

Each expert supervises a run of mereq-bayes with the task's rule as shipped. Per weight: how often the 95 % interval of
the posterior at the end contains the expert's weight, and the level of the smallest central interval that does. Results
of several calls are joined in FOLDER/coverage.json; FOLDER/coverage.png shows all of them.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mereq.alignment.algorithm import Round, events
from mereq.alignment.handback import AtHandback
from mereq.alignment.posterior_alignment import MEREQ_BAYES, PosteriorImprover
from mereq.core.seeding import stream
from mereq.interventions.log import InterventionLog
from mereq.irl.posterior import Posterior
from mereq.maxent_rl.family import PolicyFamily
from mereq.presets.registry import definition_of
from mereq.reports.figures import calibration_figure
from mereq.store.provenance import clean_provenance, provenance


def supervised(name: str, family: PolicyFamily, seed: int, episodes: int) -> tuple[np.ndarray, Posterior, int]:
    """The expert's theta, the posterior after its supervision, and its number of expert samples."""
    definition = definition_of(name)
    prior = definition.policy("prior")
    theta = family.region.draw(stream(seed, "coverage"), ())
    settings = replace(definition.settings["fast"], rollout_steps=6000, rollout_episodes=episodes)
    rounds = [
        event
        for event in events(
            definition.task,
            prior,
            definition.make_supervisor(lambda: family.member(theta, prior)),
            replace(MEREQ_BAYES, family=family),
            settings,
            seed=seed,
            n_rounds=1,
            rate_threshold=0.0,
            learning=AtHandback,
        )
        if isinstance(event, Round)
    ]
    improver = PosteriorImprover(definition.task, prior, family, settings.posterior, seed=seed)
    return theta, improver.infer(InterventionLog((rounds[-1].rollout,))), rounds[-1].expert_steps


def level_of(posterior: Posterior, theta: np.ndarray) -> np.ndarray:
    """Level of the smallest central interval that contains each true weight. A draw at a limit counts half."""
    draws = posterior.draws[:, : len(theta)]
    below = posterior.weights @ ((draws < theta - 1e-6) + 0.5 * (np.abs(draws - theta) <= 1e-6))
    return np.abs(2.0 * below - 1.0)


def record(seed: int, theta: np.ndarray, posterior: Posterior, samples: int) -> dict[str, Any]:
    """Result of one expert."""
    n = len(theta)
    return {
        "seed": seed,
        "theta": np.round(theta, 4).tolist(),
        "mean": np.round(posterior.mean[:n], 4).tolist(),
        "interval": np.round(posterior.interval()[:n], 4).tolist(),
        "level": np.round(level_of(posterior, theta), 4).tolist(),
        "expert_samples": samples,
        "effective_draws": round(posterior.effective_draws),
    }


def summary(experts: list[dict[str, Any]]) -> dict[str, Any]:
    """Coverage, errors and widths per weight."""
    thetas, means, intervals = (
        np.array([expert[name] for expert in experts]) for name in ("theta", "mean", "interval")
    )
    inside = (intervals[..., 0] <= thetas + 1e-3) & (thetas <= intervals[..., 1] + 1e-3)
    draws = [expert["effective_draws"] for expert in experts]
    return {
        "experts": len(experts),
        "coverage_of_95": np.round(inside.mean(axis=0), 3).tolist(),
        "mean_width_of_95": np.round((intervals[..., 1] - intervals[..., 0]).mean(axis=0), 3).tolist(),
        "root_mean_square_error": np.round(np.sqrt(((means - thetas) ** 2).mean(axis=0)), 3).tolist(),
        "root_mean_square_theta": np.round(np.sqrt((thetas**2).mean(axis=0)), 3).tolist(),
        "expert_samples": round(float(np.mean([expert["expert_samples"] for expert in experts])), 1),
        "without_intervention": sum(expert["expert_samples"] == 0 for expert in experts),
        "effective_draws": {q: round(float(np.quantile(draws, float(q)))) for q in ("0", "0.05", "0.5")},
    }


def main() -> None:
    """Print the coverage of each task, and write the file and the figure. Experts in the file are not repeated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="+")
    parser.add_argument("--seeds", type=int, nargs=2, default=(100, 200), metavar=("FIRST", "END"))
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("results/instant"))
    asked = parser.parse_args()
    path = asked.out / "coverage.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(path.read_text()) if path.exists() else {}
    for name in asked.tasks:
        definition = definition_of(name)
        assert definition.family is not None
        family, _ = definition.family()
        experts = results.get(name, {}).get("each", [])
        for seed in sorted(set(range(*asked.seeds)) - {expert["seed"] for expert in experts}):
            experts.append(record(seed, *supervised(name, family, seed, asked.episodes)))
            results[name] = {
                "features": list(definition.task.feature_names),
                "episodes": asked.episodes,
                **summary(experts),
                "each": experts,
                "provenance": clean_provenance(provenance()),
            }
            path.write_text(json.dumps(results) + "\n")
        print(name, json.dumps({k: v for k, v in results[name].items() if k not in ("each", "provenance")}))
    calibration_figure(
        {task: np.array([expert["level"] for expert in result["each"]]) for task, result in results.items()},
        {task: result["features"] for task, result in results.items()},
        asked.out / "coverage.png",
    )


if __name__ == "__main__":
    main()
