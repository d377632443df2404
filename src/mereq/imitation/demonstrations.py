"""Demonstrations: observations with the actions taken there."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Array, Float

from mereq.core.policy import Policy
from mereq.core.simulator import Simulator
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import demonstrated

Steps = TypeVar("Steps", bound=tuple[Any, ...])  # a named tuple of arrays with one row per step


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


def draw(groups: Sequence[Steps], rng: np.random.Generator, n_batches: int, size: int) -> Steps:
    """Random batches to which every group contributes the same share, with steps drawn uniformly from the group.

    Args:
        groups: of demonstrations, or of other steps. Empty groups are ignored.
        rng: draws the steps.
        n_batches: number of batches, the leading axis.
        size: steps per batch. A remainder of the division goes to the first groups.

    Raises:
        ValueError: all groups are empty.
    """
    filled = [group for group in groups if len(group[0])]
    if not filled:
        raise ValueError("nothing to imitate: every group of demonstrations is empty")
    drawn: list[Steps] = []
    for number, group in enumerate(filled):
        share = size // len(filled) + (number < size % len(filled))
        index = rng.integers(len(group[0]), size=(n_batches, share))
        drawn.append(_made(group, (column[index] for column in group)))
    return joined(drawn, axis=1)


def joined(parts: Sequence[Steps], axis: int = 0) -> Steps:
    """Concatenation of demonstrations, or of other steps, along an axis."""
    return _made(parts[0], (np.concatenate(column, axis=axis) for column in zip(*parts, strict=True)))


def _made(like: Steps, columns: Iterable[np.ndarray]) -> Steps:
    """Named tuple of the same type with these columns."""
    return type(like)(*columns)
