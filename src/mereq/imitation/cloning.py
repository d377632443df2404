"""Behaviour cloning: maximum likelihood of demonstrated actions. The learner of HG-DAgger and IWR."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from mereq.imitation.demonstrations import Demonstrations
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import MLP, apply_mlp, init_mlp, mlp_to_numpy
from mereq.maxent_rl.pytrees import from_arrays, to_arrays


@dataclass(frozen=True, kw_only=True)
class CloningSettings:
    """Hyperparameters of behaviour cloning. The paper gives none."""

    hidden: tuple[int, ...]
    learning_rate: float
    weight_decay: float
    batch_size: int


@dataclass(frozen=True)
class Cloning:
    """Behaviour cloning as an algorithm: `init`, `update`, `policy`. Its state is a value, it keeps none itself."""

    obs_size: int
    n_actions: int
    settings: CloningSettings

    @property
    def _optimizer(self) -> optax.GradientTransformation:
        return optax.adamw(self.settings.learning_rate, weight_decay=self.settings.weight_decay)

    def init(self, seed: int) -> "CloningState":
        """Fresh state."""
        sizes = (self.obs_size, *self.settings.hidden, self.n_actions)
        logits = init_mlp(jax.random.key(seed), sizes, zero_head=False)
        return CloningState(logits, self._optimizer.init(logits))

    @partial(jax.jit, static_argnums=0)
    def update(self, state: "CloningState", batches: Demonstrations) -> tuple["CloningState", "CloningMetrics"]:
        """One update per batch along the leading axis, in one compiled call.

        batches: arrays of shape (updates, batch size, ...).
        """

        def one_update(carry: tuple, batch: Demonstrations) -> tuple[tuple, Array]:
            logits, optimizer = carry
            loss, gradient = jax.value_and_grad(negative_log_likelihood)(logits, batch)
            changes, optimizer = self._optimizer.update(gradient, optimizer, logits)
            return (optax.apply_updates(logits, changes), optimizer), loss

        (logits, optimizer), losses = jax.lax.scan(one_update, (state.logits, state.optimizer), batches)
        return CloningState(logits, optimizer), CloningMetrics(losses.mean())

    def policy(self, state: "CloningState") -> QPolicy:
        """pi(a|s) = softmax of the network's outputs: the Boltzmann policy, at temperature 1, of logits taken for Q."""
        return QPolicy(mlp_to_numpy(state.logits), prior=None, alpha=1.0, prior_alpha=0.0)


def negative_log_likelihood(logits: MLP, batch: Demonstrations) -> Float[Array, ""]:
    """- mean of log pi(a|s) over a batch. Section 4: behaviour cloning."""
    log_probs = jax.nn.log_softmax(apply_mlp(logits, batch.obs), axis=-1)
    return -jnp.take_along_axis(log_probs, jnp.asarray(batch.action)[:, None], axis=-1).mean()


class CloningState(NamedTuple):
    """Everything that changes while a policy is cloned."""

    logits: MLP
    optimizer: optax.OptState

    def arrays(self) -> dict[str, np.ndarray]:
        """The state as named arrays, for a checkpoint."""
        return to_arrays(self)

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> "CloningState":
        """The state saved by `arrays`, in the shape of this one. Raises CorruptCheckpoint when it does not fit."""
        return from_arrays(self, arrays)


class CloningMetrics(NamedTuple):
    """What an update reports."""

    loss: Float[Array, ""]  # mean over the call's updates
