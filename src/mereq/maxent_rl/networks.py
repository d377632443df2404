"""Multilayer perceptrons: JAX pytrees for updates, NumPy arrays for acting.

A policy acts on a few observations at a time. For these, a NumPy forward pass takes a tenth of the time of dispatching
a compiled function. Parameters are therefore converted once per chunk of updates, and acting uses NumPy only.
"""

import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from mereq.core.errors import WrongLearner


class Layer(NamedTuple):
    """Affine map x -> x @ weight + bias, with arrays of either library."""

    weight: Any  # (inputs, outputs)
    bias: Any  # (outputs,)


MLP = tuple[Layer, ...]
LAST_RATE = 0.05  # share of a learning rate that is left at the end of its fall
BLOCK = 65_536  # random words that are drawn at once: those of a layer of 256 by 256


def init_mlp(key: PRNGKeyArray, sizes: tuple[int, ...], *, zero_head: bool) -> MLP:
    """Initial parameters of an MLP with ReLU between its layers.

    Weights and biases are uniform in +-1/sqrt(inputs of the layer), the default of PyTorch's `Linear`.

    Args:
        key: of the random numbers.
        sizes: of the input, the hidden layers and the output.
        zero_head: sets the last layer to zero, so that the output is zero for every input (Q_R before any update).
    """
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        key, key_weight, key_bias = jax.random.split(key, 3)
        bound = 1.0 / np.sqrt(inputs)
        layers.append(Layer(_uniform(key_weight, (inputs, outputs), bound), _uniform(key_bias, (outputs,), bound)))
    if zero_head:
        layers[-1] = Layer(jnp.zeros_like(layers[-1].weight), jnp.zeros_like(layers[-1].bias))
    return tuple(layers)


def _uniform(key: PRNGKeyArray, shape: tuple[int, ...], bound: float) -> Float[Array, "..."]:
    """Numbers that are uniform in [-bound, bound): those of `jax.random.uniform`.

    `jax.random.uniform` is compiled for each shape, which takes a second for the networks of a learner. The random bits
    of a block are the first bits of any larger one, so that here one block's function is all that is compiled.
    """
    count = math.prod(shape)
    bits = np.asarray(jax.random.bits(key, (-(-count // BLOCK) * BLOCK,), jnp.uint32))[:count]
    unit = (bits >> 9) * 2.0**-23  # in [0, 1), with the 23 bits of a float32's fraction
    low, high = np.float32(-bound), np.float32(bound)
    return jnp.asarray(((high - low) * unit + low).astype(np.float32).reshape(shape), jnp.result_type(float))


def learning_rate(rate: float, decay_updates: int) -> float | optax.Schedule:
    """A learning rate that falls linearly to a twentieth over so many updates; with 0 updates, it is constant."""
    return optax.linear_schedule(rate, LAST_RATE * rate, decay_updates) if decay_updates else rate


def hidden_sizes(mlp: MLP) -> tuple[int, ...]:
    """Sizes of the hidden layers."""
    return tuple(layer.weight.shape[1] for layer in mlp[:-1])


def check_sizes(found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Check that a learner can continue from networks with these hidden sizes.

    Raises:
        WrongLearner: the sizes differ.
    """
    if found != wanted:
        raise WrongLearner(
            f"The policy to continue from has hidden layers of {list(found)} units; the learner's settings require "
            f"{list(wanted)}. Choose a preset, or a policy, with the same sizes."
        )


def apply_mlp(mlp: MLP, x: Float[Array | np.ndarray, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
    """Forward pass in JAX."""
    return _affine(mlp[-1], apply_hidden(mlp[:-1], x))


def apply_hidden(layers: MLP, x: Float[Array | np.ndarray, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
    """Forward pass through hidden layers in JAX."""
    for layer in layers:
        x = hidden_layer(layer, x)
    return jnp.asarray(x)


@jax.custom_vjp
def hidden_layer(layer: Layer, x: Float[Array | np.ndarray, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
    """relu(x @ weight + bias), whose backward pass needs the output only.

    JAX's own would read the sum before the ReLU too: one more array of the size of the batch to keep and to read.
    """
    return jax.nn.relu(_affine(layer, x))


def _hidden_forward(layer: Layer, x: Any) -> tuple[Array, tuple[Layer, Any, Array]]:
    y = jax.nn.relu(_affine(layer, x))
    return y, (layer, x, y)


def _hidden_backward(kept: tuple[Layer, Any, Array], gradient: Array) -> tuple[Layer, Array]:
    layer, x, y = kept
    gradient = jnp.where(y > 0.0, gradient, 0.0)
    rows = gradient.reshape(-1, gradient.shape[-1])
    return Layer(x.reshape(-1, x.shape[-1]).T @ rows, rows.sum(axis=0)), gradient @ layer.weight.T


hidden_layer.defvjp(_hidden_forward, _hidden_backward)


def _affine(layer: Layer, x: Float[Array | np.ndarray, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
    """x @ weight + bias, with the bias broadcast explicitly."""
    product = jnp.asarray(x @ layer.weight)
    return product + jnp.broadcast_to(layer.bias, product.shape)


def mlp_to_numpy(mlp: MLP) -> MLP:
    """Parameters as NumPy arrays. Waits for pending updates."""
    return tuple(Layer(np.asarray(layer.weight), np.asarray(layer.bias)) for layer in mlp)


def apply_mlp_numpy(mlp: MLP, x: Float[np.ndarray, "n inputs"]) -> Float[np.ndarray, "n outputs"]:
    """Forward pass in NumPy."""
    for layer in mlp[:-1]:
        x = x @ layer.weight
        x += layer.bias
        np.maximum(x, 0.0, out=x)
    return x @ mlp[-1].weight + mlp[-1].bias


def beside(mlp: MLP, units: Layer, head: Layer) -> MLP:
    """The MLP whose outputs are those of an MLP plus relu(units(x)) @ head. In NumPy.

    The units pass through the further hidden layers unchanged, because they are not negative.
    """
    first, *hidden, last = mlp_to_numpy(mlp)
    layers = [Layer(np.concatenate([first.weight, units.weight], axis=1), np.concatenate([first.bias, units.bias]))]
    n = len(units.bias)
    for layer in hidden:
        inputs, outputs = layer.weight.shape
        weight = np.zeros((inputs + n, outputs + n), layer.weight.dtype)
        weight[:inputs, :outputs], weight[inputs:, outputs:] = layer.weight, np.eye(n)
        layers.append(Layer(weight, np.concatenate([layer.bias, np.zeros(n, layer.bias.dtype)])))
    return (*layers, Layer(np.concatenate([last.weight, head.weight]), last.bias + head.bias))
