"""Log-probability of recorded actions under every member of a policy family, at once.

A two-stream network is a product of phi(s), which does not depend on theta, with a vector that depends on theta alone.
phi of the recorded states is computed once; then the log-probabilities under m thetas cost one matrix product.

A supervisor's actions are not drawn from a policy but chosen: their rationality beta says how sharply. Of finitely many
actions, one is chosen with a probability proportional to exp(beta (Q_R + alpha log pi) / alphahat + b_a). The habit b
decides between actions of nearly the same value: in a highway's outermost lane, at the lowest speed, steering outwards,
slowing down and doing nothing have the same effect, and no theta says which of them a supervisor takes. Of a continuous
action, each coordinate is chosen with a density proportional to exp(-beta |a - mode|): a supervisor means the action
that the member thinks best, and the standard deviation of the member's exploration says nothing about that.
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


class FamilyEvidence(Protocol):
    """Recorded steps, prepared for the evaluation of a family's members."""

    def log_probs(
        self,
        theta: Float[np.ndarray, "m features"],
        rationality: Float[np.ndarray, " m"],
        habit: Float[np.ndarray, "m habits"],
    ) -> Float[np.ndarray, "steps coordinates m"]:
        """log pi_theta of each coordinate of each step's action, under each of m thetas, rationalities and habits."""
        ...


def family_evidence(
    family: PolicyFamily, prior: Policy, obs: Float[np.ndarray, "steps obs"], actions: np.ndarray
) -> "CategoricalEvidence | ContinuousEvidence":
    """Evidence of these steps for a family of residual policies of a prior.

    Raises:
        WrongPolicyOutput: the prior's distributions have no log-probabilities.
    """
    given = prior.distribution(obs)
    state = obs[:, : len(family.network.states[0].weight)].astype(np.float32)  # before a prior's answer
    phi = state_features(family.network, state)
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
    chosen = np.asarray(actions, np.float32)
    n = chosen.shape[1]  # the parameters are means, then log-stds
    return ContinuousEvidence(family.network, phi[:, :n], given.parameters[:, :n], chosen, kind is SQUASHED)


def n_habits(actions: Actions) -> int:
    """Number of a habit's log-odds: one for each of finitely many actions."""
    return actions.n if isinstance(actions, Discrete) else 0


def log_uniform(actions: Actions) -> float:
    """Log-probability of an action, or log-density of a coordinate in [-1, 1], that is drawn uniformly."""
    return -math.log(actions.n) if isinstance(actions, Discrete) else -math.log(2.0)


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
        self,
        theta: Float[np.ndarray, "m features"],
        rationality: Float[np.ndarray, " m"],
        habit: Float[np.ndarray, "m habits"],
    ) -> Float[np.ndarray, "steps coordinates m"]:
        """log pi_theta,beta,b(a|s) of each step's action, which is its only coordinate."""
        directions = theta_direction(self.network, theta)
        steps, actions, j = self.phi.shape
        q = (self.phi.reshape(-1, j) @ directions.T).reshape(steps, actions, len(directions))
        q += (self.prior_temperature * self.prior)[:, :, None].astype(q.dtype)
        q *= (rationality / self.temperature).astype(q.dtype)
        if habit.shape[1]:
            q += habit.T[None].astype(q.dtype)
        q -= q.max(axis=1, keepdims=True)
        return (q[np.arange(steps), self.chosen] - np.log(np.exp(q).sum(axis=1)))[:, None, :]


@dataclass(frozen=True)
class ContinuousEvidence:
    """Steps with continuous actions."""

    network: TwoStream
    phi: Float[np.ndarray, "steps actions j"]  # of the means
    prior: Float[np.ndarray, "steps actions"]  # means
    chosen: Float[np.ndarray, "steps actions"]  # in [-1, 1]
    squashed: bool  # whether a mode is tanh of the mean, or the mean within the limits

    def log_probs(
        self,
        theta: Float[np.ndarray, "m features"],
        rationality: Float[np.ndarray, " m"],
        habit: Float[np.ndarray, "m habits"],
    ) -> Float[np.ndarray, "steps coordinates m"]:
        """log beta/2 - beta |a - mode| of each coordinate of each step's action. There are no habits."""
        directions = theta_direction(self.network, theta)
        steps, coordinates, j = self.phi.shape
        change = (self.phi.reshape(-1, j) @ directions.T).reshape(steps, coordinates, len(directions))
        mean = change + self.prior[:, :, None]
        mode = np.tanh(mean) if self.squashed else np.clip(mean, -1.0, 1.0)
        return np.log(0.5 * rationality) - rationality * np.abs(self.chosen[:, :, None] - mode)
