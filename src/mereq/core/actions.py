"""Action spaces: a finite set, or a box."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mereq.core.distribution import Categorical, Distribution, SquashedGaussian


@dataclass(frozen=True)
class Discrete:
    """Action space of the integers 0 .. n-1."""

    n: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one action."""
        return ()

    @property
    def dtype(self) -> type:
        """NumPy type of a stored action."""
        return np.int32

    @property
    def n_parameters(self) -> int:
        """Number of parameters of a distribution over these actions: one log-probability per action."""
        return self.n

    def distribution(self, parameters: Float[np.ndarray, "n parameters"]) -> Categorical:
        """Distributions with the given parameters, one per row."""
        return Categorical(parameters)

    def uniform(self, rng: np.random.Generator, n: int) -> Int[np.ndarray, " n"]:
        """n actions, drawn uniformly."""
        return rng.integers(self.n, size=n)

    def __str__(self) -> str:
        return f"{self.n} actions"


@dataclass(frozen=True)
class Box:
    """Action space of the vectors of `size` numbers in [-1, 1]."""

    size: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one action."""
        return (self.size,)

    @property
    def dtype(self) -> type:
        """NumPy type of a stored action."""
        return np.float32

    @property
    def n_parameters(self) -> int:
        """Number of parameters of a distribution over these actions: a mean and a log-std per coordinate."""
        return 2 * self.size

    def distribution(self, parameters: Float[np.ndarray, "n parameters"]) -> SquashedGaussian:
        """Distributions with the given parameters, one per row."""
        return SquashedGaussian(parameters[:, : self.size], parameters[:, self.size :])

    def uniform(self, rng: np.random.Generator, n: int) -> Float[np.ndarray, "n actions"]:
        """n actions, drawn uniformly."""
        return rng.uniform(-1.0, 1.0, (n, self.size)).astype(np.float32)

    def __str__(self) -> str:
        return f"{self.size} continuous actions"


Actions = Discrete | Box


def parameters_of(distribution: Distribution | None, actions: Actions, n: int) -> Float[np.ndarray, "n parameters"]:
    """Parameters of n distributions, one row each; zeros if `distribution` is None."""
    return np.zeros((n, actions.n_parameters), np.float32) if distribution is None else distribution.parameters
