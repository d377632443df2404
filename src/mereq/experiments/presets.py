"""Every task and every method by its name. The numbers are in `highway_preset.py` and `arm_presets.py`; what a person's
tasks have otherwise, in `human_presets.py`.

`paper` follows the paper's tables; `fast` (the default) reaches the same intervention rates with the same number of
expert samples in a fraction of the time.
"""

from dataclasses import replace

from mereq.align import HG_DAGGER_FT, IWR_FT, MAXENT, MAXENT_FT, MAXENT_FT_PSEUDO, MEREQ, MEREQ_NP
from mereq.align.method import Method
from mereq.align.settings import AlignSettings
from mereq.core.errors import UnknownName
from mereq.experiments import highway_preset
from mereq.experiments.arm_presets import BOTTLE_PUSHING, ERASING, PILLOW_GRASPING
from mereq.experiments.highway_preset import HIGHWAY
from mereq.experiments.human_presets import HUMAN_PRESETS
from mereq.experiments.task_preset import TaskPreset

_METHODS = (MEREQ, MEREQ_NP, MAXENT, MAXENT_FT, HG_DAGGER_FT, IWR_FT, MAXENT_FT_PSEUDO)
METHODS: dict[str, Method] = {method.name: method for method in _METHODS}
_PRESETS = (HIGHWAY, BOTTLE_PUSHING, ERASING, PILLOW_GRASPING)
HUMAN_TASKS: dict[str, TaskPreset] = {preset.name: preset for preset in HUMAN_PRESETS}  # for a person to supervise
TASKS: dict[str, TaskPreset] = {preset.name: preset for preset in _PRESETS} | HUMAN_TASKS


def fast(*, gamma: float, rollout_steps: int) -> AlignSettings:
    """The `fast` numbers for a task of your own.

    Args:
        gamma: discount factor; about 1 - 1 / (steps that a decision matters for).
        rollout_steps: supervised steps per round.
    """
    return replace(
        highway_preset.FAST, rollout_steps=rollout_steps, learner=replace(highway_preset.FAST.learner, gamma=gamma)
    )


def task_preset(name: str) -> TaskPreset:
    """The preset of a task.

    Raises:
        UnknownName: with the names there are.
    """
    if name not in TASKS:
        raise UnknownName("task", name, list(TASKS))
    return TASKS[name]
