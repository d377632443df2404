"""Soft values and Boltzmann policies over a finite set of actions."""

import numpy as np
from jax.nn import log_softmax, logsumexp
from jaxtyping import Array, Float


def boltzmann_log_policy(
    q: Float[Array | np.ndarray, "*batch actions"], *, temperature: float
) -> Float[Array, "*batch actions"]:
    """Log-probabilities of the max-ent policy of a soft Q-function: Eq. (1).

    log pi(a|s) = Q(s, a) / alpha - log Z_s
    """
    return log_softmax(q / temperature, axis=-1)


def soft_value(q: Float[Array | np.ndarray, "*batch actions"], *, temperature: float) -> Float[Array, "*batch"]:
    """Soft value of a soft Q-function: the inner term of Eq. (2).

    V(s) = alpha log sum_a exp(Q(s, a) / alpha), which tends to max_a Q(s, a) as alpha tends to 0.
    """
    return temperature * logsumexp(q / temperature, axis=-1)


def customized_q(
    residual_q: Float[Array | np.ndarray, "*batch actions"],
    prior_log_probs: Float[Array | np.ndarray, "*batch actions"],
    *,
    prior_temperature: float,
) -> Float[Array | np.ndarray, "*batch actions"]:
    """Qhat = Q_R + Q*, up to a constant per state: section 3.1.

    With alpha = prior_temperature, Eq. (1) says Q*(s, a) = alpha log pi(a|s) + alpha log Z_s; the second term is the
    prior's soft value V*(s), which no policy depends on. With prior_temperature = 0 there is no prior and Qhat = Q_R.
    """
    return residual_q + prior_temperature * prior_log_probs


def residual_target(
    residual_reward: Float[Array | np.ndarray, "*batch"],
    terminated: Float[Array | np.ndarray, "*batch"],
    next_residual_q: Float[Array | np.ndarray, "*batch actions"],
    next_prior_log_probs: Float[Array | np.ndarray, "*batch actions"],
    *,
    temperature: float,
    prior_temperature: float,
    gamma: float,
) -> Float[Array | np.ndarray, "*batch"]:
    """Target of the residual Q-function: Eq. (2) with Q* subtracted on both sides.

    y = r_R + gamma (1 - terminated) alpha log sum_a' exp((Q_R(s', a') + prior_temperature log pi(a'|s')) / alpha)

    The prior's own reward r and value V* cancel, which is why r need not be known. A time limit is not a
    termination: the caller passes `terminated`, never `terminated or truncated`.
    """
    next_q = customized_q(next_residual_q, next_prior_log_probs, prior_temperature=prior_temperature)
    return residual_reward + gamma * (1.0 - terminated) * soft_value(next_q, temperature=temperature)
