"""Warm start of the imitation methods: the prior is cloned from its rollouts. Section 6, adaptation 1."""

from typing import NamedTuple

import numpy as np

from mereq.alignment.settings import AlignSettings
from mereq.core.border import checked_observations
from mereq.core.policy import Policy
from mereq.core.seeding import seed_for, stream
from mereq.core.simulator import close
from mereq.core.task import Task
from mereq.imitation.cloning import Cloning, CloningState, likelihood_of
from mereq.imitation.demonstrations import Demonstrations, draw, of_rollouts
from mereq.maxent_rl.updating import update

UPDATES_PER_CALL = 50


class WarmStarted(NamedTuple):
    """Cloned prior, with the steps of the prior that stay among the demonstrations."""

    learner: Cloning
    state: CloningState
    demonstrations: Demonstrations


def warm_start(task: Task, prior: Policy, settings: AlignSettings, *, seed: int) -> WarmStarted:
    """Clone of the prior, learned from its rollouts. The clone's first intervention rate is close to the prior's."""
    learner = Cloning(task.state_size, likelihood_of(task.actions), settings.cloning, task.n_answer)
    simulator = task.simulate(settings.inference.sample_envs)
    demonstrations = of_rollouts(prior, simulator, settings.warm_start.steps, seed=seed_for(seed, "warm start"))
    close(simulator)
    demonstrations = demonstrations._replace(obs=task.state_of(np.asarray(demonstrations.obs)))
    checked_observations(np.asarray(demonstrations.obs), task.name)
    state, rng = learner.init(seed_for(seed, "network")), stream(seed, "cloning")
    for _ in range(-(-settings.warm_start.updates // UPDATES_PER_CALL)):
        batches = draw([demonstrations], rng, UPDATES_PER_CALL, settings.cloning.batch_size)
        state, _ = update(learner, state, batches)
    first = max(0, len(demonstrations.obs) - settings.warm_start.kept)
    return WarmStarted(learner, state, Demonstrations(demonstrations.obs[first:], demonstrations.action[first:]))
