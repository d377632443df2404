"""What is imitated: observations and the actions taken there."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from mereq.core.policy import Policy
from mereq.core.simulator import Simulator
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import demonstrated


class Demonstrations(NamedTuple):
    """Observations and actions, in pairs; arrays may have leading batch axes."""

    obs: Float[Array | np.ndarray, "*batch obs"]
    action: Array | np.ndarray  # (*batch,) int, or (*batch, actions) float


def by_expert(log: InterventionLog) -> Demonstrations:
    """All steps so far that the expert executed, without the interventions that they took back."""
    return _executed(log, demonstrated)


def by_policy(log: InterventionLog) -> Demonstrations:
    """All steps so far in which the policy was left alone."""
    return _executed(log, lambda rollout: ~rollout.by_expert)


def _executed(log: InterventionLog, which: Callable[[Rollout], np.ndarray]) -> Demonstrations:
    chosen = [(rollout, which(rollout)) for rollout in log.rollouts]
    return joined([Demonstrations(rollout.obs[steps], rollout.executed[steps]) for rollout, steps in chosen])


def of_rollouts(policy: Policy, simulator: Simulator, n_steps: int, *, seed: int) -> Demonstrations:
    """What a policy does when left alone, taking its most probable actions; n_steps is rounded up to whole steps."""
    obs = simulator.reset(seed)
    pairs = []
    for _ in range(-(-n_steps // simulator.n_envs)):
        action = policy.distribution(obs).mode()
        pairs.append(Demonstrations(obs.copy(), action))
        obs = simulator.step(action).obs
    return joined(pairs)


def draw(groups: Sequence[Demonstrations], rng: np.random.Generator, n_batches: int, size: int) -> Demonstrations:
    """Batches in which every group has the same share, and within it every pair the same chance.

    size: of a batch; what cannot be shared out evenly goes to the first groups. Empty groups are left out.

    Raises:
        ValueError: when all groups are empty.
    """
    filled = [group for group in groups if len(group.obs)]
    if not filled:
        raise ValueError("nothing to imitate: every group of demonstrations is empty")
    drawn = []
    for number, group in enumerate(filled):
        share = size // len(filled) + (number < size % len(filled))
        index = rng.integers(len(group.obs), size=(n_batches, share))
        drawn.append(Demonstrations(group.obs[index], group.action[index]))
    return joined(drawn, axis=1)


def joined(parts: Sequence[Demonstrations], axis: int = 0) -> Demonstrations:
    """All parts, one after another."""
    return Demonstrations(*(np.concatenate(column, axis=axis) for column in zip(*parts, strict=True)))
