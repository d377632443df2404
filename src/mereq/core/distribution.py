"""Action distributions: all that a learner needs of a policy, whatever framework the policy comes from."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int


class Distribution(Protocol):
    """Distributions over actions, one per observation."""

    @property
    def parameters(self) -> Float[np.ndarray, "n parameters"]:
        """Parameters that determine the distributions, one row each."""
        ...

    def mode(self) -> np.ndarray:
        """Action of each row that a policy takes when it does not explore."""
        ...

    def sample(self, rng: np.random.Generator) -> np.ndarray:
        """One random action per row."""
        ...


def log_softmax(x: Float[np.ndarray, "*batch actions"]) -> Float[np.ndarray, "*batch actions"]:
    """Logarithm of the softmax over the last axis, without overflow."""
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Categorical:
    """Distributions over a finite set of actions, one row per observation.

    `log_probs` is normalised: exp(log_probs) sums to 1 in each row. Build it from logits with `from_logits`.
    """

    log_probs: Float[np.ndarray, "n actions"]

    @classmethod
    def from_logits(cls, logits: Float[np.ndarray, "n actions"]) -> "Categorical":
        """Distribution with probabilities softmax(logits)."""
        return cls(log_softmax(logits))

    @property
    def parameters(self) -> Float[np.ndarray, "n actions"]:
        """Log-probabilities."""
        return self.log_probs

    def mode(self) -> Int[np.ndarray, " n"]:
        """Most probable action of each row; of equally probable ones the first."""
        return self.log_probs.argmax(axis=-1)

    def sample(self, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
        """One random action per row, by the Gumbel-max trick."""
        return (self.log_probs + rng.gumbel(size=self.log_probs.shape)).argmax(axis=-1)


@dataclass(frozen=True)
class SquashedGaussian:
    """Distributions over [-1, 1]^k, one row per observation: a = tanh(u), u normal with independent coordinates."""

    mean: Float[np.ndarray, "n actions"]  # of u
    log_std: Float[np.ndarray, "n actions"]  # of u

    @property
    def parameters(self) -> Float[np.ndarray, "n parameters"]:
        """Means, then log-stds."""
        return np.concatenate([self.mean, self.log_std], axis=1)

    def mode(self) -> Float[np.ndarray, "n actions"]:
        """tanh of the mean: the median of each coordinate, and the deterministic action of SAC."""
        return np.tanh(self.mean)

    def sample(self, rng: np.random.Generator) -> Float[np.ndarray, "n actions"]:
        """One random action per row."""
        noise = rng.standard_normal(self.mean.shape, dtype=np.float32)
        return np.tanh(self.mean + np.exp(self.log_std) * noise)
