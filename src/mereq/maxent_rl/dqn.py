"""Residual soft DQN: the learner for finite sets of actions. Section 3.1; the authors' Tables 6 and 7.

`temperature` is the paper's alphahat, the temperature of the learned policy; `prior_temperature` is its alpha, the
temperature of the prior policy. With `prior_temperature = 0` the learner is a plain soft DQN, which trains priors,
experts and the MaxEnt baselines.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from mereq.core.distribution import Categorical, Distribution
from mereq.core.errors import WrongPolicyOutput
from mereq.core.policy import Policy
from mereq.core.ranges import COUNT, COUNT_OR_NONE, DISCOUNT, LIMIT, NON_NEGATIVE, POSITIVE, check_ranges
from mereq.core.seen_prior import n_answer_of, states_in
from mereq.maxent_rl.adam import Adam
from mereq.maxent_rl.boltzmann import boltzmann_log_policy, customized_q, residual_target
from mereq.maxent_rl.networks import Layer, check_sizes, learning_rate
from mereq.maxent_rl.pytrees import from_arrays, to_arrays
from mereq.maxent_rl.replay import Batch
from mereq.maxent_rl.two_stream import (
    Conditioning,
    Network,
    apply_network,
    apply_network_numpy,
    init_network,
    network_hidden_sizes,
    network_inputs,
    network_to_numpy,
)


@dataclass(frozen=True, kw_only=True)
class DQNSettings:
    """Hyperparameters of residual soft DQN. Tables 6 and 7."""

    hidden: tuple[int, ...]
    learning_rate: float
    gamma: float  # discount factor
    temperature: float  # temperature of the learned policy
    prior_temperature: float  # temperature of the prior; 0 means that there is no prior
    target_period: int  # updates between two hard copies into the target network, rounded up to whole calls
    max_grad_norm: float
    decay_updates: int = 0  # updates over which the learning rate falls linearly to a twentieth; 0 holds it

    def __post_init__(self):
        check_ranges(
            self,
            hidden=COUNT,
            learning_rate=POSITIVE,
            gamma=DISCOUNT,
            temperature=POSITIVE,
            prior_temperature=NON_NEGATIVE,
            target_period=COUNT,
            max_grad_norm=LIMIT,
            decay_updates=COUNT_OR_NONE,
        )


@dataclass(frozen=True)
class DQN:
    """Residual soft DQN as an immutable algorithm: `init`, `update` and `policy` take and return its state."""

    obs_size: int
    n_actions: int
    settings: DQNSettings
    conditioning: Conditioning | None = None  # of a policy family: observations are theta, followed by the state's

    @property
    def n_prior_parameters(self) -> int:
        """Number of parameters of the prior's distribution: a log-probability per action."""
        return self.n_actions

    @property
    def has_prior(self) -> bool:
        """Whether a prior policy enters the targets and the policy."""
        return self.settings.prior_temperature > 0

    @property
    def _adam(self) -> Adam:
        rate = learning_rate(self.settings.learning_rate, self.settings.decay_updates)
        return Adam(rate, self.settings.max_grad_norm)

    def init(self, seed: int, *, zero_head: bool) -> "DQNState":
        """Initial state. With `zero_head` Q_R is zero everywhere, so that the first policy is the prior itself."""
        sizes = (self.obs_size, *self.settings.hidden, self.n_actions)
        return self.begin(
            init_network(jax.random.key(seed), sizes, zero_head=zero_head, conditioning=self.conditioning)
        )

    def begin(self, q: Network) -> "DQNState":
        """State with the given parameters before any update."""
        q = jax.tree.map(jnp.asarray, q)
        return DQNState(q, q, self._adam.init(q), jnp.zeros((), jnp.int32))

    def begin_from(self, policy: "QPolicy") -> "DQNState":
        """State of a plain learner that continues from a policy without prior.

        The Q-function is scaled so that the policy stays the same at the learner's own temperature.

        Raises:
            WrongLearner: the hidden sizes of the policy's network are not those of the settings.
        """
        check_sizes(policy.hidden, self.settings.hidden)
        factor = self.settings.temperature / policy.temperature
        return self.begin((*policy.q[:-1], Layer(policy.q[-1].weight * factor, policy.q[-1].bias * factor)))

    @partial(jax.jit, static_argnums=0)
    def update(self, state: "DQNState", batches: Batch) -> tuple["DQNState", "DQNMetrics"]:
        """New state after one update per batch along the leading axis, and metrics, in one compiled call.

        The call returns at once; JAX computes asynchronously. The target network is copied at the end of a call, once
        `target_period` updates have passed since the last copy. It is therefore constant within a call, and the
        targets of all batches are computed together.

        Args:
            state: before the updates.
            batches: arrays of shape (updates, batch size, ...).
        """

        targets = self._targets(state.target_q, batches)

        def one_update(carry: tuple, batch_and_target: tuple) -> tuple[tuple, Array]:
            q, optimizer = carry
            loss, gradient = jax.value_and_grad(self._loss)(q, *batch_and_target)
            return self._adam.step(q, gradient, optimizer), loss

        (q, optimizer), losses = jax.lax.scan(one_update, (state.q, state.optimizer), (batches, targets))
        since_copy = state.since_copy + len(losses)
        copy = since_copy >= self.settings.target_period
        target_q = jax.tree.map(lambda new, old: jnp.where(copy, new, old), q, state.target_q)
        return DQNState(q, target_q, optimizer, jnp.where(copy, 0, since_copy)), DQNMetrics(loss=losses.mean())

    def _targets(self, target_q: Network, batches: Batch) -> Float[Array, "*batch"]:
        """Targets of Q_R(s, a), Eq. (2), for all batches of a call."""
        return jnp.asarray(
            residual_target(
                batches.reward,
                batches.terminated,
                apply_network(target_q, batches.next_obs),
                batches.next_prior,
                temperature=self.settings.temperature,
                prior_temperature=self.settings.prior_temperature,
                gamma=self.settings.gamma,
            )
        )

    def _loss(self, q: Network, batch: Batch, target: Float[Array, "*batch"]) -> Float[Array, ""]:
        """Huber loss between Q_R(s, a) and its target."""
        values = apply_network(q, batch.obs)
        chosen = jnp.sum(values * jax.nn.one_hot(batch.action, self.n_actions), axis=-1)
        return optax.huber_loss(chosen, target).mean()

    def policy(self, state: "DQNState", prior: Policy | None) -> "QPolicy":
        """Policy of a state, for acting in NumPy."""
        return QPolicy(
            network_to_numpy(state.q),
            prior if self.has_prior else None,
            self.settings.temperature,
            self.settings.prior_temperature,
            0 if self.has_prior else n_answer_of(prior),
        )


