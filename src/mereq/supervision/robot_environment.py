"""A robot as the supervised rollout sees it: connected when it is needed, and told to stop whenever its steps cease."""

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
    """An environment that is a robot's.

    It connects at the first `reset`. Whatever goes wrong from there on, Ctrl-C included, the robot is told to stop and
    disconnected before anybody hears of it; the next `reset` connects anew. `close` it in the end.

    task: whose observations and features the robot must report.

    Raises:
        RobotLost: from any method, when the driver raised this or anything else.
        WrongRobot: from `reset` and `step`, when they report something else than the task has.
    """

    def __init__(self, robot: Robot, task: Task):
        self._robot, self._task = robot, task
        self._connected = self._moves = False

    @property
    def hz(self) -> float | None:
        """Steps per second that `step` keeps; None: it returns at once."""
        return self._robot.hz

    @property
    def repeatable(self) -> bool:
        """Whether an episode can be brought back by its seed and its actions."""
        return self._robot.repeatable

    @property
    def unwrapped(self) -> Any:
        """The driver, or the environment that it is made of."""
        return getattr(self._robot, "unwrapped", self._robot)

    @property
    def render_mode(self) -> str | None:
        """As of any Gymnasium environment; "rgb_array" when the robot has a camera."""
        return getattr(self._robot, "render_mode", None)

    def render(self) -> Any:
        """The camera's picture."""
        return self._attempt(getattr(self._robot, "render"))  # noqa: B009  (a driver need not have it)

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
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
        """Let the robot stand still, if it has not been told so since its last step."""
        if self._moves:
            self._moves = False
            self._attempt(self._robot.stop)

    def close(self) -> None:
        """Let the robot stand still, and disconnect."""
        self.stop()
        self._disconnect()

    def _attempt(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except BaseException as failure:
            unheard = self._abandon()
            if not isinstance(failure, Exception) or (isinstance(failure, MereqError) and not _lost(failure)):
                raise
            raise RobotLost(f"The robot does not answer: {_words(failure)}.{unheard}") from failure

    def _abandon(self) -> str:
        """Stop and disconnect a robot that has failed; what to say if it could not even be told to stop."""
        unheard = ""
        if self._moves:
            self._moves = False
            try:
                self._robot.stop()
            except Exception as failure:
                unheard = f" It could not be told to stop either: {_words(failure)}."
        self._disconnect()
        return unheard

    def _disconnect(self) -> None:
        if self._connected:
            self._connected = False
            with suppress(Exception):  # it stands still, or is lost: how the connection ends makes no difference
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
                f"The robot reported {values!r} as {what}; the task {self._task.name} has {size} finite numbers there."
            )


def stop_if_robot(environment: Environment) -> None:
    """Tell a robot that no step follows for now; for a simulation there is nothing to do."""
    if isinstance(environment, RobotEnvironment):
        environment.stop()


def stop_robot_on_exit(events: Generator[T, None, None], environment: Environment) -> Generator[T, None, None]:
    """The same events; when they end, or nobody asks for more, a robot is stopped and disconnected."""
    try:
        yield from events
    finally:
        if isinstance(environment, RobotEnvironment):
            environment.close()


def _lost(failure: Exception) -> bool:
    return isinstance(failure, RobotLost)


def _words(failure: Exception) -> str:
    """Why, in the driver's own words; of anything but a `RobotLost` also where, for it may be the driver's mistake."""
    if _lost(failure):
        return str(failure).rstrip(".")
    at = traceback.extract_tb(failure.__traceback__)[-1]
    return f"{type(failure).__name__}: {failure} ({at.filename}, line {at.lineno})"
