"""Posterior by importance sampling: against Hamiltonian Monte Carlo and Laplace's approximation.

The evidence is four supervised episodes of Highway-Sim, recorded once with the shipped prior, family and expert.
"""

import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from differentiable_evidence import differentiable
from laplace import laplace
from mereq.alignment.posterior_alignment import PosteriorImprover
from mereq.core.supervisor import Controller
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout, SupervisedStep
from mereq.irl.posterior import NormalPrior, importance_sampling
from mereq.presets.highway import HIGHWAY
from mereq.store.families import load_shipped_family

RECORDED = Path(__file__).parents[1] / "fixtures" / "highway_evidence.npz"


def recorded_log():
    seen = np.load(RECORDED)
    names = ("episode", "step", "obs", "proposed", "executed", "controller")
    return InterventionLog(
        (
            Rollout.of(
                SupervisedStep(int(e), int(i), obs, int(p), int(a), Controller(int(c)), obs, np.zeros(3), False, False)
                for e, i, obs, p, a, c in zip(*(seen[name] for name in names), strict=True)
            ),
        )
    )


@pytest.fixture(scope="module")
def recorded():
    """The likelihood of the recorded log, the distribution before any evidence, and the posterior."""
    task = HIGHWAY.task
    family, _ = load_shipped_family(task)
    improver = PosteriorImprover(task, HIGHWAY.policy("prior"), family, HIGHWAY.settings["fast"].posterior, seed=0)
    likelihood = improver.likelihood(recorded_log())
    rng = np.random.default_rng(0)
    return likelihood, improver.before, importance_sampling(likelihood, improver.before, rng, draws=4000, iterations=5)


def nuts(log_likelihoods, before, start, n):
    """Draws of the No-U-Turn sampler."""
    from numpyro.infer import MCMC, NUTS

    def potential(x):
        return 0.5 * (((x - before.mean) / before.std) ** 2).sum() - log_likelihoods(x).sum()

    sampler = MCMC(NUTS(potential_fn=potential, max_tree_depth=4), num_warmup=n // 4, num_samples=n, progress_bar=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler.run(jax.random.key(0), init_params=jnp.asarray(start))
    return np.asarray(sampler.get_samples())


def test_draws_agree_with_hamiltonian_monte_carlo(recorded):
    likelihood, before, posterior = recorded
    draws = nuts(differentiable(likelihood), before, posterior.mean, 800)
    std = draws.std(axis=0)
    np.testing.assert_allclose(posterior.mean, draws.mean(axis=0), atol=0.2 * std.max())
    np.testing.assert_allclose(np.sqrt(np.diag(posterior.covariance)), std, rtol=0.2)
    interval = np.quantile(draws, [0.025, 0.975], axis=0).T
    np.testing.assert_allclose((posterior.interval() - interval) / std[:, None], 0.0, atol=0.4)
    np.testing.assert_allclose(posterior.correlation(), np.corrcoef(draws.T), atol=0.2)


def test_laplace_has_its_mode_where_the_draws_are_most_probable(recorded):
    likelihood, before, posterior = recorded
    found = laplace(differentiable(likelihood), before, start=posterior.mean)
    at = np.concatenate([found.mode[None], posterior.draws])
    density = likelihood(at) + before.log_density(at)
    assert density[0] >= density[1:].max() - 1e-3
    std = np.sqrt(np.diag(posterior.covariance))
    np.testing.assert_allclose((found.mode - posterior.mean) / std, 0.0, atol=0.5)
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), std, rtol=0.4)


# Four interventions on a line: each has a normal likelihood, of one step or of as many correlated ones as one likes
BEFORE = NormalPrior(np.array([0.3, 0.0]), np.array([1.0, 0.5]))
DESIGN = np.array([[1.0, 0.2], [0.5, -1.0], [-0.3, 0.8], [1.2, 0.4]], np.float32)
SEEN = np.array([0.5, -0.2, 0.4, 1.0], np.float32)


def line(x):
    return -0.5 * ((DESIGN @ x - SEEN) / 0.3) ** 2


def test_laplace_is_exact_for_a_normal_posterior():
    found = laplace(line, BEFORE)
    precision = np.diag(BEFORE.std**-2.0) + DESIGN.T @ DESIGN / 0.09
    mode = np.linalg.solve(precision, BEFORE.mean / BEFORE.std**2 + DESIGN.T @ SEEN / 0.09)
    np.testing.assert_allclose(found.mode, mode, atol=1e-4)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(precision), rtol=1e-4)
    without = laplace(lambda x: jnp.delete(line(x), 2), BEFORE)
    first_order = found.mode + found.influences[2]
    assert np.linalg.norm(first_order - without.mode) < 0.5 * np.linalg.norm(found.mode - without.mode)


def test_the_sandwich_does_not_count_equal_steps_of_an_intervention_as_independent():
    """With four equal steps in each intervention, Hessian and covariance claim four times the evidence."""
    wide = NormalPrior(np.zeros(2), np.full(2, 1e3))  # so that evidence alone matters
    once, repeated = (laplace(lambda x, n=n: n * line(x), wide) for n in (1, 4))
    np.testing.assert_allclose(repeated.mode, once.mode, atol=1e-3)
    np.testing.assert_allclose(repeated.covariance, once.covariance / 4, rtol=1e-3)
    np.testing.assert_allclose(repeated.sandwich, once.sandwich, rtol=0.02)
