"""Multilayer perceptrons: as a JAX pytree for updates, and in NumPy for acting.

A policy acts on a handful of observations at a time. There, one NumPy forward pass takes a tenth of the time of
dispatching a compiled function, so parameters cross the border once per chunk of updates and acting stays in NumPy.
"""

import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from mereq.core.errors import WrongLearner


class Layer(NamedTuple):
    """One affine map x -> x @ weight + bias. Arrays of either library."""

    weight: Any  # (inputs, outputs)
    bias: Any  # (outputs,)


MLP = tuple[Layer, ...]


def init_mlp(key: PRNGKeyArray, sizes: tuple[int, ...], *, zero_head: bool) -> MLP:
    """He-uniform initial parameters of an MLP with ReLU between its layers.

    zero_head: start the last layer at zero, so that the output is zero for every input (Q_R before any update).
    """
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        key, key_weight, key_bias = jax.random.split(key, 3)
        bound = 1.0 / np.sqrt(inputs)
        weight = jax.random.uniform(key_weight, (inputs, outputs), minval=-bound, maxval=bound)
        bias = jax.random.uniform(key_bias, (outputs,), minval=-bound, maxval=bound)
        layers.append(Layer(weight, bias))
    if zero_head:
        layers[-1] = Layer(jnp.zeros_like(layers[-1].weight), jnp.zeros_like(layers[-1].bias))
    return tuple(layers)


def hidden_sizes(mlp: MLP) -> tuple[int, ...]:
    """Outputs of each layer but the last."""
    return tuple(layer.weight.shape[1] for layer in mlp[:-1])


def check_sizes(found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Whether a learner can go on from networks of these hidden sizes.

    Raises:
        WrongLearner: it cannot.
    """
    if found != wanted:
        raise WrongLearner(
            f"The policy to go on from has hidden layers of {list(found)} units, the learner's settings say "
            f"{list(wanted)}. Choose a preset, or a policy, with the same sizes."
        )


def apply_mlp(mlp: MLP, x: Float[Array | np.ndarray, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
    """Forward pass in JAX."""
    for layer in mlp[:-1]:
        x = jax.nn.relu(_affine(layer, x))
    return _affine(mlp[-1], x)


def _affine(layer: Layer, x: Float[Array | np.ndarray, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
    """x @ weight + bias, with the bias broadcast explicitly."""
    product = jnp.asarray(x @ layer.weight)
    return product + jnp.broadcast_to(layer.bias, product.shape)


def mlp_to_numpy(mlp: MLP) -> MLP:
    """The same parameters as NumPy arrays (waits for updates under way)."""
    return tuple(Layer(np.asarray(layer.weight), np.asarray(layer.bias)) for layer in mlp)


def apply_mlp_numpy(mlp: MLP, x: Float[np.ndarray, "n inputs"]) -> Float[np.ndarray, "n outputs"]:
    """Forward pass in NumPy."""
    for layer in mlp[:-1]:
        x = x @ layer.weight
        x += layer.bias
        np.maximum(x, 0.0, out=x)
    return x @ mlp[-1].weight + mlp[-1].bias
