"""Exact answers, in NumPy and float64, made without the package: what its equations are held against.

Everything here is a table over a handful of states, solved to rounding error or enumerated to the last path.
"""

import itertools
from dataclasses import dataclass

import numpy as np


def soft_maximum(q: np.ndarray, temperature: float) -> np.ndarray:
    """alpha log sum_a exp(q_a / alpha) over the last axis."""
    return temperature * np.logaddexp.reduce(q / temperature, axis=-1)


def boltzmann(q: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities proportional to exp(q / alpha)."""
    return np.exp((q - soft_maximum(q, temperature)[..., None]) / temperature)


@dataclass(frozen=True)
class MDP:
    """A tabular decision process whose outcomes are K equally likely successors of each state and action."""

    successors: np.ndarray  # (S, A, K) int
    terminal: np.ndarray  # (S,) bool: reaching such a state ends the episode
    features: np.ndarray  # (S, A, F), expected over the outcomes

    @property
    def n_states(self) -> int:
        return self.successors.shape[0]

    @property
    def n_actions(self) -> int:
        return self.successors.shape[1]

    def soft_q(self, reward: np.ndarray, *, temperature: float, gamma: float) -> np.ndarray:
        """Max-ent optimal Q, (S, A), of a reward (S, A): soft value iteration to rounding error."""
        q = np.zeros(reward.shape)
        for _ in range(100_000):
            value = np.where(self.terminal, 0.0, soft_maximum(q, temperature))
            better = reward + gamma * value[self.successors].mean(axis=-1)
            if np.abs(better - q).max() < 1e-14:
                return better
            q = better
        raise AssertionError("soft value iteration did not converge")

    def hard_q(self, reward: np.ndarray, *, gamma: float) -> np.ndarray:
        """Optimal Q, (S, A), without entropy: value iteration to rounding error."""
        q = np.zeros(reward.shape)
        for _ in range(100_000):
            value = np.where(self.terminal, 0.0, q.max(axis=-1))
            better = reward + gamma * value[self.successors].mean(axis=-1)
            if np.abs(better - q).max() < 1e-14:
                return better
            q = better
        raise AssertionError("value iteration did not converge")


def random_mdp(
    rng: np.random.Generator, *, states: int = 5, actions: int = 3, outcomes: int = 4, features: int = 2
) -> MDP:
    """Random successors and features; the last state is terminal."""
    return MDP(
        successors=rng.integers(states, size=(states, actions, outcomes)),
        terminal=np.arange(states) == states - 1,
        features=rng.uniform(-1, 1, size=(states, actions, features)),
    )


def corridor_mdp(length: int = 6, slips_in_ten: int = 1) -> MDP:
    """The corridor task (cell = side * length + position; forward, switch, wait), from its description.

    Features: expected progress of a cell; on the left side (side 0) afterwards; switched. The far end is terminal.
    """
    successors = np.empty((2 * length, 3, 10), int)
    features = np.empty((2 * length, 3, 3))
    for side, position in itertools.product(range(2), range(length)):
        cell = side * length + position
        ahead = min(cell + 1, side * length + length - 1)
        successors[cell, 0] = [cell] * slips_in_ten + [ahead] * (10 - slips_in_ten)
        successors[cell, 1] = (1 - side) * length + position
        successors[cell, 2] = cell
        features[cell, 0] = [1 - slips_in_ten / 10, side == 0, 0]
        features[cell, 1] = [0, side == 1, 1]
        features[cell, 2] = [0, side == 0, 0]
    terminal = np.arange(2 * length) % length == length - 1
    return MDP(successors, terminal, features)


@dataclass(frozen=True)
class Paths:
    """Every path of a given length from a given state of a deterministic process, enumerated.

    Max-ent over paths: p(path) is proportional to exp(reward(path) + theta . features(path)), undiscounted.
    """

    actions: np.ndarray  # (N, length)
    rewards: np.ndarray  # (N,) of the part that is not in the features
    features: np.ndarray  # (N, F), summed along the path
    steps: np.ndarray  # (N, length, F)

    @classmethod
    def enumerate(cls, mdp: MDP, reward: np.ndarray, start: int, length: int) -> "Paths":
        actions = np.array(list(itertools.product(range(mdp.n_actions), repeat=length)))
        rewards, steps = np.zeros(len(actions)), []
        for n, path in enumerate(actions):
            state, features = start, []
            for action in path:
                rewards[n] += reward[state, action]
                features.append(mdp.features[state, action])
                (state,) = set(mdp.successors[state, action])
            steps.append(features)
        return cls(actions, rewards, np.array(steps).sum(axis=1), np.array(steps))

    def log_probabilities(self, theta: np.ndarray) -> np.ndarray:
        scores = self.rewards + self.features @ theta
        return scores - np.logaddexp.reduce(scores)

    def expected_features(self, theta: np.ndarray) -> np.ndarray:
        """Expected features of a whole path."""
        return np.exp(self.log_probabilities(theta)) @ self.features


def slope(function, at: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Gradient of a scalar function by central differences."""
    directions = np.eye(len(at)) * step
    return np.array([(function(at + d) - function(at - d)) / (2 * step) for d in directions])
