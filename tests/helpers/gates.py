"""A walk between walls whose goal only a picture shows: a prior that sees it, and a supervisor that fears the right."""

import numpy as np

from light_environments import CELLS, SPACE, Gates, gates_features
from mereq import (
    LogitsPolicy,
    MeasurementExpert,
    Rule,
    TaskDefinition,
    Trigger,
    fast,
    on_parts,
    task_from_gymnasium,
)


def to_the_goal(obs):
    """Logits of a prior that looks at the picture."""
    goal = obs["camera"][:, 0, :, 0].argmax(axis=1) // 6
    cell = np.rint(obs["position"][:, 0] * (CELLS - 1))
    return 4.0 * (np.arange(3) == (1 + np.sign(goal - cell))[:, None])


def leave(state):
    """Logits of an expert that sees the state, and goes left."""
    assert state.shape[1] == 1
    return np.tile([4.0, 0.0, 0.0], (len(state), 1))


RULE = Rule(engage=(Trigger(lambda cell: cell >= 5, 1),), disengage=(Trigger(lambda cell: cell <= 4, 1),))
TASK = task_from_gymnasium("gates", Gates, gates_features, ("right", "stay"), state=("position",))
PRIOR = LogitsPolicy(on_parts(to_the_goal, SPACE), n_actions=3)
GATES = TaskDefinition(
    task=TASK,
    prior=PRIOR,
    supervisor=lambda: MeasurementExpert(LogitsPolicy(leave, n_actions=3), RULE),
    settings={"fast": fast(TASK, gamma=0.8, rollout_steps=200)},
)
