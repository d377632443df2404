"""Log-probability of recorded actions as a function that JAX differentiates: the evidence of `family_evidence` in JAX.

Inference evaluates thousands of thetas at once and needs no derivatives. Laplace's approximation and Hamiltonian Monte
Carlo evaluate one theta at a time and need them.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mereq.irl.decisions import DecisionModel, Decisions
from mereq.irl.family_evidence import CategoricalEvidence, ContinuousEvidence
from mereq.maxent_rl.family import ThetaRegion
from mereq.maxent_rl.two_stream import differentiable_direction

StepLogProbs = Callable[[Float[Array, " features"], Float[Array, ""]], Float[Array, "steps coordinates"]]


def differentiable_log_probs(evidence: CategoricalEvidence | ContinuousEvidence) -> StepLogProbs:
    """log pi_theta,beta of each coordinate of each step's action, as a function of theta and beta."""
    phi, prior = jnp.asarray(evidence.phi), jnp.asarray(evidence.prior)

    def categorical(theta: Array, rationality: Array) -> Array:
        assert isinstance(evidence, CategoricalEvidence)
        q = phi @ differentiable_direction(evidence.network, theta) + evidence.prior_temperature * prior
        log_probs = jax.nn.log_softmax(q * rationality / evidence.temperature, axis=1)
        return log_probs[np.arange(len(phi)), evidence.chosen][:, None]

    def continuous(theta: Array, rationality: Array) -> Array:
        assert isinstance(evidence, ContinuousEvidence)
        mean = phi @ differentiable_direction(evidence.network, theta) + prior
        mode = jnp.tanh(mean) if evidence.squashed else jnp.clip(mean, -1.0, 1.0)
        return jnp.log(0.5 * rationality) - rationality * jnp.abs(evidence.chosen - mode)

    return categorical if isinstance(evidence, CategoricalEvidence) else continuous


def differentiable_decisions(
    evidence: CategoricalEvidence | ContinuousEvidence,
    decisions: Decisions,
    model: DecisionModel,
    region: ThetaRegion,
    *,
    uniform: float,
) -> Callable[[Float[Array, " d"]], Float[Array, " decisions"]]:
    """Log-likelihood of each decision as a function of theta and log beta: the terms of `log_likelihood`."""
    log_probs = differentiable_log_probs(evidence)
    steps = np.bincount(decisions.decision, minlength=len(decisions))
    weights = jnp.asarray(np.where(decisions.intervention, 1.0, model.accepted))

    def log_likelihoods(x: Array) -> Array:
        theta = jnp.clip(x[:-1], -region.limit, region.limit)
        of_steps = log_probs(theta, jnp.exp(x[-1]))
        means = jax.ops.segment_sum(of_steps, decisions.decision, len(decisions)) / steps[:, None]
        explained = jnp.log1p(-model.slip) + means
        mixed = jnp.logaddexp(explained, jnp.log(model.slip) + uniform) if model.slip else explained
        return weights * mixed.sum(axis=1)

    return log_likelihoods
