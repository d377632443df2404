"""Action distributions: what a learner needs to know of a policy, whatever framework the policy comes from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


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
        """Normalise logits, such as Q / alpha: Eq. (1)."""
        return cls(log_softmax(logits))

    def mode(self) -> Int[np.ndarray, " n"]:
        """Most probable action of each row; the first one among equals."""
        return self.log_probs.argmax(axis=-1)

    def sample(self, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
        """One action per row, by the Gumbel-max trick."""
        return (self.log_probs + rng.gumbel(size=self.log_probs.shape)).argmax(axis=-1)
