"""Corridor small enough for exact solutions: Algorithm 1 in seconds, for tests and as a first example.

A robot walks along a corridor of `length` cells and two sides. The prior's reward is for progress; the expert's also
for the left side. A forward step fails (stays in place) with a small probability, so that soft policies matter.
"""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from mereq.core.actions import Discrete
from mereq.core.simulator import Environment
from mereq.core.task import Task
from mereq.tasks.gymnasium_simulator import GymnasiumSimulator

FORWARD, SWITCH, WAIT = range(3)
FEATURE_NAMES = ("forward", "left_side", "switch")
THETA_PRIOR = np.array([1.0, 0.0, -0.2])
THETA_EXPERT = np.array([1.0, 1.5, -0.2])


class Corridor(gym.Env):
    """Corridor as a Gymnasium environment.

    Observation: one-hot cell (side * length + position). Actions: forward, switch side, wait. Features of a step:
    advanced by a cell; is on the left side afterwards; switched. Reaching the end terminates; `horizon` steps truncate.
    """

    def __init__(self, length: int = 6, horizon: int = 20, slip: float = 0.1):
        self.length, self.horizon, self.slip = length, horizon, slip
        self.n_states = 2 * length
        self.observation_space = spaces.Box(0.0, 1.0, (self.n_states,), np.float32)
        self.action_space = spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode at the near end, on a random side."""
        super().reset(seed=seed)
        self._side, self._position, self._time = int(self.np_random.integers(2)), 0, 0
        return self._obs(), {}

    def step(self, action: int | np.integer):
        """Execute an action: walk, switch sides or wait."""
        slips = self.np_random.random() < self.slip
        forward = action == FORWARD and not slips
        self._position += forward
        switched = action == SWITCH
        self._side = 1 - self._side if switched else self._side
        self._time += 1
        features = np.array([forward, self._side == 0, switched], np.float64)
        terminated = self._position == self.length - 1
        truncated = self._time >= self.horizon
        return self._obs(), float(features @ THETA_PRIOR), terminated, truncated, {"features": features}

    def _obs(self) -> np.ndarray:
        return np.eye(self.n_states, dtype=np.float32)[self._side * self.length + self._position]


def _make() -> Environment:
    return Corridor()


def _simulate(n: int) -> GymnasiumSimulator:
    return GymnasiumSimulator(Corridor, n, name="corridor")


TASK = Task("corridor", FEATURE_NAMES, 12, Discrete(3), _make, _simulate)
