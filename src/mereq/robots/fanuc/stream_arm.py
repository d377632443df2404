"""FANUC arm over Stream Motion: joints by the simulator's law, streamed as targets of 20 ms, with the tool down.

A step is five targets, because one alone would stop and go. A thread sends them and holds after the last. What is
streamed are joints, so the faceplate is moved and the controller's tool frame plays no part in it: our own kinematics
must be the arm's, which is verified before anything moves.
"""

import math
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

import numpy as np

from mereq.robots.arm import ArmFault, Finding, Point
from mereq.robots.cell_file import ArmEntry
from mereq.robots.clock import Clock, RealClock
from mereq.robots.fanuc.rmi import ANSWER, AT_THE_PENDANT
from mereq.robots.fanuc.rmi_arm import FK_AGREES, FLANGE_ABOVE_BASE, TOOL_MOVED, joints_of
from mereq.robots.fanuc.rmi_packets import AXES, Packet, command, numbers
from mereq.robots.fanuc.stream import AiroStream, Joints, Stream, StreamState
from mereq.robots.sight.pose import Pose
from mereq.tasks.arm import kinematics
from mereq.tasks.arm.world import CENTIMETRE, LEASH, PERIOD

TARGET = 0.02  # s of one target
LAG = 0.15  # s by which the arm is taken to follow its commands: 0.084 to 0.180 were measured on a CRX
IDLE = 1.0  # s between two looks for targets, when none is known
SILENT = 0.3  # s without a report of the controller after which the arm counts as lost
STANDING = 1.0  # s to come to a stand
ACCELERATION = 0.4  # of a reset's moves [m/s^2]
SLOW = np.radians([40.0] * 6)  # of the joints in a reset [rad/s]
NEAR = 0.001  # m from a point of a reset at which it is reached
COMMANDED = 1e-4  # m from it at which all is commanded
ARRIVING = 5.0  # s more than three times the way, for a point of a reset
TILTED = 5.0  # deg by which the tool may differ from pointing down as in the simulator, when it is connected


class Repeating(Protocol):
    """Something that is repeated."""

    def wake(self) -> None:
        """Do it now."""
        ...

    def close(self) -> None:
        """End it, and wait until it has ended."""
        ...


Repeat = Callable[[Callable[[], float]], Repeating]  # of an act, which returns after how long it is to be repeated [s]


