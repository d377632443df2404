"""Policies as changes of a prior, fitted to an objective: the learner of MILE, PPL and CSIL's clone.

The change begins at zero, so that the first policy is the prior itself. Of finitely many actions the network h changes
the log-odds, pi_h(a|s) proportional to pi(a|s) exp(h(s, a)). Of a Gaussian prior it changes the mean; the spread stays
the prior's (docs/deviations.md#spread-of-the-prior).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from mereq.core.actions import Actions, Discrete
from mereq.core.errors import WrongPolicyOutput
from mereq.core.policy import Policy
from mereq.core.seeding import stream
from mereq.core.task import Task
from mereq.imitation.cloning import CloningMetrics, CloningSettings, CloningState
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.gaussians import SQUASHED, Family, family_of
from mereq.maxent_rl.networks import MLP, Layer, apply_mlp, init_mlp, mlp_to_numpy
from mereq.maxent_rl.sac import ActorPolicy

LARGEST = 0.97  # |coordinate| of a squashed action; beyond, log-densities would be of rounding errors

Change = Float[Array | np.ndarray, "*batch outputs"]  # h(s)
Prior = Float[Array | np.ndarray, "*batch parameters"]  # parameters of the prior's distribution


class ResidualFamily(Protocol):
    """Policies that are changes of a prior, as functions of the change h(s) and the prior's parameters."""

    @property
    def n_outputs(self) -> int:
        """Numbers in h(s)."""
        ...

    def log_prob(self, change: Change, prior: Prior, action: Array | np.ndarray) -> Float[Array, "*batch"]:
        """log pi_h(a|s), up to a number that depends on the action alone."""
        ...

    def mean_log_prob(self, change: Change, prior: Prior) -> Float[Array, "*batch"]:
        """Mean of `log_prob` over the policy's own actions: its negative entropy, up to the same number."""
        ...

    def log_ratio(self, change: Change, prior: Prior, action: Array | np.ndarray) -> Float[Array, "*batch"]:
        """log pi_h(a|s) - log pi(a|s)."""
        ...

    def divergence(self, change: Change, prior: Prior) -> Float[Array, "*batch"]:
        """Kullback-Leibler divergence of pi_h from the prior."""
        ...

    def policy(self, network: MLP, prior: Policy) -> QPolicy | ActorPolicy:
        """Policy of a network of NumPy arrays."""
        ...


@dataclass(frozen=True)
class ResidualCategorical:
    """Changes of a prior over finitely many actions: pi_h = softmax(log pi + h)."""

    n_outputs: int

    def _log_probs(self, change: Change, prior: Prior) -> Float[Array, "*batch actions"]:
        return jax.nn.log_softmax(jnp.asarray(prior) + change, axis=-1)

    def log_prob(self, change: Change, prior: Prior, action: Array | np.ndarray) -> Float[Array, "*batch"]:
        """log pi_h(a|s)."""
        return _at(self._log_probs(change, prior), action)

    def mean_log_prob(self, change: Change, prior: Prior) -> Float[Array, "*batch"]:
        """sum_a pi_h(a|s) log pi_h(a|s)."""
        log_probs = self._log_probs(change, prior)
        return (jnp.exp(log_probs) * log_probs).sum(axis=-1)

    def log_ratio(self, change: Change, prior: Prior, action: Array | np.ndarray) -> Float[Array, "*batch"]:
        """log pi_h(a|s) - log pi(a|s)."""
        return self.log_prob(change, prior, action) - _at(jnp.asarray(prior), action)

    def divergence(self, change: Change, prior: Prior) -> Float[Array, "*batch"]:
        """sum_a pi_h(a|s) (log pi_h(a|s) - log pi(a|s))."""
        log_probs = self._log_probs(change, prior)
        return (jnp.exp(log_probs) * (log_probs - jnp.asarray(prior))).sum(axis=-1)

    def policy(self, network: MLP, prior: Policy) -> QPolicy:
        """The Boltzmann policy of h + log pi at temperature 1."""
        return QPolicy(network, prior, temperature=1.0, prior_temperature=1.0)


def _at(values: Float[Array, "*batch actions"], action: Array | np.ndarray) -> Float[Array, "*batch"]:
    return jnp.take_along_axis(values, jnp.asarray(action)[..., None], axis=-1)[..., 0]


