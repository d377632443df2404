"""Values of actions by regression on labels and temporal differences: what the gates of AIM and ThriftyDAgger learn.

    Q(s, a) -> label + gamma (1 - terminated) max_k Qbar(s', a'_k)

A pair whose value is known is a transition that ends its episode: its target is its label. The actions a'_k are all of
finitely many, or one of the policy's own. Qbar are the parameters before a compiled call of updates.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from mereq.core.actions import Actions, Discrete
from mereq.maxent_rl.networks import MLP, apply_mlp, apply_mlp_numpy, init_mlp, mlp_to_numpy


class ValueSteps(NamedTuple):
    """Transitions with labels in place of rewards. Arrays may have leading batch axes."""

    pair: Float[Array | np.ndarray, "*batch inputs"]  # state and action, see `pairs`
    label: Float[Array | np.ndarray, "*batch"]
    next_pairs: Float[Array | np.ndarray, "*batch k inputs"]  # next state with each action a'_k
    terminated: Bool[Array | np.ndarray, "*batch"]  # also where the label is the value itself


class ValueState(NamedTuple):
    """Networks and optimizer of the values."""

    network: MLP
    optimizer: optax.OptState


class ValueMetrics(NamedTuple):
    """Metrics of a call of `update`."""

    loss: Float[Array, ""]  # mean squared error


def vectors(action: np.ndarray, actions: Actions) -> Float[np.ndarray, "n size"]:
    """Actions as vectors: of finitely many, the unit vectors."""
    if isinstance(actions, Discrete):
        return np.eye(actions.n, dtype=np.float32)[np.asarray(action, int)]
    return np.asarray(action, np.float32)


def pairs(state: Float[np.ndarray, "n states"], vector: Float[np.ndarray, "n size"]) -> Float[np.ndarray, "n inputs"]:
    """Inputs of the network: states, and actions as vectors."""
    return np.concatenate([state, vector], axis=1).astype(np.float32)


def targets(
    steps: ValueSteps, next_values: Float[Array | np.ndarray, "n k"], gamma: float
) -> Float[Array | np.ndarray, " n"]:
    """Targets of the values: the label, and the discounted largest value at the next state unless the episode ends."""
    return steps.label + gamma * (1.0 - steps.terminated) * next_values.max(axis=-1)


@dataclass(frozen=True)
class ActionValues:
    """Learner of action values, by an immutable algorithm: `init` and `update` take and return its state."""

    n_inputs: int
    hidden: tuple[int, ...]
    learning_rate: float
    gamma: float

    @property
    def _optimizer(self) -> optax.GradientTransformation:
        return optax.adam(self.learning_rate)

    def init(self, seed: int) -> ValueState:
        """Initial state, whose values are zero."""
        network = init_mlp(jax.random.key(seed), (self.n_inputs, *self.hidden, 1), zero_head=True)
        return ValueState(network, self._optimizer.init(network))

    @partial(jax.jit, static_argnums=0)
    def update(self, state: ValueState, batches: ValueSteps) -> tuple[ValueState, ValueMetrics]:
        """New state after one update per batch along the leading axis, in one compiled call."""
        ahead = apply_mlp(state.network, batches.next_pairs)[..., 0]
        wanted = jax.vmap(partial(targets, gamma=self.gamma))(batches, ahead)

        def one_update(carry: ValueState, batch: tuple[Array, Array]) -> tuple[ValueState, Array]:
            pair, target = batch

            def loss_of(network: MLP) -> Array:
                return ((apply_mlp(network, pair)[..., 0] - target) ** 2).mean()

            loss, gradient = jax.value_and_grad(loss_of)(carry.network)
            changes, optimizer = self._optimizer.update(gradient, carry.optimizer, carry.network)
            network: Any = optax.apply_updates(carry.network, changes)
            return ValueState(network, optimizer), loss

        state, losses = jax.lax.scan(one_update, state, (jnp.asarray(batches.pair), jnp.asarray(wanted)))
        return state, ValueMetrics(losses.mean())


@dataclass(frozen=True)
class ActionValue:
    """Learned values, for evaluation in NumPy."""

    network: MLP

    @classmethod
    def of(cls, state: ValueState) -> "ActionValue":
        """Values of a learner's state."""
        return cls(mlp_to_numpy(state.network))

    def __call__(self, pair: Float[np.ndarray, "n inputs"]) -> Float[np.ndarray, " n"]:
        """Values of states and actions."""
        return apply_mlp_numpy(self.network, pair)[:, 0]
