"""CartPole with a prior of Stable-Baselines3. The prior balances anywhere; the supervisor wants the cart on the left.

    mereq align examples/cart_pole.py:CART_POLE --rounds 4 --out runs/cart
    mereq align examples/cart_pole.py:CART_POLE --prior examples/priors/cart_pole_ppo.zip --rounds 4 --out runs/ppo

The shipped zips come from train_prior.py. Needs gymnasium[classic-control], for the pictures.
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

FEATURES = ("left", "upright")
PLACE, FAR = -1.0, 0.25  # m, where the supervisor holds the cart, and takes over. An episode starts within 0.05 of 0


def make():
    return gym.make("CartPole-v1", max_episode_steps=200, render_mode="rgb_array")


def features(obs, action, next_obs, info):
    """Numbers between 0 and 1, of (position, velocity, angle, angular velocity)."""
    heading = next_obs[0] + next_obs[1]  # where the cart will be in a second: responds to a push at once
    return np.array([np.clip(0.5 - heading / 4, 0, 1), 1 - np.clip(abs(next_obs[2]) / 0.2, 0, 1)])


def balance(obs):
    """Push that balances the pole at the supervisor's place."""
    x, v, angle, turn = obs.T
    return (0.7 * (x - PLACE) + 1.5 * v + 20 * angle + 5 * turn > 0).astype(int)


RULE = Rule(  # conditions on the observation
    engage=(Trigger(lambda obs: obs[0] > FAR, 5),),
    disengage=(Trigger(lambda obs: obs[0] < PLACE / 2, 5),),
)
TASK = task_from_gymnasium("cart-pole", make, features, FEATURES)
FAST = fast(TASK, gamma=0.95, rollout_steps=600)
LONGER = (
    replace(  # few steps of theta with much training: the DQN's Q-values hardly differ, and a half-trained policy falls
        FAST, training_steps=3000, inference=replace(FAST.inference, max_updates=4, step_size=1.0)
    )
)
CART_POLE = TaskDefinition(
    task=TASK,
    prior=lambda: open_policy(Path(__file__).parent / "priors/cart_pole_dqn.zip", TASK),
    supervisor=lambda: MeasurementExpert(DeterministicPolicy(balance, TASK.actions), RULE),
    settings={"fast": LONGER},
    controls=discrete_controls(["push left", "push right"], keys=["ArrowLeft", "ArrowRight"]),
    hz=10,
    summary="balance the pole; the supervisor wants the cart on the left",
)
