"""Sets of actions: finitely many, or a box."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mereq.core.distribution import Categorical, Distribution, SquashedGaussian


@dataclass(frozen=True)
class Discrete:
    """The actions 0 .. n-1."""

    n: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one action."""
        return ()

    @property
    def dtype(self) -> type:
        """Of an action in memory."""
        return np.int32

    @property
    def n_parameters(self) -> int:
        """Numbers that make a distribution over these actions: one log-probability each."""
        return self.n

    def distribution(self, parameters: Float[np.ndarray, "n parameters"]) -> Categorical:
        """The distribution with these parameters."""
        return Categorical(parameters)

    def uniform(self, rng: np.random.Generator, n: int) -> Int[np.ndarray, " n"]:
        """n random actions."""
        return rng.integers(self.n, size=n)

    def __str__(self) -> str:
        return f"{self.n} actions"


@dataclass(frozen=True)
class Box:
    """Vectors of `size` numbers in [-1, 1]."""

    size: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one action."""
        return (self.size,)

    @property
    def dtype(self) -> type:
        """Of an action in memory."""
        return np.float32

    @property
    def n_parameters(self) -> int:
        """Numbers that make a distribution over these actions: a mean and a log-std for each coordinate."""
        return 2 * self.size

    def distribution(self, parameters: Float[np.ndarray, "n parameters"]) -> SquashedGaussian:
        """The distribution with these parameters."""
        return SquashedGaussian(parameters[:, : self.size], parameters[:, self.size :])

    def uniform(self, rng: np.random.Generator, n: int) -> Float[np.ndarray, "n actions"]:
        """n random actions."""
        return rng.uniform(-1.0, 1.0, (n, self.size)).astype(np.float32)

    def __str__(self) -> str:
        return f"{self.size} continuous actions"


Actions = Discrete | Box


def parameters_of(distribution: Distribution | None, actions: Actions, n: int) -> Float[np.ndarray, "n parameters"]:
    """The parameters of n distributions; zeros when there are none."""
    return np.zeros((n, actions.n_parameters), np.float32) if distribution is None else distribution.parameters
