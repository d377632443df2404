"""Behaviour cloning: maximum likelihood of demonstrated actions. The learner of HG-DAgger and IWR."""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from mereq.core.actions import Actions, Discrete
from mereq.core.ranges import COUNT, NON_NEGATIVE, POSITIVE, check_ranges
from mereq.imitation.demonstrations import Demonstrations
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import MLP, Layer, apply_mlp, init_mlp, mlp_to_numpy
from mereq.maxent_rl.pytrees import from_arrays, to_arrays
from mereq.maxent_rl.sac import ActorPolicy


@dataclass(frozen=True, kw_only=True)
class CloningSettings:
    """Hyperparameters of behaviour cloning. The paper gives none."""

    hidden: tuple[int, ...]
    learning_rate: float
    weight_decay: float
    batch_size: int

    def __post_init__(self):
        check_ranges(self, hidden=COUNT, learning_rate=POSITIVE, weight_decay=NON_NEGATIVE, batch_size=COUNT)


class Likelihood(Protocol):
    """Likelihood of actions given a network's outputs."""

    @property
    def n_outputs(self) -> int:
        """Number of outputs of the network."""
        ...

    def negative_log_likelihood(self, network: MLP, batch: Demonstrations) -> Float[Array, ""]:
        """Mean negative log-likelihood of a batch, up to a constant. Section 4: behaviour cloning."""
        ...

    def policy(self, network: MLP) -> QPolicy | ActorPolicy:
        """Policy of a network of NumPy arrays."""
        ...


@dataclass(frozen=True)
class CategoricalLikelihood:
    """Likelihood of discrete actions: pi(a|s) = softmax of the outputs."""

    n_actions: int

    @property
    def n_outputs(self) -> int:
        """Number of outputs: a logit per action."""
        return self.n_actions

    def negative_log_likelihood(self, network: MLP, batch: Demonstrations) -> Float[Array, ""]:
        """Mean of -log pi(a|s)."""
        log_probs = jax.nn.log_softmax(apply_mlp(network, batch.obs), axis=-1)
        return -jnp.take_along_axis(log_probs, jnp.asarray(batch.action)[:, None], axis=-1).mean()

    def policy(self, network: MLP) -> QPolicy:
        """Softmax policy: the Boltzmann policy at temperature 1 of the logits as Q-function."""
        return QPolicy(network, prior=None, temperature=1.0, prior_temperature=0.0)


@dataclass(frozen=True)
class NormalLikelihood:
    """Likelihood of continuous actions: normal around tanh of the outputs, with one variance for all.

    The variance is not learned (docs/deviations.md#least-squares-cloning). Supervised steps take the mean action, so
    only the mean counts, and maximum likelihood is least squares.
    """

    n_actions: int

    @property
    def n_outputs(self) -> int:
        """Number of outputs: the mean of each coordinate, before the tanh."""
        return self.n_actions

    def negative_log_likelihood(self, network: MLP, batch: Demonstrations) -> Float[Array, ""]:
        """Half the mean squared distance between tanh of the outputs and the actions."""
        missed = jnp.tanh(apply_mlp(network, batch.obs)) - batch.action
        return 0.5 * (missed**2).sum(axis=-1).mean()

    def policy(self, network: MLP) -> ActorPolicy:
        """Squashed Gaussian policy with the standard deviation `CLONE_STD` before the tanh."""
        *hidden, (weight, bias) = network
        spread = np.full_like(bias, np.log(CLONE_STD))
        head = Layer(np.concatenate([weight, np.zeros_like(weight)], axis=1), np.concatenate([bias, spread]))
        return ActorPolicy((*hidden, head), critics=None, prior=None)


CLONE_STD = 0.3  # of a clone's actions before the tanh, where they are sampled


def likelihood_of(actions: Actions) -> Likelihood:
    """Likelihood for an action space."""
    return CategoricalLikelihood(actions.n) if isinstance(actions, Discrete) else NormalLikelihood(actions.size)


@dataclass(frozen=True)
class Cloning:
    """Behaviour cloning as an immutable algorithm: `init`, `update` and `policy` take and return its state."""

    obs_size: int
    likelihood: Likelihood
    settings: CloningSettings
    n_answer: int = 0  # numbers of a prior's answer behind each state, where the policy acts

    @property
    def _optimizer(self) -> optax.GradientTransformation:
        return optax.adamw(self.settings.learning_rate, weight_decay=self.settings.weight_decay)

    def init(self, seed: int) -> "CloningState":
        """Initial state with random parameters."""
        sizes = (self.obs_size, *self.settings.hidden, self.likelihood.n_outputs)
        network = init_mlp(jax.random.key(seed), sizes, zero_head=False)
        return CloningState(network, self._optimizer.init(network))

    @partial(jax.jit, static_argnums=0)
    def update(self, state: "CloningState", batches: Demonstrations) -> tuple["CloningState", "CloningMetrics"]:
        """New state after one update per batch along the leading axis, and metrics, in one compiled call.

        Args:
            state: before the updates.
            batches: arrays of shape (updates, batch size, ...).
        """

        def one_update(carry: tuple, batch: Demonstrations) -> tuple[tuple, Array]:
            network, optimizer = carry
            loss, gradient = jax.value_and_grad(self.likelihood.negative_log_likelihood)(network, batch)
            changes, optimizer = self._optimizer.update(gradient, optimizer, network)
            return (optax.apply_updates(network, changes), optimizer), loss

        (network, optimizer), losses = jax.lax.scan(one_update, (state.network, state.optimizer), batches)
        return CloningState(network, optimizer), CloningMetrics(losses.mean())

    def policy(self, state: "CloningState") -> QPolicy | ActorPolicy:
        """Policy of a state, for acting in NumPy."""
        return replace(self.likelihood.policy(mlp_to_numpy(state.network)), n_answer=self.n_answer)


class CloningState(NamedTuple):
    """State of behaviour cloning: everything that an update changes."""

    network: MLP
    optimizer: optax.OptState

    def arrays(self) -> dict[str, np.ndarray]:
        """State as named arrays, for a checkpoint."""
        return to_arrays(self)

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> "CloningState":
        """State that `arrays` returned, with the structure of this one.

        Raises:
            CorruptCheckpoint: the arrays do not fit.
        """
        return from_arrays(self, arrays)


class CloningMetrics(NamedTuple):
    """Metrics of a call of `update`."""

    loss: Float[Array, ""]  # mean over the call's updates
