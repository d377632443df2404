"""Residual SAC: the learner for continuous actions. Section 3.1; the authors' Tables 8 and 9.

`temperature` is the paper's alphahat, the temperature of the learned policy; `prior_temperature` is its alpha, the
temperature of the prior policy. With `prior_temperature = 0` the learner is plain SAC, which trains priors, experts
and the MaxEnt baselines.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from mereq.core.distribution import Distribution
from mereq.core.errors import WrongPolicyOutput
from mereq.core.policy import Policy
from mereq.core.ranges import COUNT, COUNT_OR_NONE, DISCOUNT, NON_NEGATIVE, POSITIVE, POSITIVE_SHARE, check_ranges
from mereq.core.seen_prior import n_answer_of, states_in
from mereq.maxent_rl.adam import Adam
from mereq.maxent_rl.gaussians import SQUASHED, Family, GaussianDistribution, family_of, gaussian
from mereq.maxent_rl.networks import check_sizes, learning_rate
from mereq.maxent_rl.pytrees import from_arrays, to_arrays
from mereq.maxent_rl.replay import Batch
from mereq.maxent_rl.squashed_gaussian import split_parameters
from mereq.maxent_rl.two_stream import (
    Conditioning,
    Network,
    apply_network,
    apply_network_numpy,
    init_network,
    network_hidden_sizes,
    network_inputs,
    network_outputs,
    network_to_numpy,
)

Critics = tuple[Any, Any]  # networks, as the actor


@dataclass(frozen=True, kw_only=True)
class SACSettings:
    """Hyperparameters of residual SAC. Tables 8 and 9."""

    hidden: tuple[int, ...]  # of the actor and of both critics
    learning_rate: float  # of the actor and the critics
    temperature_learning_rate: (
        float  # of the temperature, which is learned so that the entropy is -1 per coordinate; 0 holds it
    )
    gamma: float  # discount factor
    tau: float  # Polyak averaging: target <- (1 - tau) target + tau critic, after each update
    temperature: float  # initial temperature of the learned policy
    prior_temperature: float  # temperature of the prior; 0 means that there is no prior
    decay_updates: int = 0  # updates over which the learning rate falls linearly to a twentieth; 0 holds it

    def __post_init__(self):
        check_ranges(
            self,
            hidden=COUNT,
            learning_rate=POSITIVE,
            temperature_learning_rate=NON_NEGATIVE,
            gamma=DISCOUNT,
            tau=POSITIVE_SHARE,
            temperature=POSITIVE,
            prior_temperature=NON_NEGATIVE,
            decay_updates=COUNT_OR_NONE,
        )


@dataclass(frozen=True)
class SAC:
    """Residual SAC as an immutable algorithm: `init`, `update` and `policy` take and return its state."""

    obs_size: int
    n_actions: int  # coordinates of an action
    settings: SACSettings
    family: Family = SQUASHED  # of the policy's distributions: the prior's
    conditioning: Conditioning | None = None  # of a policy family: observations are theta, followed by the state's

    @property
    def n_prior_parameters(self) -> int:
        """Number of parameters of the prior's distribution: a mean and a log-std per coordinate."""
        return 2 * self.n_actions

    @property
    def has_prior(self) -> bool:
        """Whether a prior policy enters the targets and the policy."""
        return self.settings.prior_temperature > 0

    @property
    def target_entropy(self) -> float:
        """Target of the policy's entropy [nats]: -1 per coordinate of an action, as in Haarnoja et al. (2018)."""
        return -float(self.n_actions)

    @property
    def _adam(self) -> Adam:
        return Adam(learning_rate(self.settings.learning_rate, self.settings.decay_updates))

    @property
    def _adam_of_temperature(self) -> Adam:
        return Adam(self.settings.temperature_learning_rate)

    def init(self, seed: int, *, zero_head: bool) -> "SACState":
        """Initial state. With `zero_head` Q_R and the actor's output are zero: the first policy is the prior itself."""
        key, for_actor, *for_critics = jax.random.split(jax.random.key(seed), 4)
        sizes = (self.obs_size + self.n_actions, *self.settings.hidden, 1)
        first, second = (
            init_network(k, sizes, zero_head=zero_head, conditioning=self.conditioning) for k in for_critics
        )
        actor = init_network(
            for_actor,
            (self.obs_size, *self.settings.hidden, 2 * self.n_actions),
            zero_head=zero_head,
            conditioning=self.conditioning,
        )
        return self.begin(actor, (first, second), jax.random.key_data(key))

    def begin(self, actor: Network, critics: Critics, key: UInt32[Array, " 2"]) -> "SACState":
        """State with the given parameters and random key, before any update."""
        actor, critics = jax.tree.map(jnp.asarray, (actor, critics))
        log_temperature = jnp.log(jnp.float32(self.settings.temperature))
        return SACState(
            actor=actor,
            critics=critics,
            target_critics=critics,
            log_temperature=log_temperature,
            actor_optimizer=self._adam.init(actor),
            critics_optimizer=self._adam.init(critics),
            temperature_optimizer=self._adam_of_temperature.init(log_temperature),
            key=key,
        )

    def begin_from(self, policy: "ActorPolicy", seed: int) -> "SACState":
        """State of a plain learner that continues from a policy without prior, and from its critics if it has any.

        Raises:
            WrongLearner: the hidden sizes of the policy's networks are not those of the settings.
        """
        check_sizes(policy.hidden, self.settings.hidden)
        fresh = self.init(seed, zero_head=False)
        return self.begin(policy.actor, policy.critics or fresh.critics, fresh.key)

    @partial(jax.jit, static_argnums=0)
    def update(self, state: "SACState", batches: Batch) -> tuple["SACState", "SACMetrics"]:
        """New state after one update per batch along the leading axis, and metrics, in one compiled call.

        The call returns at once; JAX computes asynchronously.

        Args:
            state: before the updates.
            batches: arrays of shape (updates, batch size, ...).
        """
        state, metrics = jax.lax.scan(self._update, state, batches)
        return state, jax.tree.map(jnp.mean, metrics)

    def _update(self, state: "SACState", batch: Batch) -> tuple["SACState", "SACMetrics"]:
        """One update: critics, then the actor with the new critics, then the temperature, then the target critics."""
        key, for_target, for_actor = jax.random.split(jax.random.wrap_key_data(state.key), 3)
        temperature = jnp.exp(state.log_temperature)

        target = self._target(state, temperature, batch, for_target)
        loss, gradient = jax.value_and_grad(critics_loss)(state.critics, batch, target)
        critics, critics_optimizer = self._adam.step(state.critics, gradient, state.critics_optimizer)

        (actor_loss, log_pi), gradient = jax.value_and_grad(self._actor_loss, has_aux=True)(
            state.actor, critics, temperature, batch, for_actor
        )
        actor, actor_optimizer = self._adam.step(state.actor, gradient, state.actor_optimizer)

        gradient = -(log_pi + self.target_entropy)  # of - log alphahat (log pihat + target entropy)
        log_temperature, temperature_optimizer = self._adam_of_temperature.step(
            state.log_temperature, gradient, state.temperature_optimizer
        )

        tau = self.settings.tau
        target_critics: Critics = jax.tree.map(lambda old, new: old + tau * (new - old), state.target_critics, critics)
        return SACState(
            actor=actor,
            critics=critics,
            target_critics=target_critics,
            log_temperature=log_temperature,
            actor_optimizer=actor_optimizer,
            critics_optimizer=critics_optimizer,
            temperature_optimizer=temperature_optimizer,
            key=jax.random.key_data(key),
        ), SACMetrics(loss=loss, actor_loss=actor_loss, temperature=temperature, entropy=-log_pi)

    def _target(self, state: "SACState", temperature: Array, batch: Batch, key: PRNGKeyArray) -> Float[Array, "*batch"]:
        """Target of Q_R(s, a) for continuous actions: Eq. (2).

        y = r_R + gamma (1 - terminated) (min_j Q_R,j'(s', a') + alpha log pi(a'|s') - alphahat log pihat(a'|s')),
        with a' drawn from pihat
        """
        action, log_pihat, log_prior = self._act(state.actor, batch.next_obs, batch.next_prior, key)
        value = lowest(state.target_critics, batch.next_obs, action)
        value += self.settings.prior_temperature * log_prior - temperature * log_pihat
        return jnp.asarray(batch.reward + self.settings.gamma * (1.0 - batch.terminated) * value)

    def _actor_loss(
        self, actor: Network, critics: Critics, temperature: Array, batch: Batch, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Mean of alphahat log pihat(a|s) - min_j Q_R,j(s, a) - alpha log pi(a|s), with a drawn from pihat.

        Up to a constant, this is alphahat times the divergence of pihat from the Boltzmann policy of
        Qhat = Q_R + Q*, Eq. (1). Returns also the mean of log pihat(a|s).
        """
        action, log_pihat, log_prior = self._act(actor, batch.obs, batch.prior, key)
        customized_q = lowest(critics, batch.obs, action) + self.settings.prior_temperature * log_prior
        return (temperature * log_pihat - customized_q).mean(), log_pihat.mean()

    def _act(
        self,
        actor: Network,
        obs: Float[Array | np.ndarray, "*batch obs"],
        prior: Float[Array | np.ndarray, "*batch parameters"],
        key: PRNGKeyArray,
    ) -> tuple[Float[Array, "*batch actions"], Float[Array, "*batch"], Float[Array, "*batch"]]:
        """Actions drawn from pihat, their log-probabilities, and those under the prior (0 without a prior)."""
        changes = apply_network(actor, obs)
        mean, log_std = split_parameters(prior + changes if self.has_prior else changes)
        family = self.family
        log_std = jnp.clip(log_std, *family.log_std)
        u = mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape)
        log_prior = family.log_prob(u, *split_parameters(prior)) if self.has_prior else jnp.zeros(u.shape[:-1])
        return family.action(u, mean), family.log_prob(u, mean, log_std), log_prior

    def policy(self, state: "SACState", prior: Policy | None) -> "ActorPolicy":
        """Policy of a state, for acting in NumPy."""
        first, second = state.critics
        critics = network_to_numpy(first), network_to_numpy(second)
        actor = network_to_numpy(state.actor)
        below, n_answer = (prior, 0) if self.has_prior else (None, n_answer_of(prior))
        return ActorPolicy(actor, critics, below, n_answer)


def critics_loss(critics: Critics, batch: Batch, target: Float[Array, "*batch"]) -> Float[Array, ""]:
    """Half the mean squared error of both critics."""
    first, second = (value(critic, batch.obs, batch.action) for critic in critics)
    return 0.5 * (jnp.mean((first - target) ** 2) + jnp.mean((second - target) ** 2))


def value(
    critic: Network, obs: Float[Array | np.ndarray, "*batch obs"], action: Float[Array | np.ndarray, "*batch actions"]
) -> Float[Array, "*batch"]:
    """Q_R(s, a); Q(s, a) if there is no prior."""
    return apply_network(critic, jnp.concatenate([obs, action], axis=-1))[..., 0]


def lowest(
    critics: Critics, obs: Float[Array | np.ndarray, "*batch obs"], action: Float[Array | np.ndarray, "*batch actions"]
) -> Float[Array, "*batch"]:
    """Minimum of both critics, min_j Q_j(s, a)."""
    return jnp.minimum(value(critics[0], obs, action), value(critics[1], obs, action))


class SACState(NamedTuple):
    """State of a SAC: everything that an update changes."""

    actor: Network
    critics: Critics
    target_critics: Critics
    log_temperature: Float[Array, ""]
    actor_optimizer: optax.OptState
    critics_optimizer: optax.OptState
    temperature_optimizer: optax.OptState
    key: UInt32[Array, " 2"]  # of the next random numbers

    def arrays(self) -> dict[str, np.ndarray]:
        """State as named arrays, for a checkpoint."""
        return to_arrays(self)

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> "SACState":
        """State that `arrays` returned, with the structure of this one.

        Raises:
            CorruptCheckpoint: the arrays do not fit.
        """
        return from_arrays(self, arrays)


class SACMetrics(NamedTuple):
    """Metrics of a call of `update`: means over its updates."""

    loss: Float[Array, ""]  # of the critics
    actor_loss: Float[Array, ""]
    temperature: Float[Array, ""]
    entropy: Float[Array, ""]  # of the policy, estimated


@dataclass(frozen=True)
class ActorPolicy:
    """Gaussian policy of the prior's family: mean = prior's mean + d_mean(s), log-std = prior's log-std + d_std(s).

    The actor returns d_mean and d_std. Without a prior they are mean and log-std of a squashed Gaussian themselves.
    """

    actor: Any  # NumPy arrays, as are the critics: an MLP, or the two-stream network of a policy family
    critics: Critics | None  # from the training, as a start for fine-tuning
    prior: Policy | None
    n_answer: int = 0  # numbers of another prior's answer behind each state, which a policy without a prior ignores

    @property
    def n_actions(self) -> int:
        """Number of coordinates of an action."""
        return network_outputs(self.actor) // 2

    @property
    def hidden(self) -> tuple[int, ...]:
        """Sizes of the actor's hidden layers."""
        return network_hidden_sizes(self.actor)

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> GaussianDistribution:
        """Action distribution at each observation."""
        return self.given_prior(obs, None if self.prior is None else self.prior.distribution(obs))

    def given_prior(self, obs: Float[np.ndarray, "n obs"], prior: Distribution | None) -> GaussianDistribution:
        """Action distribution at each observation, for callers that have already computed the prior's distribution.

        Raises:
            WrongPolicyOutput: `prior` is no Gaussian distribution of the right shape with allowed parameters.
        """
        state = states_in(obs, network_inputs(self.actor), self.n_answer or n_answer_of(self.prior))
        parameters, family = apply_network_numpy(self.actor, state), SQUASHED
        if prior is not None:
            family = _checked(prior, parameters.shape)
            parameters = parameters + prior.parameters
        return gaussian(family, parameters, self.n_actions)


def _checked(prior: Distribution, shape: tuple[int, int]) -> Family:
    """The family of the prior's distribution, after a check of its type, shape and values."""
    family = family_of(prior)
    if family is None or not isinstance(prior, GaussianDistribution):
        raise WrongPolicyOutput(
            f"The prior gives a {type(prior).__name__} distribution where this task has continuous actions: it must be "
            "a SquashedGaussian or a ClippedGaussian."
        )
    n, n_actions = shape[0], shape[1] // 2
    if prior.mean.shape != (n, n_actions) or prior.log_std.shape != (n, n_actions):
        raise WrongPolicyOutput(
            f"The prior gives an action distribution of shape {prior.mean.shape} where this task has {n_actions} "
            f"continuous actions: for {n} observations it must be {(n, n_actions)}."
        )
    if not (np.isfinite(prior.mean).all() and np.isfinite(prior.log_std).all()):
        raise WrongPolicyOutput("The prior gives a NaN or infinite mean or log-std. They must be finite.")
    low, high = family.log_std
    if not ((prior.log_std >= low) & (prior.log_std <= high)).all():
        raise WrongPolicyOutput(
            f"The prior's log-std reaches from {prior.log_std.min():g} to {prior.log_std.max():g}; allowed is {low:g} "
            f"to {high:g}. Give a policy without noise a small one, such as -3."
        )
    return family
