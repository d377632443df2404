"""Robots by name: the perturbed simulations that play a real one, with their numbers, and drivers of one's own."""

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np

from mereq.core.errors import UnknownName, WrongRobot
from mereq.core.robot import Robot
from mereq.core.task import Task
from mereq.supervision.robot_environment import RobotEnvironment
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.tasks import ARM_TASKS
from mereq.tasks.highway import TASK as HIGHWAY
from mereq.tasks.highway.config import IDLE, N_OBSERVED, HighwayConfig
from mereq.tasks.highway.environment import HighwayEnv
from mereq.tasks.perturbed import Disturbance, Perturbed

PERTURBED = "perturbed"

ARM_DELAY = 1  # control steps, 0.1 s: what a camera, a network and a controller's own look-ahead add up to
ARM_NOISE = 0.02  # 2 mm in positions, 0.2 mm in ways, 1 degree in axes: a calibrated depth camera and joint encoders
ARM_FRICTION = 1.3  # of all contacts: tables differ so much. A bottle pushed higher than 8 to 17 cm tips, not 10 to 23
ARM_MASS = 1.3  # a full bottle for one that is two thirds full; a heavier pillow; a pad that weighs on the board

ROAD_DELAY = 0  # a step is a second of traffic: cars are quicker than that
ROAD_NOISE = (0.0, 1.0 / 200.0, 0.2 / 12.0, 0.5 / 80.0, 0.2 / 80.0)  # radar: 1 m, 0.2 m, 0.5 m/s, 0.2 m/s; who is there
ROAD = HighwayConfig(vehicles=40, density=1.25)  # rush hour: gaps shorter by a fifth, on as long a stretch of road


def perturbed(task: Task) -> Perturbed:
    """Another simulation of the task, that plays the real robot.

    Raises:
        WrongRobot: there is none for this task.
    """
    if task.name == HIGHWAY.name:
        noise = np.tile(np.array(ROAD_NOISE), N_OBSERVED)
        return Perturbed(HighwayEnv(ROAD), Disturbance(ROAD_DELAY, np.int64(IDLE), noise))
    if task.name in ARM_TASKS:
        arm = ARM_TASKS[task.name]
        other = replace(arm, setup=replace(arm.setup, friction=ARM_FRICTION, mass=ARM_MASS))
        noise = np.full(task.obs_size, ARM_NOISE)
        return Perturbed(ArmEnv(other, ends=other.over), Disturbance(ARM_DELAY, np.zeros(task.actions.shape), noise))
    known = ", ".join(sorted([HIGHWAY.name, *ARM_TASKS]))
    raise WrongRobot(
        f"The task {task.name} has no perturbed simulation; these have: {known}. Write a driver of your own."
    )


def find_driver(name: str) -> Callable[[Task], Robot]:
    """What makes the robot of this name: "perturbed", or "package.module:callable", also of the current directory.

    Raises:
        UnknownName: a name of neither kind.
        WrongRobot: it cannot be imported, or is nothing to be called.
    """
    if name == PERTURBED:
        return perturbed
    where, colon, what = name.partition(":")
    if not (colon and where and what):
        raise UnknownName("robot", name, ["package.module:callable (a driver of yours)", PERTURBED])
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(where)
    except Exception as error:
        raise WrongRobot(
            f"The robot {name!r} cannot be had: importing {where} failed with {type(error).__name__}: {error}. It is "
            "looked for in the current directory and where Python finds packages."
        ) from error
    made_by = getattr(module, what, None)
    if not callable(made_by):
        kind = "nothing" if made_by is None else f"a {type(made_by).__name__}"
        raise WrongRobot(f"The robot {name!r} cannot be had: {what} is {kind} in {where}, and must be callable. {MUST}")
    return cast(Callable[[Task], Robot], made_by)


def robot_of(name: str, task: Task) -> RobotEnvironment:
    """The robot of this name, for a task. Nothing is connected yet.

    Raises:
        UnknownName: there is no such name.
        WrongRobot: it cannot be imported or made, or is not a `Robot`.
    """
    driver = find_driver(name)
    try:
        robot = driver(task)
    except WrongRobot:
        raise
    except Exception as error:
        raise WrongRobot(f"The robot {name!r} cannot be made: {type(error).__name__}: {error}. {MUST}") from error
    if not isinstance(robot, Robot):
        lacking = ", ".join(part for part in PARTS if not hasattr(robot, part))
        raise WrongRobot(f"The robot {name!r} is a {type(robot).__name__} that lacks {lacking}. {MUST}")
    return RobotEnvironment(robot, task)


PARTS = ("__enter__", "__exit__", "hz", "repeatable", "reset", "step", "stop")
MUST = f"It is called with the Task and must return a robot: an object with {', '.join(PARTS)} (docs/robots.md)."
