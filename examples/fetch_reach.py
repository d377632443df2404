"""FetchReach of gymnasium-robotics with a SAC prior. The supervisor wants the arm to come from above.

    mereq align examples/fetch_reach.py:FETCH_REACH --rounds 4 --out runs/reach

The shipped zip comes from train_prior.py. Needs gymnasium-robotics and an older MuJoCo (docs/environments.md).
"""

from dataclasses import replace
from pathlib import Path

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
    open_policy,
    task_from_gymnasium,
)

gym.register_envs(gymnasium_robotics)
FEATURES = ("near", "low_on_the_way", "speed")
ABOVE = 0.08  # m over the goal, on the way
THERE = 0.04  # m beside the goal


def make():
    return gym.make("FetchReach-v4", max_episode_steps=30, render_mode="rgb_array")


def way(obs):
    """Features of flattened observations (achieved goal, desired goal, 10 more): the way to the goal, and beside it."""
    to_goal = obs[..., 3:6] - obs[..., :3]
    return to_goal, np.hypot(to_goal[..., 0], to_goal[..., 1])


def features(obs, action, next_obs, info):
    """Numbers between 0 and 1, from the environment's own Dict."""
    to_goal, beside = way(np.concatenate([next_obs["achieved_goal"], next_obs["desired_goal"]]))
    low = np.clip(1 - (-to_goal[2]) / ABOVE, 0, 1) * (beside > THERE)
    return np.array([1 - np.clip(np.linalg.norm(to_goal) / 0.3, 0, 1), low, (action[:3] ** 2).mean()])


def from_above(obs):
    """Rise, cross, descend: actions in the environment's units."""
    to_goal, beside = way(obs)
    target = to_goal + np.where(beside > THERE, 1.5 * ABOVE, 0.0)[:, None] * np.array([0, 0, 1])
    target[:, :2] *= (np.abs(target[:, 2:]) < ABOVE) | (beside[:, None] <= THERE)
    return np.clip(np.column_stack([8 * target, np.zeros(len(obs))]), -1, 1)


def too_low(obs):
    to_goal, beside = way(obs)
    return beside > THERE and -to_goal[2] < ABOVE


RULE = Rule(engage=(Trigger(too_low, 2),), disengage=(Trigger(lambda obs: not too_low(obs), 2),))
TASK = task_from_gymnasium("fetch-reach", make, features, FEATURES)
FAST = fast(TASK, gamma=0.8, rollout_steps=300, temperature=0.05)
FETCH_REACH = TaskDefinition(
    task=TASK,
    prior=lambda: open_policy(Path(__file__).parent / "priors/fetch_reach_sac.zip", TASK),
    supervisor=lambda: MeasurementExpert(DeterministicPolicy(from_above, TASK.actions), RULE),
    settings={"fast": replace(FAST, inference=replace(FAST.inference, step_size=0.5))},
    controls=axis_controls(
        ["forward", "left", "up", "gripper"],
        keys=[("ArrowUp", "ArrowDown"), ("ArrowLeft", "ArrowRight"), ("KeyE", "KeyQ"), ("KeyD", "KeyA")],
    ),
    summary="reach the red ball; the supervisor wants the arm to come from above",
)
