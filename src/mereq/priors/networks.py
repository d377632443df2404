"""Forward passes of other libraries' networks, in NumPy."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mereq.core.errors import CannotLoad

Array = Float[np.ndarray, "n _"]


def _softplus(x: Array) -> Array:
    return np.logaddexp(0.0, x)


def _sigmoid(x: Array) -> Array:
    return np.exp(-_softplus(-x))


def _gelu(x: Array) -> Array:
    return 0.5 * x * (1.0 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2.0)))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {  # by the names of PyTorch, with its default settings
    "ReLU": lambda x: np.maximum(x, 0.0),
    "Tanh": np.tanh,
    "ELU": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
    "LeakyReLU": lambda x: np.where(x > 0, x, 0.01 * x),
    "SiLU": lambda x: x * _sigmoid(x),
    "Mish": lambda x: x * np.tanh(_softplus(x)),
    "GELU": _gelu,
    "Sigmoid": _sigmoid,
    "Softplus": _softplus,
    "Identity": lambda x: x,
}


@dataclass(frozen=True)
class Network:
    """Affine maps x -> x @ weight.T + bias, with the activation between them, and after the last if `ends_active`.

    It computes in float64, so that its error is far below that of a library that computes in float32.
    """

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    activation: str
    ends_active: bool = False

    @property
    def n_inputs(self) -> int | None:
        """Numbers in an input; None for a network without layers."""
        return self.layers[0][0].shape[1] if self.layers else None

    def __call__(self, x: Array) -> Array:
        """Output of the last layer."""
        active = ACTIVATIONS[self.activation]
        for number, (weight, bias) in enumerate(self.layers, start=1):
            x = x @ weight.T + bias
            if self.ends_active or number < len(self.layers):
                x = active(x)
        return x


def network_of(
    tensors: Mapping[str, np.ndarray], prefix: str, activation: str, file: str, *, ends_active: bool = False
) -> Network:
    """Network of the tensors `PREFIX.0.weight`, `PREFIX.0.bias`, `PREFIX.2.weight` ..., or of `PREFIX.weight` alone.

    Raises:
        CannotLoad: other tensors have this prefix, or they do not fit together.
    """
    own = {name.removeprefix(f"{prefix}."): array for name, array in tensors.items() if name.startswith(f"{prefix}.")}
    numbers = sorted({name.rpartition(".")[0] for name in own}, key=lambda number: (len(number), number))
    layers = []
    inputs: int | None = None
    for number in numbers:
        dot = f"{number}." if number else ""
        weight, bias = own.pop(f"{dot}weight", None), own.pop(f"{dot}bias", None)
        if weight is None or bias is None or weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise CannotLoad(f"{file} has a layer {prefix}.{number} that is no affine layer. Save the policy as ONNX.")
        if inputs is not None and inputs != weight.shape[1]:
            raise CannotLoad(f"{file} is damaged: its layers {prefix} do not fit together.")
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise CannotLoad(f"{file} has NaN or infinite weights in {prefix}.{number}: its training has diverged.")
        layers.append((weight.astype(np.float64), bias.astype(np.float64)))
        inputs = len(bias)
    if own:
        raise CannotLoad(f"{file} has layers {prefix} that are not affine: {', '.join(own)}. Save the policy as ONNX.")
    return Network(tuple(layers), activation, ends_active)
