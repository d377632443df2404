"""Action spaces: a finite set, or a box."""

from dataclasses import dataclass, field

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
    """Action space of the vectors of `size` numbers in [-1, 1].

    `low` and `high` are the limits in the environment's own units, to which -1 and 1 are mapped; None: -1 and 1. They
    are no part of the space: a learner sees numbers in [-1, 1].
    """

    size: int
    low: tuple[float, ...] | None = field(default=None, compare=False)
    high: tuple[float, ...] | None = field(default=None, compare=False)

    @property
    def limits(self) -> tuple[Float[np.ndarray, " actions"], Float[np.ndarray, " actions"]]:
        """Lower and upper limits in the environment's own units."""
        one = np.ones(self.size)
        return (-one if self.low is None else np.array(self.low)), (one if self.high is None else np.array(self.high))

    def from_units(self, actions: Float[np.ndarray, "*batch actions"]) -> Float[np.ndarray, "*batch actions"]:
        """Actions in the environment's own units, as numbers of which -1 and 1 are the limits."""
        low, high = self.limits
        return 2.0 * (actions - low) / (high - low) - 1.0

    def to_units(self, actions: Float[np.ndarray, "*batch actions"]) -> Float[np.ndarray, "*batch actions"]:
        """Actions between -1 and 1, in the environment's own units."""
        low, high = self.limits
        share = (actions + 1.0) / 2.0
        return (1.0 - share) * low + share * high

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
