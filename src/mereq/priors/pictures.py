"""Feature extractors of Stable-Baselines3 for observations with pictures: NatureCNN and CombinedExtractor, in NumPy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from mereq.core.errors import CannotLoad
from mereq.priors.networks import Network, network_of

STRIDES = (4, 2, 1)  # of NatureCNN's convolutions, whose files do not say them
KERNELS = (8, 4, 3)

Rows = Float[np.ndarray, "n _"]


@dataclass(frozen=True)
class Convolutions:
    """NatureCNN: convolutions and an affine layer, with ReLU after each, of a picture with values from 0 to 255."""

    shape: tuple[int, int, int]  # of the environment's picture
    channels_first: bool
    kernels: tuple[tuple[np.ndarray, np.ndarray], ...]
    linear: Network

    def __call__(self, flat: Rows) -> Rows:
        """Features of flattened pictures."""
        x = flat.reshape(-1, *self.shape) / 255.0
        x = x if self.channels_first else x.transpose(0, 3, 1, 2)
        for (weight, bias), stride in zip(self.kernels, STRIDES, strict=True):
            x = np.maximum(_convolved(x, weight, stride) + bias[:, None, None], 0.0)
        return self.linear(x.reshape(len(x), -1))


def _convolved(x: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:
    """2D convolution without padding: (n, channels, height, width) to (n, outputs, height, width)."""
    size = weight.shape[2]
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]
    n, _, height, width = windows.shape[:4]
    columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * height * width, -1)
    return (columns @ weight.reshape(len(weight), -1).T).reshape(n, height, width, -1).transpose(0, 3, 1, 2)


@dataclass(frozen=True)
class Extractor:
    """Features of flattened observations: of each part the numbers themselves, or those of a picture."""

    parts: tuple[tuple[slice, Convolutions | None], ...]

    def __call__(self, flat: Rows) -> Rows:
        """Features, in the order of the parts."""
        columns = [flat[:, where] if of is None else of(flat[:, where]) for where, of in self.parts]
        return np.concatenate(columns, axis=1)


def extractor_of(tensors: Mapping[str, np.ndarray], prefix: str, space: Any, file: str) -> Extractor:
    """The extractor whose tensors begin with PREFIX.

    Args:
        tensors: of the policy.
        prefix: such as `features_extractor`.
        space: of the environment's observations: a `Box`, or a `Dict` of spaces.
        file: for messages.

    Raises:
        CannotLoad: the convolutions are not NatureCNN's, or do not fit the pictures.
    """
    parts: list[tuple[slice, Convolutions | None]] = []
    for name, leaf, where in _parts(space):
        own = f"{prefix}.extractors.{name}" if name else prefix
        is_picture = any(key.startswith(f"{own}.cnn.") for key in tensors)
        parts.append((where, _convolutions(tensors, own, name, leaf, file) if is_picture else None))
    return Extractor(tuple(parts))


def _parts(space: Any) -> Iterator[tuple[str, Any, slice]]:
    """Names, spaces and columns of the parts of flattened observations."""
    from gymnasium import spaces

    start = 0
    named = space.spaces.items() if isinstance(space, spaces.Dict) else [("", space)]
    for name, leaf in named:
        size = spaces.flatdim(leaf)
        yield cast(str, name), leaf, slice(start, start + size)
        start += size


def _convolutions(tensors: Mapping[str, np.ndarray], prefix: str, name: str, leaf: Any, file: str) -> Convolutions:
    layers = [(tensors.get(f"{prefix}.cnn.{i}.weight"), tensors.get(f"{prefix}.cnn.{i}.bias")) for i in (0, 2, 4)]
    known = all(w is not None and b is not None and w.ndim == 4 for w, b in layers)
    kernels = cast(list[tuple[np.ndarray, np.ndarray]], layers)
    if not known or tuple(w.shape[2] for w, _ in kernels) != KERNELS:
        raise CannotLoad(
            f"{file} has convolutions other than Stable-Baselines3's NatureCNN, and their strides are not in the file. "
            "Export the policy as ONNX, or name a function of yours that calls it: --prior file.py:NAME."
        )
    if not all(np.isfinite(array).all() for layer in kernels for array in layer):
        raise CannotLoad(f"{file} has NaN or infinite weights in {prefix}: its training has diverged.")
    linear = network_of(tensors, f"{prefix}.linear", "ReLU", file, ends_active=True)
    shape: tuple[int, ...] = tuple(leaf.shape or ())
    first = len(shape) == 3 and int(np.argmin(shape)) == 0  # as Stable-Baselines3 decides it
    channels, height, width = 0, 0, 0
    if len(shape) == 3:
        channels, height, width = shape if first else (shape[2], shape[0], shape[1])
    for size, stride in zip(KERNELS, STRIDES, strict=True):
        height, width = (height - size) // stride + 1, (width - size) // stride + 1
    fits = min(height, width) >= 1 and kernels[0][0].shape[1] == channels
    if not fits or linear.n_inputs != len(kernels[-1][1]) * height * width:
        where = f"the part {name} of the observation" if name else "the observation"
        raise CannotLoad(
            f"The policy {file} was trained on pictures of another shape than {where}, {shape} (its first layer sees "
            f"{kernels[0][0].shape[1]} channels). Give the environment the wrappers of the training, such as for the "
            "size, the colours, or stacked frames."
        )
    doubles = tuple((w.astype(np.float64), b.astype(np.float64)) for w, b in kernels)
    return Convolutions(cast(tuple[int, int, int], shape), first, doubles, linear)
