"""Residual SAC: the learner for continuous actions. Section 3.1; the authors' Tables 8 and 9.

With `prior_temperature = 0` it is plain SAC, which trains priors, experts and the MaxEnt baselines.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

from mereq.core.distribution import Distribution, SquashedGaussian
from mereq.core.errors import WrongPolicyOutput
from mereq.core.policy import Policy
from mereq.maxent_rl.networks import (
    MLP,
    apply_mlp,
    apply_mlp_numpy,
    check_sizes,
    hidden_sizes,
    init_mlp,
    mlp_to_numpy,
)
from mereq.maxent_rl.pytrees import from_arrays, to_arrays
from mereq.maxent_rl.replay import Batch
from mereq.maxent_rl.squashed_gaussian import LOG_STD, log_prob, split_parameters

Critics = tuple[MLP, MLP]


@dataclass(frozen=True, kw_only=True)
class SACSettings:
    """Hyperparameters of residual SAC. Tables 8 and 9."""

    hidden: tuple[int, ...]  # of the actor and of both critics
    learning_rate: float  # of the actor and the critics
    temperature_learning_rate: (
        float  # of the temperature, which is learned so that the entropy is -1 per action; 0 holds it
    )
    gamma: float  # discount factor
    tau: float  # Polyak averaging: target <- (1 - tau) target + tau critic, after each update
    temperature: float  # the paper's alphahat: temperature of the learned policy, at first
    prior_temperature: float  # the paper's alpha: temperature of the prior; 0 means that there is no prior
    decay_updates: int = 0  # over which the learning rate falls, linearly, to a twentieth; 0 holds it

    def __post_init__(self):
        if not (0 <= self.gamma < 1 and 0 < self.tau <= 1 and self.temperature > 0 and self.prior_temperature >= 0):
            raise ValueError(
                f"need 0 <= gamma < 1, 0 < tau <= 1, temperature > 0, prior_temperature >= 0; got gamma={self.gamma}, "
                f"tau={self.tau}, temperature={self.temperature}, prior_temperature={self.prior_temperature}"
            )
        if not (self.learning_rate > 0 and self.temperature_learning_rate >= 0 and self.decay_updates >= 0):
            raise ValueError(
                "need learning_rate > 0, temperature_learning_rate >= 0, decay_updates >= 0; got "
                f"learning_rate={self.learning_rate}, temperature_learning_rate={self.temperature_learning_rate}, "
                f"decay_updates={self.decay_updates}"
            )


@dataclass(frozen=True)
class SAC:
    """Residual SAC as an algorithm: `init`, `update`, `policy`. Its state is a value, it keeps none itself."""

    obs_size: int
    n_actions: int  # coordinates of an action
    settings: SACSettings

    @property
    def has_prior(self) -> bool:
        """Whether a prior policy enters the targets and the policy."""
        return self.settings.prior_temperature > 0

    @property
    def target_entropy(self) -> float:
        """What the temperature is learned for: -1 per coordinate of an action [nats], as Haarnoja et al. (2018)."""
        return -float(self.n_actions)

    @property
    def _adam(self) -> optax.GradientTransformation:
        rate, updates = self.settings.learning_rate, self.settings.decay_updates
        return optax.adam(optax.linear_schedule(rate, 0.05 * rate, updates) if updates else rate, eps=1e-8)

    @property
    def _adam_of_temperature(self) -> optax.GradientTransformation:
        return optax.adam(self.settings.temperature_learning_rate, eps=1e-8)

    def init(self, seed: int, *, zero_head: bool) -> "SACState":
        """Fresh state. With `zero_head` Q_R and the actor's changes are zero: the first policy is the prior itself."""
        key, for_actor, *for_critics = jax.random.split(jax.random.key(seed), 4)
        sizes = (self.obs_size + self.n_actions, *self.settings.hidden, 1)
        first, second = (init_mlp(k, sizes, zero_head=zero_head) for k in for_critics)
        actor = init_mlp(for_actor, (self.obs_size, *self.settings.hidden, 2 * self.n_actions), zero_head=zero_head)
        return self.begin(actor, (first, second), jax.random.key_data(key))

    def begin(self, actor: MLP, critics: Critics, key: UInt32[Array, " 2"]) -> "SACState":
        """State with given parameters, which nothing has been learned with yet. key: as in the state."""
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
        """State of a plain learner that goes on from a policy without prior, and with its critics where it has them.

        Raises:
            WrongLearner: the policy's networks have other sizes than the settings say.
        """
        check_sizes(policy.hidden, self.settings.hidden)
        fresh = self.init(seed, zero_head=False)
        return self.begin(policy.actor, policy.critics or fresh.critics, fresh.key)

    @partial(jax.jit, static_argnums=0)
    def update(self, state: "SACState", batches: Batch) -> tuple["SACState", "SACMetrics"]:
        """One update per batch along the leading axis, in one compiled call. Returns at once: JAX works on behind.

        batches: arrays of shape (updates, batch size, ...). The metrics are means over the updates.
        """
        state, metrics = jax.lax.scan(self._update, state, batches)
        return state, jax.tree.map(jnp.mean, metrics)

    def _update(self, state: "SACState", batch: Batch) -> tuple["SACState", "SACMetrics"]:
        """Critics, then the actor with the new critics, then the temperature, then the target critics."""
        key, for_target, for_actor = jax.random.split(jax.random.wrap_key_data(state.key), 3)
        temperature = jnp.exp(state.log_temperature)

        target = self._target(state, temperature, batch, for_target)
        loss, gradient = jax.value_and_grad(critics_loss)(state.critics, batch, target)
        changes, critics_optimizer = self._adam.update(gradient, state.critics_optimizer)
        critics: Critics = jax.tree.map(jnp.add, state.critics, changes)

        (actor_loss, log_pi), gradient = jax.value_and_grad(self._actor_loss, has_aux=True)(
            state.actor, critics, temperature, batch, for_actor
        )
        changes, actor_optimizer = self._adam.update(gradient, state.actor_optimizer)
        actor: MLP = jax.tree.map(jnp.add, state.actor, changes)

        gradient = -(log_pi + self.target_entropy)  # of - log alpha (log pi + target entropy)
        changes, temperature_optimizer = self._adam_of_temperature.update(gradient, state.temperature_optimizer)
        log_temperature = state.log_temperature + jnp.asarray(changes)

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

    def _target(self, state: "SACState", temperature: Array, batch: Batch, key: PRNGKeyArray) -> Float[Array, " batch"]:
        """Target of Q_R(s, a): Eq. (2) for continuous actions.

        y = r_R + gamma (1 - terminated) (min_j Q_R,j'(s', a') + alpha log pi(a'|s') - alphahat log pihat(a'|s')),
        with a' drawn from pihat
        """
        action, log_pihat, log_prior = self._act(state.actor, batch.next_obs, batch.next_prior, key)
        value = lowest(state.target_critics, batch.next_obs, action)
        value += self.settings.prior_temperature * log_prior - temperature * log_pihat
        return jnp.asarray(batch.reward + self.settings.gamma * (1.0 - batch.terminated) * value)

    def _actor_loss(
        self, actor: MLP, critics: Critics, temperature: Array, batch: Batch, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Mean of alpha log pihat(a|s) - min_j Q_R,j(s, a) - prior_temperature log pi(a|s) with a drawn from pihat.

        It is alpha times the divergence of pihat from the Boltzmann policy of Qhat = Q_R + Q*, Eq. (1), up to a
        constant. Returns also the mean of log pihat(a|s).
        """
        action, log_pihat, log_prior = self._act(actor, batch.obs, batch.prior, key)
        customized_q = lowest(critics, batch.obs, action) + self.settings.prior_temperature * log_prior
        return (temperature * log_pihat - customized_q).mean(), log_pihat.mean()

    def _act(
        self,
        actor: MLP,
        obs: Float[Array | np.ndarray, "batch obs"],
        prior: Float[Array | np.ndarray, "batch parameters"],
        key: PRNGKeyArray,
    ) -> tuple[Float[Array, "batch actions"], Float[Array, " batch"], Float[Array, " batch"]]:
        """Actions drawn from pihat, their log-probability, and the prior's (0 without one)."""
        changes = apply_mlp(actor, obs)
        mean, log_std = split_parameters(prior + changes if self.has_prior else changes)
        log_std = jnp.clip(log_std, *LOG_STD)
        u = mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape)
        log_prior = log_prob(u, *split_parameters(prior)) if self.has_prior else jnp.zeros(len(u))
        return jnp.tanh(u), log_prob(u, mean, log_std), log_prior

    def policy(self, state: "SACState", prior: Policy | None) -> "ActorPolicy":
        """The policy of a state, for acting in NumPy."""
        first, second = state.critics
        critics = mlp_to_numpy(first), mlp_to_numpy(second)
        return ActorPolicy(mlp_to_numpy(state.actor), critics, prior if self.has_prior else None)


