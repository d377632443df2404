"""Text of a file with a task of a Gymnasium environment: it runs as it is, and its comments say what to edit."""

from typing import Any

import gymnasium as gym
from gymnasium import spaces

from mereq.core.actions import Discrete
from mereq.core.errors import CannotLoad
from mereq.tasks.spaces import actions_of, check_environment, leaves, obs_size_of

FILE = '''"""{id}, as a task of your own. It runs as it is; edit it from top to bottom, and try it after each part:

    mereq check {file}:TASK
    mereq align {file}:TASK --rounds 3 --out runs/first
    mereq supervise {file}:TASK --out runs/mine
"""

import gymnasium as gym
import numpy as np

from mereq import (
    Controller,
    Decision,
    {policy_class},
    TaskDefinition,
    {controls_function},
    fast,
    task_from_gymnasium,
)


# 1. The environment: a new one at every call. The page of `mereq supervise` shows its pictures.
def make():
    return gym.make("{id}", render_mode="rgb_array")


# 2. The features. What you want must be a weighted sum of them; numbers between 0 and 1 work best.
#    obs and next_obs are the environment's own ({obs_space}); {action_words}.
FEATURES = ("{preferred}", "first_number")


def features(obs, action, next_obs, info):
    return np.array([{preferred_value}, np.clip({first_number}, 0, 1)], float)


# 3. The prior: the policy to start from. Call your network here; observations are float32, (n, {obs_size}).
{prior}


# 4. The supervisor of `mereq align`: a program in your place. This one wants {wanted}, and takes over
#    for three steps when the policy has not done so three times. Leave it out if only people supervise.
class Supervisor:
    def begin_episode(self, seed):
        self.unwanted = self.left = 0

    def decide(self, context):
        self.unwanted = 0 if {is_wanted} else self.unwanted + 1
        if self.unwanted >= 3:
            self.unwanted, self.left = 0, 3
        if self.left:
            self.left -= 1
            return Decision(Controller.EXPERT, {wanted_action})
        return Decision(Controller.POLICY, context.proposed)


# 5. The task. gamma: 1 - 1 / (steps that a decision matters for); rollout_steps: supervised steps per round.
GYMNASIUM_TASK = task_from_gymnasium("{name}", make, features, FEATURES)
TASK = TaskDefinition(
    task=GYMNASIUM_TASK,
    prior={policy},
    supervisor=Supervisor,
    settings={{"fast": fast(GYMNASIUM_TASK, gamma=0.9, rollout_steps=300{temperature})}},
    controls={controls},{controls_words}
    hz=5,  # steps per second on the page
    summary="one line about the task, for the page",
)
'''

LOGITS = '''def logits(obs):
    """Logits, one per action: log-probabilities up to a constant. All zero: any action is as good as another."""
    return np.zeros((len(obs), {n}))'''

MEAN_AND_LOG_STD = '''def mean_and_log_std(obs):
    """Mean and log scale of a normal u; the action is tanh(u), and -1 and 1 are the environment's limits."""
    return np.zeros((len(obs), {n})), np.full((len(obs), {n}), -1.0)'''


def starting_file(environment: str, file: str) -> str:
    """The text for a Gymnasium environment.

    Args:
        environment: Gymnasium's id.
        file: name of the file, for the commands in it.

    Raises:
        CannotLoad: Gymnasium cannot make the environment.
        WrongTask: there is no learner for its actions, or its observations have a part that is not numeric.
    """
    try:
        env = gym.make(environment)
    except Exception as error:
        raise CannotLoad(
            f"Gymnasium cannot make {environment!r}: {error}. Give an id such as CartPole-v1 (python -c 'import "
            "gymnasium; gymnasium.pprint_registry()' lists them); an id of a package is package:Id."
        ) from error
    name = environment.rpartition(":")[2].rpartition("/")[2].rpartition("-v")[0].lower() or environment
    check_environment(env, name)
    actions, obs_size = actions_of(name, env.action_space), obs_size_of(name, env.observation_space)
    words = _discrete(actions.n) if isinstance(actions, Discrete) else _continuous(actions.size)
    shared = {"id": environment, "file": file, "name": name, "obs_size": obs_size, "obs_space": _shown(env)}
    env.close()
    return FILE.format(**shared, **words, first_number=_first_number(env.observation_space))


def _discrete(n: int) -> dict[str, Any]:
    wanted = n - 1
    return {
        "policy_class": "LogitsPolicy",
        "controls_function": "discrete_controls",
        "action_words": f"action is a number from 0 to {n - 1}",
        "preferred": f"action_{wanted}",
        "preferred_value": f"action == {wanted}",
        "prior": LOGITS.format(n=n),
        "policy": f"LogitsPolicy(logits, n_actions={n})",
        "wanted": f"action {wanted}",
        "is_wanted": f"context.proposed == {wanted}",
        "wanted_action": str(wanted),
        "temperature": "",
        "controls_words": "  # names; keys=..., nothing=...: see docs/your_task.md",
        "controls": f'discrete_controls([f"action {{k}}" for k in range({n})])',
    }


def _continuous(n: int) -> dict[str, Any]:
    return {
        "policy_class": "GaussianPolicy",
        "controls_function": "axis_controls",
        "action_words": f"action has {n} numbers between -1 and 1",
        "preferred": "push",
        "preferred_value": "(action[0] + 1) / 2",
        "prior": MEAN_AND_LOG_STD.format(n=n),
        "policy": f"GaussianPolicy(mean_and_log_std, n_actions={n})",
        "wanted": "a push of 0.5 on axis 0",
        "is_wanted": "context.proposed[0] > 0.4",
        "wanted_action": f"np.array({[0.5] + [0.0] * (n - 1)})",
        "temperature": ", temperature=0.1",
        "controls_words": "  # names, with their units; keys=...: two for each axis",
        "controls": f'axis_controls([f"axis {{k}}" for k in range({n})])',
    }


def _shown(env: gym.Env) -> str:
    text = str(env.observation_space).replace("\n", " ")
    return text if len(text) <= 60 else type(env.observation_space).__name__


def _first_number(space: spaces.Space) -> str:
    """Expression for the first number of an observation, about between 0 and 1."""
    path, part = next(iter(leaves(space)))
    keys = [int(key) if key.isdigit() else key for key in path.replace("[", ".").replace("]", "").split(".") if key]
    value = "next_obs" + "".join(f"[{key!r}]" for key in keys)
    if isinstance(part, spaces.Discrete):
        return f"int({value}) / {max(int(part.n) - 1, 1)}"
    return f"abs(np.ravel({value})[0])"
