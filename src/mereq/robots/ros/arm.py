"""Arm of ROS 2 behind MoveIt Servo, by rosbridge: velocities of the tool, which Servo stops by itself when none come.

A thread repeats the velocity towards the target every 20 ms, and zero once the period is over. When the program is
killed nothing is sent any more, and Servo stands still after its `incoming_command_timeout`, 0.1 s in its default file.
"""

import threading
import time
from types import TracebackType

import numpy as np

from mereq.robots.arm import ArmFault, Finding, Point
from mereq.robots.cell_file import ArmEntry, RosEntry
from mereq.robots.ros.bridge import Bridge, Message
from mereq.tasks.arm.world import CENTIMETRE, LEASH

REPEAT = 0.02  # s between two velocities
SILENT = 0.35  # s without a new pose after which the arm counts as lost
FASTEST = 0.12  # [m/s]; a step is 0.1
NEAR = 0.0005  # m from a point of a reset at which the next one is next
ARRIVING = 10.0  # s more than three times the way at full speed, for a point of a reset
APPROACH = 0.25  # s: a reset slows down to arrive
TWIST = 1  # command_type of Servo's ServoCommandType
HALTS = (2, 4, 6)  # of Servo's status code: a singularity, a collision, a joint's limit have halted the arm


class RosArm:
    """Arm over rosbridge.

    Args:
        entry: the file's part about the arm.
        ros: names of topics and services.
    """

    lead = LEASH + CENTIMETRE  # [m]

    def __init__(self, entry: ArmEntry, ros: RosEntry):
        self._entry, self._ros = entry, ros
        self._bridge: Bridge | None = None
        self._order = threading.Lock()  # of the command below
        self._velocity, self._until = np.zeros(3), 0.0
        self._stopped, self._ended = threading.Event(), threading.Event()
        self._failure: ArmFault | None = None
        self._pose: Message | None = None

    def __enter__(self) -> "RosArm":
        """Connect, and let Servo take velocities. Nothing moves.

        Raises:
            ArmFault: rosbridge, Servo or the tool's pose is missing, or the pose is in another frame.
        """
        bridge = self._bridge = Bridge(self._entry.address, self._entry.port)
        try:
            bridge.subscribe(self._ros.pose, "geometry_msgs/msg/PoseStamped")
            bridge.subscribe(self._ros.status, "moveit_msgs/msg/ServoStatus")
            bridge.advertise(self._ros.twist, "geometry_msgs/msg/TwistStamped")
            self._pose = bridge.newest(self._ros.pose, 5.0)
            self.tool()
            bridge.call(self._ros.command_type, "moveit_msgs/srv/ServoCommandType", {"command_type": TWIST})
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self._failure, self._ended = None, threading.Event()
        self._publishing = threading.Thread(target=self._publish, args=(self._ended,), name="servo", daemon=True)
        self._publishing.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect: Servo stands still when no velocity comes."""
        self._ended.set()
        bridge, self._bridge = self._bridge, None
        if bridge is not None:
            bridge.close()

    def findings(self) -> list[Finding]:
        """State of the arm, for `mereq robot check`."""
        at, (low, high) = self.tool(), np.array(self._entry.workspace)
        inside = bool(((low - 0.05 <= at) & (at <= high + 0.05)).all())
        return [
            Finding("rosbridge", f"{self._entry.address}:{self._entry.port}", True),
            Finding(
                "tool", f"{at[0]:.4f}, {at[1]:.4f}, {at[2]:.4f} m", inside, "move it into the workspace, tool down"
            ),
        ]

    def tool_frame(self) -> list[float]:
        """Tool frame as a controller has it: none, since the published pose is that of a named frame."""
        return [0.0] * 6

    def tool(self) -> Point:
        """Published position of the tool centre in the table's frame [m].

        Raises:
            ArmFault: none comes, it is in another frame, or Servo has halted the arm.
        """
        self._check()
        pose = self._pose = self._connected.newest(self._ros.pose, SILENT, after=self._pose)
        try:
            frame, place = pose["header"]["frame_id"], pose["pose"]["position"]
            found = np.array([float(place[axis]) for axis in "xyz"])
        except (KeyError, TypeError, ValueError) as error:
            raise ArmFault(f"{self._ros.pose} has {str(pose)[:200]}, which is no PoseStamped") from error
        if frame != self._ros.frame or not np.isfinite(found).all():
            raise ArmFault(f"{self._ros.pose} is in the frame {frame!r}, and must be in {self._ros.frame!r}")
        return found

    def go(self, points: list[Point], speed: float) -> None:
        """Move through points and stop at each [m, m/s].

        Raises:
            ArmFault: the arm was stopped, or does not arrive in time.
        """
        self._stopped.clear()
        for point in points:
            far = float(np.linalg.norm(point - self.tool()))
            until = time.monotonic() + 3.0 * far / speed + ARRIVING
            while np.linalg.norm(way := point - self.tool()) > NEAR:
                if self._stopped.is_set():
                    raise ArmFault("The arm was stopped")
                if time.monotonic() > until:
                    raise ArmFault("The arm has not arrived: look at it, and at the status of MoveIt Servo")
                self._command(way / APPROACH, speed, 2.0 * SILENT)
            self._command(np.zeros(3), speed, 0.0)

    def send(self, target: Point, period: float) -> None:
        """Move towards a target within a period [s]."""
        self._stopped.clear()
        self._check()
        self._command((target - self.tool()) / period, FASTEST, period)

    def stand(self) -> None:
        """Stand still."""
        self._stopped.set()
        self._command(np.zeros(3), FASTEST, 0.0)
        if self._bridge is not None:
            self._say(np.zeros(3))

    @property
    def _connected(self) -> Bridge:
        if self._bridge is None:
            raise ArmFault("The arm is not connected")
        return self._bridge

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        bridge = self._connected
        if (code := bridge.last(self._ros.status).get("code")) in HALTS:
            words = bridge.last(self._ros.status).get("message", "")
            raise ArmFault(f"MoveIt Servo has halted the arm (status {code}: {str(words)[:200]}): move it away by hand")

    def _command(self, velocity: Point, speed: float, seconds: float) -> None:
        slower = max(1.0, float(np.linalg.norm(velocity)) / speed)
        with self._order:
            self._velocity, self._until = velocity / slower, time.monotonic() + seconds

    def _publish(self, ended: threading.Event) -> None:
        """Repeat the present velocity until it is over, then zero."""
        while not ended.wait(REPEAT):
            with self._order:
                over = time.monotonic() > self._until or self._stopped.is_set()
                velocity = np.zeros(3) if over else self._velocity
            try:
                self._say(velocity)
            except ArmFault as fault:
                self._failure = fault
                return

    def _say(self, velocity: Point) -> None:
        linear = {axis: round(float(part), 5) for axis, part in zip("xyz", velocity, strict=True)}
        now = time.time()
        stamp = {"sec": int(now), "nanosec": int(1e9 * (now % 1.0))}
        self._connected.publish(
            self._ros.twist,
            {
                "header": {"stamp": stamp, "frame_id": self._ros.frame},
                "twist": {"linear": linear, "angular": {"x": 0.0, "y": 0.0, "z": 0.0}},
            },
        )
