"""Settings `fast` for any task."""

from dataclasses import replace

from mereq.alignment.settings import AlignSettings
from mereq.core.actions import Discrete
from mereq.core.task import Task
from mereq.presets.arm_settings import BOTTLE
from mereq.presets.highway_settings import FAST

SAMPLE_ENVS = 10  # at most: the environments of a user's task cost memory and time each


def fast(task: Task, *, gamma: float = 0.9, rollout_steps: int = 1000, temperature: float = 1.0) -> AlignSettings:
    """Settings `fast` for a task: the highway's for discrete actions, the bottle's for continuous ones.

    Args:
        task: the task, whose kind of actions selects the settings.
        gamma: discount factor; about 1 - 1 / (number of steps that a decision matters for).
        rollout_steps: supervised steps per round.
        temperature: the paper's alpha: the temperature with which the prior was trained. Only with this value is
            alpha log pi the Q-function of the prior's reward (up to a constant per state), and theta in the units of
            that reward. With a smaller alpha, the same step of theta changes the policy more.
    """
    settings = FAST if isinstance(task.actions, Discrete) else BOTTLE["fast"]
    inference = replace(settings.inference, sample_envs=min(settings.inference.sample_envs, SAMPLE_ENVS))
    learner = replace(settings.learner, gamma=gamma, temperature=temperature, prior_temperature=temperature)
    return replace(settings, inference=inference, rollout_steps=rollout_steps, learner=learner)
