"""Robots that need no driver of the user's: `KIND` or `KIND:FILE`. A file is data, and runs no code."""

from collections.abc import Callable
from pathlib import Path, PurePath

from mereq.core.robot import Robot

KINDS = ("fanuc", "ros")
FORMS = "fanuc or fanuc:FILE.toml (docs/fanuc.md), ros or ros:FILE.toml (docs/robots.md)"


def is_known(name: str) -> bool:
    """Whether a name is that of such a robot."""
    kind, colon, file = name.partition(":")
    return kind in KINDS and (not colon or file.endswith(".toml"))


def recorded(name: str) -> str:
    """The name as it is recorded: the file is reduced to the last part of its path."""
    kind, colon, file = name.partition(":")
    return f"{kind}:{PurePath(file).name}" if colon else name


def known_robot(name: str, task_name: str) -> Callable[[], Robot]:
    """Function that makes the robot of this name. The file is read now, so that a mistake in it is found first.

    Raises:
        WrongRobot: the file is wrong, or its robot cannot do the task.
    """
    from mereq.robots.assembly import cell_robot  # MuJoCo: names are known without it

    kind, _, file = name.partition(":")
    robot = cell_robot(task_name, Path(file or f"{kind}.toml"))
    return lambda: robot
