"""Likelihood of a log's decisions as a function that JAX differentiates.

Inference evaluates thousands of thetas at once and needs no derivatives. Laplace's approximation and Hamiltonian Monte
Carlo evaluate one theta at a time and need them.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mereq.irl.decisions import Windows
from mereq.irl.family_evidence import CategoricalEvidence, ContinuousEvidence
from mereq.irl.family_likelihood import FamilyLikelihood
from mereq.maxent_rl.networks import MLP
from mereq.maxent_rl.two_stream import TwoStream

StepLogProbs = Callable[
    [Float[Array, " features"], Float[Array, ""], Float[Array, " habits"]], Float[Array, "steps coordinates"]
]


def plain_mlp(mlp: MLP, x: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
    """Forward pass. The learners' own is differentiated backwards only."""
    for weight, bias in mlp[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    return x @ mlp[-1].weight + mlp[-1].bias


def differentiable_direction(network: TwoStream, theta: Float[Array, " features"]) -> Float[Array, " j"]:
    """theta_f g_k(theta) / sqrt(rank), as `theta_direction`."""
    g = jnp.concatenate([jnp.ones(1), plain_mlp(network.thetas, theta)]) / jnp.sqrt(network.rank)
    return jnp.outer(theta, g).reshape(-1)


def differentiable_log_probs(evidence: CategoricalEvidence | ContinuousEvidence) -> StepLogProbs:
    """log pi_theta,beta of each coordinate of each step's action, as a function of theta, beta and b."""
    phi, prior = jnp.asarray(evidence.phi), jnp.asarray(evidence.prior)
    if isinstance(evidence, CategoricalEvidence):
        categorical = evidence

        def of_choice(theta: Array, rationality: Array, habit: Array) -> Array:
            q = phi @ differentiable_direction(categorical.network, theta) + categorical.prior_temperature * prior
            scaled = q * rationality / categorical.temperature
            if habit.size:
                scaled = scaled + habit[None]
            log_probs = jax.nn.log_softmax(scaled, axis=1)
            return log_probs[np.arange(len(phi)), categorical.chosen][:, None]

        return of_choice

    def of_coordinates(theta: Array, rationality: Array, habit: Array) -> Array:
        mean = phi @ differentiable_direction(evidence.network, theta) + prior
        mode = jnp.tanh(mean) if evidence.squashed else jnp.clip(mean, -1.0, 1.0)
        return jnp.log(0.5 * rationality) - rationality * jnp.abs(evidence.chosen - mode)

    return of_coordinates


def differentiable(likelihood: FamilyLikelihood) -> Callable[[Float[Array, " d"]], Float[Array, " decisions"]]:
    """Log-likelihood of each decision, interventions first, then stretches: the terms of the likelihood's sum."""
    of_shown, of_judged = differentiable_log_probs(likelihood.shown), differentiable_log_probs(likelihood.judged)
    decisions, model, limit = likelihood.decisions, likelihood.model, likelihood.region.limit
    n_stretches = len(decisions.takeover)

    def log_likelihoods(x: Array) -> Array:
        n = len(limit)
        theta, habit = jnp.clip(x[:n], -limit, limit), x[n + 2 :]
        rationality = jnp.minimum(jnp.exp(x[n]), likelihood.most_rational)
        explained = jnp.log1p(-model.slip) + _means(decisions.shown, of_shown(theta, rationality, habit))
        slip = jnp.log(model.slip) + likelihood.uniform if model.slip else -jnp.inf
        shown = jnp.logaddexp(explained, slip).sum(axis=1)
        proposals = of_judged(theta, jnp.asarray(likelihood.tolerance), habit)
        badness = _means(decisions.judged, (likelihood.uniform - proposals).sum(axis=1))
        worst = jax.ops.segment_max(badness, decisions.judged.group, n_stretches)
        taken = jax.nn.sigmoid(x[n + 1]) * (
            0.5 * model.slip + (1.0 - model.slip) * jax.nn.sigmoid(worst / model.spread)
        )
        return jnp.concatenate([shown, jnp.log(jnp.where(decisions.taken_over, taken, 1.0 - taken))])

    return log_likelihoods


def _means(windows: Windows, values: Array) -> Array:
    n = len(windows.group)
    counts = np.bincount(windows.window, minlength=n).reshape(-1, *[1] * (values.ndim - 1))
    return jax.ops.segment_sum(values[windows.place], windows.window, n) / counts
