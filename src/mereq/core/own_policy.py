"""A user's own policy class behind copies and checks."""

from typing import Any, cast

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Actions
from mereq.core.border import failed
from mereq.core.distribution import Categorical, Distribution, SquashedGaussian
from mereq.core.errors import MereqError, WrongPolicyOutput
from mereq.core.policy import Policy


class OwnPolicy:
    """Policy of a class that is not mereq's: it gets copies of observations, and its answers are copied and checked.

    Raises:
        OwnCodeFailed: from `distribution`, when the policy raised an exception.
        WrongPolicyOutput: from `distribution`, when the answer is no distribution of these actions, or not finite.
    """

    def __init__(self, policy: Policy, actions: Actions):
        self._policy, self._actions = policy, actions

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> Distribution:
        """Action distribution at each observation."""
        try:
            answer = self._policy.distribution(np.array(obs))
        except MereqError:
            raise
        except Exception as error:
            raise failed(f"The policy failed when called with {len(obs)} observations", error) from error
        return checked_distribution(answer, self._actions, len(obs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)


def protected(policy: Any, actions: Actions) -> Policy:
    """The policy, behind copies and checks if its class is not mereq's. Mereq's classes copy and check themselves."""
    if type(policy).__module__.partition(".")[0] == "mereq":
        return policy
    if not hasattr(policy, "distribution"):
        raise WrongPolicyOutput(
            f"The prior is a {type(policy).__name__}, and must be a policy: an object with distribution(obs). "
            "LogitsPolicy(function, n_actions=...) and GaussianPolicy(function, n_actions=...) make one of a function."
        )
    return OwnPolicy(policy, actions)


def checked_distribution(answer: Any, actions: Actions, n: int) -> Distribution:
    """Copy of n distributions that a policy returned.

    Raises:
        WrongPolicyOutput: they are no distributions of these actions, not n, or not finite.
    """
    wanted = type(actions.distribution(np.zeros((1, actions.n_parameters), np.float32)))
    missing = [part for part in ("parameters", "mode", "sample") if not hasattr(answer, part)]
    if missing or (isinstance(answer, Categorical | SquashedGaussian) and not isinstance(answer, wanted)):
        raise WrongPolicyOutput(
            f"The policy gives a {type(answer).__name__}; for {actions} it must be a {wanted.__name__} (LogitsPolicy "
            "and GaussianPolicy turn a function into a policy)."
        )
    if not isinstance(answer, wanted):
        return cast(Distribution, answer)  # of a class with parameters of its own
    parameters = np.array(answer.parameters)
    if parameters.shape != (n, actions.n_parameters):
        raise WrongPolicyOutput(
            f"The policy's distribution for {n} observations has parameters of shape {parameters.shape}; for {actions} "
            f"it must be {(n, actions.n_parameters)}, one row per observation."
        )
    if not np.isfinite(parameters).all():
        where = int(np.flatnonzero(~np.isfinite(parameters).all(axis=1))[0])
        raise WrongPolicyOutput(
            f"The policy's distribution has parameters that are NaN or infinite (for observation {where} of {n}). "
            "Return finite numbers; the log-probability of a forbidden action may be -1e3."
        )
    return actions.distribution(parameters)
