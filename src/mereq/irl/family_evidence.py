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

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int

from mereq.core.actions import Actions, Discrete
from mereq.core.distribution import Distribution
from mereq.core.errors import WrongPolicyOutput
from mereq.core.policy import Policy
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.family import PolicyFamily
from mereq.maxent_rl.gaussians import SQUASHED, family_of
from mereq.maxent_rl.two_stream import TwoStream, state_features, theta_direction

BLOCK = 131_072  # numbers that are computed at once, so that what lies between stays in a processor's cache
ROWS = 64  # steps whose features are computed at once
LOWEST = -80.0  # exponents below do not change a sum of which one is 0, and are slow


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


class StepFeatures:
    """Numbers of recorded steps that no theta changes, phi(s) and the prior's parameters, computed once for each step.

    A log grows by a few steps between two inferences. Steps are computed in blocks of the same size, the last one
    filled up, so that their last digits do not depend on how many were known at that time.
    """

    def __init__(self, family: PolicyFamily, prior: Policy):
        self.family = family
        self._prior = prior
        self._blocks: list[_Block] = []  # whole ones

    def of(self, obs: Float[np.ndarray, "steps obs"]) -> "_Block":
        """Numbers of the steps with these observations. Steps that were given before, in the same places, are known."""
        parts = [obs[start : start + ROWS] for start in range(0, max(len(obs), 1), ROWS)]
        filled = np.repeat(parts[-1][-1:], ROWS - len(parts[-1]), axis=0)
        last = self._computed(np.concatenate([parts.pop(), filled]))
        same = (np.array_equal(block.obs, part) for block, part in zip(self._blocks, parts, strict=False))
        del self._blocks[sum(itertools.takewhile(bool, same)) :]
        self._blocks += [self._computed(part) for part in parts[len(self._blocks) :]]
        return _Block.joined([*self._blocks, last], len(obs))

    def _computed(self, obs: Float[np.ndarray, "steps obs"]) -> "_Block":
        given = self._prior.distribution(obs)
        state = obs[:, : len(self.family.network.states[0].weight)].astype(np.float32)  # before a prior's answer
        return _Block(obs, state_features(self.family.network, state), given.parameters, given)


@dataclass(frozen=True)
class _Block:
    """Steps with what no theta changes."""

    obs: Float[np.ndarray, "steps obs"]
    phi: Float[np.ndarray, "steps actions j"]
    parameters: Float[np.ndarray, "steps parameters"]  # of the prior's distributions
    given: Distribution  # of the prior, in some of the steps

    @classmethod
    def joined(cls, blocks: list["_Block"], n_steps: int) -> "_Block":
        """The first steps of consecutive blocks."""
        obs, phi, parameters = (
            np.concatenate([getattr(block, name) for block in blocks])[:n_steps]
            for name in ("obs", "phi", "parameters")
        )
        return cls(obs, phi, parameters, blocks[0].given)

    def evidence(
        self, family: PolicyFamily, steps: Int[np.ndarray, " used"] | slice, actions: np.ndarray
    ) -> "CategoricalEvidence | ContinuousEvidence":
        """Evidence of the actions in some of the steps.

        Raises:
            WrongPolicyOutput: the prior's distributions have no log-probabilities.
        """
        phi, parameters = self.phi[steps], self.parameters[steps]
        if isinstance(family.policy, QPolicy):
            policy = family.policy
            chosen = np.asarray(actions, int)
            return CategoricalEvidence(
                family.network, phi, parameters, chosen, policy.temperature, policy.prior_temperature
            )
        kind = family_of(self.given)
        if kind is None:
            raise WrongPolicyOutput(
                f"The prior gives a {type(self.given).__name__} distribution; a policy family needs a Categorical, a "
                "SquashedGaussian or a ClippedGaussian."
            )
        chosen = np.asarray(actions, np.float32)
        n = chosen.shape[1]  # the parameters are means, then log-stds
        return ContinuousEvidence(family.network, phi[:, :n], parameters[:, :n], chosen, kind is SQUASHED)


