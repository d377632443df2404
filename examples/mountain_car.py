"""Align a policy with continuous actions, on a Gymnasium environment of your own.

MountainCarContinuous: a car must swing up a hill that is too steep for its motor; an action in [-1, 1] is its force.
The prior always pushes with nearly full force, whichever way it rolls. The expert gets there as well, but wants the
motor to be quiet: they take over when it is loud, and show how to push half as hard. All that `mereq` needs is a
function for the features, the prior's Gaussian, and the supervisor. Run it:  python examples/mountain_car.py
"""

import gymnasium as gym
import numpy as np
from gymnasium.wrappers import RescaleObservation

from mereq.alignment import MEREQ, Round, align
from mereq.core.policy import GaussianPolicy
from mereq.presets.fast import fast
from mereq.supervision.rules import Rule, Trigger
from mereq.supervision.synthesized import MeasurementExpert
from mereq.tasks.gymnasium_task import task_from_gymnasium

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
    env = gym.make("MountainCarContinuous-v0", max_episode_steps=200)
    return Measured(RescaleObservation(env, np.float32(-1), np.float32(1)))


def pushing(force: float) -> GaussianPolicy:
    """Pushes where the car rolls. A network of yours would stand here: mean and log-std of u, for an action tanh(u)."""

    def mean_and_log_std(obs):
        mean = np.arctanh(force) * np.sign(obs[:, 1:])
        return mean, np.full_like(mean, np.log(0.5))

    return GaussianPolicy(mean_and_log_std, n_actions=1)


def run(n_rounds: int, seed: int = 0) -> list[Round]:
    """Algorithm 1, round by round."""
    task = task_from_gymnasium("mountain-car", make, features, FEATURES)
    supervisor = MeasurementExpert(pushing(0.5), RULE)
    settings = fast(task, gamma=0.9, rollout_steps=500, temperature=0.1)
    rounds = []
    for iteration in align(
        task, pushing(0.9), supervisor, MEREQ, settings, seed=seed, n_rounds=n_rounds, rate_threshold=0.0
    ):
        arrived = iteration.rollout.terminated.sum()
        weights = "  ".join(f"{n} {w:+.2f}" for n, w in zip(FEATURES, iteration.theta, strict=True))
        print(
            f"round {iteration.index}: intervention rate {iteration.intervention_rate:.3f}   arrived {arrived}   "
            f"{weights}"
        )
        rounds.append(iteration)
    return rounds


if __name__ == "__main__":
    run(4)
