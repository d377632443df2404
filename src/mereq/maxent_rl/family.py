"""Family of residual policies: one for every theta of a region, learned before supervision begins.

The learner observes theta beside the state. A transition serves every theta, because the replay stores features: each
group of a batch is priced with a theta of its own (universal value functions, Schaul et al. 2015). At theta = 0 a
member is the prior itself, by construction of the networks (`mereq.maxent_rl.two_stream`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from mereq.core.distribution import Distribution
from mereq.core.policy import Policy
from mereq.core.reward import LinearReward
from mereq.core.seeding import stream
from mereq.core.simulator import Simulator, Step, close
from mereq.core.task import Task
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import Layer
from mereq.maxent_rl.replay import Batch, Replay
from mereq.maxent_rl.sac import ActorPolicy
from mereq.maxent_rl.two_stream import TwoStream, at_theta

THETAS_PER_BATCH = 32  # at least; fewer learn less from an update: docs/results/speed.md#updates-of-the-learners
SHARE_AROUND = 0.5  # of the thetas, once it is known what a supervisor may want: the others keep the region in memory


@dataclass(frozen=True)
class ThetaRegion:
    """Distribution of the thetas that a family is prepared for.

    Each weight is uniform in [-limit, limit], or zero with probability `zero`: wishes that concern a few features only
    are the usual ones, and members that ignore a feature must be as good as the others.
    """

    limit: Float[np.ndarray, " features"]  # largest weight of each feature; 0 for one that is not weighed
    zero: float = 1 / 3

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Float[np.ndarray, "*shape features"]:
        """Thetas of the region."""
        size = (*shape, len(self.limit))
        weighed = rng.random(size) >= self.zero
        return np.where(weighed, rng.uniform(-1.0, 1.0, size) * self.limit, 0.0).astype(np.float32)

    def clip(self, theta: Float[np.ndarray, "*batch features"]) -> Float[np.ndarray, "*batch features"]:
        """The nearest theta of the region."""
        return np.clip(theta, -self.limit, self.limit)


class ThetaNeighbourhood(NamedTuple):
    """Independent normal distributions of the weights that a supervisor may want."""

    mean: Float[np.ndarray, " features"]
    std: Float[np.ndarray, " features"]


@dataclass
class ThetaSource:
    """Source of the thetas that a family is learned for: a region and, beside it, what a supervisor may want."""

    region: ThetaRegion
    around: ThetaNeighbourhood | None = None  # None: the region alone

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Float[np.ndarray, "*shape features"]:
        """Thetas of the region, a share of them from the neighbourhood."""
        drawn = self.region.draw(rng, shape)
        if self.around is None:
            return drawn
        near = self.region.clip(rng.normal(*self.around, drawn.shape)).astype(np.float32)
        return np.where(rng.random(shape)[..., None] < SHARE_AROUND, near, drawn)


@dataclass(frozen=True)
class PolicyFamily:
    """Residual policies of one prior, one for every theta of a region."""

    policy: QPolicy | ActorPolicy  # of observations that begin with theta, without the prior: two-stream networks
    region: ThetaRegion

    @property
    def network(self) -> TwoStream:
        """The network of the policy: Q_R, or the actor's change of the prior's parameters."""
        network = self.policy.q if isinstance(self.policy, QPolicy) else self.policy.actor
        assert isinstance(network, TwoStream)
        return network

    @property
    def n_weights(self) -> int:
        """Number of reward weights in theta."""
        return len(self.region.limit)

    def member(
        self,
        theta: Float[np.ndarray, " features"],
        prior: Policy,
        *,
        habit: Float[np.ndarray, " actions"] | float = 0.0,
    ) -> QPolicy | ActorPolicy:
        """The policy at the theta of the region that is nearest. An actor comes without critics.

        Args:
            theta: reward weights.
            prior: of the family.
            habit: log-odds to add to each of finitely many actions.
        """
        network = at_theta(self.network, self.region.clip(theta))
        if isinstance(self.policy, QPolicy):
            *hidden, last = network
            shift = np.asarray(self.policy.temperature * np.asarray(habit), np.float32)
            shifted = (*hidden, Layer(last.weight, last.bias + shift))
            return replace(self.policy, q=shifted, prior=prior)
        return replace(self.policy, actor=network, critics=None, prior=prior)


class FamilySnapshot(NamedTuple):
    """Family in the state after a phase of its preparation."""

    number: int  # of the phase, in a run
    family: PolicyFamily


def with_theta(
    theta: Float[np.ndarray, "*batch features"], obs: Float[np.ndarray, "*batch obs"]
) -> Float[np.ndarray, "*batch both"]:
    """Observation of a family's learner: theta, followed by the state's observation."""
    return np.concatenate([theta, obs], axis=-1).astype(np.float32)


@dataclass(frozen=True)
class StatePolicy:
    """Policy that sees the state's part of a family's observations: the prior."""

    policy: Policy
    n_weights: int

    @property
    def prior(self) -> Policy:
        """The policy, as the one below this one."""
        return self.policy

    def distribution(self, obs: Float[np.ndarray, "n both"]) -> Distribution:
        """Action distribution at each observation, whatever theta is."""
        return self.policy.distribution(obs[:, self.n_weights :])


class _ConditionedSimulator:
    """Simulator whose observations begin with a theta, drawn anew for each episode."""

    def __init__(self, simulator: Simulator, thetas: ThetaSource):
        self._simulator, self._thetas = simulator, thetas
        self.n_envs = simulator.n_envs

    def reset(self, seed: int) -> Float[np.ndarray, "n both"]:
        """Start new episodes in all environments."""
        self._rng = stream(seed, "theta")
        self._theta = self._thetas.draw(self._rng, (self.n_envs,))
        return with_theta(self._theta, self._simulator.reset(seed))

    def step(self, actions: np.ndarray) -> Step:
        """Execute one action per environment."""
        step = self._simulator.step(actions)
        next_obs, ended = with_theta(self._theta, step.next_obs), step.terminated | step.truncated
        if ended.any():
            self._theta = self._theta.copy()
            self._theta[ended] = self._thetas.draw(self._rng, (int(ended.sum()),))
        return step._replace(next_obs=next_obs, obs=with_theta(self._theta, step.obs))

    def close(self) -> None:
        """Close the simulator behind it."""
        close(self._simulator)


def conditioned(task: Task, thetas: ThetaSource) -> Task:
    """The task as a family's learner sees it: observations begin with theta."""

    def simulate(n_envs: int, make: Callable[[int], Simulator]) -> Simulator:
        return _ConditionedSimulator(make(n_envs), thetas)

    return replace(
        task,
        obs_size=len(thetas.region.limit) + task.obs_size,
        simulate=partial(simulate, make=task.simulate),
        simulate_supervised=None,
    )


def n_groups(batch_size: int) -> int:
    """Number of thetas in a batch: the smallest divisor of its size that is at least `THETAS_PER_BATCH`."""
    return next((n for n in range(THETAS_PER_BATCH, batch_size) if batch_size % n == 0), batch_size)


class ConditionedReplay(Replay):
    """Replay that prices each group of transitions of a batch with a theta of its own.

    Which theta a transition was collected under does not matter.
    """

    def __init__(self, thetas: ThetaRegion | ThetaSource, *args, **sizes):
        super().__init__(*args, **sizes)
        self._thetas = thetas

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], reward: LinearReward) -> Batch:
        """Batch with fresh thetas, one for each group: of the given shape, its last axis divided into groups.

        `reward` is not used.

        Raises:
            ValueError: the replay is empty.
        """
        *updates, batch_size = shape
        groups = *updates, n_groups(batch_size)
        index = self._indices(rng, (*groups, batch_size // groups[-1]))
        theta = self._thetas.draw(rng, groups)[..., None, :]
        batch = self._batch(index, (self.columns.features[index] * theta).sum(axis=-1))
        batch.obs[..., : theta.shape[-1]] = theta
        batch.next_obs[..., : theta.shape[-1]] = theta
        return batch
