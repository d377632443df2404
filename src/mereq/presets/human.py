"""Tasks with a person as the supervisor. Section 6, App. A.2; numbers: the -Human columns of Tables 6 to 9.

Environment, prior and numbers are those of the simulated task, except where the tables differ. A round has 50 episodes
of 40 steps (highway) or 1000 steps (arm). The paper has no erasing by a person.
"""

from dataclasses import replace

from mereq.alignment.settings import AlignSettings
from mereq.presets.arm import BOTTLE_PUSHING, ERASING, PILLOW_GRASPING
from mereq.presets.definition import TaskDefinition
from mereq.presets.highway import HIGHWAY


def _human(definition: TaskDefinition, instruction: str) -> TaskDefinition:
    return replace(definition, name=f"{definition.name}-human", summary=instruction, for_a_person=True)


def _table_9(preset: str, settings: AlignSettings) -> AlignSettings:
    """Settings of Pillow-Grasping-Human: a larger tolerance, and half as many sample steps in `paper`. Table 9."""
    length = 1000 if preset == "paper" else settings.inference.sample_length
    return replace(settings, inference=replace(settings.inference, tolerance=0.4, sample_length=length))


HIGHWAY_HUMAN = _human(HIGHWAY, "drive on a three-lane highway; you want to keep to the right lane")
BOTTLE_PUSHING_HUMAN = _human(BOTTLE_PUSHING, "push a bottle to a goal; you want it pushed at its bottom")
ERASING_HUMAN = _human(ERASING, "wipe a whiteboard; you want more force")
PILLOW_GRASPING_HUMAN = replace(
    _human(PILLOW_GRASPING, "grasp a pillow; you want it grasped at its centre"),
    settings={preset: _table_9(preset, settings) for preset, settings in PILLOW_GRASPING.settings.items()},
)
