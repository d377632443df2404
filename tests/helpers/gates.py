"""A walk between walls whose goal only a picture shows: a prior that sees it, and a supervisor that fears the right."""

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from mereq import (
    LogitsPolicy,
    MeasurementExpert,
    Rule,
    TaskDefinition,
    Trigger,
    fast,
    on_parts,
    task_from_gymnasium,
)

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


def to_the_goal(obs):
    """Logits of a prior that looks at the picture."""
    goal = obs["camera"][:, 0, :, 0].argmax(axis=1) // 6
    cell = np.rint(obs["position"][:, 0] * (CELLS - 1))
    return 4.0 * (np.arange(3) == (1 + np.sign(goal - cell))[:, None])


def leave(state):
    """Logits of an expert that sees the state, and goes left."""
    assert state.shape[1] == 1
    return np.tile([4.0, 0.0, 0.0], (len(state), 1))


def features(obs, action, next_obs, info):
    return np.array([np.clip((next_obs["position"][0] - 0.5) * 2, 0, 1), float(action == 1)])


RULE = Rule(engage=(Trigger(lambda cell: cell >= 5, 1),), disengage=(Trigger(lambda cell: cell <= 4, 1),))
TASK = task_from_gymnasium("gates", Gates, features, ("right", "stay"), state=("position",))
PRIOR = LogitsPolicy(on_parts(to_the_goal, SPACE), n_actions=3)
GATES = TaskDefinition(
    task=TASK,
    prior=PRIOR,
    supervisor=lambda: MeasurementExpert(LogitsPolicy(leave, n_actions=3), RULE),
    settings={"fast": fast(TASK, gamma=0.8, rollout_steps=200)},
)
