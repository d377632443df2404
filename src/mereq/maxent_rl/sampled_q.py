"""Residual soft Q-learning over actions that the prior draws: the learner for priors without probabilities.

There is no actor: the policy chooses among drawn actions, by the softmax of Q_R / alpha. alpha is `prior_temperature`,
and the learned policy's temperature as well. docs/derivations.md#priors-known-by-samples
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from mereq.core.distribution import Distribution, WeightedSamples
from mereq.core.errors import WrongPolicyOutput
from mereq.core.policy import Policy
from mereq.core.seen_prior import n_answer_of, states_in
from mereq.maxent_rl.adam import Adam
from mereq.maxent_rl.boltzmann import soft_value
from mereq.maxent_rl.networks import apply_mlp_numpy, hidden_sizes, init_mlp, learning_rate, mlp_to_numpy
from mereq.maxent_rl.pytrees import from_arrays, to_arrays
from mereq.maxent_rl.replay import Batch
from mereq.maxent_rl.sac import Critics, SACSettings, critics_loss, lowest


@dataclass(frozen=True)
class SampledQ:
    """Residual soft Q-learning over drawn actions, an immutable algorithm: `init`, `update` and `policy`."""

    obs_size: int
    n_actions: int  # coordinates of an action
    n_samples: int  # actions that the prior draws per observation
    settings: SACSettings  # those of the critics; the temperature is prior_temperature, and is not learned

    @property
    def n_prior_parameters(self) -> int:
        """Number of parameters of the prior's distribution: the coordinates of all drawn actions."""
        return self.n_samples * self.n_actions

    @property
    def has_prior(self) -> bool:
        """Always: there is no policy without drawn actions."""
        return True

    @property
    def _adam(self) -> Adam:
        return Adam(learning_rate(self.settings.learning_rate, self.settings.decay_updates))

    def init(self, seed: int, *, zero_head: bool) -> "SampledQState":
        """Initial state. With `zero_head` Q_R is zero everywhere, so that the first policy is the prior itself."""
        keys = jax.random.split(jax.random.key(seed), 2)
        sizes = (self.obs_size + self.n_actions, *self.settings.hidden, 1)
        first, second = (init_mlp(key, sizes, zero_head=zero_head) for key in keys)
        return SampledQState((first, second), (first, second), self._adam.init((first, second)))

    @partial(jax.jit, static_argnums=0)
    def update(self, state: "SampledQState", batches: Batch) -> tuple["SampledQState", "SampledQMetrics"]:
        """New state after one update per batch along the leading axis, and metrics, in one compiled call.

        Args:
            state: before the updates.
            batches: arrays of shape (updates, batch size, ...).
        """
        state, losses = jax.lax.scan(self._update, state, batches)
        return state, SampledQMetrics(losses.mean())

    def _update(self, state: "SampledQState", batch: Batch) -> tuple["SampledQState", Float[Array, ""]]:
        target = self._target(state.target_critics, batch)
        loss, gradient = jax.value_and_grad(critics_loss)(state.critics, batch, target)
        critics, optimizer = self._adam.step(state.critics, gradient, state.optimizer)
        tau = self.settings.tau
        target_critics: Critics = jax.tree.map(lambda old, new: old + tau * (new - old), state.target_critics, critics)
        return SampledQState(critics, target_critics, optimizer), loss

    def _target(self, target_critics: Critics, batch: Batch) -> Float[Array, " batch"]:
        """Target of Q_R(s, a) from drawn actions: Eq. (2) with the prior's expectation as a mean.

        y = r_R + gamma (1 - terminated) alpha log mean_i exp(min_j Q_R,j'(s', a_i) / alpha), a_i drawn from the prior
        """
        actions = jnp.asarray(batch.next_prior).reshape(-1, self.n_samples, self.n_actions)
        obs = jnp.repeat(jnp.asarray(batch.next_obs)[:, None], self.n_samples, axis=1)
        q = lowest(target_critics, obs, actions)
        value = mean_soft_value(q, temperature=self.settings.prior_temperature)
        return jnp.asarray(batch.reward + self.settings.gamma * (1.0 - batch.terminated) * value)

    def policy(self, state: "SampledQState", prior: Policy | None) -> "SampledQPolicy":
        """Policy of a state, for acting in NumPy."""
        assert prior is not None
        first, second = state.critics
        critics = mlp_to_numpy(first), mlp_to_numpy(second)
        return SampledQPolicy(critics, prior, self.settings.prior_temperature, self.n_actions)


def mean_soft_value(q: Float[Array | np.ndarray, "*batch samples"], *, temperature: float) -> Float[Array, "*batch"]:
    """Residual soft value of drawn actions: alpha log mean_i exp(Q_R(s, a_i) / alpha)."""
    return soft_value(q, temperature=temperature) - temperature * jnp.log(float(q.shape[-1]))


class SampledQState(NamedTuple):
    """State of a `SampledQ`: everything that an update changes."""

    critics: Critics
    target_critics: Critics
    optimizer: optax.OptState

    def arrays(self) -> dict[str, np.ndarray]:
        """State as named arrays, for a checkpoint."""
        return to_arrays(self)

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> "SampledQState":
        """State that `arrays` returned, with the structure of this one.

        Raises:
            CorruptCheckpoint: the arrays do not fit.
        """
        return from_arrays(self, arrays)


class SampledQMetrics(NamedTuple):
    """Metrics of a call of `update`."""

    loss: Float[Array, ""]  # mean over the call's updates


@dataclass(frozen=True)
class SampledQPolicy:
    """Customized policy over the prior's drawn actions, with weights exp(min_j Q_R,j(s, a_i) / alpha)."""

    critics: Critics  # NumPy arrays
    prior: Policy
    temperature: float  # alpha
    n_actions: int  # coordinates of an action

    @property
    def hidden(self) -> tuple[int, ...]:
        """Sizes of the critics' hidden layers."""
        return hidden_sizes(self.critics[0])

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> WeightedSamples:
        """Action distribution at each observation."""
        return self.given_prior(obs, self.prior.distribution(obs))

    def given_prior(self, obs: Float[np.ndarray, "n obs"], prior: Distribution | None) -> WeightedSamples:
        """Action distribution at each observation, for callers that have already computed the prior's distribution.

        Raises:
            WrongPolicyOutput: `prior` is no `WeightedSamples` of the right shape.
        """
        n_actions = self.n_actions
        if not isinstance(prior, WeightedSamples) or prior.actions.shape[::2] != (len(obs), n_actions):
            raise WrongPolicyOutput(
                f"The prior gives a {type(prior).__name__}; it must be WeightedSamples of {n_actions} coordinates at "
                f"each of {len(obs)} observations, as in the training."
            )
        n_samples = prior.actions.shape[1]
        state = states_in(obs, len(self.critics[0][0].weight) - n_actions, n_answer_of(self.prior))
        rows = np.repeat(state, n_samples, axis=0), prior.actions.reshape(-1, n_actions)
        inputs = np.concatenate(rows, axis=1, dtype=np.float32)
        q = np.minimum(*(apply_mlp_numpy(critic, inputs)[:, 0] for critic in self.critics))
        return WeightedSamples(prior.actions, q.reshape(len(obs), n_samples) / self.temperature, prior.chosen)
