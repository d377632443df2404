"""A robot of real parts for an arm task: an arm and a sight become observations, features and pictures.

Physics come from sensors, and everything else from the task's own functions, so simulation and robot cannot differ in
them. Every command is limited here: to the workspace, and by a leash that ties the target to the measured tool.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, UInt8

from mereq.core.errors import RobotLost
from mereq.robots.arm import Arm, Point
from mereq.robots.clock import Clock
from mereq.robots.sight.overlay import Overlay, ages, drawn, outlines_of_bottle
from mereq.robots.sight.pose import quaternion_of
from mereq.robots.sight.tracker import Sighting, Tracker
from mereq.robots.sight.watching import Sight
from mereq.tasks.arm.definition import ArmTask
from mereq.tasks.arm.world import CENTIMETRE, PERIOD, Physics

FRESH = 0.15  # s: the bottle's position is predicted
STALE = 0.5  # s: it is held, and the picture says so; beyond, the robot is lost
PARKING_HEIGHT, PARKING_X = 0.25, 0.30  # of the tool while a person puts the bottle back [m]
RESET_SPEED = 0.10  # [m/s]
PATIENCE = 120.0  # s for a person to put the bottle back
NO_PICTURE = "The camera has sent no new picture"
STILL, STILL_FOR = 0.002, 1.0  # m that a bottle may seem to move while it stands for so many seconds
TURNED = 45.0  # degrees by which a bottle with tags on a bracket may be turned
TIPS = np.cos(np.radians(15.0))  # height of its axis: a bottle that leaned more, and is unseen since, lies
LOOK = 0.1  # s between two looks at the table during a reset
CAMERA_MOVED = 0.003  # m by which the table's tags may be away from where they were calibrated
FIRST_PICTURES = 5
FIRST_PICTURE_PATIENCE = 5.0  # s
LYING = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # axis along x
Observation = Float32[np.ndarray, " obs"]


@dataclass(frozen=True)
class StartRegion:
    """Where objects must be for an episode to start: the distribution of the simulated starts, with some room."""

    low: tuple[float, float] = (0.40, -0.09)  # of the bottle, x and y [m]
    high: tuple[float, float] = (0.48, 0.09)
    nearest: float = 0.20  # of the goal to the bottle [m]
    farthest: float = 0.34
    aside: float = 12.0  # largest bearing of the goal, seen from the bottle, from straight ahead [deg]
    turned: float = 180.0  # largest turn of the bottle, whose tags must be on the side away from the robot [deg]

    def lacks(self, bottle: Sighting | None, goal: Float[np.ndarray, "2"] | None) -> str | None:
        """What a person must do; None: nothing."""
        if bottle is None or bottle.age > STALE:
            return "The camera does not see the bottle"
        x, y = bottle.position[:2]
        if not bottle.stands:
            return "Put the bottle upright"
        if abs(np.degrees(np.arctan2(*bottle.rotation[1::-1, 0]))) > self.turned:
            return "Turn the bottle: its tags must be on the side away from the robot"
        if not (self.low[0] <= x <= self.high[0] and self.low[1] <= y <= self.high[1]):
            way = 100.0 * (np.clip([x, y], self.low, self.high) - [x, y])
            return f"Put the bottle back: {way[0]:+.0f} cm along x, {way[1]:+.0f} cm along y"
        if goal is None:
            return "The camera does not see the goal's tag"
        ahead = goal - bottle.position[:2]
        far, bearing = float(np.linalg.norm(ahead)), float(np.degrees(np.arctan2(ahead[1], ahead[0])))
        if not self.nearest <= far <= self.farthest or abs(bearing) > self.aside:
            return (
                f"Put the goal's tag {100 * self.nearest:.0f} to {100 * self.farthest:.0f} cm beyond the bottle, at "
                f"most {self.aside:.0f} degrees aside (now {100 * far:.0f} cm, {bearing:+.0f} degrees)"
            )
        return None


class ArmCell:
    """Robot of a task with a bottle, as `mereq.core.robot.Robot`.

    Args:
        task: the arm task.
        arm: the arm.
        sight: what sees the table.
        workspace: lowest and highest position of the tool [m].
        clock: time.
        period: of a step; with a reduced override of the arm it is longer [s].
    """

    repeatable = False
    render_mode = "rgb_array"

    def __init__(
        self,
        task: ArmTask[Any],
        arm: Arm,
        sight: Sight,
        *,
        workspace: Float[np.ndarray, "2 3"],
        clock: Clock,
        period: float = PERIOD,
    ):
        self._task, self._arm, self._sight = task, arm, sight
        self._workspace, self._clock, self._period = workspace, clock, period
        self._stopped = False
        self._due = 0.0
        self._measured: Any = None
        self._hidden = False  # whether the bottle has not been seen for too long
        self.caption = ""  # what the person must know now; drawn on the picture, and shown while `reset` waits

    @property
    def hz(self) -> float:
        """Steps per second that `step` keeps."""
        return 1.0 / self._period

    def __enter__(self) -> "ArmCell":
        """Connect camera and arm, and check that the camera is where it was calibrated. Nothing moves."""
        self._sight.__enter__()
        try:
            self._check_camera()
            self._arm.__enter__()
        except BaseException:
            self._sight.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        try:
            self._arm.__exit__(kind, error, trace)
        finally:
            self._sight.__exit__(kind, error, trace)

    def reset(self, *, seed: int | None = None) -> tuple[Observation, dict[str, Any]]:
        """Park the tool, wait until the person has put bottle and goal to their places, and move to the start.

        The seed chooses where the tool starts relative to the bottle; where the bottle stands is the person's.

        Raises:
            RobotLost: the robot was stopped, or the bottle was not put back.
        """
        self._stopped = False
        self.caption = "The robot moves to its start"
        self._tracker.forget_goal()
        low, high = self._workspace
        here = self._arm.tool()
        height = min(PARKING_HEIGHT, float(high[2]))
        parking = max(PARKING_X, float(low[0]))
        self._go([np.array([here[0], here[1], height]), np.array([min(here[0], parking), here[1], height])])
        self._go([np.array([parking, 0.0, height])])
        bottle = self._await_start()
        start = self._task.begin(np.random.default_rng(seed))
        tip = np.clip(start.tool + np.append(bottle.position[:2] - start.joints[:2], 0.0), low, high)
        self._go([np.array([parking, tip[1], height]), np.array([parking, tip[1], tip[2]]), tip])
        self.caption = ""
        self._goal = self._goal_place()
        self._target = tip
        self._due = self._clock.now()
        self._measured = self._task.measure(self._sensed(), None)
        return self._task.observe(self._measured)[0], self._info()

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Move for one period by an action [cm], then look.

        An episode ends, too, when the camera has not seen the bottle for 0.5 s: the arm stands, and the next `reset`
        waits until the bottle is seen. If it was tipping when it was seen last, it has toppled.

        Raises:
            RobotLost: the arm is late or stopped, or the camera has failed, or sends no picture for 0.5 s.
        """
        self._stopped = False
        now = self._clock.now()
        self._due = max(self._due, now) if self._due + self._period > now else now
        way = CENTIMETRE * np.clip(np.asarray(action, np.float64), -1.0, 1.0)
        tool, lead = self._tool, self._arm.lead
        self._target = np.clip(tool + np.clip(self._target + way - tool, -lead, lead), *self._workspace)
        self._arm.send(self._target, self._period)
        self._due += self._period
        self._clock.sleep(self._due - self._clock.now())
        self._measured = self._task.measure(self._sensed(), self._measured)
        over = self._hidden or bool(self._task.over(self._measured)[0])
        if self._hidden:
            self._arm.stand()
        return self._task.observe(self._measured)[0], 0.0, False, over, self._info()

    def stop(self) -> None:
        """Stand still, now; also while `reset` waits for a person."""
        self._stopped = True
        self._arm.stand()

    def render(self) -> UInt8[np.ndarray, "height width 3"]:
        """The camera's last picture: tags that were found, the bottle as it is tracked, how old that is, the caption."""
        tracker, now = self._tracker, self._clock.now()
        picture, seen = tracker.seen()
        if picture is None:
            return np.zeros((48, 64, 3), np.uint8)
        return drawn(picture, Overlay(seen, outlines_of_bottle(tracker, now), ages(tracker, now), self.caption))

    @property
    def _tracker(self) -> Tracker:
        return self._sight.tracker()

    def _info(self) -> dict[str, Any]:
        return {"features": self._task.features(self._measured)[0], "measurements": self._measured.single(0)}

    def _sensed(self) -> Physics:
        """Physical quantities by the sensors. There is no sensor of force: it is in no observation and no feature."""
        self._tool = self._arm.tool()
        now, tracker = self._clock.now(), self._tracker
        if (blind := tracker.blind_for(now)) > STALE:
            raise RobotLost(f"{NO_PICTURE} for {blind:.1f} s: check its cable, and what else this computer does")
        bottle = tracker.bottle(now)
        if bottle is None:
            raise RobotLost("the camera does not see the bottle")
        self._hidden = bottle.age > STALE
        self.caption = "" if bottle.age <= FRESH else f"bottle hidden for {bottle.age:.1f} s"
        rotation = LYING if self._hidden and bottle.rotation[2, 2] < TIPS else bottle.rotation
        joints = np.concatenate([bottle.position, quaternion_of(rotation)])
        return Physics(self._tool[None], joints[None], np.zeros((1, 3)), self._goal[None])

    def _go(self, points: list[Point]) -> None:
        self._refuse_stopped()
        self._arm.go(points, RESET_SPEED)

    def _refuse_stopped(self) -> None:
        if self._stopped:
            raise RobotLost("the robot was stopped")

    def _await_start(self) -> Sighting:
        """The bottle, once it stands in its region and has not moved for a second, and the goal is seen."""
        until = self._clock.now() + PATIENCE
        since, place = self._clock.now(), np.full(3, np.nan)
        while True:
            self._refuse_stopped()
            now, tracker = self._clock.now(), self._tracker
            bottle = tracker.bottle(now)
            if tracker.goal_spread() > STILL:
                tracker.forget_goal()  # it is being moved
            region = StartRegion(turned=TURNED) if tracker.layout.lopsided else StartRegion()
            blind = tracker.blind_for(now) > STALE
            lacks = NO_PICTURE if blind else region.lacks(bottle, tracker.goal())
            if bottle is None or lacks or not np.linalg.norm(bottle.position - place) < STILL:
                since, place = now, np.full(3, np.nan) if bottle is None else bottle.position
            elif now - since >= STILL_FOR:
                return bottle
            self.caption = lacks or "The robot starts when the bottle stands still"
            if now > until:
                raise RobotLost(f"{lacks or 'the bottle does not stand still'} ({PATIENCE:.0f} s have passed)")
            self._clock.sleep(LOOK)

    def _goal_place(self) -> Float[np.ndarray, "2"]:
        """The goal's place at the start: later the bottle may hide its tag."""
        goal = self._tracker.goal()
        if goal is None:
            raise RobotLost("the camera does not see the goal's tag")
        return goal

    def _check_camera(self) -> None:
        """Refuse a camera, or a tag of the table, that was moved since the calibration."""
        tracker = self._tracker
        until = self._clock.now() + FIRST_PICTURE_PATIENCE
        while tracker.pictures < FIRST_PICTURES:
            if self._clock.now() > until:
                raise RobotLost("the camera sends no pictures")
            self._clock.sleep(LOOK)
            tracker = self._tracker
        refuse_moved(tracker.table_shift())


def refuse_moved(shifts: dict[int, float], raised: Callable[[str], Exception] = RobotLost) -> None:
    """Refuse a camera that was moved since the calibration. shifts: of the table's tags, by number [m].

    Raises:
        RobotLost: the tags are not where they were calibrated, or none is seen.
    """
    if not shifts:
        raise raised("the camera sees no tag of the table: uncover them, or calibrate again")
    moved = {tag: shift for tag, shift in shifts.items() if shift > CAMERA_MOVED}
    if len(moved) == len(shifts):
        least = 1000.0 * min(moved.values())
        raise raised(f"the camera was moved: the table's tags are {least:.0f} mm or more off. Calibrate again")
    if moved:
        named = ", ".join(f"{tag} ({1000.0 * shift:.0f} mm)" for tag, shift in moved.items())
        raise raised(f"tags of the table were moved: {named}. Put them back, or calibrate again")
