"""Align a policy of your own, on a Gymnasium environment of your own. For continuous actions: mountain_car.py.

CliffWalking: a 4 x 12 grid, from the lower left to the lower right corner, with a cliff in between. The prior takes the
shortest way, along the edge. The supervisor gets nervous there and takes over to walk further up. All that `mereq`
needs is a function for the features, the prior's logits, and the supervisor. Run it:  python examples/cliff_walking.py
"""

import gymnasium as gym
import numpy as np

from mereq.alignment import MEREQ, Round, align
from mereq.core.policy import LogitsPolicy
from mereq.core.supervisor import Controller, Decision, DecisionContext
from mereq.presets.fast import fast
from mereq.supervision.rules import Rule, RuleEngine, Trigger
from mereq.tasks.gymnasium_task import task_from_gymnasium

UP, RIGHT, DOWN, LEFT = range(4)
ROWS, COLUMNS = 4, 12
FEATURES = ("forward", "far_from_cliff", "fell")


def features(obs, action, next_obs, info):
    """Numbers between 0 and 1, from the environment's own observations: here the number of the cell."""
    row, column = divmod(next_obs, COLUMNS)
    fell = abs(next_obs - obs) > COLUMNS  # the environment puts whoever falls back to the start
    return np.array([column > obs % COLUMNS, (ROWS - 1 - row) / (ROWS - 1), fell], float)


def shortest_way(obs):
    """The prior's logits. A network of yours would stand here; observations come flattened, so a cell is one-hot."""
    row, column = np.divmod(obs.argmax(axis=1), COLUMNS)
    logits = np.zeros((len(obs), 4))
    at_the_goal_column = column == COLUMNS - 1
    logits[:, DOWN] += 3.0 * at_the_goal_column
    logits[:, RIGHT] += 3.0 * ~at_the_goal_column
    logits[:, UP] += np.where((row == ROWS - 1) & ~at_the_goal_column, 6.0, 0.0)
    logits[:, DOWN] -= np.where((row == ROWS - 2) & (column > 0) & ~at_the_goal_column, 6.0, 0.0)
    return logits


class Nervous:
    """Takes over at the second step on the edge, walks up, and hands back after two steps well above it."""

    def __init__(self):
        on_the_edge = Trigger(lambda cell: cell[0] >= ROWS - 2 and 0 < cell[1] < COLUMNS - 1, 2)
        well_above = Trigger(lambda cell: cell[0] <= 1, 2)
        self.engine = RuleEngine(Rule(engage=(on_the_edge,), disengage=(well_above,)))

    def begin_episode(self, seed):
        """The policy is in control at first."""
        self.engine.reset()

    def decide(self, context: DecisionContext) -> Decision:
        """Let the policy act, or walk up and on."""
        row, column = divmod(int(context.obs.argmax()), COLUMNS)
        if self.engine.judge((row, column)) is Controller.POLICY:
            return Decision(Controller.POLICY, context.proposed)
        return Decision(Controller.EXPERT, UP if row > 1 else RIGHT if column < COLUMNS - 1 else DOWN)


def run(n_rounds: int, seed: int = 0) -> list[Round]:
    """Algorithm 1, round by round."""
    task = task_from_gymnasium(
        "cliff-walking", lambda: gym.make("CliffWalking-v1", max_episode_steps=40), features, FEATURES
    )
    prior = LogitsPolicy(shortest_way, n_actions=4)
    settings = fast(task, gamma=0.9, rollout_steps=400)
    rounds = []
    for iteration in align(task, prior, Nervous(), MEREQ, settings, seed=seed, n_rounds=n_rounds, rate_threshold=0.06):
        weights = "  ".join(f"{n} {w:+.2f}" for n, w in zip(FEATURES, iteration.theta, strict=True))
        print(f"round {iteration.index}: intervention rate {iteration.intervention_rate:.3f}   {weights}")
        rounds.append(iteration)
    return rounds


if __name__ == "__main__":
    run(8)
