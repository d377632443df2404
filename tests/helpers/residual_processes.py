"""Random decision processes with a random prior, and exact residual values of their policies."""

import numpy as np

from exact import MDP, boltzmann

GAMMA, ALPHA = 0.9, 0.3


def a_process(rng: np.random.Generator) -> tuple[MDP, np.ndarray]:
    """Six states, three actions, two successors each, two features; and a random prior's log-probabilities."""
    successors = rng.integers(6, size=(6, 3, 2))
    mdp = MDP(successors, np.array([False] * 5 + [True]), rng.uniform(size=(6, 3, 2)))
    return mdp, np.log(boltzmann(rng.normal(size=(6, 3)), 1.0))


def residual_q(mdp: MDP, log_prior: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """The fixed point of the residual Bellman equation, by value iteration."""
    q = np.zeros(log_prior.shape)
    for _ in range(2000):
        value = ALPHA * np.logaddexp.reduce(q / ALPHA + log_prior, axis=1)
        q = mdp.features @ theta + GAMMA * np.where(mdp.terminal, 0.0, value)[mdp.successors].mean(axis=-1)
    return q


def evaluated(mdp: MDP, policy: np.ndarray, now: np.ndarray, later: np.ndarray) -> np.ndarray:
    """now(s, a) + E[sum of gamma^t (later(s_t) + now(s_t, a_t))] for t >= 1, acting by a policy."""
    q = np.zeros(now.shape)
    for _ in range(2000):
        value = later + (policy[..., None] * q).sum(axis=1) if now.ndim == 3 else later + (policy * q).sum(axis=1)
        value = np.where(mdp.terminal[:, None] if now.ndim == 3 else mdp.terminal, 0.0, value)
        q = now + GAMMA * value[mdp.successors].mean(axis=2)
    return q


def parts(mdp: MDP, log_prior: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """psi (S, A, F) and K (S, A) of the policy of theta."""
    policy = boltzmann(residual_q(mdp, log_prior, theta) + ALPHA * log_prior, ALPHA)
    divergence = (policy * (np.log(policy) - log_prior)).sum(axis=1)
    psi = evaluated(mdp, policy, mdp.features, np.zeros((6, 2)))
    return psi, evaluated(mdp, policy, np.zeros((6, 3)), divergence)
