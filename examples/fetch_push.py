"""FetchPush of gymnasium-robotics with a scripted prior. The supervisor wants the arm to rise once the block is there.

    mereq align examples/fetch_push.py:FETCH_PUSH --rounds 4 --out runs/push
    mereq supervise examples/fetch_push.py:FETCH_PUSH --out runs/mine

Needs gymnasium-robotics and a MuJoCo that it works with (docs/environments.md).
"""

from dataclasses import replace

import gymnasium as gym
import gymnasium_robotics
import numpy as np

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

gym.register_envs(gymnasium_robotics)
FEATURES = ("pushed", "arrived_and_high", "arrived_and_low")
ARRIVED = 0.05  # m between block and goal, as in the environment
TABLE, HIGH = 0.42, 0.55  # m, heights of the gripper
RIGHT, LEFT = 132.0, 228.0  # degrees, of a camera in front of the robot
CAMERA = {"distance": 1.2, "azimuth": RIGHT, "elevation": -30.0, "lookat": np.array([1.3, 0.75, 0.45])}  # at the table


class FromBothSides(gym.Wrapper):
    """Two pictures: what the gripper hides in one is seen in the other."""

    def render(self):
        from_right = self.env.render()
        camera = self.unwrapped.mujoco_renderer.viewer.cam
        camera.azimuth = LEFT
        from_left = self.env.render()
        camera.azimuth = RIGHT
        return [from_right, from_left]


def make():
    env = gym.make("FetchPush-v4", max_episode_steps=60, render_mode="rgb_array", default_camera_config=CAMERA)
    return FromBothSides(env)


def features(obs, action, next_obs, info):
    """Numbers between 0 and 1, from the environment's own Dict."""
    left = np.linalg.norm(next_obs["achieved_goal"] - next_obs["desired_goal"])
    height = np.clip((next_obs["observation"][2] - TABLE) / (HIGH - TABLE), 0, 1)
    return np.array([1 - np.clip(left / 0.3, 0, 1), height * (left < ARRIVED), (1 - height) * (left < ARRIVED)])


def push(obs):
    """Prior: go behind the block, then push it to the goal, and stay. Actions in the environment's units."""
    block, goal, gripper = obs[:, :3], obs[:, 3:6], obs[:, 6:9]  # the Dict, flattened by name
    way = (goal - block)[:, :2]
    left = np.linalg.norm(way, axis=1, keepdims=True)
    ahead = way / np.maximum(left, 1e-6)
    behind = block[:, :2] - 0.07 * ahead
    off = np.linalg.norm(behind - gripper[:, :2], axis=1, keepdims=True)
    in_line = (((block[:, :2] - gripper[:, :2]) * ahead).sum(axis=1, keepdims=True) > 0.02) & (off < 0.09)
    pushes = in_line & (gripper[:, 2:] < TABLE + 0.03)
    across = np.where(pushes, block[:, :2] + 0.05 * ahead, behind) - gripper[:, :2]
    up = np.where(pushes | (off < 0.03), TABLE, TABLE + 0.1) - gripper[:, 2:]
    moves = np.where(left < ARRIVED / 2, 0.0, np.concatenate([12 * across, 12 * up], axis=1))
    return np.clip(np.column_stack([moves, np.zeros(len(obs))]), -1, 1)


def rise(obs):
    return np.tile([0.0, 0.0, 1.0, 0.0], (len(obs), 1))


def arrived_and_low(obs):
    return np.linalg.norm(obs[:3] - obs[3:6]) < ARRIVED and obs[8] < HIGH


RULE = Rule(
    engage=(Trigger(arrived_and_low, 3),),
    disengage=(Trigger(lambda obs: not arrived_and_low(obs), 1),),
)
TASK = task_from_gymnasium("fetch-push", make, features, FEATURES)
FAST = fast(TASK, gamma=0.9, rollout_steps=300, temperature=0.1)
FEW_STEPS = replace(
    FAST,
    training_steps=1000,
    inference=replace(FAST.inference, sample_length=300, max_updates=4, step_size=2.0, tolerance=0.05),
)  # of the simulator, which needs 0.004 s for each
FETCH_PUSH = TaskDefinition(
    task=TASK,
    prior=DeterministicPolicy(push, TASK.actions, noise=0.3),
    supervisor=lambda: MeasurementExpert(DeterministicPolicy(rise, TASK.actions), RULE),
    settings={"fast": FEW_STEPS},
    controls=axis_controls(
        ["forward", "left", "up", "gripper"],
        keys=[("ArrowUp", "ArrowDown"), ("ArrowLeft", "ArrowRight"), ("KeyE", "KeyQ"), ("KeyD", "KeyA")],
    ),
    summary="push the block to the red ball; the supervisor wants the arm to rise afterwards",
)
