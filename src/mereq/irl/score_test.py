"""Rao's score test for the weight of a feature that theta does not weigh: no refit, no new policy family.

With s_k the scores of intervention k (derivatives of its log-likelihood) by the weight of a feature h and by the
parameters x, I the expected information about them, mu and P the mean and precision of x before any evidence, at the
mean of x given these very steps,

    u_kh = s_kh - I_hx (I_xx + P)^-1 s_kx                     the part that no change of x explains
    z_h  = [sum_k u_kh + I_hx (I_xx + P)^-1 P (x - mu)] / sqrt(V_h)
    V_h  = max(J_hh, n / (n - 1) sum_k (u_kh - mean_h)^2)       J = I_hh' - I_hx (I_xx + P)^-1 I_xh'

What was known before any evidence is one more unit of evidence. J_hh is Rao's own. The sum over the n interventions is
the sandwich: it holds whatever the correlation of the steps within one. The larger of both is taken, as J_hh trusts the
model, and the sandwich a handful of interventions that resemble each other. z is compared with the normal distribution.

Candidates resemble each other: where the supervisor wants the right lane, the lateral distances to other cars speak for
themselves, too. Of those that the test finds, the one with the largest g_h^2 / J_hh is offered first, with g_h the
numerator of z_h: half of it is what a weight of h would add to the log-likelihood. What it leaves to the others,

    g_h' - J_h'h g_h / J_hh        J_h'h' - J_h'h^2 / J_hh

says which one is offered next, if any.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

LEAST_NEW = 0.05  # share of a candidate's information that x must leave, or it is no new feature
SAME = 0.1  # share of a candidate's information that those offered before it must leave
STILL = 2.0  # z of a candidate that is offered, given those before it


@dataclass(frozen=True)
class Scores:
    """Scores of interventions by the parameters x and by the weights of candidates h, and information about both."""

    of_x: Float[np.ndarray, "n x"]
    of_h: Float[np.ndarray, "n h"]
    information_xx: Float[np.ndarray, "x x"]
    information_xh: Float[np.ndarray, "x h"]
    information_hh: Float[np.ndarray, "h h"]


@dataclass(frozen=True)
class ScoreTest:
    """Result of the test of each candidate."""

    z: Float[np.ndarray, " h"]  # its sign is the weight's; 0 for a candidate that x can say already
    p: Float[np.ndarray, " h"]  # two-sided, of one candidate
    adjusted: Float[np.ndarray, " h"]  # Holm's, for all candidates together
    of_interventions: Float[np.ndarray, "n h"]  # u_kh
    numerator: Float[np.ndarray, " h"]  # g
    information: Float[np.ndarray, "h h"]  # J

    def offered(self, level: float, most: int = 3) -> Int[np.ndarray, " offered"]:
        """Numbers of the candidates to offer, best first: none unless the test rejects at this level."""
        g, j = self.numerator, self.information
        least, allowed, found = SAME * np.diag(j), self.adjusted < level, list[int]()
        while len(found) < most and allowed.any():
            candidates = np.flatnonzero(allowed).tolist()
            best = max(candidates, key=lambda h: g[h] ** 2 / j[h, h])
            found.append(best)
            g, j = g - j[:, best] * g[best] / j[best, best], j - np.outer(j[:, best], j[best]) / j[best, best]
            left = np.diag(j)
            allowed = allowed & (left > least) & (g**2 > STILL**2 * left)
        return np.array(found, int)

    def resemblance(self, h: int) -> Float[np.ndarray, " h"]:
        """Correlation of each candidate's score with that of candidate h: how alike their weights change the policy."""
        scale = np.sqrt(np.diag(self.information))
        product = scale * scale[h]
        return np.divide(self.information[h], product, out=np.zeros(len(scale)), where=product > 0)


def score_test(scores: Scores, precision: Float[np.ndarray, " x"], moved: Float[np.ndarray, " x"]) -> ScoreTest:
    """Test of each candidate.

    Args:
        scores: of at least two interventions.
        precision: of the parameters before any evidence: P.
        moved: how far the parameters are from their mean before any evidence: x - mu.
    """
    projection = np.linalg.solve(scores.information_xx + np.diag(precision), scores.information_xh)
    own = scores.of_h - scores.of_x @ projection
    information = scores.information_hh - scores.information_xh.T @ projection
    new = np.diag(information) > LEAST_NEW * np.diag(scores.information_hh)
    variance = np.maximum(np.diag(information), len(own) * own.var(axis=0, ddof=1))
    numerator = own.sum(axis=0) + projection.T @ (precision * moved)
    z = np.divide(numerator, np.sqrt(np.maximum(variance, 0.0)), out=np.zeros(len(new)), where=new & (variance > 0))
    p = np.array([math.erfc(abs(each) / math.sqrt(2.0)) for each in z.tolist()])
    return ScoreTest(z, p, holm(p), own, numerator, information)


def holm(p: Float[np.ndarray, " h"]) -> Float[np.ndarray, " h"]:
    """Holm's adjusted p-values: the probability that any candidate below a level is false is at most that level."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
