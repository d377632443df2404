"""Unnamed part of a reward: a small network under a penalty, for what interventions show beyond theta . f.

    r_R(s, a) = theta . f + r_phi(s, a)        pi_theta,h(a|s) proportional to pi_theta(a|s) exp(h(s, a))
    r_phi(s, a) = alphahat log( pi_theta,h(a|s) / pi_theta(a|s) ) + D(s) - gamma E[D(s')]

For any change h and any potential D, pi_theta,h is optimal for the prior's reward + theta . f + r_phi, if pi_theta is
for the first two (docs/derivations.md#unnamed-rewards). So the policy of both parts is known without reinforcement
learning. h is one layer of fixed, rectified units with learned weights W after it. W maximises

    sum_k v_k(W) - n strength penalty(W)

with v_k the mean of log pi_theta,h over intervention k, n the number of interventions, and one of two penalties:

    Divergence       mean over supervised steps of KL(pi_theta,h || pi_theta): residual CSIL, with D = 0
    ImpliedReward    mean over supervised steps of (r_phi / alphahat)^2 / 2, with the best D: IQ-Learn on a prior

The strength is the one with which some interventions predict the others best, if that is better than theta alone by
more than a standard error. What theta can say is said by theta: h begins at zero, where theta's posterior ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import scipy.optimize  # pyright: ignore[reportMissingTypeStubs]
from jaxtyping import Bool, Float, Int

from mereq.core.distribution import log_softmax
from mereq.maxent_rl.networks import Layer

UNITS = 128  # of the hidden layer
WIDEST = 3  # coordinates of an observation that a unit sees, at most
STRENGTHS = (3.0, 1.0, 0.3, 0.1)
FOLDS = 4
LEAST = 4  # interventions: of fewer, there is no unnamed part
WEIGHT_PENALTY = 0.1  # on W, beside the penalty, in strengths
ITERATIONS = 20  # of L-BFGS, for each strength
SMOOTH = 0.01  # distance of a continuous action from the mode within which its log-density is round

Change = Float[np.ndarray, "steps outputs"]  # h at some steps: log-odds of finitely many actions, or shifts of means


def draw_units(
    obs: Float[np.ndarray, "steps obs"],
    rng: np.random.Generator,
    *,
    units: int = UNITS,
    widest: int = WIDEST,
    likely: Float[np.ndarray, " obs"] | None = None,
) -> Layer:
    """Hidden layer of rectified units, each of which sees a few coordinates, as wide as the observations vary.

    likely: how likely a unit is to see each coordinate, in proportion; None: all are equally likely.
    """
    spread = obs.std(axis=0)
    seen = np.flatnonzero(spread > 1e-6)
    shares = None if likely is None else likely[seen] / likely[seen].sum()
    weight, bias = np.zeros((obs.shape[1], units)), np.zeros(units)
    for unit in range(units if len(seen) else 0):
        which = rng.choice(seen, size=min(1 + unit % widest, len(seen)), replace=False, p=shares)
        weight[which, unit] = rng.standard_normal(len(which)) / spread[which] / np.sqrt(len(which))
        bias[unit] = -obs[rng.integers(len(obs))] @ weight[:, unit]  # the unit's edge goes through an observation
    return Layer(weight.astype(np.float32), bias.astype(np.float32))


def basis_of(units: Layer, obs: Float[np.ndarray, "steps obs"]) -> Float[np.ndarray, "steps basis"]:
    """The units' outputs, and a constant, by which W is multiplied."""
    shown = np.maximum(obs @ units.weight + units.bias, 0.0) / np.sqrt(len(units.bias))
    return np.column_stack([np.ones(len(obs)), shown]).astype(float)


class Slopes(NamedTuple):
    """A number at each step, and its derivative by the change there."""

    value: Float[np.ndarray, " steps"]
    by_change: Float[np.ndarray, "steps outputs"]