def family_evidence(
    family: PolicyFamily, prior: Policy, obs: Float[np.ndarray, "steps obs"], actions: np.ndarray
) -> "CategoricalEvidence | ContinuousEvidence":
    """Evidence of these steps for a family of residual policies of a prior.

    Raises:
        WrongPolicyOutput: the prior's distributions have no log-probabilities.
    """
    return StepFeatures(family, prior).of(obs).evidence(family, slice(None), actions)


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

    def only(self, steps: Int[np.ndarray, " used"]) -> "CategoricalEvidence":
        """Evidence of some of the steps."""
        return replace(self, phi=self.phi[steps], prior=self.prior[steps], chosen=self.chosen[steps])

    def log_probs(
        self,
        theta: Float[np.ndarray, "m features"],
        rationality: Float[np.ndarray, " m"],
        habit: Float[np.ndarray, "m habits"],
    ) -> Float[np.ndarray, "steps coordinates m"]:
        """log pi_theta,beta,b(a|s) of each step's action, which is its only coordinate."""
        scale = (rationality / self.temperature).astype(np.float32)
        directions = theta_direction(self.network, theta).T * scale
        prior = (self.prior_temperature * self.prior).astype(np.float32)[:, :, None]
        habits = habit.T.astype(np.float32)
        found = np.empty((len(self.phi), 1, len(scale)), np.float32)
        for here, q in _blocks(self.phi, directions):
            q += prior[here] * scale
            if len(habits):
                q += habits
            q -= q.max(axis=1, keepdims=True)
            chosen = q[np.arange(len(q)), self.chosen[here]]
            np.exp(np.maximum(q, LOWEST, out=q), out=q)
            found[here, 0] = chosen - np.log(q.sum(axis=1))
        return found


@dataclass(frozen=True)
class ContinuousEvidence:
    """Steps with continuous actions."""

    network: TwoStream
    phi: Float[np.ndarray, "steps actions j"]  # of the means
    prior: Float[np.ndarray, "steps actions"]  # means
    chosen: Float[np.ndarray, "steps actions"]  # in [-1, 1]
    squashed: bool  # whether a mode is tanh of the mean, or the mean within the limits

    def only(self, steps: Int[np.ndarray, " used"]) -> "ContinuousEvidence":
        """Evidence of some of the steps."""
        return replace(self, phi=self.phi[steps], prior=self.prior[steps], chosen=self.chosen[steps])

    def log_probs(
        self,
        theta: Float[np.ndarray, "m features"],
        rationality: Float[np.ndarray, " m"],
        habit: Float[np.ndarray, "m habits"],
    ) -> Float[np.ndarray, "steps coordinates m"]:
        """log beta/2 - beta |a - mode| of each coordinate of each step's action. There are no habits."""
        directions = theta_direction(self.network, theta).T
        chosen, prior = (each.astype(np.float32)[:, :, None] for each in (self.chosen, self.prior))
        sharpness = rationality.astype(np.float32)
        found = np.empty((*chosen.shape[:2], len(sharpness)), np.float32)
        for here, mean in _blocks(self.phi, directions):
            mean += prior[here]
            mode = np.tanh(mean, out=mean) if self.squashed else np.clip(mean, -1.0, 1.0, out=mean)
            distance = np.abs(np.subtract(chosen[here], mode, out=mode), out=mode)
            np.multiply(distance, -sharpness, out=found[here])
        found += np.log(0.5 * sharpness)
        return found


def _blocks(
    phi: Float[np.ndarray, "steps rows j"], directions: Float[np.ndarray, "j m"]
) -> Iterator[tuple[slice, Float[np.ndarray, "block rows m"]]]:
    """phi @ directions, for blocks of steps that fit into a processor's cache; each overwrites the one before."""
    n_steps, n_rows, j = phi.shape
    m = directions.shape[1]
    block = min(n_steps, max(1, BLOCK // max(1, n_rows * m)))
    memory = np.empty((block, n_rows, m), np.float32)
    for start in range(0, n_steps, block):
        part = phi[start : start + block]
        product = memory[: len(part)]
        np.matmul(part.reshape(-1, j), directions, out=product.reshape(-1, m))
        yield slice(start, start + len(part)), product
