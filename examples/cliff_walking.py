"""Align a policy of your own, on a Gymnasium environment of your own. For continuous actions: mountain_car.py.

CliffWalking: a 4 x 12 grid, from the lower left to the lower right corner, with a cliff in between. The prior takes the
shortest way, along the edge. The supervisor takes over at the edge and walks further up. All that `mereq` needs is a
function for the features, the prior's logits, and the supervisor. Run it as a program, or by its name:

    python examples/cliff_walking.py
    mereq align examples/cliff_walking.py:CLIFF_WALKING --rounds 8 --out runs/cliff
    mereq supervise examples/cliff_walking.py:CLIFF_WALKING --out runs/mine      (needs gymnasium[toy-text], to draw)
"""

import gymnasium as gym
import numpy as np

from mereq import (
    Controller,
    Decision,
    DecisionContext,
    LogitsPolicy,
    Round,
    Rule,
    RuleEngine,
    TaskDefinition,
    Trigger,
    align,
    discrete_controls,
    fast,
    task_from_gymnasium,
)

UP, RIGHT, DOWN, LEFT = range(4)
ROWS, COLUMNS = 4, 12
FEATURES = ("forward", "far_from_cliff", "fell")


def features(obs, action, next_obs, info):
    """Numbers between 0 and 1, from the environment's own observations: here the number of the cell."""
    row, column = divmod(next_obs, COLUMNS)
    fell = abs(next_obs - obs) > COLUMNS  # after a fall, the environment continues at the start
    return np.array([column > obs % COLUMNS, (ROWS - 1 - row) / (ROWS - 1), fell], float)


def shortest_way(obs):
    """Logits of the prior. A network of yours would be here; observations come flattened, so a cell is one-hot."""
    row, column = np.divmod(obs.argmax(axis=1), COLUMNS)
    logits = np.zeros((len(obs), 4))
    at_the_goal_column = column == COLUMNS - 1
    logits[:, DOWN] += 3.0 * at_the_goal_column
    logits[:, RIGHT] += 3.0 * ~at_the_goal_column
    logits[:, UP] += np.where((row == ROWS - 1) & ~at_the_goal_column, 6.0, 0.0)
    logits[:, DOWN] -= np.where((row == ROWS - 2) & (column > 0) & ~at_the_goal_column, 6.0, 0.0)
    return logits


class Nervous:
    """Supervisor that takes over at the second step on the edge, and hands back after two steps well above it."""

    def __init__(self):
        on_the_edge = Trigger(lambda cell: cell[0] >= ROWS - 2 and 0 < cell[1] < COLUMNS - 1, 2)
        well_above = Trigger(lambda cell: cell[0] <= 1, 2)
        self.engine = RuleEngine(Rule(engage=(on_the_edge,), disengage=(well_above,)))

    def begin_episode(self, seed):
        """Start an episode: the policy is in control."""
        self.engine.reset()

    def decide(self, context: DecisionContext) -> Decision:
        """Decision to let the policy act, or to walk up and on."""
        row, column = divmod(int(context.obs.argmax()), COLUMNS)
        if self.engine.judge((row, column)) is Controller.POLICY:
            return Decision(Controller.POLICY, context.proposed)
        return Decision(Controller.EXPERT, UP if row > 1 else RIGHT if column < COLUMNS - 1 else DOWN)


TASK = task_from_gymnasium(
    "cliff-walking",
    lambda: gym.make("CliffWalking-v1", max_episode_steps=40, render_mode="rgb_array"),
    features,
    FEATURES,
)
CLIFF_WALKING = TaskDefinition(
    task=TASK,
    supervisor=Nervous,
    prior=LogitsPolicy(shortest_way, n_actions=4),
    settings={"fast": fast(TASK, gamma=0.9, rollout_steps=400)},
    summary="walk to the goal; the supervisor wants to stay away from the cliff",
    controls=discrete_controls(
        ("up", "right", "down", "left"), keys=("ArrowUp", "ArrowRight", "ArrowDown", "ArrowLeft")
    ),
)


def run(n_rounds: int, seed: int = 0) -> list[Round]:
    """Rounds of Algorithm 1, printed as they end."""
    rounds = []
    prior, settings = CLIFF_WALKING.policy("prior"), CLIFF_WALKING.settings["fast"]
    for done in align(TASK, prior, Nervous(), settings=settings, seed=seed, n_rounds=n_rounds, rate_threshold=0.06):
        weights = "  ".join(f"{n} {w:+.2f}" for n, w in zip(FEATURES, done.theta, strict=True))
        print(f"round {done.index}: intervention rate {done.intervention_rate:.3f}   {weights}")
        rounds.append(done)
    return rounds


if __name__ == "__main__":
    run(8)
