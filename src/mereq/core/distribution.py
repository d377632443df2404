"""Action distributions: what a learner needs to know of a policy, whatever framework the policy comes from."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int


class Distribution(Protocol):
    """Distributions over actions, one row per observation."""

    @property
    def parameters(self) -> Float[np.ndarray, "n parameters"]:
        """Numbers that say all about it, a row each."""
        ...

    def mode(self) -> np.ndarray:
        """The action that a policy takes when it does not explore, one per row."""
        ...

    def sample(self, rng: np.random.Generator) -> np.ndarray:
        """One action per row."""
        ...


def log_softmax(x: Float[np.ndarray, "*batch actions"]) -> Float[np.ndarray, "*batch actions"]:
    """log softmax over the last axis, without overflow."""
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Categorical:
    """Distribution over a finite set of actions, one row per observation.

    `log_probs` is normalised: exp(log_probs) sums to 1 in each row. Build it from logits with `from_logits`.
    """

    log_probs: Float[np.ndarray, "n actions"]

    @classmethod
    def from_logits(cls, logits: Float[np.ndarray, "n actions"]) -> "Categorical":
        """Distribution with probabilities softmax(logits)."""
        return cls(log_softmax(logits))

    @property
    def parameters(self) -> Float[np.ndarray, "n actions"]:
        """The log-probabilities."""
        return self.log_probs

    def mode(self) -> Int[np.ndarray, " n"]:
        """Most probable action of each row; the first one among equals."""
        return self.log_probs.argmax(axis=-1)

    def sample(self, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
        """One action per row, by the Gumbel-max trick."""
        return (self.log_probs + rng.gumbel(size=self.log_probs.shape)).argmax(axis=-1)


@dataclass(frozen=True)
class SquashedGaussian:
    """Distribution over [-1, 1]^k: a = tanh(u), with u normal and its coordinates independent. One row each."""

    mean: Float[np.ndarray, "n actions"]  # of u
    log_std: Float[np.ndarray, "n actions"]  # of u

    @property
    def parameters(self) -> Float[np.ndarray, "n parameters"]:
        """Means, then log-stds."""
        return np.concatenate([self.mean, self.log_std], axis=1)

    def mode(self) -> Float[np.ndarray, "n actions"]:
        """tanh of the mean: the median of each coordinate, which SAC takes for its deterministic action."""
        return np.tanh(self.mean)

    def sample(self, rng: np.random.Generator) -> Float[np.ndarray, "n actions"]:
        """One action per row."""
        noise = rng.standard_normal(self.mean.shape, dtype=np.float32)
        return np.tanh(self.mean + np.exp(self.log_std) * noise)
