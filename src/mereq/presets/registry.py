"""Every task and every method by its name. The numbers are in `highway_preset.py` and `arm_presets.py`; what a person's
tasks have otherwise, in `human_presets.py`.

`paper` follows the paper's tables; `fast` (the default) needs no more expert samples, and a fraction of the time
(compared on the highway and on the bottle: docs/results.md).
"""

from dataclasses import replace

from mereq.alignment import HG_DAGGER_FT, IWR_FT, MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP
from mereq.alignment.method import Method
from mereq.alignment.settings import AlignSettings
from mereq.core.actions import Discrete
from mereq.core.errors import UnknownName
from mereq.core.task import Task
from mereq.presets.arm import BOTTLE_PUSHING, ERASING, PILLOW_GRASPING
from mereq.presets.definition import TaskDefinition
from mereq.presets.highway import HIGHWAY
from mereq.presets.human import HUMAN_PRESETS

_METHODS = (MEREQ, MEREQ_NP, MAXENT, MAXENT_FT, HG_DAGGER_FT, IWR_FT, MAXENT_FT_PSEUDO)
METHODS: dict[str, Method] = {method.name: method for method in _METHODS}
_PRESETS = (HIGHWAY, BOTTLE_PUSHING, ERASING, PILLOW_GRASPING)
HUMAN_TASKS: dict[str, TaskDefinition] = {preset.name: preset for preset in HUMAN_PRESETS}  # for a person to supervise
TASKS: dict[str, TaskDefinition] = {preset.name: preset for preset in _PRESETS} | HUMAN_TASKS


def fast(task: Task, *, gamma: float, rollout_steps: int, temperature: float = 1.0) -> AlignSettings:
    """The `fast` numbers for a task of your own: of the highway for finitely many actions, of the bottle for a box.

    Args:
        task: whose actions choose.
        gamma: discount factor; about 1 - 1 / (steps that a decision matters for).
        rollout_steps: supervised steps per round.
        temperature: of the prior, alpha: the one it was trained with, because only then alpha log pi is the Q-function
            of its reward (up to a number per state), and theta is in the units of that reward. Theta counts in
            relation to alpha: with a smaller one, the same step of theta changes the policy more.
    """
    preset = HIGHWAY if isinstance(task.actions, Discrete) else BOTTLE_PUSHING
    settings = preset.align["fast"]
    learner = replace(settings.learner, gamma=gamma, temperature=temperature, prior_temperature=temperature)
    return replace(settings, rollout_steps=rollout_steps, learner=learner)


def definition_of(name: str) -> TaskDefinition:
    """The preset of a task.

    Raises:
        UnknownName: with the names there are.
    """
    if name not in TASKS:
        raise UnknownName("task", name, list(TASKS))
    return TASKS[name]
