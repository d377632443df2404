"""Exact answers for continuous actions, in NumPy and float64, made without the package: what SAC is held against."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from exact import slope

GRID = np.linspace(-10.0, 10.0, 20_001)  # of (u - mean) / std, for integrals over one action coordinate


def log_density(u: np.ndarray, mean: np.ndarray, log_std: np.ndarray) -> np.ndarray:
    """log pi(a) of a = tanh(u) over the last axis: scipy's normal density over da/du = 1 / cosh(u)^2."""
    log_cosh = np.logaddexp(u, -u) - np.log(2.0)
    return (norm.logpdf(u, mean, np.exp(log_std)) + 2.0 * log_cosh).sum(axis=-1)


def expectation(function, mean: float, log_std: float) -> float:
    """E function(u), u normal, by the trapezoidal rule."""
    return float((norm.pdf(GRID) * function(mean + np.exp(log_std) * GRID)).sum() * (GRID[1] - GRID[0]))


def network(layers, x: np.ndarray) -> np.ndarray:
    """Affine maps (weight, bias) with ReLUs between them."""
    for weight, bias in layers[:-1]:
        x = np.maximum(np.asarray(x @ weight + bias), 0.0)
    return x @ layers[-1][0] + layers[-1][1]


def flat(tree) -> np.ndarray:
    """All numbers of nested tuples of arrays, one after another."""
    if isinstance(tree, tuple | list):
        return np.concatenate([flat(part) for part in tree])
    return np.asarray(tree, float).ravel()


def unflat(numbers: np.ndarray, tree):
    """The numbers in the shape of `tree`."""
    if not isinstance(tree, tuple | list):
        return numbers.reshape(np.shape(tree))
    parts, done = [], 0
    for part in tree:
        size = flat(part).size
        parts.append(unflat(numbers[done : done + size], part))
        done += size
    return tuple(parts)


class Adam:
    """Kingma and Ba's, Algorithm 1, on a flat vector."""

    def __init__(self, learning_rate: float):
        self.rate, self.first, self.second, self.count = learning_rate, 0.0, 0.0, 0

    def __call__(self, numbers: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        self.count += 1
        self.first = 0.9 * self.first + 0.1 * gradient
        self.second = 0.999 * self.second + 0.001 * gradient**2
        unbiased = self.first / (1 - 0.9**self.count), self.second / (1 - 0.999**self.count)
        return numbers - self.rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)


@dataclass
class ReferenceSAC:
    """Residual SAC step by step; every gradient by finite differences. The noise is given."""

    actor: tuple
    critics: tuple
    target_critics: tuple
    log_temperature: float
    gamma: float
    tau: float
    prior_temperature: float
    learning_rate: float

    def __post_init__(self):
        self._optimizers = [Adam(self.learning_rate) for _ in range(3)]

    def act(self, actor, obs, prior, noise):
        """Actions, log pihat and log pi."""
        stands_on = prior if self.prior_temperature > 0 else 0.0  # without a prior's term there is no prior
        mean, log_std = np.split(stands_on + network(actor, obs), 2, axis=-1)
        log_std = np.clip(log_std, -20.0, 2.0)
        u = mean + np.exp(log_std) * noise
        return np.tanh(u), log_density(u, mean, log_std), log_density(u, *np.split(prior, 2, axis=-1))

    def lowest(self, critics, obs, action):
        """The smaller of both critics' values."""
        inputs = np.concatenate([obs, action], axis=-1)
        return np.minimum(*(network(critic, inputs)[:, 0] for critic in critics))

    def target(self, batch, noise):
        """y of Eq. (2)."""
        action, log_pihat, log_prior = self.act(self.actor, batch.next_obs, batch.next_prior, noise)
        q = self.lowest(self.target_critics, batch.next_obs, action)
        v = q + self.prior_temperature * log_prior - np.exp(self.log_temperature) * log_pihat
        return batch.reward + self.gamma * np.where(batch.terminated, 0.0, v)

    def critics_loss(self, critics, batch, target):
        """Half the squared errors."""
        inputs = np.concatenate([batch.obs, batch.action], axis=-1)
        return sum(0.5 * np.mean((network(critic, inputs)[:, 0] - target) ** 2) for critic in critics)

    def actor_loss(self, actor, critics, batch, noise):
        """E alphahat log pihat - Q_R - alpha log pi."""
        action, log_pihat, log_prior = self.act(actor, batch.obs, batch.prior, noise)
        q = self.lowest(critics, batch.obs, action)
        return np.mean(np.exp(self.log_temperature) * log_pihat - q - self.prior_temperature * log_prior)

    def update(self, batch, noise_target, noise_actor, target_entropy):
        """One update."""
        adam_critics, adam_actor, adam_alpha = self._optimizers
        y = self.target(batch, noise_target)
        _, log_pihat, _ = self.act(self.actor, batch.obs, batch.prior, noise_actor)

        def critics_loss(numbers):
            return self.critics_loss(unflat(numbers, self.critics), batch, y)

        critics = unflat(adam_critics(flat(self.critics), slope(critics_loss, flat(self.critics))), self.critics)

        def actor_loss(numbers):
            return self.actor_loss(unflat(numbers, self.actor), critics, batch, noise_actor)

        self.actor = unflat(adam_actor(flat(self.actor), slope(actor_loss, flat(self.actor))), self.actor)
        self.critics = critics
        mixed = (1 - self.tau) * flat(self.target_critics) + self.tau * flat(critics)
        self.target_critics = unflat(mixed, critics)
        entropy = -log_pihat.mean()  # too little of it: the temperature has to rise
        self.log_temperature = adam_alpha(np.array(self.log_temperature), np.array(entropy - target_entropy))
