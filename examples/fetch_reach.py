"""FetchReach of gymnasium-robotics with a SAC prior, which stops 5 cm short. The supervisor wants it to go all the way.

    mereq align examples/fetch_reach.py:FETCH_REACH --rounds 4 --out runs/reach

The learner sees the way to the goal in decimetres, the prior what it was trained on: in metres from the middle of the
table, where 5 cm are hardly seen. The shipped zip comes from train_prior.py. Needs gymnasium-robotics and an older
MuJoCo (docs/environments.md).
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
FEATURES = ("near", "effort")
THERE, OFF = 0.15, 0.3  # dm between gripper and goal
SLOW = 0.2  # of the state's velocities


def make():
    return gym.make("FetchReach-v4", max_episode_steps=30, render_mode="rgb_array")


def state(obs):
    """What learner and supervisor see: the way to the goal [dm], and the gripper's velocity."""
    return np.concatenate([10 * (obs["desired_goal"] - obs["achieved_goal"]), 50 * obs["observation"][5:8]])


def features(obs, action, next_obs, info):
    """Numbers between 0 and 1, from the environment's own Dict."""
    distance = np.linalg.norm(next_obs["achieved_goal"] - next_obs["desired_goal"])
    return np.array([1 - np.clip(distance / 0.1, 0, 1), (action[:3] ** 2).mean()])


def to_the_goal(obs):
    """Straight to the goal: actions in the environment's units."""
    return np.column_stack([np.clip(0.8 * obs[:, :3], -1, 1), np.zeros(len(obs))])


def stops_short(obs):
    return np.linalg.norm(obs[:3]) > OFF and np.linalg.norm(obs[3:]) < SLOW


RULE = Rule(
    engage=(Trigger(stops_short, 3),),
    disengage=(Trigger(lambda obs: np.linalg.norm(obs[:3]) < THERE, 2),),
)
TASK = task_from_gymnasium("fetch-reach", make, features, FEATURES, state=state)
FAST = fast(TASK, gamma=0.8, rollout_steps=300, temperature=0.01)
FEW_STEPS = replace(
    FAST,
    training_steps=700,
    inference=replace(FAST.inference, sample_length=300, max_updates=4, step_size=2.0, tolerance=0.05),
)
FETCH_REACH = TaskDefinition(
    task=TASK,
    prior=lambda: open_policy(Path(__file__).parent / "priors/fetch_reach_sac.zip", TASK),
    supervisor=lambda: MeasurementExpert(DeterministicPolicy(to_the_goal, TASK.actions), RULE),
    settings={"fast": FEW_STEPS},
    controls=axis_controls(
        ["forward", "left", "up", "gripper"],
        keys=[("ArrowUp", "ArrowDown"), ("ArrowLeft", "ArrowRight"), ("KeyE", "KeyQ"), ("KeyD", "KeyA")],
    ),
    summary="reach the red ball; the supervisor wants it to go all the way",
)