def critics_loss(critics: Critics, batch: Batch, target: Float[Array, " batch"]) -> Float[Array, ""]:
    """Half the mean squared error of both critics."""
    first, second = (value(critic, batch.obs, batch.action) for critic in critics)
    return 0.5 * (jnp.mean((first - target) ** 2) + jnp.mean((second - target) ** 2))


def value(
    critic: MLP, obs: Float[Array | np.ndarray, "batch obs"], action: Float[Array | np.ndarray, "batch actions"]
) -> Float[Array, " batch"]:
    """Q_R(s, a), or Q(s, a) when there is no prior."""
    return apply_mlp(critic, jnp.concatenate([obs, action], axis=-1))[..., 0]


def lowest(
    critics: Critics, obs: Float[Array | np.ndarray, "batch obs"], action: Float[Array | np.ndarray, "batch actions"]
) -> Float[Array, " batch"]:
    """min_j Q_j(s, a)."""
    return jnp.minimum(value(critics[0], obs, action), value(critics[1], obs, action))


class SACState(NamedTuple):
    """Everything that changes while a SAC learns."""

    actor: MLP
    critics: Critics
    target_critics: Critics
    log_temperature: Float[Array, ""]
    actor_optimizer: optax.OptState
    critics_optimizer: optax.OptState
    temperature_optimizer: optax.OptState
    key: UInt32[Array, " 2"]  # of the random numbers to come

    def arrays(self) -> dict[str, np.ndarray]:
        """The state as named arrays, for a checkpoint."""
        return to_arrays(self)

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> "SACState":
        """The state saved by `arrays`, in the shape of this one. Raises CorruptCheckpoint when it does not fit."""
        return from_arrays(self, arrays)


