"""Theta from the path likelihood, which needs no policy family, beside the family's posterior.

python benchmarks/experiments/path_thetas.py [TASK] [--seeds 0 8] [--episodes 20] [--rollouts 500] [--out FILE]

Both see the interventions of one supervised run of mereq-bayes, and both thetas are within the family's region.
Rollouts are those of the prior, and of the family's member at the posterior's mean with its weights.
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
from mereq.core.simulator import RewindableSimulator
from mereq.interventions.log import InterventionLog
from mereq.irl.estimators import FromSegmentStarts
from mereq.irl.paths import path_evidence
from mereq.irl.posterior import NormalPrior, Posterior, importance_sampling
from mereq.presets.registry import definition_of

N_ENVS = 50


def compared(name: str, seed: int, episodes: int, rollouts: int) -> dict[str, Any]:
    """Thetas of one run."""
    definition = definition_of(name)
    assert definition.family is not None
    family, _ = definition.family()
    prior, settings = definition.policy("prior"), definition.settings["fast"]
    settings = replace(settings, rollout_steps=6000, rollout_episodes=episodes)
    run = events(
        definition.task,
        prior,
        definition.make_supervisor(lambda: definition.policy("expert")),
        replace(MEREQ_BAYES, family=family),
        settings,
        seed=seed,
        n_rounds=1,
        rate_threshold=0.0,
        learning=AtHandback,
    )
    log = InterventionLog((next(event for event in run if isinstance(event, Round)).rollout,))
    n = family.n_weights
    posterior = PosteriorImprover(definition.task, prior, family, settings.posterior, seed=seed).infer(log)
    simulator = definition.task.simulate(N_ENVS)
    assert isinstance(simulator, RewindableSimulator)
    starts = FromSegmentStarts(simulator, 10**6, "sampled", run_seed=seed)
    starts.observe(log, kappa=1.0)
    found: dict[str, Any] = {"seed": seed, "segments": len(starts.demonstrated), "family": posterior.mean[:n]}
    found["family_std"] = np.sqrt(np.diag(posterior.covariance))[:n]
    member = family.member(posterior.mean[:n], prior)
    temperature = settings.learner.prior_temperature
    before = NormalPrior(np.zeros(n), settings.posterior.width * family.region.limit)
    for which, acting in (("prior", None), ("member", member)):
        rng = stream(seed, "paths")
        evidence = path_evidence(
            starts.demonstrated, simulator, prior, acting=acting, n=rollouts, temperature=temperature, rng=rng
        )
        of_paths = importance_sampling(lambda x, e=evidence: e(family.region.clip(x)), before, rng)
        of_paths = Posterior(family.region.clip(of_paths.draws), of_paths.weights)
        found[f"paths_of_{which}"] = of_paths.mean
        found[f"paths_of_{which}_std"] = np.sqrt(np.diag(of_paths.covariance))
        found[f"effective_rollouts_of_{which}"] = evidence.effective_rollouts(of_paths.mean)
    starts.close()
    return {
        key: np.round(value, 3).tolist() if isinstance(value, np.ndarray) else value for key, value in found.items()
    }


def main() -> None:
    """Print each run and the means over runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="?", default="bottle-pushing")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 8), metavar=("FIRST", "END"))
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--rollouts", type=int, default=500)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    runs = []
    for seed in range(*asked.seeds):
        runs.append(compared(asked.task, seed, asked.episodes, asked.rollouts))
        print(json.dumps(runs[-1]), flush=True)
    for which in ("family", "paths_of_prior", "paths_of_member"):
        print(which, np.mean([run[which] for run in runs], axis=0).round(2).tolist())
    if asked.out:
        asked.out.write_text(json.dumps({"task": asked.task, "episodes": asked.episodes, "runs": runs}) + "\n")


if __name__ == "__main__":
    main()
