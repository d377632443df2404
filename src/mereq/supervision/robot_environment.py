"""Robots as environments: connected at the first reset, and told to stop whenever stepping ends."""

import traceback
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import numpy as np

from mereq.core.errors import MereqError, RobotLost, WrongRobot
from mereq.core.robot import Robot
from mereq.core.simulator import Environment
from mereq.core.task import Task
from mereq.supervision.safety_monitor import LONGEST_GAP, DriverFailed, Operator, SafetyMonitor

T = TypeVar("T")


class RobotEnvironment:
    """Environment of a robot's driver, whose commands pass a `SafetyMonitor`.

    The first `reset` connects. On any later failure, Ctrl-C included, the robot is told to stop and is disconnected
    before the exception propagates; the next `reset` connects again. Call `close` at the end.

    Args:
        robot: the driver.
        task: defines the observations and features that the robot must report.
        monitor: tells the robot to stop; by default one with a thread that watches.

    Raises:
        RobotLost: from any method, if the driver raised this or any other exception, or hangs.
        WrongRobot: from `reset` and `step`, if the robot's observation or features do not fit the task.
        NeedsPerson: from `reset` and `step`, if hardware was held, and there is no operator.
    """

    def __init__(self, robot: Robot, task: Task, monitor: SafetyMonitor | None = None):
        self._robot, self._task = robot, task
        self._monitor = monitor or SafetyMonitor(robot)

    @property
    def hz(self) -> float | None:
        """Steps per second that `step` keeps; None if it returns at once."""
        return self._robot.hz

    @property
    def repeatable(self) -> bool:
        """Whether an episode can be repeated from its seed and its actions. Without this, a robot is hardware."""
        return self._robot.repeatable

    @property
    def unwrapped(self) -> Any:
        """The driver, or the environment that the driver wraps."""
        return getattr(self._robot, "unwrapped", self._robot)

    @property
    def render_mode(self) -> str | None:
        """Render mode as in Gymnasium; "rgb_array" if the robot has a camera, else None."""
        return getattr(self._robot, "render_mode", None)

    @property
    def caption(self) -> str:
        """What the driver wants a person to know now, such as what it waits for; "" for nothing."""
        return str(getattr(self._robot, "caption", ""))

    def attend(self, operator: Operator, *, longest_gap: float = LONGEST_GAP) -> None:
        """Let a person decide when the robot may move. longest_gap: time between commands that is no fault [s]."""
        self._monitor.attend(operator)
        self._monitor.longest_gap = longest_gap

    def render(self) -> Any:
        """Picture of the robot's camera."""
        render = getattr(self._robot, "render")  # noqa: B009  (a driver need not have it)
        return self._attempt(lambda: self._monitor.look_at(render))

    def enable(self) -> None:
        """Wait until the robot may move: until the operator has said go since the last hold."""
        self._monitor.enable()

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, as soon as the robot may move. Connects first, if the robot is not connected."""
        self._monitor.enable()
        self._attempt(self._monitor.connect)
        return self._attempt(lambda: self._monitor.move("reset", lambda: self._checked_reset(seed)))

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Execute an action, as soon as the robot may move."""
        return self._attempt(lambda: self._monitor.move("step", lambda: self._checked_step(action)))

    def stop(self) -> None:
        """Tell the robot to stop, unless it has been told so since its last step. It may move again."""
        self._abandon_after(self._monitor.stop())

    def hold(self, reason: str) -> None:
        """Tell the robot to stop. Hardware moves again after a word of the operator."""
        self._abandon_after(self._monitor.hold(reason))

    def close(self) -> None:
        """Tell the robot to stop, and disconnect."""
        if (failure := self._monitor.disconnect()) is not None:
            raise RobotLost(f"The robot does not answer: {_words(failure)}.") from failure

    def _abandon_after(self, failure: BaseException | None) -> None:
        """Disconnect if the robot could not be told to stop."""
        if failure is not None:
            self._monitor.disconnect()
            raise RobotLost(f"The robot does not answer: {_words(failure)}.") from failure

    def _attempt(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except DriverFailed as failed:
            failure = failed.__cause__
            assert failure is not None
            stop_failed = self._abandon()
            if not isinstance(failure, Exception) or (isinstance(failure, MereqError) and not _lost(failure)):
                raise failure from None
            raise RobotLost(f"The robot does not answer: {_words(failure)}.{stop_failed}") from failure
        except RobotLost as lost:
            raise RobotLost(f"{_words(lost)}.{self._abandon()}") from None
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> str:
        """Stop and disconnect a robot that has failed. Returns a sentence if the stop failed too, else ""."""
        failure = self._monitor.disconnect()
        return "" if failure is None else f" It could not be told to stop either: {_words(failure)}."

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


def hold_if_robot(environment: Environment, reason: str) -> None:
    """Hold a robot because no step follows for now. A simulation needs no stop."""
    if isinstance(environment, RobotEnvironment):
        environment.hold(reason)


def stop_robot_on_exit(events: Generator[T, None, None], environment: Environment) -> Generator[T, None, None]:
    """The given events. When they end or the generator is closed, a robot is stopped and disconnected."""
    try:
        yield from events
    finally:
        if isinstance(environment, RobotEnvironment):
            environment.close()


def _lost(failure: BaseException) -> bool:
    return isinstance(failure, RobotLost)


def _words(failure: BaseException) -> str:
    """Reason of a failure; with the line if it is no `RobotLost`, because the driver may have a bug there."""
    if _lost(failure):
        return str(failure).rstrip(".")
    where = "".join(f" ({at.filename}, line {at.lineno})" for at in traceback.extract_tb(failure.__traceback__)[-1:])
    return f"{type(failure).__name__}: {failure}{where}"
