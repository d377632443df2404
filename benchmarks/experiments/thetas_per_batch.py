"""What a family learns with few thetas in a batch: the objective of its members, beside that with one theta each.

    python benchmarks/experiments/thetas_per_batch.py highway --thetas 128 8 --seeds 0 1

For thetas of the region, the mean over episodes of

    sum_t gamma^t (theta . f - alpha (log pihat(a|s) - log pi(a|s))),

which residual learning maximises, with the same thetas, episodes and random numbers for all families.
"""

import argparse
import os
from dataclasses import replace

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np

from mereq.core.distribution import Categorical
from mereq.core.seeding import stream
from mereq.maxent_rl import family
from mereq.maxent_rl.family_training import FamilyTraining
from mereq.presets.registry import TASKS


def log_prob(distribution, action):
    """Log-probability of actions, up to terms that all distributions of the kind share."""
    if isinstance(distribution, Categorical):
        return distribution.log_probs[np.arange(len(action)), action]
    u = np.arctanh(np.clip(action, -1 + 1e-6, 1 - 1e-6))
    z = (u - distribution.mean) * np.exp(-distribution.log_std)
    return (-0.5 * z**2 - distribution.log_std).sum(axis=1)


def objective(task, prior, learned, settings, args):
    """Objective of each of the region's members that are tried."""
    thetas = learned.region.draw(stream(5, "thetas"), (args.members,))
    simulator, found = task.simulate(args.envs), []
    for number, theta in enumerate(thetas):
        member, rng = learned.member(theta, prior), stream(number, "actions")
        obs, alive = simulator.reset(100 + number).copy(), np.ones(args.envs, bool)
        total = np.zeros(args.envs)
        for t in range(args.steps):
            given = prior.distribution(obs)
            distribution = member.given_prior(obs, given)
            action = distribution.sample(rng)
            step = simulator.step(action)
            difference = log_prob(distribution, action) - log_prob(given, action)
            total += alive * settings.gamma**t * (step.features @ theta - settings.prior_temperature * difference)
            alive &= ~(step.terminated | step.truncated)
            obs = step.obs.copy()
        found.append(total.mean())
    return np.array(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=list(TASKS))
    parser.add_argument("--thetas", type=int, nargs="+", default=[128, 32], help="thetas in a batch of 128")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--updates", type=int, default=10_000)
    parser.add_argument("--members", type=int, default=12)
    parser.add_argument("--envs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=60)
    args = parser.parse_args()
    definition = TASKS[args.task]
    task, prior, whole = definition.task, definition.policy("prior"), definition.family_settings
    n_steps = round(args.updates / whole.training.schedule.updates_per_step)
    learner = replace(whole.training.learner, decay_updates=args.updates)
    training = replace(whole.training, n_steps=n_steps, checkpoint_interval=n_steps // 10, learner=learner)
    for seed in args.seeds:
        for n_thetas in args.thetas:
            family.THETAS_PER_BATCH = n_thetas
            prepared = FamilyTraining(task, prior, replace(whole, training=training), seed=seed)
            for _ in prepared.run_phases():
                pass
            found = objective(task, prior, prepared.family, learner, args)
            prepared.close()
            print(
                f"seed {seed}, thetas in a batch: {n_thetas:3d}   mean {found.mean():.4f}   {found.round(3).tolist()}",
                flush=True,
            )


if __name__ == "__main__":
    main()
