"""Robots as environments: connected at the first reset, and told to stop whenever stepping ends."""

import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np

from mereq.core.errors import MereqError, RobotLost, WrongRobot
from mereq.core.robot import Robot
from mereq.core.simulator import Environment
from mereq.core.task import Task

T = TypeVar("T")


class RobotEnvironment:
    """Environment of a robot's driver.

    The first `reset` connects. On any later failure, Ctrl-C included, the robot is told to stop and is disconnected
    before the exception propagates; the next `reset` connects again. Call `close` at the end.

    Args:
        robot: the driver.
        task: defines the observations and features that the robot must report.

    Raises:
        RobotLost: from any method, if the driver raised this or any other exception.
        WrongRobot: from `reset` and `step`, if the robot's observation or features do not fit the task.
    """

    def __init__(self, robot: Robot, task: Task):
        self._robot, self._task = robot, task
        self._connected = self._moves = False

    @property
    def hz(self) -> float | None:
        """Steps per second that `step` keeps; None if it returns at once."""
        return self._robot.hz

    @property
    def repeatable(self) -> bool:
        """Whether an episode can be repeated from its seed and its actions."""
        return self._robot.repeatable

    @property
    def unwrapped(self) -> Any:
        """The driver, or the environment that the driver wraps."""
        return getattr(self._robot, "unwrapped", self._robot)

    @property
    def render_mode(self) -> str | None:
        """Render mode as in Gymnasium; "rgb_array" if the robot has a camera, else None."""
        return getattr(self._robot, "render_mode", None)

    def render(self) -> Any:
        """Picture of the robot's camera."""
        return self._attempt(getattr(self._robot, "render"))  # noqa: B009  (a driver need not have it)

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode. Connects first, if the robot is not connected."""
        if not self._connected:
            self._attempt(self._robot.__enter__)
            self._connected = True
        self._moves = True
        return self._attempt(lambda: self._checked_reset(seed))

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Execute an action."""
        self._moves = True
        return self._attempt(lambda: self._checked_step(action))

    def stop(self) -> None:
        """Tell the robot to stop, unless it has been told so since its last step."""
        if self._moves:
            self._moves = False
            self._attempt(self._robot.stop)

    def close(self) -> None:
        """Tell the robot to stop, and disconnect."""
        self.stop()
        self._disconnect()

    def _attempt(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except BaseException as failure:
            stop_failed = self._abandon()
            if not isinstance(failure, Exception) or (isinstance(failure, MereqError) and not _lost(failure)):
                raise
            raise RobotLost(f"The robot does not answer: {_words(failure)}.{stop_failed}") from failure

    def _abandon(self) -> str:
        """Stop and disconnect a robot that has failed. Returns a sentence if the stop failed too, else ""."""
        stop_failed = ""
        if self._moves:
            self._moves = False
            try:
                self._robot.stop()
            except Exception as failure:
                stop_failed = f" It could not be told to stop either: {_words(failure)}."
        self._disconnect()
        return stop_failed

    def _disconnect(self) -> None:
        if self._connected:
            self._connected = False
            with suppress(Exception):  # the robot has stopped or is lost: a failure to disconnect makes no difference
                self._robot.__exit__(None, None, None)

    def _checked_reset(self, seed: int | None) -> tuple[Any, dict[str, Any]]:
        obs, info = self._robot.reset(seed=seed)
        self._check("observation", obs, self._task.obs_size)
        return obs, info

    def _checked_step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        obs, reward, terminated, truncated, info = self._robot.step(action)
        self._check("observation", obs, self._task.obs_size)
        self._check('info["features"]', info.get("features"), len(self._task.feature_names))
        return obs, reward, terminated, truncated, info

    def _check(self, what: str, values: Any, size: int) -> None:
        found = np.asarray(values)
        if found.shape != (size,) or found.dtype.kind not in "fiu" or not np.isfinite(found).all():
            raise WrongRobot(
                f"The robot reported {values!r} as {what}; the task {self._task.name} requires {size} finite numbers."
            )


def stop_if_robot(environment: Environment) -> None:
    """Tell a robot to stop because no step follows for now. A simulation needs no stop."""
    if isinstance(environment, RobotEnvironment):
        environment.stop()


def stop_robot_on_exit(events: Generator[T, None, None], environment: Environment) -> Generator[T, None, None]:
    """The given events. When they end or the generator is closed, a robot is stopped and disconnected."""
    try:
        yield from events
    finally:
        if isinstance(environment, RobotEnvironment):
            environment.close()


def _lost(failure: Exception) -> bool:
    return isinstance(failure, RobotLost)


def _words(failure: Exception) -> str:
    """Reason of a failure; with the line if it is no `RobotLost`, because the driver may have a bug there."""
    if _lost(failure):
        return str(failure).rstrip(".")
    at = traceback.extract_tb(failure.__traceback__)[-1]
    return f"{type(failure).__name__}: {failure} ({at.filename}, line {at.lineno})"
