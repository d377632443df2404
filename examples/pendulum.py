"""Pendulum with a SAC prior of Stable-Baselines3. The supervisor wants a quiet motor, and swings more often instead.

    mereq align examples/pendulum.py:PENDULUM --rounds 4 --out runs/pendulum

The shipped zip comes from train_prior.py. Needs gymnasium[classic-control], for the pictures.
"""

from pathlib import Path

import gymnasium as gym
import numpy as np

from mereq import (
    Controller,
    Decision,
    Rule,
    RuleEngine,
    TaskDefinition,
    Trigger,
    axis_controls,
    fast,
    open_policy,
    task_from_gymnasium,
)

FEATURES = ("upright", "effort")
QUIET = 0.5  # share of the largest torque, 2 Nm


def make():
    return gym.make("Pendulum-v1", render_mode="rgb_array")


def features(obs, action, next_obs, info):
    """Numbers between 0 and 1; an observation is (cosine, sine, speed), and the action a share of the torque."""
    return np.array([(1 + next_obs[0]) / 2, action[0] ** 2])


def swing(obs):
    """Quiet torque: adds energy while the pendulum hangs, balances when it stands."""
    cosine, sine, speed = obs
    wanted = -4 * sine - speed if cosine > 0.95 else np.sign(speed + 1e-3) * (15 * (1 - cosine) > speed**2)
    return np.clip([wanted], -QUIET, QUIET)


class WantsQuiet:
    """Supervisor that takes over when the policy wants a large torque three times, until it wants small ones again."""

    def __init__(self):
        loud = Trigger(lambda torque: torque > 0.7, 3)
        quiet = Trigger(lambda torque: torque <= 0.7, 3)
        self.engine = RuleEngine(Rule(engage=(loud,), disengage=(quiet,)))

    def begin_episode(self, seed):
        self.engine.reset()

    def decide(self, context):
        if self.engine.judge(abs(context.proposed[0])) is Controller.POLICY:
            return Decision(Controller.POLICY, context.proposed)
        return Decision(Controller.EXPERT, swing(context.obs))


TASK = task_from_gymnasium("pendulum", make, features, FEATURES)
PENDULUM = TaskDefinition(
    task=TASK,
    prior=lambda: open_policy(Path(__file__).parent / "priors/pendulum_sac.zip", TASK),
    supervisor=WantsQuiet,
    settings={"fast": fast(TASK, gamma=0.95, rollout_steps=600, temperature=0.1)},
    controls=axis_controls(["torque [2 Nm]"], keys=[("ArrowLeft", "ArrowRight")]),  # positive is counterclockwise
    hz=10,
    summary="swing up and balance; the supervisor wants a quiet motor",
)
