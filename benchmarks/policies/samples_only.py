"""Priors that are known by samples only, beside the same priors with probabilities.

`python benchmarks/policies/samples_only.py highway --seeds 8 --samples 512` aligns the shipped prior of the highway
with its logits, and again with nothing but random actions of it. `... bottle-pushing` aligns the
flow-matching policy of `examples/bottle_flow.py`: drawing is all that it can do. Each run is a line
of JSON.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from mereq import align, find_task
from mereq.core.distribution import Categorical
from mereq.core.function_policies import SampledPolicy
from mereq.core.policy import LogitsPolicy, Policy
from mereq.evaluation.rollouts import evaluate
from mereq.imitation.density import fit_density

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from bottle_flow import FLOW, read


def highway_sampler(prior: Policy, n_samples: int) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Sampler of the prior's actions. `SampledPolicy` asks `n_samples` times in a row; the prior is asked once."""

    def sample(obs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        log_probs = prior.distribution(obs[::n_samples]).log_probs
        return Categorical(np.repeat(log_probs, n_samples, axis=0)).sample(rng)

    return sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["highway", "bottle-pushing"])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--noise", type=float, default=0.0, help="that widens the samples, see SampledPolicy")
    parser.add_argument("--temperature", type=float, help="of the highway's prior, instead of 1: how sure it is")
    parser.add_argument("--only", choices=["probabilities", "samples", "fitted"])
    given = parser.parse_args()
    definition = find_task(given.task)
    task, prior = definition.task, definition.policy("prior")
    shipped = prior
    settings = definition.settings_of("fast")
    if given.temperature is not None:
        prior = LogitsPolicy(lambda obs: shipped.distribution(obs).log_probs / given.temperature, task.actions.n)
        learner = replace(settings.learner, temperature=given.temperature, prior_temperature=given.temperature)
        settings = replace(settings, learner=learner)
    draw = highway_sampler(prior, given.samples) if given.task == "highway" else read(FLOW)
    sampled = SampledPolicy(draw, task.actions, given.samples, given.noise)
    priors = {"probabilities": prior, "samples": sampled, "fitted": None}
    if given.only in (None, "fitted"):
        started = time.perf_counter()
        priors["fitted"] = fit_density(sampled, task)
        print(json.dumps({"fitted": round(time.perf_counter() - started, 1)}), flush=True)
    if given.task != "highway":
        for name, policy in priors.items():
            if given.only not in (None, name):
                continue
            metrics = definition.metrics(evaluate(policy, task.simulate(16), seed=1))
            print(json.dumps({"unsupervised": name} | {k: v for k, v in metrics.items() if isinstance(v, float)}))
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        for name, policy in priors.items():
            if given.only not in (None, name):
                continue
            started = time.perf_counter()
            supervisor = definition.make_supervisor()
            rounds = list(align(task, policy, supervisor, settings=settings, seed=seed, n_rounds=given.rounds))
            row = {
                "prior": name,
                "seed": seed,
                "samples": None if name == "probabilities" else given.samples,
                "rates": [round(each.intervention_rate, 4) for each in rounds],
                "expert_steps": rounds[-1].expert_steps,
                "theta": rounds[-1].theta.round(3).tolist(),
                "seconds": round(time.perf_counter() - started, 1),
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
