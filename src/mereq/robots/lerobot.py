"""Any robot of LeRobot's as a robot of a task: `--robot my_lab:arm`, where `arm(task)` returns a `LeRobotBody`.

LeRobot is not imported: what counts is that the robot has the members of its abstract class `Robot` (0.6). That class
has neither a stop nor a watchdog nor a rate, so those are here: a stop sends the present position as the target, a step
keeps its period, and a program that is killed leaves the motors at their last target, which is one step away at most.
"""

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import UInt8

from mereq.core.errors import RobotLost
from mereq.robots.clock import Clock, RealClock

Values = Mapping[str, Any]  # what a robot of LeRobot's observes or is told, by name
ARRIVED = 2.0  # steps of a reset by which a motor may be away from its start
PATIENCE = 5.0  # s more than the way needs, for a motor to arrive


class LeRobot(Protocol):
    """The members of LeRobot's `Robot` that are used."""

    @property
    def is_connected(self) -> bool:
        """Whether it is connected."""
        ...

    @property
    def is_calibrated(self) -> bool:
        """Whether it is calibrated."""
        ...

    def connect(self, calibrate: bool = True) -> None:
        """Connect."""
        ...

    def get_observation(self) -> Any:
        """What it measures, by name."""
        ...

    def send_action(self, action: Any) -> Any:
        """Set targets, by name; the ones that it took."""
        ...

    def disconnect(self) -> None:
        """Disconnect."""
        ...


class Joint(NamedTuple):
    """How an element of an action moves a motor: relative to where it is, within limits."""

    name: str  # of the motor's target in LeRobot's action, and of its position in LeRobot's observation
    scale: float  # by which an action of 1 moves it, in LeRobot's units
    low: float
    high: float
    start: float  # where it is when an episode begins


class LeRobotBody:
    """A robot of LeRobot's, as `mereq.core.robot.Robot`, for a task whose actions are vectors.

    Args:
        robot: the robot, not connected yet and calibrated.
        joints: one for each element of an action.
        hz: steps per second.
        observe: the task's observation, from what the robot observes.
        features: the task's features, from what was observed before the step, and after it.
        over: whether an episode ends, from the number of steps and what was observed.
        picture: name of a camera in the robot's observation; None: none is shown.
        clock: time.
    """

    repeatable = False

    def __init__(
        self,
        robot: LeRobot,
        joints: list[Joint],
        *,
        hz: float,
        observe: Callable[[Values], np.ndarray],
        features: Callable[[Values, Values], np.ndarray],
        over: Callable[[int, Values], bool],
        picture: str | None = None,
        clock: Clock | None = None,
    ):
        self._robot, self._joints, self.hz = robot, joints, hz
        self._observe, self._features, self._over, self._camera = observe, features, over, picture
        self._clock = clock or RealClock()
        self._bus = threading.Lock()  # LeRobot's robots are not safe for two threads
        self._stopped = threading.Event()
        self._seen: Values = {}
        self._steps, self._due = 0, 0.0
        self.render_mode = None if picture is None else "rgb_array"

    def __enter__(self) -> "LeRobotBody":
        """Connect. Nothing is calibrated: that would move, or ask at a terminal.

        Raises:
            RobotLost: it cannot be connected, is not calibrated, or lacks a motor or the camera.
        """
        self._asked("connect", lambda: self._robot.connect(calibrate=False))
        try:
            if not self._robot.is_calibrated:
                raise RobotLost("the robot is not calibrated: run lerobot-calibrate")
            seen = self._looked()
            needed = [joint.name for joint in self._joints] + ([] if self._camera is None else [self._camera])
            if lacking := [name for name in needed if name not in seen]:
                raise RobotLost(f"the robot observes {', '.join(seen)}, and not {', '.join(lacking)}")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        with self._bus:
            if self._robot.is_connected:
                self._robot.disconnect()

    def reset(self, *, seed: int | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Move all motors to their starts, by no more in a period than in a step. The seed is not used.

        Raises:
            RobotLost: the robot was stopped, or a motor does not arrive.
        """
        self._stopped.clear()
        self._looked()
        target = self._positions()
        starts, scales = np.array([j.start for j in self._joints]), np.abs([j.scale for j in self._joints])
        until = self._clock.now() + PATIENCE + float(np.max(np.abs(starts - target) / scales)) / self.hz
        while (np.abs(starts - self._positions()) > ARRIVED * scales).any() or (target != starts).any():
            if self._stopped.is_set():
                raise RobotLost("the robot was stopped")
            if self._clock.now() > until:
                away = {j.name: round(float(p), 3) for j, p in zip(self._joints, self._positions(), strict=True)}
                raise RobotLost(f"the robot does not arrive at its start; it is at {away}")
            target = target + np.clip(starts - target, -scales, scales)
            self._send(target)
            self._clock.sleep(1.0 / self.hz)
            self._looked()
        self._steps, self._due = 0, self._clock.now()
        return self._observe(self._seen), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move the motors relative to where they are, for a period, then look.

        Raises:
            RobotLost: the robot does not answer.
        """
        self._stopped.clear()
        before, period, now = self._seen, 1.0 / self.hz, self._clock.now()
        self._due = max(self._due, now) if self._due + period > now else now
        low, high = np.array([j.low for j in self._joints]), np.array([j.high for j in self._joints])
        way = np.array([j.scale for j in self._joints]) * np.clip(np.asarray(action, np.float64), -1.0, 1.0)
        self._send(np.clip(self._positions() + way, low, high))
        self._due += period
        self._clock.sleep(self._due - self._clock.now())
        self._looked()
        self._steps += 1
        info = {"features": self._features(before, self._seen)}
        return self._observe(self._seen), 0.0, False, self._over(self._steps, self._seen), info

    def stop(self) -> None:
        """Stand still, now: the present position becomes the target."""
        self._stopped.set()
        self._looked()
        self._send(self._positions(), stopping=True)

    def render(self) -> UInt8[np.ndarray, "height width 3"]:
        """The last picture of the named camera."""
        assert self._camera is not None
        return np.asarray(self._seen[self._camera], np.uint8)

    def _positions(self) -> np.ndarray:
        return np.array([float(self._seen[joint.name]) for joint in self._joints])

    def _looked(self) -> Values:
        self._seen = self._asked("get_observation", self._robot.get_observation)
        return self._seen

    def _send(self, targets: np.ndarray, *, stopping: bool = False) -> None:
        values = {joint.name: float(target) for joint, target in zip(self._joints, targets, strict=True)}

        def send() -> None:
            if stopping or not self._stopped.is_set():  # a stop by another thread came first
                self._robot.send_action(values)

        self._asked("send_action", send)

    def _asked(self, what: str, ask: Callable[[], Any]) -> Any:
        """Answer of the robot.

        Raises:
            RobotLost: it raised anything.
        """
        with self._bus:
            try:
                return ask()
            except Exception as error:
                raise RobotLost(f"LeRobot's {what} failed: {type(error).__name__}: {error}") from error