@dataclass(frozen=True)
class ResidualNormal:
    """Changes of a Gaussian prior's mean, before the tanh of a squashed one. The densities are those of u."""

    n_outputs: int
    family: Family

    def _standardised(self, change: Change, prior: Prior, action: Array | np.ndarray) -> tuple[Array, Array, Array]:
        """Distances of u from both means, and the change, in standard deviations of the prior; and its log-std."""
        mean, log_std = jnp.split(jnp.asarray(prior), 2, axis=-1)
        action = jnp.asarray(action)
        u = jnp.arctanh(jnp.clip(action, -LARGEST, LARGEST)) if self.family is SQUASHED else action
        scale = jnp.exp(-log_std)
        return (u - mean) * scale, jnp.asarray(change * scale), log_std

    def log_prob(self, change: Change, prior: Prior, action: Array | np.ndarray) -> Float[Array, "*batch"]:
        """log N(u; mean + h, std), up to the normal's constant."""
        distance, moved, log_std = self._standardised(change, prior, action)
        return (-0.5 * (distance - moved) ** 2 - log_std).sum(axis=-1)

    def mean_log_prob(self, change: Change, prior: Prior) -> Float[Array, "*batch"]:
        """-1/2 - log std, summed over coordinates."""
        _, log_std = jnp.split(jnp.asarray(prior), 2, axis=-1)
        return (-0.5 - log_std).sum(axis=-1)

    def log_ratio(self, change: Change, prior: Prior, action: Array | np.ndarray) -> Float[Array, "*batch"]:
        """log N(u; mean + h, std) - log N(u; mean, std)."""
        distance, moved, _ = self._standardised(change, prior, action)
        return (moved * (distance - 0.5 * moved)).sum(axis=-1)

    def divergence(self, change: Change, prior: Prior) -> Float[Array, "*batch"]:
        """Half the squared change in standard deviations of the prior."""
        _, log_std = jnp.split(jnp.asarray(prior), 2, axis=-1)
        return 0.5 * ((change * jnp.exp(-log_std)) ** 2).sum(axis=-1)

    def policy(self, network: MLP, prior: Policy) -> ActorPolicy:
        """The prior with another mean."""
        *hidden, (weight, bias) = network
        head = Layer(
            np.concatenate([weight, np.zeros_like(weight)], axis=1), np.concatenate([bias, np.zeros_like(bias)])
        )
        return ActorPolicy((*hidden, head), critics=None, prior=prior)


def residual_family_of(task: Task, prior: Policy, method: str) -> ResidualFamily:
    """Family of the changes of a task's prior.

    Raises:
        WrongPolicyOutput: the prior has no log-probabilities.
    """
    actions: Actions = task.actions
    if isinstance(actions, Discrete):
        return ResidualCategorical(actions.n)
    probe = stream(0, "probes").standard_normal((1, task.obs_size)).astype(np.float32)
    family = family_of(distribution := prior.distribution(probe))
    if family is None:
        raise WrongPolicyOutput(
            f"The method {method} compares log-probabilities of actions, and the prior gives a "
            f"{type(distribution).__name__}, which has none. It is defined for a Categorical, a SquashedGaussian and a "
            "ClippedGaussian; for a prior that is known by samples use mereq, rift or pvp."
        )
    return ResidualNormal(actions.size, family)


class Objective(Protocol):
    """Loss of a change of the prior on a batch, which has `obs` and `prior` and whatever the objective needs."""

    def __call__(self, family: ResidualFamily, change: Change, batch: Any) -> Float[Array, ""]:
        """Mean loss, to be minimised."""
        ...


@dataclass(frozen=True)
class ResidualFit:
    """Fit of a change of the prior as an immutable algorithm: `init`, `update` and `policy`."""

    obs_size: int
    family: ResidualFamily
    objective: Objective  # hashable, because it is compiled
    settings: CloningSettings

    @property
    def _optimizer(self) -> optax.GradientTransformation:
        return optax.adamw(self.settings.learning_rate, weight_decay=self.settings.weight_decay)

    def init(self, seed: int) -> CloningState:
        """Initial state: no change of the prior."""
        sizes = (self.obs_size, *self.settings.hidden, self.family.n_outputs)
        network = init_mlp(jax.random.key(seed), sizes, zero_head=True)
        return CloningState(network, self._optimizer.init(network))

    def loss(self, network: MLP, batch: Any) -> Float[Array, ""]:
        """Objective of a network on a batch."""
        return self.objective(self.family, apply_mlp(network, batch.obs), batch)

    @partial(jax.jit, static_argnums=0)
    def update(self, state: CloningState, batches: Any) -> tuple[CloningState, CloningMetrics]:
        """New state after one update per batch along the leading axis, and metrics, in one compiled call."""

        def one_update(carry: tuple, batch: Any) -> tuple[tuple, Array]:
            network, optimizer = carry
            loss, gradient = jax.value_and_grad(self.loss)(network, batch)
            changes, optimizer = self._optimizer.update(gradient, optimizer, network)
            return (optax.apply_updates(network, changes), optimizer), loss

        (network, optimizer), losses = jax.lax.scan(one_update, (state.network, state.optimizer), batches)
        return CloningState(network, optimizer), CloningMetrics(losses.mean())

    def policy(self, state: CloningState, prior: Policy) -> QPolicy | ActorPolicy:
        """Policy of a state, for acting in NumPy."""
        return self.family.policy(mlp_to_numpy(state.network), prior)

    def log_ratio(
        self, state: CloningState, obs: Float[np.ndarray, "*batch obs"], prior: Prior, action: np.ndarray
    ) -> Float[np.ndarray, "*batch"]:
        """log pi_h(a|s) - log pi(a|s) of actions, as NumPy arrays."""
        return np.asarray(self.family.log_ratio(apply_mlp(state.network, obs), prior, action))
