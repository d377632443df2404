"""LunarLander with a prior of Stable-Baselines3. The supervisor wants a brisk one, down to the last metre.

    mereq align examples/lunar_lander.py:LANDER --rounds 4 --out runs/lander
    mereq align examples/lunar_lander.py:LANDER --prior examples/priors/lunar_lander_dqn.zip --rounds 4 --out runs/dqn

The shipped zips come from train_prior.py. Needs gymnasium[box2d].
"""

from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np

from mereq import (
    DeterministicPolicy,
    MeasurementExpert,
    Rule,
    TaskDefinition,
    Trigger,
    discrete_controls,
    fast,
    open_policy,
    task_from_gymnasium,
)

FEATURES = ("brisk", "main_engine", "low_and_fast", "tilt")
NOTHING, TURN_LEFT, MAIN, TURN_RIGHT = range(4)
LOW = 0.4  # height, where the lander has to be slow
HOVERS, FALLS = -0.2, -0.35  # vertical velocities


def make():
    return gym.make("LunarLander-v3", max_episode_steps=400, render_mode="rgb_array")


def features(obs, action, next_obs, info):
    """Numbers between 0 and 1; an observation is (x, y, their velocities, angle, turning, two legs)."""
    high, sinking = next_obs[1] > LOW, np.clip(-next_obs[3] / 0.5, 0, 1)
    return np.array(
        [high * sinking, high * (action == MAIN), (not high) * sinking, np.clip(abs(next_obs[4]), 0, 1)], float
    )


def brisk_descent(obs):
    """Engines that keep the lander upright over the flags, and let it fall until it is low."""
    x, y, vx, vy, angle, turning = obs[:, :6].T
    lean = np.clip(0.5 * x + vx, -0.4, 0.4) - angle  # angle that is wanted, less the present one
    turn = 0.5 * lean - turning
    sideways = np.where(turn < -0.05, TURN_RIGHT, np.where(turn > 0.05, TURN_LEFT, NOTHING))
    return np.where((vy < np.where(y > LOW, FALLS - 0.05, -0.1)) & (np.abs(angle) < 0.5), MAIN, sideways)


RULE = Rule(
    engage=(Trigger(lambda obs: obs[1] > LOW and obs[3] > HOVERS, 5),),
    disengage=(Trigger(lambda obs: obs[1] < LOW or obs[3] < FALLS, 2),),
)
TASK = task_from_gymnasium("lunar-lander", make, features, FEATURES)
FAST = fast(TASK, gamma=0.95, rollout_steps=600)
FEW_STEPS = replace(FAST, training_steps=1000, inference=replace(FAST.inference, max_updates=6, step_size=1.0))
LANDER = TaskDefinition(
    task=TASK,
    prior=lambda: open_policy(Path(__file__).parent / "priors/lunar_lander_ppo.zip", TASK),
    supervisor=lambda: MeasurementExpert(DeterministicPolicy(brisk_descent, TASK.actions), RULE),
    settings={
        "fast": replace(FAST, training_steps=1000, inference=replace(FAST.inference, max_updates=6, step_size=1.0))
    },
    controls=discrete_controls(
        ["nothing", "left engine", "main engine", "right engine"],
        keys=["", "ArrowLeft", "ArrowUp", "ArrowRight"],
        nothing=NOTHING,
    ),
    hz=10,
    summary="land between the flags; the supervisor wants a brisk descent",
)
