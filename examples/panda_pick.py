"""gym-hil's Panda, which picks up a cube. The scripted prior knows only the cube's usual place; it now lies elsewhere.

    mereq align examples/panda_pick.py:PANDA --rounds 4 --out runs/panda
    mereq supervise examples/panda_pick.py:PANDA --out runs/mine

Needs gym-hil, and MUJOCO_GL=egl on a machine without a screen.
"""

from dataclasses import replace

import gym_hil  # registers the environments
import gymnasium as gym
import numpy as np
from gym_hil.wrappers.hil_wrappers import EEActionWrapper
from gymnasium import spaces

from mereq import (
    DeterministicPolicy,
    MeasurementExpert,
    Rule,
    TaskDefinition,
    Trigger,
    axis_controls,
    fast,
    task_from_gymnasium,
)

assert gym_hil
FEATURES = ("over_cube", "at_cube", "lifted")
USUAL = (0.5, 0.0)  # m, where the cube used to lie
STEP = 0.025  # m that the tool moves in one step, at most
OPEN, STAY, CLOSE = 0.0, 1.0, 2.0


class Small(gym.Wrapper):
    """Tool, gripper and cube as the observation, in decimetres; a cube whose place is a function of the seed."""

    def __init__(self, env):
        super().__init__(EEActionWrapper(env, dict(x=STEP, y=STEP, z=STEP), use_gripper=True))
        self.observation_space = spaces.Box(-20, 20, (7,), np.float32)

    def reset(self, *, seed=None, options=None):
        if seed is not None:
            self.np_random = np.random.default_rng(seed)
        np.random.seed(self.np_random.integers(2**31))  # noqa: NPY002, gym-hil draws the cube's place from NumPy's global generator
        obs, info = self.env.reset(seed=seed, options=options)
        return self._seen(obs), info

    def step(self, action):
        obs, *rest = self.env.step(action)
        return self._seen(obs), *rest

    def _seen(self, obs):
        gripper = obs["agent_pos"][14:15] / 255
        return np.concatenate([10 * obs["agent_pos"][15:], gripper, 10 * obs["environment_state"]]).astype(np.float32)


def make():
    env = gym.make("gym_hil/PandaPickCubeBase-v0", random_block_position=True, max_episode_steps=50)
    return Small(env)


def features(obs, action, next_obs, info):
    """Numbers between 0 and 1."""
    away = (next_obs[:3] - next_obs[4:]) / 10
    return np.array(
        [
            1 - np.clip(np.hypot(*away[:2]) / 0.15, 0, 1),
            1 - np.clip(np.linalg.norm(away) / 0.15, 0, 1),
            np.clip((next_obs[6] / 10 - 0.02) / 0.1, 0, 1),
        ]
    )


def pick_at(place):
    """Policy that goes over a place, goes down, closes the gripper, and lifts: actions in the environment's units."""

    def actions(obs):
        tool, gripper, cube = obs[:, :3] / 10, obs[:, 3], obs[:, 4:] / 10
        to = (cube[:, :2] if place is None else np.array(place)) - tool[:, :2]
        over = np.linalg.norm(to, axis=1) < 0.015
        down = over & (tool[:, 2] < 0.03)
        z = np.where(gripper > 0.9, 0.3, np.where(over, 0.015, 0.1)) - tool[:, 2]
        grip = np.where(down | (gripper > 0.5), CLOSE, OPEN)
        grip = np.where((gripper < 0.5) & ~down, OPEN, grip)
        return np.column_stack([np.clip(np.column_stack([to, z]) / STEP, -1, 1), grip])

    return actions


def beside(obs):
    """Horizontal distance from the cube, in decimetres."""
    return np.hypot(*(obs[:2] - obs[4:6]))


RULE = Rule(
    engage=(Trigger(lambda obs: beside(obs) > 0.3, 3),),
    disengage=(Trigger(lambda obs: beside(obs) < 0.2, 2),),
)
TASK = task_from_gymnasium("panda-pick", make, features, FEATURES)
FAST = fast(TASK, gamma=0.9, rollout_steps=200, temperature=0.1)
FEW_STEPS = replace(
    FAST, training_steps=800, inference=replace(FAST.inference, sample_length=100, max_updates=4, step_size=3.0)
)  # of the simulator, which needs 0.01 s for each
PANDA = TaskDefinition(
    task=TASK,
    prior=DeterministicPolicy(pick_at(USUAL), TASK.actions, noise=0.5),
    supervisor=lambda: MeasurementExpert(DeterministicPolicy(pick_at(None), TASK.actions), RULE),
    settings={"fast": FEW_STEPS},
    controls=axis_controls(
        ["forward", "left", "up", "grip"],
        keys=[("ArrowUp", "ArrowDown"), ("ArrowLeft", "ArrowRight"), ("KeyE", "KeyQ"), ("KeyD", "KeyA")],
    ),
    summary="pick up the cube; the supervisor shows that it lies elsewhere now",
)
