"""Conversion of a learner's state to named arrays, for checkpoints, and back."""

from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from mereq.core.errors import CorruptCheckpoint

State = TypeVar("State")


def to_arrays(state: object) -> dict[str, np.ndarray]:
    """Leaves of a pytree, named by their paths."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def from_arrays(state: State, arrays: dict[str, np.ndarray]) -> State:
    """State with the structure of `state` and the arrays that `to_arrays` returned.

    Raises:
        CorruptCheckpoint: an array is missing, or has another shape or type.
    """

    def saved(path: tuple, here: Array) -> Array:
        name = jax.tree_util.keystr(path)
        value = arrays.get(name)
        if value is None or value.shape != here.shape or value.dtype != here.dtype:
            found = "missing" if value is None else f"{value.dtype}{value.shape}"
            raise CorruptCheckpoint(
                f"The saved learner does not fit: array {name} should be {here.dtype}{here.shape}, but is {found}. "
                "Load it with the settings it was saved with."
            )
        return jnp.asarray(value)

    return jax.tree_util.tree_map_with_path(saved, state)


def under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays whose names begin with the prefix, by their names without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