class Changed(Protocol):
    """Policy at recorded steps as a function of the change."""

    @property
    def n_outputs(self) -> int:
        """Numbers in the change of one step."""
        ...

    def shown(self, change: Change) -> Slopes:
        """log pi_theta,h of the action, at the supervisor's rationality."""
        ...

    def divergence(self, change: Change) -> Slopes:
        """KL(pi_theta,h || pi_theta)."""
        ...

    def log_ratio(self, change: Change) -> Slopes:
        """log pi_theta,h - log pi_theta of the action."""
        ...


@dataclass(frozen=True)
class ChangedChoices:
    """Policy over finitely many actions."""

    log_odds: Float[np.ndarray, "steps actions"]  # of a supervisor of this rationality
    log_probs: Float[np.ndarray, "steps actions"]  # log pi_theta
    chosen: Int[np.ndarray, " steps"]
    rationality: float

    @property
    def n_outputs(self) -> int:
        """Number of actions."""
        return self.log_odds.shape[1]

    def _one(self) -> Float[np.ndarray, "steps actions"]:
        return np.eye(self.n_outputs)[self.chosen]

    def shown(self, change: Change) -> Slopes:
        """log softmax(log-odds + beta h)."""
        found = log_softmax(self.log_odds + self.rationality * change)
        return Slopes((self._one() * found).sum(axis=1), self.rationality * (self._one() - np.exp(found)))

    def divergence(self, change: Change) -> Slopes:
        """sum_a p_a (h_a - Z), with Z the logarithm of the normaliser."""
        found = log_softmax(self.log_probs + change)
        p, ratio = np.exp(found), found - self.log_probs
        value = (p * ratio).sum(axis=1)
        return Slopes(value, p * (ratio - value[:, None]))

    def log_ratio(self, change: Change) -> Slopes:
        """h_a - Z."""
        found = log_softmax(self.log_probs + change)
        return Slopes((self._one() * (found - self.log_probs)).sum(axis=1), self._one() - np.exp(found))


@dataclass(frozen=True)
class ChangedMoves:
    """Policy over continuous actions: the change is added to the mean, before the tanh of a squashed Gaussian."""

    mean: Float[np.ndarray, "steps coordinates"]
    std: Float[np.ndarray, "steps coordinates"]
    chosen: Float[np.ndarray, "steps coordinates"]  # in [-1, 1]
    squashed: bool
    rationality: float

    @property
    def n_outputs(self) -> int:
        """Number of coordinates."""
        return self.mean.shape[1]

    def shown(self, change: Change) -> Slopes:
        """sum over coordinates of log beta / 2 - beta |a - mode|, rounded where a is the mode."""
        moved = self.mean + change
        mode = np.tanh(moved) if self.squashed else np.clip(moved, -1.0, 1.0)
        slope = 1.0 - mode**2 if self.squashed else (np.abs(moved) < 1.0).astype(float)
        away = self.chosen - mode
        far = np.sqrt(away**2 + SMOOTH**2)
        value = (np.log(0.5 * self.rationality) - self.rationality * far).sum(axis=1)
        return Slopes(value, self.rationality * away / far * slope)

    def divergence(self, change: Change) -> Slopes:
        """Half the squared change in standard deviations."""
        return Slopes(0.5 * ((change / self.std) ** 2).sum(axis=1), change / self.std**2)

    def log_ratio(self, change: Change) -> Slopes:
        """log N(u; mean + h, std) - log N(u; mean, std), with u the action before the tanh."""
        u = np.arctanh(np.clip(self.chosen, -0.97, 0.97)) if self.squashed else self.chosen
        distance = (u - self.mean) / self.std
        moved = change / self.std
        return Slopes((moved * (distance - 0.5 * moved)).sum(axis=1), (distance - moved) / self.std)


