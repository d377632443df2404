"""Objectives of fitted changes of a prior: MILE's likelihood, PPL's preferences, CSIL's regularised cloning.

Each is a function of the change h(s) on a batch of steps: observations, the prior's parameters there, and what else the
objective needs. Their equations: `mereq.alignment.decision_learning`, `preference_learning`, `coherent_imitation`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from mereq.core.ranges import COUNT, FINITE, POSITIVE, check_ranges
from mereq.imitation.residual_policy import Change, ResidualFamily


@dataclass(frozen=True, kw_only=True)
class DecisionSettings:
    """Settings of MILE's model of the decision to take over."""

    cost: float = 2.0  # of taking over [nats]
    spread: float = 1.0  # of the difference at which the supervisor takes over [nats]

    def __post_init__(self):
        check_ranges(self, cost=FINITE, spread=POSITIVE)


class DecidedSteps(NamedTuple):
    """Steps with what was proposed, executed and decided."""

    obs: Float[np.ndarray, "n obs"]
    prior: Float[np.ndarray, "n parameters"]
    proposed: np.ndarray
    executed: np.ndarray
    decided: Bool[np.ndarray, " n"]  # the policy was in control before
    taken_over: Bool[np.ndarray, " n"]
    shown: Bool[np.ndarray, " n"]  # the expert acted


@dataclass(frozen=True)
class DecisionLikelihood:
    """Negative mean log-likelihood of decisions and actions."""

    settings: DecisionSettings

    def __call__(self, family: ResidualFamily, change: Change, batch: DecidedSteps) -> Float[Array, ""]:
        """Loss of a change of the prior on a batch."""
        better = self.standardised(family, change, batch)
        decision = jax.scipy.stats.norm.logcdf(jnp.where(batch.taken_over, better, -better))
        action = family.log_prob(change, batch.prior, batch.executed)
        return -(batch.decided * decision + batch.shown * action).mean()

    def standardised(self, family: ResidualFamily, change: Change, batch: DecidedSteps) -> Float[Array, " n"]:
        """How much better the policy's own actions are than the proposals, less the cost, in spreads."""
        own, proposal = family.mean_log_prob(change, batch.prior), family.log_prob(change, batch.prior, batch.proposed)
        return (own - proposal - self.settings.cost) / self.settings.spread


@dataclass(frozen=True, kw_only=True)
class PreferenceSettings:
    """Settings of PPL."""

    horizon: int = 4  # predicted steps in which the supervisor's action is preferred, the first one included
    sharpness: float = 0.5  # beta of the preference's log-odds

    def __post_init__(self):
        check_ranges(self, horizon=COUNT, sharpness=POSITIVE)


class PreferredActions(NamedTuple):
    """Actions in states: better than another one, or only shown."""

    obs: Float[np.ndarray, "n obs"]
    prior: Float[np.ndarray, "n parameters"]
    better: np.ndarray  # the expert's action
    worse: np.ndarray  # the proposal
    compared: Bool[np.ndarray, " n"]  # False: the better action was shown in this state, as in a demonstration


@dataclass(frozen=True)
class PreferenceLoss:
    """Negative log-likelihood of preferences and of shown actions."""

    settings: PreferenceSettings

    def __call__(self, family: ResidualFamily, change: Change, batch: PreferredActions) -> Float[Array, ""]:
        """Loss of a change of the prior on a batch."""
        better = family.log_prob(change, batch.prior, batch.better)
        log_odds = self.settings.sharpness * (better - family.log_prob(change, batch.prior, batch.worse))
        return -jnp.where(batch.compared, jax.nn.log_sigmoid(log_odds), better).mean()


class ShownSteps(NamedTuple):
    """Steps with the actions that were executed."""

    obs: Float[np.ndarray, "n obs"]
    prior: Float[np.ndarray, "n parameters"]
    executed: np.ndarray
    shown: Bool[np.ndarray, " n"]  # the expert acted


@dataclass(frozen=True)
class RegularisedCloning:
    """Negative log-likelihood of the expert's actions, and the divergence from the prior in all steps."""

    divergence: float  # weight of the second part

    def __call__(self, family: ResidualFamily, change: Change, batch: ShownSteps) -> Float[Array, ""]:
        """Loss of a change of the prior on a batch."""
        shown = batch.shown * family.log_prob(change, batch.prior, batch.executed)
        return (self.divergence * family.divergence(change, batch.prior) - shown).mean()
