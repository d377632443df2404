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


NEVER = -1e4  # log-probability of an action that was never drawn: finite, and zero once it is exponentiated


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

    @classmethod
    def from_samples(cls, samples: Int[np.ndarray, "n samples"], n_actions: int) -> "Categorical":
        """Empirical distribution of actions that were drawn: share of each. Actions never drawn get `NEVER`."""
        counts = (samples[..., None] == np.arange(n_actions)).sum(axis=1)
        shares = np.log(np.maximum(counts, 1) / samples.shape[1])
        return cls(np.where(counts > 0, shares, NEVER).astype(np.float32))

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


@dataclass(frozen=True)
class ClippedGaussian:
    """Distributions over [-1, 1]^k, one row per observation: a = clip(u, -1, 1), u normal, independent coordinates.

    The policies of PPO, A2C and their relatives, whose normal is cut off at the limits of the actions.
    """

    mean: Float[np.ndarray, "n actions"]  # of u; may lie beyond the limits
    log_std: Float[np.ndarray, "n actions"]  # of u

    @property
    def parameters(self) -> Float[np.ndarray, "n parameters"]:
        """Means, then log-stds."""
        return np.concatenate([self.mean, self.log_std], axis=1)

    def mode(self) -> Float[np.ndarray, "n actions"]:
        """The mean, clipped: the median of each coordinate, and the deterministic action of PPO."""
        return np.clip(self.mean, -1.0, 1.0)

    def sample(self, rng: np.random.Generator) -> Float[np.ndarray, "n actions"]:
        """One random action per row."""
        noise = rng.standard_normal(self.mean.shape, dtype=np.float32)
        return np.clip(self.mean + np.exp(self.log_std) * noise, -1.0, 1.0)


@dataclass(frozen=True)
class WeightedSamples:
    """Distributions over finitely many actions that a policy has drawn, one row of them per observation.

    log_weights: logarithms of the actions' weights; equal for the policy that has drawn them.
    chosen: a number in [0, 1) per row, drawn with the actions. It selects the action of `mode`.
    """

    actions: Float[np.ndarray, "n samples actions"]
    log_weights: Float[np.ndarray, "n samples"]
    chosen: Float[np.ndarray, " n"]

    @property
    def parameters(self) -> Float[np.ndarray, "n parameters"]:
        """The actions of each row, one after the other."""
        return self.actions.reshape(len(self.actions), -1)

    def mode(self) -> Float[np.ndarray, "n actions"]:
        """Action that `chosen` selects: a sample by weight. A policy known by samples has no most probable action."""
        return self._at(self.chosen)

    def sample(self, rng: np.random.Generator) -> Float[np.ndarray, "n actions"]:
        """One random action per row."""
        return self._at(rng.random(len(self.actions)))

    def _at(self, quantiles: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n actions"]:
        below = np.cumsum(np.exp(log_softmax(self.log_weights.astype(np.float64))), axis=1)
        index = np.minimum((below <= quantiles[:, None]).sum(axis=1), self.actions.shape[1] - 1)
        return self.actions[np.arange(len(self.actions)), index]