class DQNState(NamedTuple):
    """State of a DQN: everything that an update changes."""

    q: Network
    target_q: Network
    optimizer: optax.OptState
    since_copy: Int[Array, ""]  # updates since the target network was copied

    def arrays(self) -> dict[str, np.ndarray]:
        """State as named arrays, for a checkpoint."""
        return to_arrays(self)

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> "DQNState":
        """State that `arrays` returned, with the structure of this one.

        Raises:
            CorruptCheckpoint: the arrays do not fit.
        """
        return from_arrays(self, arrays)


class DQNMetrics(NamedTuple):
    """Metrics of a call of `update`."""

    loss: Float[Array, ""]  # mean over the call's updates


@dataclass(frozen=True)
class QPolicy:
    """Customized policy pihat(a|s), proportional to exp((Q_R(s, a) + alpha log pi(a|s)) / alphahat). Section 3.1.

    Without a prior, the maximum-entropy policy of Q at the temperature alphahat: Eq. (1).
    """

    q: Any  # NumPy arrays: an MLP, or the two-stream network of a policy family
    prior: Policy | None
    temperature: float
    prior_temperature: float
    n_answer: int = 0  # numbers of another prior's answer behind each state, which a policy without a prior ignores

    @property
    def hidden(self) -> tuple[int, ...]:
        """Sizes of the network's hidden layers."""
        return network_hidden_sizes(self.q)

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> Categorical:
        """Action distribution at each observation."""
        return self.given_prior(obs, None if self.prior is None else self.prior.distribution(obs))

    def given_prior(self, obs: Float[np.ndarray, "n obs"], prior: Distribution | None) -> Categorical:
        """Action distribution at each observation, for callers that have already computed the prior's distribution.

        Raises:
            WrongPolicyOutput: `prior` is not a `Categorical` of the right shape with finite log-probabilities.
        """
        q = self.values(obs)
        if prior is not None:
            if not isinstance(prior, Categorical):
                raise WrongPolicyOutput(
                    f"The prior gives a {type(prior).__name__} distribution where this task has finitely many actions: "
                    "it must be a Categorical."
                )
            if prior.log_probs.shape != q.shape:
                raise WrongPolicyOutput(
                    f"The prior gives an action distribution of shape {prior.log_probs.shape} where this task has "
                    f"{q.shape[1]} actions: for {len(q)} observations it must be {q.shape}."
                )
            if not np.isfinite(prior.log_probs).all():
                raise WrongPolicyOutput(
                    "The prior gives NaN or infinite log-probabilities. They must be finite: give an action that it "
                    "never takes a very small probability instead of 0."
                )
            q = np.asarray(customized_q(q, prior.log_probs, prior_temperature=self.prior_temperature))
        return Categorical(boltzmann_log_policy(q, temperature=self.temperature))

    def values(self, obs: Float[np.ndarray, "n obs"]) -> Float[np.ndarray, "n actions"]:
        """Q_R(s, .) at each observation; Q(s, .) if there is no prior."""
        n_answer = self.n_answer or n_answer_of(self.prior)
        return apply_network_numpy(self.q, states_in(obs, network_inputs(self.q), n_answer))