@dataclass(frozen=True)
class Evidence:
    """Recorded steps that the change is learned from."""

    shown: Changed
    shown_basis: Float[np.ndarray, "shown basis"]
    intervention: Int[np.ndarray, " shown"]  # number of each step's intervention, ascending
    supervised: Changed  # executed actions of supervised steps, of either controller
    basis: Float[np.ndarray, "steps basis"]
    next_basis: Float[np.ndarray, "steps basis"]  # zero after a termination

    @property
    def n_interventions(self) -> int:
        """Number of interventions."""
        return int(self.intervention[-1]) + 1

    def votes(self, weights: Float[np.ndarray, "basis outputs"]) -> Float[np.ndarray, " interventions"]:
        """v_k: mean log-probability over the steps of each intervention."""
        counts = np.bincount(self.intervention)
        return np.bincount(self.intervention, self.shown.shown(self.shown_basis @ weights).value) / counts


class Penalty(Protocol):
    """Size of a change, and its gradient by W and by the potential's weights."""

    def __call__(
        self, evidence: Evidence, weights: Float[np.ndarray, "basis outputs"], potential: Float[np.ndarray, " basis"]
    ) -> tuple[float, Float[np.ndarray, "basis outputs"], Float[np.ndarray, " basis"]]:
        """Penalty, and its gradients."""
        ...


@dataclass(frozen=True)
class Divergence:
    """Mean divergence of the policy of both parts from theta's: the penalty of residual CSIL."""

    def __call__(
        self, evidence: Evidence, weights: Float[np.ndarray, "basis outputs"], potential: Float[np.ndarray, " basis"]
    ) -> tuple[float, Float[np.ndarray, "basis outputs"], Float[np.ndarray, " basis"]]:
        """Penalty, and its gradients; there is no potential."""
        found, n = evidence.supervised.divergence(evidence.basis @ weights), len(evidence.basis)
        return float(found.value.mean()), evidence.basis.T @ found.by_change / n, np.zeros_like(potential)


@dataclass(frozen=True)
class ImpliedReward:
    """Half the mean square of the unnamed reward in temperatures, after the best shaping: IQ-Learn's penalty."""

    gamma: float  # discount factor

    def __call__(
        self, evidence: Evidence, weights: Float[np.ndarray, "basis outputs"], potential: Float[np.ndarray, " basis"]
    ) -> tuple[float, Float[np.ndarray, "basis outputs"], Float[np.ndarray, " basis"]]:
        """Penalty, and its gradients."""
        shaping, n = evidence.basis - self.gamma * evidence.next_basis, len(evidence.basis)
        found = evidence.supervised.log_ratio(evidence.basis @ weights)
        reward = found.value + shaping @ potential
        by_weights = evidence.basis.T @ (reward[:, None] * found.by_change) / n
        return 0.5 * float((reward**2).mean()), by_weights, shaping.T @ reward / n


@dataclass(frozen=True)
class UnnamedPart:
    """What was learned: the network behind the change, and what it is worth."""

    units: Layer
    weights: Float[np.ndarray, "basis outputs"]
    potential: Float[np.ndarray, " basis"]  # of D / alphahat
    strength: float
    gain: Float[np.ndarray, " interventions"]  # log-likelihood of each, as the others predict it, above theta's [nats]

    @property
    def head(self) -> Layer:
        """Layer after the units, whose outputs are the change."""
        scaled = self.weights[1:] / np.sqrt(len(self.units.bias))
        return Layer(scaled.astype(np.float32), self.weights[0].astype(np.float32))

    def change(self, obs: Float[np.ndarray, "steps obs"]) -> Change:
        """h at observations."""
        return basis_of(self.units, obs) @ self.weights

    def reward(self, evidence: Evidence, *, gamma: float) -> Float[np.ndarray, " steps"]:
        """r_phi / alphahat of the supervised steps."""
        ratio = evidence.supervised.log_ratio(evidence.basis @ self.weights).value
        return ratio + (evidence.basis - gamma * evidence.next_basis) @ self.potential


