"""MiniGrid: an agent that turns and walks. The prior goes to the right first; the supervisor wants it to go down first.

    mereq align examples/mini_grid.py:MINI_GRID --rounds 4 --out runs/grid

Needs minigrid. Its observations have a text (the mission), so a wrapper says what the policy sees.
"""

import gymnasium as gym
import minigrid
import numpy as np
from gymnasium import spaces

from mereq import (
    LogitsPolicy,
    MeasurementExpert,
    Rule,
    TaskDefinition,
    Trigger,
    discrete_controls,
    fast,
    task_from_gymnasium,
)

gym.register_envs(minigrid)
LEFT, RIGHT, FORWARD = range(3)
EAST, SOUTH = 0, 1  # directions that the agent looks to
LAST = 6  # column and row of the goal; the first ones are 1
FEATURES = ("left_below", "nearer")


class Place(gym.Wrapper):
    """Column, row and direction as the observation, and the three actions of walking."""

    def __init__(self, env):
        super().__init__(env)
        self.observation_space = spaces.MultiDiscrete([LAST + 2, LAST + 2, 4])
        self.action_space = spaces.Discrete(3)

    def reset(self, **options):
        _, info = self.env.reset(**options)
        return self._place(), info

    def step(self, action):
        _, *rest = self.env.step(action)
        return self._place(), *rest

    def _place(self):
        return np.array([*self.unwrapped.agent_pos, self.unwrapped.agent_dir])


def make():
    return Place(gym.make("MiniGrid-Empty-8x8-v0", max_steps=60, render_mode="rgb_array"))


def features(obs, action, next_obs, info):
    """Numbers between 0 and 1: on the side below the diagonal, and nearer to the goal than before."""
    (x, y, _), (next_x, next_y, _) = obs, next_obs
    return np.array([(next_y - next_x + LAST) / (2 * LAST), next_x + next_y > x + y], float)


def walking(first, then):
    """A policy that walks to the goal, as far as possible in the direction `first`."""

    def logits(obs):  # (n, 20): the three numbers arrive one-hot
        x, y, looks = (part.argmax(axis=1) for part in np.split(obs, [8, 16], axis=1))
        along = x if first == EAST else y
        wanted = np.where(along < LAST, first, then)
        return 3.0 * np.eye(3)[np.where(looks == wanted, FORWARD, np.where((wanted - looks) % 4 == 1, RIGHT, LEFT))]

    return LogitsPolicy(logits, n_actions=3)


def above(obs):
    """Columns that the agent is further to the right than down."""
    return obs[:8].argmax() - obs[8:16].argmax()


RULE = Rule(engage=(Trigger(lambda obs: above(obs) > 0, 1),), disengage=(Trigger(lambda obs: above(obs) < 0, 1),))
TASK = task_from_gymnasium("mini-grid", make, features, FEATURES)
MINI_GRID = TaskDefinition(
    task=TASK,
    prior=walking(EAST, SOUTH),
    supervisor=lambda: MeasurementExpert(walking(SOUTH, EAST), RULE),
    settings={"fast": fast(TASK, gamma=0.9, rollout_steps=300)},
    controls=discrete_controls(["turn left", "turn right", "forward"], keys=["ArrowLeft", "ArrowRight", "ArrowUp"]),
    summary="walk to the goal; the supervisor wants it to go down first",
)
