"""Soft values and Boltzmann policies over a finite set of actions: Eqs. (1) and (2), residual Q-learning.

`temperature` is the paper's alphahat, the temperature of the learned policy; `prior_temperature` is its alpha, the
temperature of the prior policy. Functions of one policy only call its temperature alpha, as the paper's equations do.
"""

import numpy as np
from jax.nn import logsumexp
from jaxtyping import Array, Float

from mereq.core.distribution import log_softmax


def boltzmann_log_policy(
    q: Float[np.ndarray, "*batch actions"], *, temperature: float
) -> Float[np.ndarray, "*batch actions"]:
    """Log-probabilities of the maximum-entropy policy of a soft Q-function: Eq. (1).

    log pi(a|s) = Q(s, a) / alpha - log Z_s

    NumPy only: `QPolicy` calls it at every step, where dispatching a compiled function would take longer than the rest
    of the forward pass. No update needs it: the targets of Eq. (2) contain log Z_s alone, as `soft_value`.
    """
    return log_softmax(q / temperature)


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
    """Customized Q-function Qhat = Q_R + Q*, up to a constant per state: section 3.1.

    With alpha = prior_temperature, Eq. (1) says Q*(s, a) = alpha log pi(a|s) + alpha log Z_s; the second term is the
    prior's soft value V*(s), which no policy depends on. With prior_temperature = 0 there is no prior and Qhat = Q_R.
    The result is a NumPy array if both arguments are (acting), else a JAX array (updates).
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

    y = r_R + gamma (1 - terminated) alphahat log sum_a' exp((Q_R(s', a') + alpha log pi(a'|s')) / alphahat)

    The prior's own reward r and value V* cancel, which is why r need not be known.

    Args:
        residual_reward: r_R(s, a) of each transition.
        terminated: 1 where the episode terminated. A time limit is not a termination: pass `terminated`, never
            `terminated or truncated`.
        next_residual_q: Q_R(s', .), of the target network.
        next_prior_log_probs: log pi(.|s') of the prior.
        temperature: alphahat.
        prior_temperature: alpha; 0 means that there is no prior.
        gamma: discount factor.
    """
    next_q = customized_q(next_residual_q, next_prior_log_probs, prior_temperature=prior_temperature)
    return residual_reward + gamma * (1.0 - terminated) * soft_value(next_q, temperature=temperature)
