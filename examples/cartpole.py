"""Align a policy of your own, on a Gymnasium environment of your own.

The prior balances CartPole's pole and does not care where the cart goes. The supervisor wants the cart on the right
half of the track, and takes over for a while whenever it drifts to the left. All that `mereq` needs is a function for
the features, the prior's logits, and the supervisor. Run it:  python examples/cartpole.py
"""

import gymnasium as gym
import numpy as np

from mereq.align import MEREQ, Iteration, align
from mereq.core.policy import LogitsPolicy
from mereq.core.supervisor import Controller, Decision, Moment
from mereq.experiments.presets import fast
from mereq.supervision.rules import Rule, RuleEngine, Trigger
from mereq.tasks.gymnasium_task import task_from_gymnasium

FEATURES = ("upright", "on_the_right")


def features(obs, action, next_obs, info):
    """Dimensionless ramps between 0 and 1, from the environment's own observations."""
    position, _, angle, _ = next_obs
    return np.clip([1 - abs(angle) / 0.2, (position + 0.5) / 1.0], 0.0, 1.0)


def balance(obs, towards=None):
    """Logits of pushing left and right: lean into the fall, and lean towards a place if one is given."""
    position, velocity, angle, spin = obs.T
    lean = 0.0 if towards is None else np.clip(0.05 * (towards - position) - 0.07 * velocity, -0.06, 0.06)
    push_right = 40.0 * (angle - lean) + 8.0 * spin
    return np.stack([-push_right, push_right], axis=1) / 4.0


class KeepRight:
    """Takes over after 5 steps on the left, steers to the right, hands back after 5 steps well on the right."""

    def __init__(self):
        self.engine = RuleEngine(
            Rule(engage=(Trigger(lambda x: x < 0.0, 5),), disengage=(Trigger(lambda x: x > 0.3, 5),), min_hold=5)
        )

    def begin_episode(self):
        """The policy is in control at first."""
        self.engine.reset()

    def decide(self, moment: Moment) -> Decision:
        """Let the policy act, or steer."""
        controller = self.engine.judge(moment.obs[0])
        steered = int(balance(moment.obs[None], towards=0.6)[0].argmax())
        return Decision(controller, moment.proposed if controller is Controller.POLICY else steered)


def run(n_iterations: int, seed: int = 0) -> list[Iteration]:
    """Algorithm 1, round by round."""
    task = task_from_gymnasium("cartpole", lambda: gym.make("CartPole-v1", max_episode_steps=100), features, FEATURES)
    prior = LogitsPolicy(balance, n_actions=2)
    rounds = []
    for iteration in align(
        task,
        prior,
        KeepRight(),
        MEREQ,
        fast(gamma=0.97, rollout_steps=2000),
        seed=seed,
        n_iterations=n_iterations,
        rate_threshold=0.05,
    ):
        weights = "  ".join(f"{n} {w:+.2f}" for n, w in zip(FEATURES, iteration.theta, strict=True))
        print(f"round {iteration.index}: intervention rate {iteration.intervention_rate:.3f}   {weights}")
        rounds.append(iteration)
    return rounds


if __name__ == "__main__":
    run(8)
