"""A robot of real parts for an arm task: an arm and a sight become observations, features and pictures.

Physics come from sensors, and everything else from the task's own functions, so simulation and robot cannot differ in
them. Every command is limited here: to the workspace, and by a leash that ties the target to the measured tool.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, UInt8

from mereq.core.errors import RobotLost
from mereq.robots.arm import Arm, Gripper, Point
from mereq.robots.clock import Clock
from mereq.robots.sight.overlay import Overlay, ages, drawn
from mereq.robots.sight.tracker import Tracker
from mereq.robots.sight.watching import Sight
from mereq.robots.workpieces import FRESH, STALE, STILL, Workpiece
from mereq.tasks.arm.definition import ArmTask
from mereq.tasks.arm.world import CENTIMETRE, PERIOD, Physics

PARKING_HEIGHT, PARKING_X = 0.25, 0.30  # of the tool while a person puts the object back [m]
SET_DOWN = 0.012  # of a tool that opens its gripper, above the lowest of its workspace [m]
RESET_SPEED = 0.10  # [m/s]
LATEST = 0.5  # of a period by which a step may begin late and still end in time
PATIENCE = 120.0  # s for a person to put the object back
NO_PICTURE = "The camera has sent no new picture"
OPENING = 0.3  # s that a gripper takes
STILL_FOR = 1.0  # s for which an object must not move
LOOK = 0.1  # s between two looks at the table during a reset
CAMERA_MOVED = 0.003  # m by which the table's tags may be away from where they were calibrated
FIRST_PICTURES = 5
FIRST_PICTURE_PATIENCE = 5.0  # s
Observation = Float32[np.ndarray, " obs"]


class ArmCell:
    """Robot of an arm task, as `mereq.core.robot.Robot`.

    Args:
        task: the arm task.
        workpiece: what its tool works on.
        arm: the arm.
        sight: what sees the table.
        gripper: the tool's own actuator, if it has one.
        workspace: lowest and highest position of the tool [m].
        clock: time.
        period: of a step; with a reduced override of the arm it is longer [s].
    """

    repeatable = False
    render_mode = "rgb_array"

    def __init__(
        self,
        task: ArmTask[Any],
        workpiece: Workpiece,
        arm: Arm,
        sight: Sight,
        *,
        gripper: Gripper | None = None,
        workspace: Float[np.ndarray, "2 3"],
        clock: Clock,
        period: float = PERIOD,
    ):
        self._task, self._workpiece, self._arm, self._sight, self._gripper = task, workpiece, arm, sight, gripper
        self._workspace, self._clock, self._period = workspace, clock, period
        self._stopped = False
        self._due = 0.0
        self._measured: Any = None
        self._closed = False  # whether the gripper was told to close
        self._hidden = False  # whether the object has not been seen for too long
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
        """Park the tool, wait until the person has put everything to its place, and move to the start.

        The seed chooses where the tool starts relative to the object; where the object is, is the person's choice.

        Raises:
            RobotLost: the robot was stopped, or the object was not put back.
        """
        self._stopped = False
        self.caption = "The robot moves to its start"
        self._tracker.forget_goal()
        self._measured = None
        low, high = self._workspace
        height = min(PARKING_HEIGHT, float(high[2]))
        self._let_go()
        here = self._arm.tool()
        self._go([np.array([here[0], here[1], height])])
        above = float(here[0])
        if self._workpiece.parks:
            above = max(PARKING_X, float(low[0]))
            self._go([np.array([min(here[0], above), here[1], height]), np.array([above, 0.0, height])])
            self._await_start()
        start = self._task.begin(np.random.default_rng(seed))
        tip = np.clip(self._workpiece.begin(self._tracker, start, self._clock.now()), low, high)
        if self._workpiece.parks:  # the last way is level: the tool would come down on the object
            self._go([np.array([above, tip[1], height]), np.array([above, tip[1], tip[2]]), tip])
        else:
            self._go([np.array([tip[0], tip[1], height]), tip])
        self.caption = ""
        self._target = tip
        self._due = self._clock.now()
        self._measured = self._task.measure(self._sensed(), None)
        return self._task.observe(self._measured)[0], self._info()

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Move for one period by an action [cm], then look.

        An episode ends, too, when the camera has not seen the object for 0.5 s: the arm stands, and the next `reset`
        waits until the object is seen. If a bottle was tipping when it was seen last, it has toppled.

        Raises:
            RobotLost: the arm is late or stopped, or the camera has failed, or sends no picture for 0.5 s.
        """
        self._stopped = False
        now = self._clock.now()
        self._due = self._due if now < self._due + LATEST * self._period else now
        way = CENTIMETRE * np.clip(np.asarray(action, np.float64), -1.0, 1.0)
        tool, lead = self._tool, self._arm.lead
        self._target = np.clip(tool + np.clip(self._target + way - tool, -lead, lead), *self._workspace)
        self._grip(bool((self._task.grip(self._measured) > 0.0).any()))
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
        """The camera's last picture: tags that were found, what is tracked, how old that is, and the caption."""
        tracker, now = self._tracker, self._clock.now()
        picture, seen = tracker.seen()
        if picture is None:
            return np.zeros((48, 64, 3), np.uint8)
        lines = [tracker.pixels_of(line) for line in self._workpiece.lines(tracker, now, self._measured)]
        return drawn(picture, Overlay(seen, lines, ages(tracker, now, self._workpiece.name), self.caption))

    @property
    def _tracker(self) -> Tracker:
        return self._sight.tracker()

    def _info(self) -> dict[str, Any]:
        return {"features": self._task.features(self._measured)[0], "measurements": self._measured.single(0)}

    def _sensed(self) -> Physics:
        """Physical quantities by the sensors."""
        self._tool = self._arm.tool()
        now, tracker = self._clock.now(), self._tracker
        if (blind := tracker.blind_for(now)) > STALE:
            raise RobotLost(f"{NO_PICTURE} for {blind:.1f} s: check its cable, and what else this computer does")
        physics, age = self._workpiece.sense(self._tool, self._closed, tracker, now)
        self._hidden = age > STALE
        self.caption = "" if age <= FRESH else f"{self._workpiece.name} hidden for {age:.1f} s"
        return physics

    def _grip(self, closed: bool) -> None:
        """Close or open the gripper, if that is not what it was told last."""
        if self._gripper is not None and closed != self._closed:
            self._gripper.close(closed)
            self._closed = closed

    def _grips(self) -> str | None:
        """What a person must do about a gripper that is not open; None: nothing."""
        fine = self._gripper is None or self._gripper.is_open()
        return None if fine else "The gripper is not open: take off what it holds, and check its air"

    def _let_go(self) -> None:
        """Open the gripper; one that is closed sets down what it holds before."""
        if self._gripper is None:
            return
        if self._closed:
            here = self._arm.tool()
            self._go([np.array([here[0], here[1], float(self._workspace[0, 2]) + SET_DOWN])])
        self._gripper.close(False)
        self._closed = False
        self._clock.sleep(OPENING)

    def _go(self, points: list[Point]) -> None:
        self._refuse_stopped()
        self._arm.go(points, RESET_SPEED)

    def _refuse_stopped(self) -> None:
        if self._stopped:
            raise RobotLost("the robot was stopped")

    def _await_start(self) -> None:
        """Wait until nothing is lacking, and the object has not moved for a second."""
        until = self._clock.now() + PATIENCE
        since, stood = self._clock.now(), np.full(3, np.nan)
        while True:
            self._refuse_stopped()
            now, tracker = self._clock.now(), self._tracker
            blind = tracker.blind_for(now) > STALE
            lacks = NO_PICTURE if blind else self._workpiece.lacks(tracker, now) or self._grips()
            place = self._workpiece.place(tracker, now)
            if place is None or lacks or not np.linalg.norm(place - stood) < STILL:
                since, stood = now, np.full(3, np.nan) if place is None else place
            elif now - since >= STILL_FOR:
                return
            name = self._workpiece.name
            self.caption = lacks or f"The robot starts when the {name} stands still"
            if now > until:
                raise RobotLost(f"{lacks or f'the {name} does not stand still'} ({PATIENCE:.0f} s have passed)")
            self._clock.sleep(LOOK)

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