class SACMetrics(NamedTuple):
    """What an update reports: means over the call's updates."""

    loss: Float[Array, ""]  # of the critics
    actor_loss: Float[Array, ""]
    temperature: Float[Array, ""]  # the temperature
    entropy: Float[Array, ""]  # of the policy, estimated


@dataclass(frozen=True)
class ActorPolicy:
    """tanh of a Gaussian around the prior's: mean = prior's mean + d_mean(s), log-std = prior's log-std + d_std(s).

    Without a prior, it stands on the standard normal distribution.
    """

    actor: MLP  # NumPy arrays, as all
    critics: Critics | None  # that it was trained with: where fine-tuning starts from
    prior: Policy | None

    @property
    def n_actions(self) -> int:
        """Coordinates of an action."""
        return len(self.actor[-1].bias) // 2

    @property
    def hidden(self) -> tuple[int, ...]:
        """Sizes of the actor's hidden layers."""
        return hidden_sizes(self.actor)

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> SquashedGaussian:
        """Action distribution at each observation."""
        return self.given_prior(obs, None if self.prior is None else self.prior.distribution(obs))

    def given_prior(self, obs: Float[np.ndarray, "n obs"], prior: Distribution | None) -> SquashedGaussian:
        """The same, for a caller who has the prior's distribution at `obs` already."""
        parameters = apply_mlp_numpy(self.actor, obs)
        if prior is not None:
            parameters = parameters + _checked(prior, parameters.shape).parameters
        mean, log_std = parameters[:, : self.n_actions], parameters[:, self.n_actions :]
        return SquashedGaussian(mean, np.clip(log_std, *LOG_STD))


def _checked(prior: Distribution, shape: tuple[int, int]) -> SquashedGaussian:
    if not isinstance(prior, SquashedGaussian):
        raise WrongPolicyOutput(
            f"The prior gives a {type(prior).__name__} distribution where this task has continuous actions: it must be "
            "a SquashedGaussian."
        )
    n, n_actions = shape[0], shape[1] // 2
    if prior.mean.shape != (n, n_actions) or prior.log_std.shape != (n, n_actions):
        raise WrongPolicyOutput(
            f"The prior gives an action distribution of shape {prior.mean.shape} where this task has {n_actions} "
            f"continuous actions: for {n} observations it must be {(n, n_actions)}."
        )
    if not (np.isfinite(prior.mean).all() and np.isfinite(prior.log_std).all()):
        raise WrongPolicyOutput("The prior gives a NaN or infinite mean or log-std. They must be finite.")
    low, high = LOG_STD
    if not ((prior.log_std >= low) & (prior.log_std <= high)).all():
        raise WrongPolicyOutput(
            f"The prior's log-std reaches from {prior.log_std.min():g} to {prior.log_std.max():g}; allowed is {low:g} "
            f"to {high:g}. Give a policy without noise a small one, such as -3."
        )
    return prior
