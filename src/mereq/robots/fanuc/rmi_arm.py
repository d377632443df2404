"""FANUC arm over RMI: straight moves of the tool, which keeps the orientation that it has when it connects."""

import threading
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from mereq.robots.arm import ArmFault, Finding, Point
from mereq.robots.cell_file import ArmEntry, GripperEntry
from mereq.robots.clock import Clock, RealClock
from mereq.robots.fanuc.rmi import SLOW, Open, RmiSession, SocketWire
from mereq.robots.fanuc.rmi_packets import AXES, MOST_IN_FLIGHT, Packet, command, linear_motion, numbers
from mereq.tasks.arm import kinematics
from mereq.tasks.arm.world import CENTIMETRE, LEASH

IN_FLIGHT = 3  # instructions: one moves, one follows it, one is about to be answered
LATE = 0.3  # s after which an instruction that should be executed counts as lost
STANDING = 0.5  # s to come to a stand by an instruction; then the controller is paused
TOOL_MOVED = 0.1  # mm or degrees by which the tool frame may differ from that of the calibration
FLANGE_ABOVE_BASE = 0.330  # from the robot's foot to FANUC's origin, where J1 and J2 meet [m]
FK_AGREES = 2.0  # mm


class RmiArm:
    """Arm over RMI.

    Args:
        entry: the file's part about the arm.
        utool: tool frame of the calibration, X Y Z W P R [mm, deg]; None before the calibration.
        clock: time.
        open_wire: makes connections.
    """

    def __init__(
        self, entry: ArmEntry, utool: list[float] | None, clock: Clock | None = None, open_wire: Open = SocketWire
    ):
        self._entry, self._utool = entry, utool
        self._clock, self._open = clock or RealClock(), open_wire
        self._session: RmiSession | None = None
        self._stopped = threading.Event()
        self._going = False
        self._paused = False
        self._target: Point | None = None

    @property
    def lead(self) -> float:
        """Largest distance by which targets may run ahead of the tool, along each axis [m].

        With `cnt` an instruction waits until the next one arrives, so the tool is a step behind its target.
        """
        return LEASH + (CENTIMETRE if self._entry.termination == "cnt" else 0.0)

    def __enter__(self) -> "RmiArm":
        """Connect, and prepare remote motion. Nothing moves.

        Raises:
            ArmFault: the controller refuses, or tool and frames are not those of the calibration.
        """
        self._session = RmiSession(self._entry.address, self._entry.port, self._clock, self._open)
        try:
            self._prepare()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the session."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def tool(self) -> Point:
        """Measured position of the tool centre in the table's frame (the controller's UFRAME) [m]."""
        return np.array(numbers(self._position(), AXES[:3], "position")) / 1000.0

    def send(self, target: Point, period: float) -> None:
        """Move towards a target. The program waits here while too many instructions are not executed.

        Raises:
            ArmFault: the controller has not executed an instruction in time.
        """
        self._ready()
        if not self._connected.await_at_most(IN_FLIGHT - 1, period + LATE, self._stopped.is_set):
            self._refuse_stopped()
            raise ArmFault(
                f"The arm is late: an instruction of {1000 * period:.0f} ms has not been executed {LATE:g} s after its "
                "time. Raise the override, or use another `termination`"
            )
        self._instruct(target, *self._termination, speed_type="mSec", speed=round(1000 * period))

    def go(self, points: list[Point], speed: float) -> None:
        """Move through points and stop at each [m, m/s].

        Raises:
            ArmFault: the arm was stopped, or does not arrive in time.
        """
        self._stopped.clear()
        self._ready()
        self._going = True
        try:
            here = self.tool()
            for point in points:
                self._instruct(point, "FINE", 0, False, speed_type="mmSec", speed=max(1, round(1000 * speed)))
                far = float(np.linalg.norm(point - here))
                patience = far / speed * 100.0 / self._entry.override + 5.0
                arrived = self._connected.await_at_most(0, patience, self._stopped.is_set)
                self._refuse_stopped()
                if not arrived:
                    raise ArmFault(f"The arm has not arrived after {patience:.0f} s: look at the pendant")
                here = point
        finally:
            self._going = False

    def stand(self) -> None:
        """Stand still: an instruction without a way flushes what waits; a long move, or a late answer, is paused.

        After a fault the controller has paused by itself.
        """
        session = self._session
        self._stopped.set()
        if session is None:
            return
        session.wake()
        if session.halted:
            self._paused = True
            return
        if not self._going and self._target is not None and not self._paused:
            try:
                self._instruct(self._target, "FINE", 0, False, speed_type="mSec", speed=100)
                if session.await_at_most(0, STANDING):
                    return
            except ArmFault:
                pass  # it is paused below; a lost connection raises there
        session.request(command("FRC_Pause"))
        self._paused = True

    def write_output(self, number: int, on: bool) -> None:
        """Switch a digital output of the controller. Motion goes on meanwhile."""
        self._connected.request(command("FRC_WriteDOUT", PortNumber=number, PortValue="ON" if on else "OFF"))

    def read_input(self, number: int) -> bool:
        """State of a digital input of the controller."""
        return self._connected.request(command("FRC_ReadDIN", PortNumber=number)).get("PortValue") in ("ON", 1, True)

    def findings(self) -> list[Finding]:
        """State of the arm, for `mereq robot check`."""
        status = self._connected.request(command("FRC_GetStatus"))
        entry = self._entry
        at = self.tool()
        low, high = np.array(entry.workspace)
        fk = self._fk_error()
        tool = self._tool_frame()
        fk_fine = fk <= FK_AGREES
        same = self._utool is None or _differs(tool, self._utool) <= TOOL_MOVED
        return [
            Finding("controller", f"RMI {self._connected.version}", True),
            Finding("servos", "on" if status.get("ServoReady") == 1 else "off", status.get("ServoReady") == 1),
            Finding("override", f"{status.get('Override')} %", status.get("Override") == entry.override),
            Finding("UTOOL", f"{entry.utool}: {', '.join(f'{v:.1f}' for v in tool)}", same, "calibrate again"),
            Finding(
                "tool",
                f"{at[0]:.4f}, {at[1]:.4f}, {at[2]:.4f} m",
                bool(((low - 0.05 <= at) & (at <= high + 0.05)).all()),
                "jog it into the workspace (mereq robot jog), tool down",
            ),
            Finding(
                "joints",
                f"our kinematics of the joints differ by {fk:.1f} mm",
                True,
                "" if fk_fine else "fine if UFRAME and UTOOL are not those of docs/fanuc.md; it is used for nothing",
            ),
        ]

    def tool_frame(self) -> list[float]:
        """The controller's tool frame, X Y Z W P R [mm, deg]."""
        return self._tool_frame()

    @property
    def _connected(self) -> RmiSession:
        if self._session is None:
            raise ArmFault("The arm is not connected")
        return self._session

    @property
    def _termination(self) -> tuple[str, int, bool]:
        """Kind and value of a step's end, and whether it is executed before its successor arrives."""
        return {"fine": ("FINE", 0, False), "cnt": ("CNT", 100, False), "noblend": ("CNT", 100, True)}[
            self._entry.termination
        ]

    def _prepare(self) -> None:
        """Reset, initialize, choose frames and override; refuse what is not as it was calibrated."""
        session, entry = self._connected, self._entry
        status = session.request(command("FRC_GetStatus"), 2.0)
        if status.get("TPMode") != 0:
            raise ArmFault("The teach pendant is enabled: turn its switch to OFF")
        session.request(command("FRC_Reset"), SLOW)
        session.request(command("FRC_Abort"), SLOW)
        session.request(command("FRC_Initialize"), SLOW)
        session.request(command("FRC_SetUFrameUTool", UFrameNumber=entry.uframe, UToolNumber=entry.utool), 2.0)
        session.request(command("FRC_SetOverRide", Value=entry.override), 2.0)
        if self._utool is not None and (off := _differs(self._tool_frame(), self._utool)) > TOOL_MOVED:
            raise ArmFault(
                f"The tool frame UTOOL {entry.utool} differs by {off:.1f} from that of the calibration: restore it at "
                "the pendant, or calibrate again"
            )
        status = session.request(command("FRC_GetStatus"), 2.0)
        if status.get("ServoReady") != 1:
            raise ArmFault("The servos are off: release the emergency stops, press RESET at the pendant")
        number = status.get("NextSequenceID")
        session.start_sequence(number if isinstance(number, int) and number > 0 else 1)
        found = self._cartesian()
        at = numbers(found.get("Position"), AXES, "position")
        self._turn = dict(zip(AXES[3:], at[3:], strict=True))
        self._configuration = {k: v for k, v in found["Configuration"].items() if isinstance(v, int)}
        self._target, self._paused = None, False

    def _ready(self) -> None:
        """Continue after a stop: what waited in a paused controller is dropped."""
        if self._paused:
            self._connected.forget_fault()
            self._prepare()
        self._stopped.clear()

    def _instruct(
        self, target: Point, term_type: str, term_value: int, no_blend: bool, *, speed_type: str, speed: int
    ) -> None:
        if self._connected.unanswered >= MOST_IN_FLIGHT:
            raise ArmFault("The arm is late: eight instructions are not executed")
        position: dict[str, float] = (
            dict(zip(AXES[:3], (round(1000.0 * float(v), 3) for v in target), strict=True)) | self._turn
        )
        self._connected.instruct(
            linear_motion(
                0,
                self._configuration,
                position,
                speed_type=speed_type,
                speed=speed,
                term_type=term_type,
                term_value=term_value,
                no_blend=no_blend,
            )
        )
        self._target = target

    def _refuse_stopped(self) -> None:
        if self._stopped.is_set():
            raise ArmFault("The arm was stopped")

    def _cartesian(self) -> Packet:
        """Answer to the question for the position, in the frames of the file.

        Raises:
            ArmFault: other frames were chosen at the pendant.
        """
        found = self._connected.request(command("FRC_ReadCartesianPosition"))
        frames: Any = found.get("Configuration")
        numbers(frames, ("UToolNumber", "UFrameNumber"), "configuration")
        if (frames["UToolNumber"], frames["UFrameNumber"]) != (self._entry.utool, self._entry.uframe):
            raise ArmFault(
                f"The active frames are UTOOL {frames['UToolNumber']} and UFRAME {frames['UFrameNumber']}, and must be "
                f"{self._entry.utool} and {self._entry.uframe}: connect again, and leave them at the pendant"
            )
        return found

    def _position(self) -> Any:
        return self._cartesian().get("Position")

    def _tool_frame(self) -> list[float]:
        found = self._connected.request(command("FRC_ReadUToolData", ToolNumber=self._entry.utool), 2.0)
        return numbers(found.get("Frame"), AXES, "tool frame")

    def _fk_error(self) -> float:
        """Distance between the reported tool and our kinematics of the reported joints [mm], on a table at the foot."""
        answer = self._connected.request(command("FRC_ReadJointAngles"), 2.0)
        wire = np.radians(numbers(answer.get("JointAngle"), ("J1", "J2", "J3", "J4", "J5", "J6"), "joints"))
        length = self._tool_frame()[2] / 1000.0
        return 1000.0 * float(np.linalg.norm(kinematics.forward(joints_of(wire), length)[0] - self.tool()))


