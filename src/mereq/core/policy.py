"""Policies: anything that returns an action distribution for a batch of observations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float

from mereq.core.distribution import Categorical, Distribution, SquashedGaussian
from mereq.core.errors import WrongPolicyOutput


class Policy(Protocol):
    """A policy from any framework. Its inputs and outputs are NumPy arrays."""

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> Distribution:
        """Action distribution at each observation."""
        ...


@dataclass(frozen=True)
class LogitsPolicy:
    """Policy made of a callable `obs (n, obs) -> logits (n, actions)`: a user's own network, table or rule.

    Raises:
        WrongPolicyOutput: from `distribution`, when the callable returns values that are not finite, or an array whose
            shape is not (n, n_actions).
    """

    logits: Callable[[Float[np.ndarray, "n obs"]], Float[np.ndarray, "n actions"]]
    n_actions: int

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> Categorical:
        """Softmax of the callable's logits."""
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


@dataclass(frozen=True)
class GaussianPolicy:
    """Continuous policy made of a callable `obs (n, obs) -> mean, log_std (n, actions)`, both before the tanh.

    For a rule that yields an action a in (-1, 1)^k, return arctanh(a) and a log-std that expresses its confidence.

    Raises:
        WrongPolicyOutput: from `distribution`, when the callable returns values that are not finite, or an array whose
            shape is not (n, n_actions).
    """

    mean_and_log_std: Callable[
        [Float[np.ndarray, "n obs"]], tuple[Float[np.ndarray, "n actions"], Float[np.ndarray, "n actions"]]
    ]
    n_actions: int

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> SquashedGaussian:
        """Squashed Gaussian with the callable's mean and log-std."""
        mean, log_std = (np.asarray(part, np.float32) for part in self.mean_and_log_std(obs))
        wanted = (len(obs), self.n_actions)
        if mean.shape != wanted or log_std.shape != wanted:
            raise WrongPolicyOutput(
                f"The policy answered {len(obs)} observations with a mean of shape {mean.shape} and a log-std of shape "
                f"{log_std.shape}; for the {self.n_actions} actions of this task both must be {wanted}."
            )
        if not (np.isfinite(mean).all() and np.isfinite(log_std).all()):
            raise WrongPolicyOutput(
                "The policy answered with a NaN or infinite mean or log-std. Return finite numbers; for an action at "
                "its limit a mean of 5 or -5, and for a policy without noise a log-std such as -3."
            )
        return SquashedGaussian(mean, log_std)