def resemblance(
    reward: Float[np.ndarray, " steps"], values: Float[np.ndarray, "steps candidates"]
) -> Float[np.ndarray, " candidates"]:
    """Correlation of the unnamed reward with each candidate feature over recorded steps; 0 where one does not vary."""
    centred, others = reward - reward.mean(), values - values.mean(axis=0)
    scale = np.linalg.norm(centred) * np.linalg.norm(others, axis=0)
    products = np.asarray(centred @ others, float)
    return np.divide(products, scale, out=np.zeros_like(products), where=scale > 1e-9)


def fitted_changes(
    evidence: Evidence, penalty: Penalty, strengths: Sequence[float], kept: Bool[np.ndarray, " interventions"]
) -> list[tuple[Float[np.ndarray, "basis outputs"], Float[np.ndarray, " basis"]]]:
    """Weights of the change, and of the potential, that are best for some of the interventions, for each strength.

    Each strength's search begins where that of the strength before ended.
    """
    shape = (evidence.basis.shape[1], evidence.supervised.n_outputs)
    n_weights = shape[0] * shape[1]
    share = kept[evidence.intervention] / np.bincount(evidence.intervention)[evidence.intervention]

    def loss(x: np.ndarray, size: float) -> tuple[float, np.ndarray]:
        weights, potential = x[:n_weights].reshape(shape), x[n_weights:]
        shown = evidence.shown.shown(evidence.shown_basis @ weights)
        by_weights = -evidence.shown_basis.T @ (share[:, None] * shown.by_change)
        value, more, by_potential = penalty(evidence, weights, potential)
        regular = value + 0.5 * WEIGHT_PENALTY * float(x @ x)
        gradient = np.concatenate([(by_weights + size * more).ravel(), size * by_potential])
        return float(-share @ shown.value) + size * regular, gradient + size * WEIGHT_PENALTY * x

    found, x = list[tuple[np.ndarray, np.ndarray]](), np.zeros(n_weights + shape[0])
    for strength in strengths:
        size = float(strength * kept.sum())
        optimize = cast(Any, scipy.optimize)  # which has no types
        result = optimize.minimize(loss, x, (size,), "L-BFGS-B", jac=True, options={"maxiter": ITERATIONS})
        x = np.asarray(result.x, float)
        found.append((x[:n_weights].reshape(shape), x[n_weights:]))
    return found


def unnamed_part(
    evidence: Evidence,
    units: Layer,
    penalty: Penalty,
    *,
    slip: float,
    log_uniform: float,
    strengths: Sequence[float] = STRENGTHS,
) -> UnnamedPart | None:
    """The unnamed part with the strength that predicts best; None if theta alone predicts as well, or too few show it.

    Args:
        evidence: of all interventions.
        units: behind the evidence's basis.
        penalty: on the change.
        slip: e, share of interventions that nothing explains.
        log_uniform: log-probability of an action that is drawn uniformly.
        strengths: of the penalty, the largest first.
    """
    n = evidence.n_interventions
    if n < LEAST:
        return None
    fold_of = np.arange(n) % min(FOLDS, n)

    def mixed(votes: np.ndarray) -> np.ndarray:
        return np.logaddexp(np.log1p(-slip) + votes, np.log(slip) + log_uniform)

    alone = mixed(evidence.votes(np.zeros((evidence.basis.shape[1], evidence.supervised.n_outputs))))
    gains = np.zeros((len(strengths), n))
    for fold in range(fold_of.max() + 1):
        out = fold_of == fold
        for row, (weights, _) in enumerate(fitted_changes(evidence, penalty, strengths, ~out)):
            gains[row, out] = mixed(evidence.votes(weights))[out] - alone[out]
    best = int(gains.sum(axis=1).argmax())
    if gains[best].mean() <= gains[best].std(ddof=1) / np.sqrt(n):
        return None
    weights, potential = fitted_changes(evidence, penalty, strengths[: best + 1], np.ones(n, bool))[-1]
    return UnnamedPart(units, weights, potential, strengths[best], gains[best])
