"""Fit and missing features: with a feature of the expert's hidden from theta, and with none hidden.

python benchmarks/experiments/limits.py TASK [--hide FEATURE] [--seeds 100 110] [--episodes 40] [--no-test] [--out DIR]

The task's own expert supervises a run of mereq-bayes with the rule as shipped. A hidden feature has a weight of zero in
all that is inferred (a region of 1e-6). Per seed: the fit's share with its interval, and what is offered,
with its resemblance to the hidden feature: the correlation of their scores, that is, how alike both weights change
the policy where the expert took over. The hidden feature itself is tested as a reference, and never offered. Results of
several calls are joined in DIR/missing_features.json.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mereq.alignment.algorithm import Round, events
from mereq.alignment.handback import AtHandback
from mereq.alignment.missing_features import LEVEL, missing_features
from mereq.alignment.posterior_alignment import MEREQ_BAYES, PosteriorImprover
from mereq.core.seeding import stream
from mereq.interventions.log import InterventionLog
from mereq.irl.candidates import Candidate
from mereq.irl.fit import cross_validated_fit
from mereq.presets.registry import definition_of
from mereq.store.provenance import clean_provenance, provenance

HIDDEN = 1e-6  # limit of a hidden feature's weight
EQUIVALENT = 0.8  # resemblance of an equivalent


def hiding(family: Any, feature: int | None) -> Any:
    """The family without one weight."""
    if feature is None:
        return family
    limit = family.region.limit.copy()
    limit[feature] = HIDDEN
    return replace(family, region=replace(family.region, limit=limit))


def result(name: str, hide: str | None, seed: int, episodes: int, with_test: bool) -> dict[str, Any]:
    """Fit, and what is offered, after one run."""
    definition = definition_of(name)
    task, prior, settings = definition.task, definition.policy("prior"), definition.settings["fast"]
    assert definition.family is not None
    feature = None if hide is None else task.feature_names.index(hide)
    family = hiding(definition.family()[0], feature)
    method = replace(MEREQ_BAYES, family=family)
    run = replace(settings, rollout_steps=6000, rollout_episodes=episodes)
    supervisor = definition.make_supervisor(lambda: definition.policy("expert"))
    stream_of = events(
        task, prior, supervisor, method, run, seed=seed, n_rounds=1, rate_threshold=0.0, learning=AtHandback
    )
    log = InterventionLog((next(event.rollout for event in stream_of if isinstance(event, Round)),))
    improver = PosteriorImprover(task, prior, family, settings.posterior, seed=seed)
    begun = time.perf_counter()
    likelihood, rng = improver.likelihood(log), stream(seed, "fit")
    obs = log.rollouts[0].obs[likelihood.decisions.shown.steps]
    fit = cross_validated_fit(
        likelihood, improver.before, obs, lambda theta: family.member(theta, prior).distribution(obs).mode(), rng=rng
    )
    found: dict[str, Any] = {
        "seed": seed,
        "expert_samples": log.expert_steps,
        "interventions": likelihood.decisions.n_interventions,
        "share": None if fit is None else fit.share,
        "interval": None if fit is None else fit.interval(rng),
        "seconds_fit": round(time.perf_counter() - begun, 2),
    }
    if not with_test:
        return found
    begun = time.perf_counter()
    own = [] if feature is None else [Candidate(task.feature_names[feature], lambda moves: moves.features[:, feature])]
    missing = missing_features(task, prior, family, improver, log, run_seed=seed, learner=settings.learner, own=own)
    if missing.test is None:
        return found | {"offered": []}
    adjusted = missing.test.adjusted.copy()
    adjusted[: len(own)] = 1.0  # the reference is never offered
    offered = replace(missing.test, adjusted=adjusted).offered(LEVEL)
    alike = missing.test.resemblance(0) if own else np.zeros(len(adjusted))
    return found | {
        "candidates": len(adjusted) - len(own),
        "smallest_adjusted_p": float(adjusted.min()),
        "offered": [
            [missing.candidates[h].name, round(float(missing.test.z[h]), 2), round(float(alike[h]), 2)] for h in offered
        ],
        "z_of_hidden": round(float(missing.test.z[0]), 2) if own else None,
        "seconds_test": round(time.perf_counter() - begun, 2),
    }


def summary(each: list[dict[str, Any]]) -> dict[str, Any]:
    """Numbers of a set of runs."""
    tested = [run for run in each if "offered" in run]
    shares = [run["share"] for run in each if run["share"] is not None]
    return {
        "runs": len(each),
        "interventions": round(float(np.mean([run["interventions"] for run in each])), 1),
        "share_median": round(float(np.median(shares)), 3) if shares else None,
        "share_quartiles": np.round(np.quantile(shares, [0.25, 0.75]), 3).tolist() if shares else None,
        "runs_without_share": len(each) - len(shares),
        "tested": len(tested),
        "anything_offered": sum(bool(run["offered"]) for run in tested),
        "first_is_equivalent": sum(bool(run["offered"]) and abs(run["offered"][0][2]) >= EQUIVALENT for run in tested),
    }


def main() -> None:
    """Print the summary of each call, and write the file. Seeds in the file are not repeated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("--hide")
    parser.add_argument("--seeds", type=int, nargs=2, default=(100, 110), metavar=("FIRST", "END"))
    parser.add_argument("--episodes", type=int, default=40)
    parser.add_argument("--no-test", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("results/limits"))
    asked = parser.parse_args()
    path = asked.out / "missing_features.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(path.read_text()) if path.exists() else {}
    name = f"{asked.task}, {asked.hide or 'nothing'} hidden, {asked.episodes} episodes"
    each = results.get(name, {}).get("each", [])
    for seed in sorted(set(range(*asked.seeds)) - {run["seed"] for run in each}):
        each.append(result(asked.task, asked.hide, seed, asked.episodes, not asked.no_test))
        print(json.dumps(each[-1]), flush=True)
        results[name] = {**summary(each), "each": each, "provenance": clean_provenance(provenance())}
        path.write_text(json.dumps(results) + "\n")
    print(name, json.dumps(summary(each)))


if __name__ == "__main__":
    main()
