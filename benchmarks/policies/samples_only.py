"""Priors that are known by samples only, beside the same priors with probabilities.

`python benchmarks/policies/samples_only.py highway --seeds 8 --samples 512` aligns the shipped prior of the highway
with its logits, and again with nothing but random actions of it. `... bottle-pushing` first trains a small
flow-matching policy on the shipped prior's rollouts, and aligns that: drawing is all that it can do. Each run is a line
of JSON.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mereq import align, find_task
from mereq.core.distribution import Categorical
from mereq.core.function_policies import SampledPolicy
from mereq.core.policy import LogitsPolicy, Policy
from mereq.core.task import Task
from mereq.evaluation.rollouts import evaluate
from mereq.imitation.density import fit_density
from mereq.maxent_rl.networks import apply_mlp, apply_mlp_numpy, init_mlp, mlp_to_numpy

STEPS = 8  # of the flow, from noise to an action
N_PAIRS, N_UPDATES, BATCH = 40_000, 6000, 512


def demonstrations(task: Task, prior: Policy) -> tuple[np.ndarray, np.ndarray]:
    """Observations and deterministic actions of the prior, from its rollouts; every other environment explores."""
    simulator, rng = task.simulate(16), np.random.default_rng(0)
    explores = (np.arange(16) % 2 == 1)[:, None]
    obs, pairs = simulator.reset(0).copy(), []
    for _ in range(N_PAIRS // 16):
        distribution = prior.distribution(obs)
        action = distribution.mode()
        pairs.append((obs, action))
        obs = simulator.step(np.where(explores, distribution.sample(rng), action)).obs.copy()
    return tuple(np.concatenate(column) for column in zip(*pairs, strict=True))


def flow_policy(task: Task, prior: Policy) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """Sampler of a flow-matching policy: dx/dt = v(x, t, obs) carries normal noise at t = 0 to an action at t = 1."""
    obs, action = demonstrations(task, prior)
    mean, std, size = obs.mean(axis=0), obs.std(axis=0) + 1e-3, action.shape[1]
    network = init_mlp(jax.random.key(0), (size + 1 + obs.shape[1], 128, 128, size), zero_head=False)
    adam = optax.adam(optax.cosine_decay_schedule(2e-3, N_UPDATES))

    def loss(network, obs, action, key):
        for_noise, for_time = jax.random.split(key)
        noise, t = jax.random.normal(for_noise, action.shape), jax.random.uniform(for_time, (len(action), 1))
        velocity = apply_mlp(network, jnp.concatenate([(1 - t) * noise + t * action, t, obs], axis=1))
        return ((velocity - (action - noise)) ** 2).mean()

    @jax.jit
    def update(network, state, obs, action, key):
        changes, state = adam.update(jax.grad(loss)(network, obs, action, key), state)
        return optax.apply_updates(network, changes), state

    rng, state = np.random.default_rng(1), adam.init(network)
    for key in jax.random.split(jax.random.key(1), N_UPDATES):
        index = rng.integers(len(obs), size=BATCH)
        network, state = update(network, state, (obs[index] - mean) / std, action[index], key)
    trained = mlp_to_numpy(network)

    def sample(obs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        x, seen = rng.standard_normal((len(obs), size), np.float32), (obs - mean) / std
        for step in range(STEPS):
            time_column = np.full((len(obs), 1), step / STEPS, np.float32)
            x = x + apply_mlp_numpy(trained, np.concatenate([x, time_column, seen], axis=1)) / STEPS
        return np.clip(x, -1.0, 1.0)

    return sample


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
    draw = highway_sampler(prior, given.samples) if given.task == "highway" else flow_policy(task, prior)
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
