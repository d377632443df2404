"""Align a policy with continuous actions, on a Gymnasium environment of your own.

MountainCarContinuous: a car must swing up a hill that is too steep for its motor; an action in [-1, 1] is its force.
The prior always pushes with nearly full force in the direction of motion. The expert arrives as well, but wants the
motor to be quiet: it takes over when the motor is loud, and pushes half as hard. Run it as a program, or by its name:

    python examples/mountain_car.py
    mereq align examples/mountain_car.py:MOUNTAIN_CAR --rounds 4 --out runs/car
"""

import gymnasium as gym
import numpy as np
from gymnasium.wrappers import RescaleObservation

from mereq import (
    GaussianPolicy,
    MeasurementExpert,
    Round,
    Rule,
    TaskDefinition,
    Trigger,
    align,
    axis_controls,
    fast,
    task_from_gymnasium,
)

FEATURES = ("uphill", "speed", "effort")
LOUD = 0.7  # a force
RULE = Rule(
    engage=(Trigger(lambda force: force > LOUD, 3),),
    disengage=(Trigger(lambda force: force <= LOUD, 5),),
)


def features(obs, action, next_obs, info):
    """Numbers between 0 and 1; an observation is (position, velocity), both between -1 and 1."""
    position, velocity = next_obs
    return np.array([(position + 1) / 2, abs(velocity), action[0] ** 2])


class Measured(gym.Wrapper):
    """Reports what the rule looks at: the force of the last step."""

    def reset(self, **options):
        obs, info = self.env.reset(**options)
        return obs, {**info, "measurements": 0.0}

    def step(self, action):
        obs, reward, terminated, truncated, info = self.env.step(action)
        return obs, reward, terminated, truncated, {**info, "measurements": abs(action[0])}


def make():
    """The environment; networks want observations of about 1, and its velocities are 0.07 at most."""
    env = gym.make("MountainCarContinuous-v0", max_episode_steps=200, render_mode="rgb_array")
    return Measured(RescaleObservation(env, np.float32(-1), np.float32(1)))


def pushing(force: float) -> GaussianPolicy:
    """Policy that pushes in the direction of motion: mean and log-std of u, for actions tanh(u)."""

    def mean_and_log_std(obs):
        mean = np.arctanh(force) * np.sign(obs[:, 1:])
        return mean, np.full_like(mean, np.log(0.5))

    return GaussianPolicy(mean_and_log_std, n_actions=1)


TASK = task_from_gymnasium("mountain-car", make, features, FEATURES)
MOUNTAIN_CAR = TaskDefinition(
    task=TASK,
    supervisor=lambda: MeasurementExpert(pushing(0.5), RULE),
    prior=pushing(0.9),
    settings={"fast": fast(TASK, gamma=0.9, rollout_steps=500, temperature=0.1)},
    summary="swing up the hill; the supervisor wants a quiet motor",
    controls=axis_controls(["force"]),
)


def run(n_rounds: int, seed: int = 0) -> list[Round]:
    """Rounds of Algorithm 1, printed as they end."""
    rounds = []
    prior, settings = MOUNTAIN_CAR.policy("prior"), MOUNTAIN_CAR.settings["fast"]
    supervisor = MeasurementExpert(pushing(0.5), RULE)
    for done in align(TASK, prior, supervisor, settings=settings, seed=seed, n_rounds=n_rounds):
        arrived = done.rollout.terminated.sum()
        weights = "  ".join(f"{n} {w:+.2f}" for n, w in zip(FEATURES, done.theta, strict=True))
        print(f"round {done.index}: intervention rate {done.intervention_rate:.3f}   arrived {arrived}   {weights}")
        rounds.append(done)
    return rounds


if __name__ == "__main__":
    run(4)
