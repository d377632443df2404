"""Environments for worker processes, which import this file: Gymnasium and NumPy alone, not JAX in each of them."""

import os
import signal

import gymnasium as gym
import numpy as np
from gymnasium import spaces

CELLS, SIDE = 7, 42  # the picture: 42 by 42, 3 colours
SPACE = spaces.Dict(
    {
        "camera": spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8),
        "position": spaces.Box(0.0, 1.0, (1,), np.float32),
    }
)


class Gates(gym.Env):
    """Left, stay, right. The goal is a bright column of the picture; a new one appears after 10 steps."""

    observation_space, action_space = SPACE, spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell, self.steps = CELLS // 2, 0
        self.goal = int(self.np_random.integers(CELLS))
        return self.seen(), {"measurements": self.cell}

    def step(self, action):
        self.cell = int(np.clip(self.cell + int(action) - 1, 0, CELLS - 1))
        self.steps += 1
        if self.steps % 10 == 0:
            self.goal = int(self.np_random.integers(CELLS))
        return self.seen(), 0.0, False, self.steps >= 40, {"measurements": self.cell}

    def seen(self):
        picture = np.zeros((SIDE, SIDE, 3), np.uint8)
        picture[:, self.goal * 6 : self.goal * 6 + 6] = 255
        return {"camera": picture, "position": np.array([self.cell / (CELLS - 1)], np.float32)}


def gates_features(obs, action, next_obs, info):
    return np.array([np.clip((next_obs["position"][0] - 0.5) * 2, 0, 1), float(action == 1)])


class Walk(gym.Env):
    """A random walk of its own generator, which can be saved; the action 2 fails, the action 3 kills the process."""

    observation_space, action_space = spaces.Box(-np.inf, np.inf, (2,), np.float32), spaces.Discrete(4)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at, self.steps = self.np_random.normal(size=2), 0
        return self.at.astype(np.float32), {}

    def step(self, action):
        if action == 2:
            raise RuntimeError("the gripper is stuck")
        if action == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        self.at, self.steps = self.at + self.np_random.normal(size=2) * (1 + action), self.steps + 1
        return self.at.astype(np.float32), 0.0, False, self.steps >= 5, {}

    def get_state(self):
        return self.at.copy(), self.steps, self.np_random.bit_generator.state

    def set_state(self, state):
        self.at, self.steps, self.np_random.bit_generator.state = state[0].copy(), state[1], state[2]


def position(obs, action, next_obs, info):
    return next_obs
