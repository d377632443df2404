"""Demonstrations: observations with the actions taken there."""

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
    """Pairs of observation and action. Arrays may have leading batch axes."""

    obs: Float[Array | np.ndarray, "*batch obs"]
    action: Array | np.ndarray  # (*batch,) int, or (*batch, actions) float


def by_expert(log: InterventionLog) -> Demonstrations:
    """Demonstrations from all steps that the expert executed, without retracted interventions."""
    return _executed(log, demonstrated)


def by_policy(log: InterventionLog) -> Demonstrations:
    """Demonstrations from all supervised steps in which the policy was in control."""
    return _executed(log, lambda rollout: ~rollout.by_expert)


def _executed(log: InterventionLog, which: Callable[[Rollout], np.ndarray]) -> Demonstrations:
    chosen = [(rollout, which(rollout)) for rollout in log.rollouts]
    return joined([Demonstrations(rollout.obs[steps], rollout.executed[steps]) for rollout, steps in chosen])


def of_rollouts(policy: Policy, simulator: Simulator, n_steps: int, *, seed: int) -> Demonstrations:
    """Demonstrations from unsupervised rollouts of a policy, which takes its most probable actions.

    n_steps is rounded up to a multiple of the number of environments.
    """
    obs = simulator.reset(seed)
    pairs = []
    for _ in range(-(-n_steps // simulator.n_envs)):
        action = policy.distribution(obs).mode()
        pairs.append(Demonstrations(obs.copy(), action))
        obs = simulator.step(action).obs
    return joined(pairs)


def draw(groups: Sequence[Demonstrations], rng: np.random.Generator, n_batches: int, size: int) -> Demonstrations:
    """Random batches to which every group contributes the same share, with pairs drawn uniformly from the group.

    Args:
        groups: of demonstrations. Empty groups are ignored.
        rng: draws the pairs.
        n_batches: number of batches, the leading axis.
        size: pairs per batch. A remainder of the division goes to the first groups.

    Raises:
        ValueError: all groups are empty.
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
    """Concatenation of demonstrations along an axis."""
    return Demonstrations(*(np.concatenate(column, axis=axis) for column in zip(*parts, strict=True)))
