"""Two-stream networks: functions of a state and of reward weights theta that are zero at theta = 0.

    F(x, theta)_o = sum_f theta_f sum_k phi_ofk(x) g_k(theta) / sqrt(rank), with g_1 = 1

phi and g are MLPs: the two-stream form of universal value functions (Schaul et al. 2015), with theta as a factor. For a
fixed x, F is a product of a matrix with a vector that depends on theta alone. Once phi of recorded states is stored, F
at all of them costs one matrix product per theta, which is what makes inference over theta fast.

The input of a two-stream network is theta, followed by x: the observation of a learner of a policy family.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from mereq.maxent_rl.networks import (
    MLP,
    Layer,
    apply_hidden,
    apply_mlp,
    apply_mlp_numpy,
    hidden_sizes,
    init_mlp,
    mlp_to_numpy,
)

THETA_HIDDEN = (64,)  # of g: theta has a few numbers


class Conditioning(NamedTuple):
    """Sizes of what a learner of a policy family is conditioned on."""

    n_weights: int  # numbers in theta
    rank: int  # numbers in g(theta)


class TwoStream(NamedTuple):
    """Parameters of a two-stream network, with arrays of either library."""

    states: MLP  # phi: x -> (outputs * features * rank,)
    thetas: MLP  # g without its constant: theta -> (rank - 1,)

    @property
    def n_weights(self) -> int:
        """Numbers in theta."""
        return self.thetas[0].weight.shape[0]

    @property
    def rank(self) -> int:
        """Numbers in g(theta)."""
        return self.thetas[-1].weight.shape[1] + 1


Network = MLP | TwoStream


def init_network(
    key: PRNGKeyArray, sizes: tuple[int, ...], *, zero_head: bool, conditioning: Conditioning | None = None
) -> Network:
    """Initial parameters of an MLP, or of a two-stream network.

    Args:
        key: of the random numbers.
        sizes: of x, the hidden layers and the output.
        zero_head: sets the last layer (phi's) to zero, so that the output is zero for every input.
        conditioning: sizes of theta and g; None for an MLP, whose input is x alone.
    """
    if conditioning is None:
        return init_mlp(key, sizes, zero_head=zero_head)
    key_states, key_thetas = jax.random.split(key)
    (*before, outputs), (n_weights, rank) = sizes, conditioning
    return TwoStream(
        init_mlp(key_states, (*before, outputs * n_weights * rank), zero_head=zero_head),
        init_mlp(key_thetas, (n_weights, *THETA_HIDDEN, rank - 1), zero_head=False),
    )


def apply_network(network: Network, x: Float[Array | np.ndarray, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
    """Forward pass in JAX. The states of a two-stream network come in groups that share theta."""
    return apply_two_stream(network, x) if isinstance(network, TwoStream) else apply_mlp(network, x)


def apply_network_numpy(network: Network, x: Float[np.ndarray, "n inputs"]) -> Float[np.ndarray, "n outputs"]:
    """Forward pass in NumPy."""
    return apply_two_stream_numpy(network, x) if isinstance(network, TwoStream) else apply_mlp_numpy(network, x)


def network_to_numpy(network: Network) -> Network:
    """Parameters as NumPy arrays. Waits for pending updates."""
    if isinstance(network, TwoStream):
        return TwoStream(mlp_to_numpy(network.states), mlp_to_numpy(network.thetas))
    return mlp_to_numpy(network)


def network_hidden_sizes(network: Network) -> tuple[int, ...]:
    """Sizes of the hidden layers, of phi for a two-stream network."""
    return hidden_sizes(network.states if isinstance(network, TwoStream) else network)


def network_inputs(network: Network) -> int:
    """Numbers in the input."""
    if isinstance(network, TwoStream):
        return network.n_weights + len(network.states[0].weight)
    return len(network[0].weight)


def network_outputs(network: Network) -> int:
    """Numbers in the output."""
    if isinstance(network, TwoStream):
        return len(network.states[-1].bias) // (network.n_weights * network.rank)
    return len(network[-1].bias)


def apply_two_stream(
    network: TwoStream, theta_and_x: Float[Array | np.ndarray, "*batch states inputs"]
) -> Float[Array, "*batch states outputs"]:
    """Forward pass in JAX, of groups of states that share theta: the theta of a group's first state is read.

    The last layer of phi is contracted with theta before the states are seen: once for a group, not for each state.
    """
    theta, x = jnp.asarray(theta_and_x)[..., 0, : network.n_weights], theta_and_x[..., network.n_weights :]
    *hidden, last = network.states
    direction = _direction(theta, apply_mlp(network.thetas, theta))
    n_units, n_outputs = len(last.weight), network_outputs(network)
    weight = direction @ last.weight.reshape(n_units * n_outputs, -1).T
    bias = direction @ last.bias.reshape(n_outputs, -1).T
    values = apply_hidden(tuple(hidden), x) @ weight.reshape(*weight.shape[:-1], n_units, n_outputs)
    return values + jnp.broadcast_to(bias[..., None, :], values.shape)


def _direction(theta: Float[Array, "*batch features"], g: Float[Array, "*batch rank_1"]) -> Float[Array, "*batch j"]:
    ones = jnp.ones((*g.shape[:-1], 1), g.dtype)
    g = jnp.concatenate([ones, g], axis=-1) / math.sqrt(g.shape[-1] + 1)
    return (theta[..., :, None] * g[..., None, :]).reshape(*g.shape[:-1], -1)


def state_features(network: TwoStream, x: Float[np.ndarray, "n inputs"]) -> Float[np.ndarray, "n outputs j"]:
    """phi at each x, so that `state_features @ theta_direction` are the network's outputs. In NumPy."""
    return apply_mlp_numpy(network.states, x).reshape(
        len(x), network_outputs(network), network.n_weights * network.rank
    )


def theta_direction(network: TwoStream, theta: Float[np.ndarray, "m features"]) -> Float[np.ndarray, "m j"]:
    """theta_f g_k(theta) / sqrt(rank) for each theta. In NumPy."""
    theta = theta.astype(np.float32)
    g = apply_mlp_numpy(network.thetas, theta)
    g = np.concatenate([np.ones((len(g), 1), g.dtype), g], axis=1) / np.float32(math.sqrt(network.rank))
    return (theta[:, :, None] * g[:, None, :]).reshape(len(g), -1)


def at_theta(network: TwoStream, theta: Float[np.ndarray, " features"]) -> MLP:
    """The function of x alone at one theta: an MLP whose last layer is a weighted sum of phi's. In NumPy."""
    direction = theta_direction(network, theta[None])[0]
    *hidden, last = mlp_to_numpy(network.states)
    weight = last.weight.reshape(len(last.weight), -1, len(direction)) @ direction
    return (*hidden, Layer(weight, last.bias.reshape(-1, len(direction)) @ direction))


def apply_two_stream_numpy(
    network: TwoStream, theta_and_x: Float[np.ndarray, "n inputs"]
) -> Float[np.ndarray, "n outputs"]:
    """Forward pass in NumPy."""
    theta, x = theta_and_x[:, : network.n_weights], theta_and_x[:, network.n_weights :]
    return np.einsum("noj,nj->no", state_features(network, x), theta_direction(network, theta))
