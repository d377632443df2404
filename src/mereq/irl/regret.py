"""Regret of the present policy, as far as the posterior leaves it open: when supervision may stop.

With V(theta) the mean over first states of the soft residual value V_R(s; theta), and psi the discounted features of
the family's member at theta_now, that member's value under another theta is the tangent plane of V:

    regret(theta) = V(theta) - [V(theta_now) + (theta - theta_now).psi(theta_now)] >= 0

(docs/derivations.md#regret). What alignment is worth is the prior's regret, with theta_now = 0. Supervision may stop
when a high quantile of the regret under the posterior is a small share of that.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float

from mereq.core.errors import WrongPolicyOutput
from mereq.core.policy import Policy
from mereq.irl.posterior import Posterior
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.family import PolicyFamily
from mereq.maxent_rl.two_stream import TwoStream, state_features, theta_direction

SPAN = 0.01  # of the central differences, in limits of the region


class MemberValues(Protocol):
    """Values of the members of a family, averaged over first states."""

    def values(self, theta: Float[np.ndarray, "m features"]) -> Float[np.ndarray, " m"]:
        """V(theta) of each theta's own member."""
        ...

    def slope(self, theta: Float[np.ndarray, " features"]) -> Float[np.ndarray, " features"]:
        """psi(theta): the gradient of V, which is the member's discounted features."""
        ...


@dataclass(frozen=True)
class CategoricalValues:
    """V_R(s; theta) = alpha log sum_a pi(a|s) exp(Q_R(s, a; theta) / alpha), for finitely many actions."""

    network: TwoStream
    phi: Float[np.ndarray, "states actions j"]
    prior: Float[np.ndarray, "states actions"]  # log pi(a|s)
    temperature: float  # alpha
    span: Float[np.ndarray, " features"]

    @classmethod
    def of(cls, family: PolicyFamily, prior: Policy, obs: Float[np.ndarray, "states obs"]) -> "CategoricalValues":
        """Values of a family, averaged over these states.

        Raises:
            WrongPolicyOutput: the family's actions are continuous.
        """
        policy = family.policy
        if not isinstance(policy, QPolicy):
            raise WrongPolicyOutput("The regret of a policy family is known for finitely many actions only.")
        state = obs[:, : len(family.network.states[0].weight)].astype(np.float32)
        log_prior = prior.distribution(obs).parameters
        phi = state_features(family.network, state)
        return cls(family.network, phi, log_prior, policy.prior_temperature, SPAN * family.region.limit)

    def values(self, theta: Float[np.ndarray, "m features"]) -> Float[np.ndarray, " m"]:
        """V(theta) of each theta's own member."""
        states, actions, j = self.phi.shape
        q = (self.phi.reshape(-1, j) @ theta_direction(self.network, theta).T).reshape(states, actions, len(theta))
        scores = q.astype(np.float64) / self.temperature + self.prior[:, :, None]
        return self.temperature * np.logaddexp.reduce(scores, axis=1).mean(axis=0)

    def slope(self, theta: Float[np.ndarray, " features"]) -> Float[np.ndarray, " features"]:
        """psi(theta), by central differences; 0 for a feature that is not weighed."""
        steps = np.diag(self.span)
        change = self.values(theta + steps) - self.values(theta - steps)
        return np.divide(change, 2.0 * self.span, out=np.zeros_like(change), where=self.span > 0)


def regrets(
    members: MemberValues, thetas: Float[np.ndarray, "m features"], now: Float[np.ndarray, " features"]
) -> Float[np.ndarray, " m"]:
    """Regret of the member at `now` under each theta, in units of the residual reward."""
    plane = members.values(now[None])[0] + (thetas - now) @ members.slope(now)
    return np.maximum(members.values(thetas) - plane, 0.0)  # below 0 by the family's error only


@dataclass(frozen=True)
class RegretBound:
    """Regret that the present policy exceeds with a small probability only, and what alignment is worth."""

    bound: float  # quantile of the present policy's regret
    worth: float  # mean of the prior's regret

    @property
    def share(self) -> float:
        """The bound as a share of the worth; 1 if alignment is worth nothing."""
        return self.bound / self.worth if self.worth > 0 else 1.0


def regret_bound(
    members: MemberValues, posterior: Posterior, now: Float[np.ndarray, " features"], *, level: float = 0.95
) -> RegretBound:
    """Bound of the present policy's regret under a posterior whose first parameters are theta."""
    thetas = posterior.draws[:, : len(now)]
    bound = posterior.quantiles(regrets(members, thetas, now), np.array([level]))[0]
    return RegretBound(float(bound), float(posterior.weights @ regrets(members, thetas, np.zeros_like(now))))
