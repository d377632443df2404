"""Whether the posterior predicts the newest policy's own rate: for a rule that says when supervision may stop.

python benchmarks/experiments/predicted_rate.py STUDY [--episodes 20] [--out FILE]

For each finished run of mereq-bayes without errors of the expert, such as those of runs/studies/noise-instant: the
share of steps that the supervisor is expected to take, from the probability of a takeover in each stretch of the last
episodes, under draws of the posterior at the end, and the mean length of the run's interventions. Beside it the share
in these episodes, and the newest policy's own rate, measured in other episodes.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from mereq.alignment.posterior_alignment import PosteriorImprover
from mereq.interventions.log import InterventionLog
from mereq.irl.decisions import takeover_probabilities
from mereq.irl.family_likelihood import Parameters
from mereq.presets.registry import definition_of
from mereq.runs.finished import is_finished
from mereq.store.provenance import clean_provenance, provenance
from mereq.store.run_store import RunReader

DRAWS = 128


def predicted(run: Path, episodes: int) -> dict[str, Any] | None:
    """Expected and measured rates of a run; None for a run of another kind."""
    with RunReader.open(run) as reader:
        config, own = reader.starts()[-1].config, reader.own_rates()
        errs = config.get("noise", 0.0) or config.get("lateness", 0)
        if errs or not own or not is_finished(reader.rounds(), config["n_rounds"]):
            return None
        rollout = reader.rollout(0)
    definition = definition_of(config["task"])
    assert definition.family is not None
    family, settings = definition.family()[0], definition.settings["fast"].posterior
    improver = PosteriorImprover(definition.task, definition.policy("prior"), family, settings, seed=config["seed"])
    log = InterventionLog((rollout,))
    posterior, likelihood = improver.infer(log), improver.likelihood(log)
    chosen = np.random.default_rng(0).choice(len(posterior.weights), DRAWS, p=posterior.weights)
    given, decisions = Parameters.of(posterior.draws[chosen], family.region), likelihood.decisions
    log_probs = likelihood.proposals(posterior.draws[chosen])
    taken = takeover_probabilities(log_probs, given.attention, decisions, likelihood.model, uniform=likelihood.uniform)
    judged = decisions.judged
    first_window = np.searchsorted(judged.group, np.arange(len(taken)))
    first = judged.steps[judged.place[np.searchsorted(judged.window, first_window)]]
    since = rollout.episode.max() - episodes + 1
    recent = rollout.episode >= since
    per_step = taken[rollout.episode[first] >= since].sum(axis=0) / (recent & ~rollout.by_expert).sum()
    length = rollout.expert_steps / max(decisions.n_interventions, 1)
    rates = per_step * length / (1.0 + per_step * length)
    return {
        "task": config["task"],
        "seed": config["seed"],
        "own_rate": own[-1].own_rate,
        "recent_rate": round(float(rollout.by_expert[recent].mean()), 4),
        "predicted": round(float(rates.mean()), 4),
        "interval_of_90": np.round(np.quantile(rates, [0.05, 0.95]), 4).tolist(),
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means of a task's runs, and how the rates go together."""
    own, recent, expected = (np.array([row[name] for row in rows]) for name in ("own_rate", "recent_rate", "predicted"))
    inside = [row["interval_of_90"][0] <= row["own_rate"] <= row["interval_of_90"][1] for row in rows]
    varies = own.std() > 0 and recent.std() > 0
    return {
        "runs": len(rows),
        "own_rate": round(float(own.mean()), 4),
        "recent_rate": round(float(recent.mean()), 4),
        "predicted": round(float(expected.mean()), 4),
        "coverage_of_90": round(float(np.mean(inside)), 3),
        "correlation_of_recent": round(float(np.corrcoef(own, recent)[0, 1]), 2) if varies else None,
        "correlation_of_predicted": round(float(np.corrcoef(own, expected)[0, 1]), 2) if varies else None,
    }


def main() -> None:
    """Print the results of each task, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rows = [row for run in sorted((asked.study / "runs").iterdir()) if (row := predicted(run, asked.episodes))]
    found = {
        task: summary(each) | {"each": each}
        for task in dict.fromkeys(row["task"] for row in rows)
        if (each := [row for row in rows if row["task"] == task])
    }
    for task, values in found.items():
        print(task, json.dumps({key: value for key, value in values.items() if key != "each"}))
    if asked.out:
        about = {"episodes": asked.episodes, "provenance": clean_provenance(provenance())}
        asked.out.write_text(json.dumps(found | about, indent=1) + "\n")


if __name__ == "__main__":
    main()
