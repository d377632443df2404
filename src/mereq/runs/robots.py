"""Robots by name: a task's perturbed simulation, or a user's driver."""

from collections.abc import Callable

from mereq.core.errors import CannotLoad, NotNamed, UnknownName, WrongRobot
from mereq.core.robot import Robot
from mereq.presets.definition import TaskDefinition
from mereq.presets.named import FORMS, is_named, load_named, recorded_name
from mereq.robots import known
from mereq.supervision.robot_environment import RobotEnvironment

PERTURBED = "perturbed"
PARTS = ("__enter__", "__exit__", "hz", "repeatable", "reset", "step", "stop")
MUST = f"It is called with the Task and must return a robot: an object with {', '.join(PARTS)} (docs/robots.md)."
_named: dict[str, str] = {}  # drivers that the user has named in this process, with their paths, by recorded name


def name_robot(name: str | None) -> None:
    """Permit the import of a driver that the user names. Nothing is imported yet; other robots are left alone."""
    if name is not None and is_own(name):
        _named[recorded_robot(name)] = name


def is_own(name: str) -> bool:
    """Whether a robot is a user's: a driver, or the file of a cell. Its name is reduced where it is recorded."""
    return known.is_known(name) or is_named(name)


def recorded_robot(name: str) -> str:
    """The name as it is recorded: a file is reduced to the last part of its path."""
    return known.recorded(name) if known.is_known(name) else recorded_name(name)


def check_robot(name: str) -> None:
    """Refuse a name that no robot can have. Nothing is imported or read.

    Raises:
        UnknownName: no robot can have this name.
    """
    if name != PERTURBED and not is_own(name):
        raise UnknownName("robot", name, [PERTURBED], else_allowed=f", {known.FORMS}; or your own driver: {FORMS}")


def find_driver(name: str, definition: TaskDefinition) -> Callable[[], object]:
    """Function that makes the robot of this name for a task. The code of a driver that the user named is imported.

    Args:
        name: "perturbed", `fanuc:FILE.toml`, `ros:FILE.toml`, `package.module:callable` or `file.py:callable`.
        definition: definition of the task.

    Returns:
        A function whose result is not yet known to be a `Robot`; see `robot_of`.

    Raises:
        UnknownName: the name has none of these forms.
        NotNamed: the driver is code of a user's that was not named in this process.
        WrongRobot: the driver cannot be imported or called, or the task has no perturbed simulation.
    """
    if name == PERTURBED:
        if definition.perturbed is None:
            raise WrongRobot(
                f"The task {definition.name} has no perturbed simulation. Give its definition one "
                "(TaskDefinition(..., perturbed=...)), or write a driver (docs/robots.md)."
            )
        return definition.perturbed
    check_robot(name)
    if recorded_robot(name) not in _named:
        raise NotNamed(
            f"The robot {name} is used only if you name it, since a recorded run may come from another person. Name it "
            "again with --robot (a file with its path)."
        )
    if known.is_known(name):
        return known.known_robot(_named[recorded_robot(name)], definition.task.name)
    try:
        driver = load_named(_named[recorded_name(name)], "robot")
    except CannotLoad as error:
        raise WrongRobot(f"{error} {MUST}") from error
    if not callable(driver):
        raise WrongRobot(f"The robot {name!r} is a {type(driver).__name__}, and must be callable. {MUST}")
    return lambda: driver(definition.task)


def robot_of(name: str, definition: TaskDefinition) -> RobotEnvironment:
    """The robot of this name, for a task. The driver does not connect yet.

    Raises:
        UnknownName: no robot has this name.
        NotNamed: the robot is code of a user's that was not named in this process.
        WrongRobot: the robot cannot be imported or made, or is not a `Robot`.
    """
    if definition.task.see is not None:
        raise WrongRobot(
            f"The prior of the task {definition.name} sees raw observations (state=...), which a robot's driver does "
            "not report. Let the driver's observations contain what the prior needs, and leave state= out."
        )
    driver = find_driver(name, definition)
    try:
        robot = driver()
    except WrongRobot:
        raise
    except Exception as error:
        raise WrongRobot(f"The robot {name!r} cannot be made: {type(error).__name__}: {error}. {MUST}") from error
    if not isinstance(robot, Robot):
        lacking = ", ".join(part for part in PARTS if not hasattr(robot, part))
        raise WrongRobot(f"The robot {name!r} is a {type(robot).__name__} that lacks {lacking}. {MUST}")
    return RobotEnvironment(robot, definition.task)
