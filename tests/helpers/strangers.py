"""Environments, policies and supervisors as strangers write them: one thing about each is odd."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from mereq.core.supervisor import Controller, Decision
from mereq.core.task import Task
from mereq.tasks.gymnasium_task import task_from_gymnasium

OBS, ACTIONS = spaces.Box(-10, 10, (2,), np.float32), spaces.Discrete(3)
FINE = np.zeros(2, np.float32)


class Stranger(gym.Env):
    """An environment that returns, after a step, what `answer(action)` says; it remembers what it was given."""

    def __init__(self, answer=None, *, obs_space=OBS, action_space=ACTIONS, first: Any = FINE, info: Any = None):
        self.observation_space, self.action_space = obs_space, action_space
        self.answer = answer or (lambda action: (first, 0.0, False, False, {}))
        self.first, self.info, self.given = first, {} if info is None else info, []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.first, self.info

    def step(self, action):
        self.given.append(action)
        return self.answer(action)


def task_of(make: Callable[[], Any], features=lambda *step: np.zeros(1), names=("a",), **more) -> Task:
    return task_from_gymnasium("strange", make, features, names, **more)


def one_step(make: Callable[[], Any], action: Any = 1, **more) -> tuple[Any, Any]:
    """Reset and step of the task: the answer of the step, and what the stranger was given."""
    env: Any = task_of(make, **more).make()
    env.reset(seed=0)
    return env.step(action), getattr(env.unwrapped, "given", None)


class Answers:
    """A supervisor that takes over at once, and answers the same each time."""

    def __init__(self, answer: Any, controller: Any = Controller.EXPERT):
        self.answer = answer if isinstance(answer, Decision) or controller is None else Decision(controller, answer)

    def begin_episode(self, seed) -> None: ...

    def decide(self, context):
        return self.answer
