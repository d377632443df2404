"""Log-probability of recorded actions under every member of a policy family, at once.

A two-stream network is a product of phi(s), which does not depend on theta, with a vector that depends on theta alone.
phi of the recorded states is computed once; then the log-probabilities under m thetas cost one matrix product.

A supervisor's actions are not drawn from a policy but chosen: their rationality beta says how sharply. The policy at
rationality beta is proportional to exp(beta (Q_R + alpha log pi) / alphahat) for finitely many actions; for continuous
ones, whose actor is a normal distribution in u, its standard deviation is divided by sqrt(beta).
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int

from mereq.core.actions import Actions, Discrete
from mereq.core.errors import WrongPolicyOutput
from mereq.core.policy import Policy
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.family import PolicyFamily
from mereq.maxent_rl.gaussians import SQUASHED, family_of
from mereq.maxent_rl.two_stream import TwoStream, state_features, theta_direction

SATURATED = 0.995  # an action beyond this counts as this: arctanh of the limit itself is infinite


class FamilyEvidence(Protocol):
    """Recorded steps, prepared for the evaluation of a family's members."""

    def log_probs(
        self, theta: Float[np.ndarray, "m features"], rationality: Float[np.ndarray, " m"]
    ) -> Float[np.ndarray, "steps m"]:
        """log pi_theta(a|s) of each step's action, under each of m thetas and rationalities."""
        ...


def family_evidence(
    family: PolicyFamily, prior: Policy, obs: Float[np.ndarray, "steps obs"], actions: np.ndarray
) -> FamilyEvidence:
    """Evidence of these steps for a family of residual policies of a prior.

    Raises:
        WrongPolicyOutput: the prior's distributions have no log-probabilities.
    """
    given = prior.distribution(obs)
    phi = state_features(family.network, obs.astype(np.float32))
    if isinstance(family.policy, QPolicy):
        policy = family.policy
        chosen = np.asarray(actions, int)
        return CategoricalEvidence(
            family.network, phi, given.parameters, chosen, policy.temperature, policy.prior_temperature
        )
    kind = family_of(given)
    if kind is None:
        raise WrongPolicyOutput(
            f"The prior gives a {type(given).__name__} distribution; a policy family needs a Categorical, a "
            "SquashedGaussian or a ClippedGaussian."
        )
    u, log_slope = np.asarray(actions, float), np.zeros(len(actions))
    if kind is SQUASHED:
        u = np.clip(u, -SATURATED, SATURATED)
        u, log_slope = np.arctanh(u), np.log1p(-(u**2)).sum(axis=1)
    return GaussianEvidence(family.network, phi, given.parameters, u, log_slope, kind.log_std)


def log_uniform(actions: Actions) -> float:
    """Log-probability, or log-density in [-1, 1]^k, of an action that is drawn uniformly."""
    return -math.log(actions.n) if isinstance(actions, Discrete) else -actions.size * math.log(2.0)


@dataclass(frozen=True)
class CategoricalEvidence:
    """Steps with finitely many actions."""

    network: TwoStream
    phi: Float[np.ndarray, "steps actions j"]
    prior: Float[np.ndarray, "steps actions"]  # log pi(a|s)
    chosen: Int[np.ndarray, " steps"]
    temperature: float  # alphahat
    prior_temperature: float  # alpha

    def log_probs(
        self, theta: Float[np.ndarray, "m features"], rationality: Float[np.ndarray, " m"]
    ) -> Float[np.ndarray, "steps m"]:
        """log pi_theta,beta(a|s) of each step's action."""
        directions = theta_direction(self.network, theta)
        steps, actions, j = self.phi.shape
        q = (self.phi.reshape(-1, j) @ directions.T).reshape(steps, actions, len(directions))
        q += (self.prior_temperature * self.prior)[:, :, None].astype(q.dtype)
        q *= (rationality / self.temperature).astype(q.dtype)
        q -= q.max(axis=1, keepdims=True)
        return q[np.arange(steps), self.chosen] - np.log(np.exp(q).sum(axis=1))


@dataclass(frozen=True)
class GaussianEvidence:
    """Steps with continuous actions."""

    network: TwoStream
    phi: Float[np.ndarray, "steps parameters j"]
    prior: Float[np.ndarray, "steps parameters"]  # means and log-stds of u
    u: Float[np.ndarray, "steps actions"]  # the normal variable that gives the action
    log_slope: Float[np.ndarray, " steps"]  # log |da/du|
    log_std: tuple[float, float]  # limits of a log-std

    def log_probs(
        self, theta: Float[np.ndarray, "m features"], rationality: Float[np.ndarray, " m"]
    ) -> Float[np.ndarray, "steps m"]:
        """log pi_theta,beta(a|s) of each step's action."""
        directions = theta_direction(self.network, theta)
        steps, parameters, j = self.phi.shape
        change = (self.phi.reshape(-1, j) @ directions.T).reshape(steps, parameters, len(directions))
        mean, log_std = np.split(change + self.prior[:, :, None], 2, axis=1)
        log_std = np.clip(log_std, *self.log_std) - 0.5 * np.log(rationality)
        z = (self.u[:, :, None] - mean) * np.exp(-log_std)
        normal = -0.5 * z**2 - log_std - 0.5 * math.log(2.0 * math.pi)
        return normal.sum(axis=1) - self.log_slope[:, None]
