"""BipedalWalker with a PPO prior of a stranger's. The supervisor wants it to walk more slowly.

    mereq align examples/bipedal_walker.py:WALKER --rounds 4 --out runs/walker
    mereq supervise examples/bipedal_walker.py:WALKER --out runs/mine

The prior is not shipped: it is ppo/BipedalWalker-v3_1/BipedalWalker-v3.zip of github.com/DLR-RM/rl-trained-agents (MIT
license), trained by others for 5 million steps, in 2021. Put it at priors/bipedal_walker_ppo.zip beside this file, or
name it in the variable WALKER_PRIOR; its statistics belong beside it (docs/policies.md, VecNormalize). Needs
gymnasium[box2d].
"""

import os
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
    axis_controls,
    fast,
    open_policy,
    task_from_gymnasium,
)

FEATURES = ("fast", "effort", "lean")
FAST, SLOW = 0.6, 0.5  # speeds at which the supervisor takes over, and hands back; the prior walks at 0.63
CALM = 0.6  # share of the prior's action that the supervisor would take


def make():
    return gym.make("BipedalWalker-v3", max_episode_steps=400, render_mode="rgb_array")


def features(obs, action, next_obs, info):
    """Numbers between 0 and 1; an observation begins with (hull's angle, its rate, forward speed, ...)."""
    return np.array([np.clip(next_obs[2], 0, 1), (action**2).mean(), np.clip(abs(next_obs[0]), 0, 1)], float)


RULE = Rule(
    engage=(Trigger(lambda obs: obs[2] > FAST, 3),),
    disengage=(Trigger(lambda obs: obs[2] < SLOW, 3),),
)
TASK = task_from_gymnasium("bipedal-walker", make, features, FEATURES)
QUICK = fast(TASK, gamma=0.0, rollout_steps=600, temperature=0.1)  # the effort is one of the action itself


def prior():
    return open_policy(os.environ.get("WALKER_PRIOR", Path(__file__).parent / "priors/bipedal_walker_ppo.zip"), TASK)


def calm():
    """The prior's most probable action, weaker: it then walks at 0.2."""
    hurried = prior()
    return DeterministicPolicy(lambda obs: CALM * hurried.distribution(obs).mode(), TASK.actions)


WALKER = TaskDefinition(
    task=TASK,
    prior=prior,
    expert=calm,
    supervisor=lambda expert: MeasurementExpert(expert, RULE),
    settings={
        "fast": replace(
            QUICK,
            training_steps=1000,
            inference=replace(QUICK.inference, max_updates=4, step_size=3.0, tolerance=0.01, features=("effort",)),
        )
    },
    controls=axis_controls(
        ["hip 1", "knee 1", "hip 2", "knee 2"],
        keys=[("KeyR", "KeyF"), ("KeyT", "KeyG"), ("KeyY", "KeyB"), ("KeyU", "KeyJ")],
    ),
    hz=10,
    summary="walk; the supervisor wants it slower",
)
