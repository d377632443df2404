"""A policy is anything that gives an action distribution for a batch of observations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float

from mereq.core.distribution import Categorical
from mereq.core.errors import WrongPolicyOutput


class Policy(Protocol):
    """NumPy in, NumPy out; from any framework."""

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> Categorical:
        """Action distribution at each observation."""
        ...


@dataclass(frozen=True)
class LogitsPolicy:
    """A policy from a plain callable `obs (n, obs) -> logits (n, actions)`: a user's own network, table or rule.

    Raises:
        WrongPolicyOutput: at a call, when the callable's answer is not finite or not of shape (n, n_actions).
    """

    logits: Callable[[Float[np.ndarray, "n obs"]], Float[np.ndarray, "n actions"]]
    n_actions: int

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> Categorical:
        """softmax of the callable's logits."""
        logits = np.asarray(self.logits(obs), dtype=np.float64)
        wanted = (len(obs), self.n_actions)
        if logits.shape != wanted:
            raise WrongPolicyOutput(
                f"The policy answered {len(obs)} observations with an array of shape {logits.shape}; this task has "
                f"{self.n_actions} actions, so it must return logits of shape {wanted}, one row per observation."
            )
        if not np.isfinite(logits).all():
            raise WrongPolicyOutput(
                "The policy answered with NaN or infinite logits. Return finite logits; for a forbidden action use a "
                "large negative number such as -1e3 instead of -inf."
            )
        return Categorical.from_logits(logits)