class Outputs(Protocol):
    """Digital outputs and inputs of a controller."""

    def write_output(self, number: int, on: bool) -> None:
        """Switch an output."""
        ...

    def read_input(self, number: int) -> bool:
        """State of an input."""
        ...


class FanucGripper:
    """A gripper whose valve is at an output of the controller."""

    def __init__(self, arm: Outputs, entry: GripperEntry):
        self._arm, self._entry = arm, entry

    def close(self, closed: bool) -> None:
        """Close, or open. Returns when the controller has switched the valve."""
        self._arm.write_output(self._entry.close, closed)

    def is_open(self) -> bool:
        """Whether its input says that it is open; True if it has none."""
        return not self._entry.opened or self._arm.read_input(self._entry.opened)


def joints_of(wire: np.ndarray) -> np.ndarray:
    """Angles of our chain from those of the pendant [rad]: FANUC counts J3 from the horizontal, not from J2."""
    return np.array([wire[0], wire[1], wire[2] + wire[1], *wire[3:6]])


def wire_joints_of(joints: np.ndarray) -> np.ndarray:
    """Angles of the pendant from those of our chain [rad]."""
    return np.array([joints[0], joints[1], joints[2] - joints[1], *joints[3:6]])


def _differs(found: list[float], expected: list[float]) -> float:
    return float(np.abs(np.subtract(found, expected)).max())