class RepeatingThread:
    """A thread that repeats an act. act: returns after how long it is to be repeated [s]."""

    def __init__(self, act: Callable[[], float]):
        self._act, self._closed, self._awake = act, False, threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Do it now."""
        self._awake.set()

    def close(self) -> None:
        """End it, and wait until it has ended."""
        self._closed = True
        self._awake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            self._awake.wait(self._act())
            self._awake.clear()


class Targets:
    """Joint targets of the present step, evenly from where the one before has ended: each is due 20 ms after another.

    A late thread makes a step slower, never faster: what is left of it is part of the next step's way.
    """

    def __init__(self, joints: Joints):
        self.given = self._begin = self._end = joints  # given: the target that was handed out last
        self._n = self._k = 0
        self._due = 0.0

    def lead_to(self, joints: Joints, seconds: float, now: float) -> None:
        """Reach joint angles in a time."""
        self._begin, self._end = self.given, joints
        self._n, self._k, self._due = max(1, round(seconds / TARGET)), 0, now

    def due_in(self, now: float) -> float:
        """Time until the next target is due; infinite if none is left [s]."""
        return max(0.0, self._due - now) if self._k < self._n else math.inf

    def next(self, now: float) -> Joints | None:
        """The next target, if it is due."""
        if self.due_in(now) > 1e-9:
            return None
        self._k += 1
        self._due = (self._due if now < self._due + TARGET else now) + TARGET
        self.given = self._begin + self._k / self._n * (self._end - self._begin)
        return self.given


class StreamArm:
    """Arm over Stream Motion.

    Args:
        entry: the file's part about the arm.
        utool: tool frame of the calibration, X Y Z W P R [mm, deg]; None before the calibration.
        clock: time.
        connect: makes the connection.
        repeat: repeats an act beside the program.
    """

    lead = LEASH + CENTIMETRE / PERIOD * LAG  # [m]; the tool is behind its target by what it moves in the arm's lag

    def __init__(
        self,
        entry: ArmEntry,
        utool: list[float] | None,
        clock: Clock | None = None,
        connect: Callable[[ArmEntry], Stream] = AiroStream,
        repeat: Repeat = RepeatingThread,
    ):
        self._entry, self._utool, self._clock = entry, utool, clock or RealClock()
        self._connect, self._repeat = connect, repeat
        self._stream: Stream | None = None
        self._order = threading.Lock()  # of targets and commands
        self._targets: Targets | None = None  # None: the arm was stopped, or has not moved yet
        self._reference = np.zeros(6)  # of our chain, where the last step ends [rad]
        self._stopped = threading.Event()
        self._failure: ArmFault | None = None

    def __enter__(self) -> "StreamArm":
        """Connect. Nothing moves.

        Raises:
            ArmFault: the controller refuses; or tool, frames, override, or how joints are counted, are not as they
                were calibrated.
        """
        self._stopped.clear()
        self._failure, self._targets = None, None
        self._stream = self._connect(self._entry)
        try:
            self._prepare()
        except BaseException:
            self._stream.close()
            self._stream = None
            raise
        self._sending = self._repeat(self._send_due)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Brake, and end the connection."""
        stream = self._stream
        if stream is None:
            return
        self.stand()
        self._stood(stream)
        self._sending.close()
        self._stream = None
        stream.close()

    def tool(self) -> Point:
        """Position of the tool centre by the joints that the controller reported last, in the table's frame [m]."""
        return self._tool_of(self._fine().measured)

    def send(self, target: Point, period: float) -> None:
        """Move towards a target within a period [s], by the simulator's law.

        Raises:
            ArmFault: the arm does not move, or its reports are missing.
        """
        self._ready()
        limit = kinematics.JOINT_SPEEDS * PERIOD
        self._reference = kinematics.towards(self._reference, self._in_base(target), self._length, limit)
        self._lead_to(self._reference, period)

    def go(self, points: list[Point], speed: float) -> None:
        """Move through points on straight lines and stop at each [m, m/s], slower if the override is reduced.

        Raises:
            ArmFault: the arm was stopped, or does not arrive in time.
        """
        self._stopped.clear()
        self._ready()
        for point in points:
            self._line(point, speed * self._entry.override / 100.0)

    def stand(self) -> None:
        """Brake, now. The targets that are left are dropped."""
        self._stopped.set()
        with self._order:
            self._targets = None
            if self._stream is not None:
                self._stream.brake()

    def write_output(self, number: int, on: bool) -> None:
        """Switch a digital output of the controller. Motion goes on meanwhile."""
        self._ask("FRC_WriteDOUT", PortNumber=number, PortValue="ON" if on else "OFF")

    def read_input(self, number: int) -> bool:
        """State of a digital input of the controller."""
        return self._ask("FRC_ReadDIN", PortNumber=number).get("PortValue") in ("ON", 1, True)

    def findings(self) -> list[Finding]:
        """State of the arm, for `mereq robot check`: what is not fine was refused when it was connected."""
        at, (low, high) = self.tool(), np.array(self._entry.workspace)
        inside = bool(((low - 0.05 <= at) & (at <= high + 0.05)).all())
        return [
            Finding("controller", f"Stream Motion at {self._entry.address}:{self._entry.stream_port}", True),
            Finding("override", f"{self._entry.override} %", True),
            Finding("UTOOL", f"{self._entry.utool}: {', '.join(f'{v:.1f}' for v in self._tool_frame)}", True),
            Finding(
                "tool", f"{at[0]:.4f}, {at[1]:.4f}, {at[2]:.4f} m", inside,
                "jog it into the workspace (mereq robot jog), tool down",
            ),
            Finding("joints", f"our kinematics of the joints differ by {self._off:.1f} mm", True),
        ]  # fmt: skip

    def tool_frame(self) -> list[float]:
        """The controller's tool frame, X Y Z W P R [mm, deg]."""
        return self._tool_frame

    @property
    def _connected(self) -> Stream:
        if self._stream is None:
            raise ArmFault("The arm is not connected")
        return self._stream

    def _ask(self, name: str, **values: int | str) -> Packet:
        return self._connected.ask(command(name, **values), ANSWER)

    # Before anything moves

    def _prepare(self) -> None:
        """Refuse what is not as it was calibrated."""
        entry, state = self._entry, self._fine()
        status = self._ask("FRC_GetStatus")
        if status.get("TPMode") not in (0, 2):  # 2 is AUTO on controllers that have a key for the mode
            raise ArmFault("The teach pendant is enabled: turn its switch to OFF")
        if (override := status.get("Override")) != entry.override:
            raise ArmFault(
                f"The override is {override} %, and `override` is {entry.override}: set it to that at the pendant, or "
                "change the file"
            )
        frame = self._ask("FRC_ReadUToolData", ToolNumber=entry.utool).get("Frame")
        self._tool_frame = numbers(frame, AXES, "tool frame")
        if self._utool is not None:
            off = float(np.abs(np.subtract(self._tool_frame, self._utool)).max())
            if off > TOOL_MOVED:
                raise ArmFault(
                    f"The tool frame UTOOL {entry.utool} differs by {off:.1f} from that of the calibration: restore it "
                    "at the pendant, or calibrate again"
                )
        self._length = self._tool_frame[2] / 1000.0
        frame = self._ask("FRC_ReadUFrameData", FrameNumber=entry.uframe).get("Frame")
        self._table = pose_of(numbers(frame, AXES, "user frame"))
        self._refuse_other_kinematics(state.measured)

    def _refuse_other_kinematics(self, joints: Joints) -> None:
        """Refuse joints, tool or frame that do not lead where the controller says that the tool is."""
        found = self._ask("FRC_ReadCartesianPosition")
        frames = numbers(found.get("Configuration"), ("UToolNumber", "UFrameNumber"), "configuration")
        if frames != [self._entry.utool, self._entry.uframe]:
            raise ArmFault(
                f"The active frames are UTOOL {frames[0]:.0f} and UFRAME {frames[1]:.0f}, and must be "
                f"{self._entry.utool} and {self._entry.uframe}: select them at the pendant"
            )
        told = np.array(numbers(found.get("Position"), AXES[:3], "position")) / 1000.0

        def off_by(these: Joints) -> float:
            return 1000.0 * float(np.linalg.norm(self._tool_of(these) - told))

        self._off, otherwise = off_by(joints), off_by(joints_of(joints))
        if self._off > FK_AGREES:
            why = (
                "this controller counts the third joint from the horizontal in Stream Motion, too"
                if otherwise <= FK_AGREES
                else "UTOOL must be straight ahead of the faceplate, UFRAME on the table, the arm an LR Mate 200iD/7L"
            )
            raise ArmFault(
                f"Our kinematics of the joints differ by {self._off:.1f} mm from the tool's position as the controller "
                f"reports it: {why}"
            )
        if otherwise <= FK_AGREES:
            raise ArmFault(
                "The second joint is so near 0 that nothing tells how the third one is counted: jog the tool away with "
                "the pendant, and connect again"
            )
        turn = kinematics.forward(joints, self._length)[1].T @ kinematics.TOOL_DOWN
        tilt = math.degrees(math.acos(float(np.clip((np.trace(turn) - 1.0) / 2.0, -1.0, 1.0))))
        if tilt > TILTED:
            raise ArmFault(
                f"The tool is turned by {tilt:.0f} degrees from W 180, P 0, R 0 of the world frame: jog it to that "
                "within 5 degrees"
            )

    # Motion

    def _fine(self) -> StreamState:
        """The present state, in which nothing is wrong."""
        state = self._connected.state()
        if state.age > SILENT:
            raise ArmFault(
                f"The controller has reported nothing for {state.age:.1f} s: check the cable, and that it is on"
            )
        if state.pendant_on:
            raise ArmFault("The teach pendant is enabled: turn its switch to OFF")
        if state.fault:
            raise ArmFault(f"The controller has stopped the arm: {self._alarm(state)}. {AT_THE_PENDANT}")
        if self._failure is not None:
            raise self._failure
        return state

    def _alarm(self, state: StreamState) -> str:
        """What the pendant shows, or else what the driver says."""
        try:
            alarm = self._ask("FRC_ReadError", Count=1).get("ErrorData")
        except ArmFault:
            alarm = None
        return alarm[:200] if isinstance(alarm, str) and alarm not in ("", "No Error") else state.fault

    def _ready(self) -> None:
        """Begin where the arm stands, unless it is moving already."""
        self._fine()
        if self._targets is None:
            if not self._stood(self._connected):
                raise ArmFault(f"The arm does not stand {STANDING:g} s after it was stopped: look at it")
            self._reference = self._fine().commanded
            with self._order:
                self._targets = Targets(self._reference)
        self._stopped.clear()

    def _stood(self, stream: Stream) -> bool:
        """Wait until nothing is commanded to move, or nothing is to be waited for. Returns whether it came in time."""
        until = self._clock.now() + STANDING
        while not (state := stream.state()).stands and state.age <= SILENT and not state.fault:
            if self._clock.now() > until:
                return False
            self._clock.sleep(TARGET)
        return True

    def _line(self, point: Point, speed: float) -> None:
        """Move on a straight line to a point, and stop there."""
        at, pace = self._tool_of(self._reference), 0.0
        until = self._clock.now() + 3.0 * float(np.linalg.norm(point - at)) / speed + ARRIVING
        while True:
            tool = self.tool()
            left = float(np.linalg.norm(point - at))
            commanded = float(np.linalg.norm(point - self._tool_of(self._reference))) < COMMANDED
            if commanded and np.linalg.norm(point - tool) < NEAR:
                return
            if self._stopped.is_set():
                raise ArmFault("The arm was stopped")
            if self._clock.now() > until:
                raise ArmFault("The arm has not arrived: look at it, and at the pendant")
            pace = min(pace + ACCELERATION * TARGET, speed, math.sqrt(2.0 * ACCELERATION * left))
            if np.abs(at - tool).max() > self.lead:
                pace = 0.0
            way = min(left, pace * TARGET)
            at = point if left <= way else at + way / left * (point - at)
            self._reference = kinematics.towards(self._reference, self._in_base(at), self._length, SLOW * TARGET)
            self._lead_to(self._reference, TARGET)
            self._clock.sleep(TARGET)

    def _lead_to(self, joints: Joints, seconds: float) -> None:
        with self._order:
            if self._targets is not None:  # a stop may have come meanwhile
                self._targets.lead_to(joints, seconds, self._clock.now())
        self._sending.wake()

    def _send_due(self) -> float:
        """Send the target that is due, if one is. Runs beside the program; what goes wrong is raised there.

        Returns the time until the next one is due.
        """
        with self._order:
            targets, stream = self._targets, self._stream
            if targets is None or stream is None or self._failure is not None:
                return IDLE
            if (target := targets.next(self._clock.now())) is not None:
                try:
                    stream.servo(target, TARGET)
                except ArmFault as fault:
                    self._failure = fault
            return min(IDLE, targets.due_in(self._clock.now()))

    # Frames

    def _in_base(self, point: Point) -> Point:
        """A point of the table's frame in that of our chain, whose origin is the robot's foot."""
        return self._table.rotation @ point + self._table.position

    def _tool_of(self, joints: Joints) -> Point:
        """Position of the tool in the table's frame [m]."""
        return self._table.rotation.T @ (kinematics.forward(joints, self._length)[0] - self._table.position)


def pose_of(frame: list[float]) -> Pose:
    """Pose of a user frame, X Y Z W P R [mm, deg], in the frame of our chain."""
    w, p, r = np.radians(frame[3:])
    about_x = np.array([[1, 0, 0], [0, np.cos(w), -np.sin(w)], [0, np.sin(w), np.cos(w)]])
    about_y = np.array([[np.cos(p), 0, np.sin(p)], [0, 1, 0], [-np.sin(p), 0, np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    foot = np.array([0.0, 0.0, FLANGE_ABOVE_BASE])
    return Pose(about_z @ about_y @ about_x, np.array(frame[:3]) / 1000.0 + foot)
