"""MILE: its likelihood by hand and against finite differences, and the policy that it finds."""

import math

import jax
import numpy as np
import pytest

from mereq.imitation.cloning import CloningSettings
from mereq.imitation.objectives import DecidedSteps, DecisionLikelihood, DecisionSettings
from mereq.imitation.residual_policy import ResidualCategorical, ResidualFit, ResidualNormal
from mereq.maxent_rl.gaussians import CLIPPED, SQUASHED
from mereq.maxent_rl.networks import apply_mlp, init_mlp
from toys import one_hot

S, A = 4, 3
MODEL = DecisionSettings(cost=1.0, spread=0.7)
FITS = CloningSettings(hidden=(), learning_rate=0.05, weight_decay=0.0, batch_size=1)


def normal_cdf(x):
    return np.vectorize(lambda each: 0.5 * (1.0 + math.erf(each / math.sqrt(2.0))))(x)


def better(policy: np.ndarray) -> np.ndarray:
    """How much better a policy's own actions are than each proposal, less the cost, in spreads; (S, A)."""
    own = (policy * np.log(policy)).sum(axis=1, keepdims=True)
    return (own - np.log(policy) - MODEL.cost) / MODEL.spread


def policies(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A prior and a wanted policy."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(A, 3.0), S), rng.dirichlet(np.full(A, 3.0), S)


def decided(prior: np.ndarray, wanted: np.ndarray, n: int) -> DecidedSteps:
    """Decisions about proposals drawn uniformly, and the wanted policy's actions."""
    rng = np.random.default_rng(5)
    states, proposed = rng.integers(S, size=n), rng.integers(A, size=n)
    taken = rng.random(n) < normal_cdf(better(wanted))[states, proposed]
    own = (wanted.cumsum(axis=1)[states] < rng.random((n, 1))).sum(axis=1).clip(max=A - 1)
    executed = np.where(taken, own, proposed)
    return DecidedSteps(one_hot(states, S), np.log(prior)[states], proposed, executed, np.ones(n, bool), taken, taken)


def test_the_likelihood_is_a_probit_of_the_difference_and_the_probability_of_what_was_shown():
    prior, wanted = policies(0)
    batch = decided(prior, wanted, 50)
    change = np.log(wanted)[batch.obs.argmax(axis=1)] - batch.prior  # the policy is the wanted one
    found = DecisionLikelihood(MODEL)(ResidualCategorical(A), change, batch)
    states, takes = batch.obs.argmax(axis=1), normal_cdf(better(wanted))
    p = takes[states, batch.proposed]
    each = np.log(np.where(batch.taken_over, p, 1 - p)) + batch.shown * np.log(wanted)[states, batch.executed]
    assert found == pytest.approx(-each.mean(), rel=1e-4)


@pytest.mark.parametrize("family", [ResidualCategorical(2), ResidualNormal(2, SQUASHED), ResidualNormal(2, CLIPPED)])
def test_the_gradient_is_that_of_finite_differences(family):
    rng, n = np.random.default_rng(1), 6
    continuous = isinstance(family, ResidualNormal)

    def actions():
        return rng.uniform(-0.9, 0.9, (n, 2)) if continuous else rng.integers(2, size=n)

    prior = np.log(rng.dirichlet(np.ones(2), n)) if not continuous else rng.normal(0, 0.5, (n, 4))
    flags = rng.random((3, n)) < 0.5
    batch = DecidedSteps(rng.normal(size=(n, 3)), prior, actions(), actions(), *flags)
    fit = ResidualFit(3, family, DecisionLikelihood(MODEL), CloningSettings(**{**vars(FITS), "hidden": (5,)}))
    with jax.enable_x64(True):
        network = jax.tree.map(np.float64, init_mlp(jax.random.key(0), (3, 5, 2), zero_head=False))
        along = jax.tree.map(lambda part: rng.normal(size=part.shape), network)
        gradient = jax.grad(fit.loss)(network, batch)
        slope = sum((g * d).sum() for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(along), strict=True))
        sides = [jax.tree.map(lambda part, d, h=h: part + h * d, network, along) for h in (1e-5, -1e-5)]
        ahead, behind = (float(fit.loss(side, batch)) for side in sides)
    assert float(slope) == pytest.approx((ahead - behind) / 2e-5, rel=1e-6)


@pytest.mark.parametrize("actions_are_seen", [True, False])
def test_it_recovers_the_policy_even_from_the_decisions_alone(actions_are_seen):
    """Decisions about every proposal determine the policy: that no one intervened is data, too."""
    prior, wanted = policies(2)
    batch = decided(prior, wanted, 10_000)
    if not actions_are_seen:
        batch = batch._replace(shown=np.zeros_like(batch.shown))
    fit = ResidualFit(S, ResidualCategorical(A), DecisionLikelihood(MODEL), FITS)
    batches = jax.tree.map(lambda column: np.broadcast_to(column, (100, *column.shape)), batch)
    state = fit.init(0)
    for _ in range(2):
        state, _ = fit.update(state, batches)
    change = np.asarray(apply_mlp(state.network, np.eye(S)))
    odds = prior * np.exp(change)
    np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), wanted, atol=0.03)
    assert np.abs(prior - wanted).max() > 0.2
