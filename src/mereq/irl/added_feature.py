"""Scores of a feature that theta does not weigh, from what interventions show and from foreseen features.

The derivative of log pi_theta,beta,b by the weight of a feature h at 0 needs no new family. With psi_h = dQ_R/dtheta_h,
which rollouts give (`mereq.irl.foresight`), it is for finitely many actions, and for coordinate c of a continuous one,

    d log pi(a|s) / d theta_h = D_h(s, a) - sum_a' pi(a'|s) D_h(s, a')        D_h = (beta / alphahat) psi_h
    d log pi(a_c|s) / d theta_h = beta sign(a_c - mode_c) D_hc(s)             D_hc = Cov_pi(a_c, psi_h(s, a)) / alphahat

The second one is how the mean of a Boltzmann policy follows its Q-function. For the parameters x, D is the derivative
of the log-odds or of the mode. The score of intervention k and the information are

    s_k = sum_t sum_c d log pi(a_tc|s_t)       I = sum_t sum_c E_pi[ (d log pi(a_c|s_t))^2 ]

Slips are left out on purpose. A mixture with slips calls a slip what theta does not explain, and its likelihood is flat
just there, where a feature is missing. Steps of one intervention are not independent, and a true slip is an outlier:
the test allows for both by its sandwich (`mereq.irl.score_test`).
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from mereq.core.policy import Policy
from mereq.irl.family_evidence import CategoricalEvidence, ContinuousEvidence
from mereq.irl.family_likelihood import FamilyLikelihood, Parameters
from mereq.irl.score_test import Scores
from mereq.maxent_rl.family import PolicyFamily

STEP = 0.01  # of derivatives by central differences, in standard deviations before any evidence
AT_LIMIT = 0.95  # share of a weight's limit from which on it is at its limit
FIXED = 1e-5  # standard deviation of a parameter that is as good as fixed


@dataclass(frozen=True)
class Shown:
    """What the interventions show, at one value of the parameters."""

    likelihood: FamilyLikelihood
    x: Float[np.ndarray, " d"]
    std: Float[np.ndarray, " d"]  # of the parameters before any evidence

    @property
    def free(self) -> Int[np.ndarray, " free"]:
        """Numbers of the parameters that it depends on: all but the attention, and but those that are fixed.

        A weight at its limit is fixed: what it would explain beyond is none of theta's business.
        """
        limit = self.likelihood.region.limit
        free = self.std > FIXED
        free[: len(limit)] &= np.abs(self.x[: len(limit)]) < AT_LIMIT * limit
        free[len(limit) + 1] = False
        return np.flatnonzero(free)

    @property
    def rationality(self) -> float:
        """beta."""
        return float(min(np.exp(self.x[len(self.likelihood.region.limit)]), self.likelihood.most_rational))

    def moved(self, i: int, steps: float) -> "Shown":
        """The same with another value of parameter i."""
        return replace(self, x=self.x + steps * self.step(i) * np.eye(len(self.x))[i])

    def step(self, i: int) -> float:
        """Step of derivatives by parameter i."""
        return STEP * float(self.std[i])

    def log_odds(self) -> Float[np.ndarray, "steps actions"]:
        """log pi_theta,beta,b of every action, of finitely many."""
        evidence, given = self.likelihood.shown, Parameters.of(self.x[None], self.likelihood.region)
        assert isinstance(evidence, CategoricalEvidence)
        beta = np.full(1, self.rationality)
        steps, actions, _ = evidence.phi.shape
        chosen = (replace(evidence, chosen=np.full(steps, action)) for action in range(actions))
        return np.column_stack([each.log_probs(given.theta, beta, given.habit)[:, 0, 0] for each in chosen]).astype(
            float
        )

    def scores(
        self, of_steps: Float[np.ndarray, "steps coordinates d"], information: Float[np.ndarray, "d d"]
    ) -> Scores:
        """Scores of interventions, given those of their steps by the free parameters and by the candidates."""
        shown, n = self.likelihood.decisions.shown, len(self.free)
        starts = np.searchsorted(shown.window, np.arange(len(shown.group)))
        of_interventions = np.add.reduceat(of_steps, starts, axis=0).sum(axis=1)
        return Scores(
            of_interventions[:, :n],
            of_interventions[:, n:],
            information[:n, :n],
            information[:n, n:],
            information[n:, n:],
        )


def scores_of_choices(at: Shown, psi: Float[np.ndarray, "steps actions h"]) -> Scores:
    """Scores where there are finitely many actions.

    Args:
        at: the posterior's mean.
        psi: foreseen candidates after each action in the interventions' steps.
    """
    evidence = at.likelihood.shown
    assert isinstance(evidence, CategoricalEvidence)
    log_probs = at.log_odds()
    by_x = [(at.moved(i, 1.0).log_odds() - at.moved(i, -1.0).log_odds()) / (2.0 * at.step(i)) for i in at.free]
    slopes = np.concatenate([np.stack(by_x, axis=-1), at.rationality / evidence.temperature * psi], axis=-1)
    of_steps, information = choice_scores(log_probs, evidence.chosen, slopes)
    return at.scores(of_steps[:, None], information)


def choice_scores(
    log_probs: Float[np.ndarray, "steps actions"],
    chosen: Int[np.ndarray, " steps"],
    slopes: Float[np.ndarray, "steps actions d"],
) -> tuple[Float[np.ndarray, "steps d"], Float[np.ndarray, "d d"]]:
    """Derivative of log pi(chosen action) in each step, and the expected information of all steps.

    Args:
        log_probs: of all actions.
        chosen: actions.
        slopes: derivatives of all actions' log-odds: D.
    """
    centred = slopes - np.einsum("ta,tad->td", np.exp(log_probs), slopes)[:, None]
    weighted = (np.exp(0.5 * log_probs)[:, :, None] * centred).reshape(-1, centred.shape[2])
    return centred[np.arange(len(chosen)), chosen], weighted.T @ weighted


def scores_of_moves(
    at: Shown,
    family: PolicyFamily,
    prior: Policy,
    obs: Float[np.ndarray, "steps obs"],
    by_h: Float[np.ndarray, "steps coordinates h"],
) -> Scores:
    """Scores where actions are continuous.

    Args:
        at: the posterior's mean.
        family, prior: of the likelihood.
        obs: in the interventions' steps.
        by_h: D_hc, how the modes follow the weight of each candidate: `mode_slopes`.
    """
    evidence, n, beta = at.likelihood.shown, family.n_weights, at.rationality
    assert isinstance(evidence, ContinuousEvidence)

    def mode(where: Shown) -> Float[np.ndarray, "steps coordinates"]:
        return family.member(where.x[:n], prior).distribution(obs).mode().astype(float)

    away = evidence.chosen - mode(at)
    by_x = np.zeros((*away.shape, len(at.free)))
    for column, i in enumerate(at.free):
        if i < n:
            by_x[:, :, column] = (mode(at.moved(i, 1.0)) - mode(at.moved(i, -1.0))) / (2.0 * at.step(i))
    slopes = np.concatenate([by_x, by_h], axis=-1)
    of_steps = beta * np.sign(away)[:, :, None] * slopes
    flat = slopes.reshape(-1, slopes.shape[2])
    information = beta**2 * flat.T @ flat
    column = at.free.tolist().index(n)
    of_steps[:, :, column] = 1.0 - beta * np.abs(away)
    information[column, column] = away.size
    return at.scores(of_steps, information)


def mode_slopes(
    firsts: Float[np.ndarray, "steps n coordinates"], psi: Float[np.ndarray, "steps n h"], temperature: float
) -> Float[np.ndarray, "steps coordinates h"]:
    """D_hc of independent coordinates: Var(a_c) / alphahat times the slope of psi_h, of first actions drawn from pi.

    The covariance of a normal variable with a function of it is its variance times the mean slope (Stein); the slope is
    that of a regression on all coordinates, so that the others' variation is no noise.
    """
    actions, values = (each - each.mean(axis=1, keepdims=True) for each in (firsts.astype(float), psi))
    covariance = np.einsum("tnc,tnd->tcd", actions, actions)
    least = 1e-9 * np.trace(covariance, axis1=1, axis2=2) + 1e-12  # where a coordinate does not vary
    covariance += least[:, None, None] * np.eye(actions.shape[2])
    products = np.einsum("tnc,tnh->tch", actions, values)
    slopes = np.asarray(np.linalg.solve(covariance, products), float)
    return actions.var(axis=1, ddof=1)[:, :, None] * slopes / temperature
