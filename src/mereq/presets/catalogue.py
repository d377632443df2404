"""Catalogue of the shipped tasks, readable without importing a simulator; a test compares it with the definitions."""

from typing import NamedTuple

ENTRY_POINTS = "mereq.tasks"  # the group under which an installed package offers definitions


class Entry(NamedTuple):
    """Entry of a shipped task."""

    definition: str  # `package.module:NAME` of the definition
    summary: str
    feature_names: tuple[str, ...]
    theta_prior: tuple[float, ...]
    theta_expert: tuple[float, ...]
    for_a_person: bool = False


def _human(entry: Entry, definition: str, summary: str) -> Entry:
    return entry._replace(definition=definition, summary=summary, for_a_person=True)


_HIGHWAY = Entry(
    "mereq.presets.highway:HIGHWAY",
    "drive on a three-lane highway; the expert wants to keep to the right lane",
    ("collision", "high_speed", "right_lane"),
    (-0.5, 0.4, 0.0),
    (-0.5, 0.4, 0.5),
)
_BOTTLE_PUSHING = Entry(
    "mereq.presets.arm:BOTTLE_PUSHING",
    "push a bottle to a goal; the expert wants it pushed at its bottom",
    ("tip2bottle", "bottle2goal", "control_effort", "table_distance"),
    (-1.0, -1.0, -0.2, 0.0),
    (-1.0, -1.0, -0.2, -0.8),
)
_ERASING = Entry(
    "mereq.presets.arm:ERASING",
    "wipe a whiteboard; the expert wants more force",
    ("tip_hor_move", "tip_ver_dist", "control_effort", "tip_force"),
    (1.0, -1.0, -0.2, 0.0),
    (1.0, -1.0, -0.2, 2.0),
)
_PILLOW_GRASPING = Entry(
    "mereq.presets.arm:PILLOW_GRASPING",
    "grasp a pillow; the expert wants it grasped at its centre",
    ("tip2pillow", "pillow_height", "control_effort", "tip2center"),
    (-0.5, 2.0, -0.2, 0.0),
    (-0.5, 2.0, -0.2, -0.8),
)
_HUMAN = "mereq.presets.human"

CATALOGUE: dict[str, Entry] = {
    "highway": _HIGHWAY,
    "bottle-pushing": _BOTTLE_PUSHING,
    "erasing": _ERASING,
    "pillow-grasping": _PILLOW_GRASPING,
    "highway-human": _human(
        _HIGHWAY, f"{_HUMAN}:HIGHWAY_HUMAN", "drive on a three-lane highway; you want to keep to the right lane"
    ),
    "bottle-pushing-human": _human(
        _BOTTLE_PUSHING, f"{_HUMAN}:BOTTLE_PUSHING_HUMAN", "push a bottle to a goal; you want it pushed at its bottom"
    ),
    "pillow-grasping-human": _human(
        _PILLOW_GRASPING, f"{_HUMAN}:PILLOW_GRASPING_HUMAN", "grasp a pillow; you want it grasped at its centre"
    ),
    "erasing-human": _human(_ERASING, f"{_HUMAN}:ERASING_HUMAN", "wipe a whiteboard; you want more force"),
}
