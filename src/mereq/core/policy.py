"""Policies: anything that returns an action distribution for a batch of observations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from mereq.core.border import failed
from mereq.core.distribution import Categorical, Distribution, SquashedGaussian
from mereq.core.errors import MereqError, WrongPolicyOutput, WrongValue

ENOUGH_ROWS = 8  # of probabilities in place of logits: fewer can be logits by chance


class Policy(Protocol):
    """A policy from any framework. Its inputs and outputs are NumPy arrays."""

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> Distribution:
        """Action distribution at each observation."""
        ...


@dataclass(frozen=True)
class LogitsPolicy:
    """Policy made of a callable `obs (n, obs) -> logits (n, actions)`: a user's own network, table or rule.

    Raises:
        WrongPolicyOutput: from `distribution`, when the callable returns values that are not finite, probabilities, or
            an array whose shape is not (n, n_actions).
    """

    logits: Callable[[Float[np.ndarray, "n obs"]], Float[np.ndarray, "n actions"]]
    n_actions: int

    def __post_init__(self):
        check_count("n_actions of a LogitsPolicy", self.n_actions)

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> Categorical:
        """Softmax of the callable's logits."""
        logits = _numbers(_answer(self.logits, obs), np.float64)
        wanted = (len(obs), self.n_actions)
        if logits.shape != wanted:
            raise WrongPolicyOutput(
                f"The policy answered {len(obs)} observations with an array of shape {logits.shape}; this task has "
                f"{self.n_actions} actions, so it must return logits of shape {wanted}, one row per observation."
            )
        if not np.isfinite(logits).all():
            raise WrongPolicyOutput(
                f"The policy answered with NaN or infinite logits{_first_row(logits)}. Return finite logits; for a "
                "forbidden action use a large negative number such as -1e3 instead of -inf."
            )
        if _are_probabilities(logits):
            raise WrongPolicyOutput(
                f"The policy answered {len(obs)} observations with numbers that are never negative and sum to 1 for "
                "each of them: probabilities, where logits are wanted. Take their logarithm, such as "
                "np.log(np.maximum(probabilities, 1e-8)), or leave the softmax out."
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

    def __post_init__(self):
        check_count("n_actions of a GaussianPolicy", self.n_actions)

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> SquashedGaussian:
        """Squashed Gaussian with the callable's mean and log-std."""
        answer: Any = _answer(self.mean_and_log_std, obs)
        if type(answer) not in (tuple, list) or len(answer) != 2:
            raise WrongPolicyOutput(
                f"The policy answered with {type(answer).__name__}, and must return a pair: mean, log_std, each of "
                f"shape {(len(obs), self.n_actions)}."
            )
        mean, log_std = (_numbers(part, np.float32) for part in answer)
        wanted = (len(obs), self.n_actions)
        if mean.shape != wanted or log_std.shape != wanted:
            raise WrongPolicyOutput(
                f"The policy answered {len(obs)} observations with a mean of shape {mean.shape} and a log-std of shape "
                f"{log_std.shape}; for the {self.n_actions} actions of this task both must be {wanted}."
            )
        if not (np.isfinite(mean).all() and np.isfinite(log_std).all()):
            raise WrongPolicyOutput(
                "The policy answered with a NaN or infinite mean or "
                f"log-std{_first_row(mean + log_std)}. Return finite numbers; for an action at its limit a mean of "
                "5 or -5, and for a policy without noise a log-std such as -3."
            )
        return SquashedGaussian(mean, log_std)


def check_count(name: str, value: Any) -> None:
    """Refuse what is no whole number of at least 1.

    Raises:
        WrongValue: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise WrongValue(f"{name} must be a whole number of at least 1; it is {value!r}.")


def _answer(function: Callable[..., Any], obs: np.ndarray) -> Any:
    """Answer of a user's function, which gets a copy of the observations, and may write over it.

    Raises:
        OwnCodeFailed: the function raised an exception.
    """
    try:
        return function(np.array(obs))
    except MereqError:
        raise
    except Exception as error:
        what = f"The policy failed when called with {len(obs)} observations"
        given = f"a NumPy array of shape {obs.shape} and type {obs.dtype}"
        raise failed(what, error, f"It is given {given}; a PyTorch module needs torch.from_numpy(obs).") from error


def _numbers(answer: Any, dtype: type[np.floating[Any]]) -> np.ndarray:
    """New array of what a user's callable returned.

    Raises:
        WrongPolicyOutput: it cannot become an array of numbers.
    """
    try:
        found = np.array(answer)
        if found.dtype.kind in "cUSV":
            raise TypeError(f"it has the type {found.dtype}")
        return found.astype(dtype)
    except Exception as error:
        raise WrongPolicyOutput(
            f"The policy answered with a {type(answer).__name__} that cannot become a NumPy array: {error}. Return an "
            "array; of a PyTorch tensor, tensor.detach().cpu().numpy()."
        ) from error


def _first_row(numbers: np.ndarray) -> str:
    """Where the first number that is not finite is."""
    return f" (for observation {int(np.flatnonzero(~np.isfinite(numbers).all(axis=1))[0])} of {len(numbers)})"


def _are_probabilities(logits: np.ndarray) -> bool:
    """Whether all of enough rows could be probabilities."""
    n, n_actions = logits.shape
    if n < ENOUGH_ROWS or n_actions == 1 or (logits < 0).any():
        return False
    return bool((np.abs(logits.sum(axis=1) - 1.0) < 1e-3).all())
