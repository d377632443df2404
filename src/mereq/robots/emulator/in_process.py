"""The emulated cell within one process, for tests and measurements: no sockets; time passes only in waits."""

import json
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float

from mereq.robots.arm import ArmFault
from mereq.robots.assembly import gripper_of, layout_of, workpiece_of
from mereq.robots.cell import FIRST_PICTURES, ArmCell
from mereq.robots.cell_file import ArmEntry, GoalEntry, GripperEntry, TableEntry, TagsEntry
from mereq.robots.clock import DrivenClock
from mereq.robots.emulator.cell import OPENED, VALVE, EmulatedCell, emulated_spring, table_corners
from mereq.robots.emulator.controller import SESSION_PORT
from mereq.robots.emulator.motion import ITP, Line
from mereq.robots.emulator.stage import CUBES, FLAT_SIDE, GOAL_TAG, TABLE_TAGS
from mereq.robots.fanuc.rmi_arm import RmiArm
from mereq.robots.fanuc.rmi_packets import PORT, Packet, check, command, encoded
from mereq.robots.fanuc.stream import StreamState
from mereq.robots.fanuc.stream_arm import StreamArm
from mereq.robots.sight.detect import Detector, apriltag_detector
from mereq.robots.sight.pose import rotation_of_quaternion
from mereq.robots.sight.tracker import Sighting, Tracker
from mereq.robots.sight.watching import Sight
from mereq.tasks.arm.definition import ArmTask

BRAKING = 0.1  # s
TAGS = TagsEntry(TableEntry(list(TABLE_TAGS), FLAT_SIDE), goal=GoalEntry(GOAL_TAG, FLAT_SIDE), **CUBES)


class MemoryWire:
    """A connection to an emulated controller of the same process."""

    def __init__(self, cell: EmulatedCell, port: int, tell: Callable[[bytes | None], None]):
        self._cell, self._port, self._tell, self.cut = cell, port, tell, False
        self.lines: list[bytes] = []  # that were sent
        if port == SESSION_PORT:
            self._has_session = cell.controller.begin(self._answer)

    def send(self, line: bytes) -> None:
        """Tell the controller a line."""
        self.lines.append(line)
        if self.cut:
            return
        packet = json.loads(line)
        if self._port != SESSION_PORT:
            if (answer := self._cell.controller.connect(packet)) is not None:
                self._answer(answer)
        elif self._has_session:
            self._cell.controller.hear(packet)

    def close(self) -> None:
        """Close the connection."""
        if self._port == SESSION_PORT and self._has_session:
            self._cell.controller.drop()

    def _answer(self, packet: Packet) -> None:
        if not self.cut:
            self._tell(encoded(packet).strip())


class MemoryStream:
    """Stream Motion of an emulated cell in the same process: the controller, and a driver with airo-fanuc's behaviour.

    A target is reached evenly in its time, and the last one is held. Braking takes 0.1 s.
    """

    def __init__(self, cell: EmulatedCell):
        self._cell, self._faulted = cell, ""
        self._line = Line(cell.plant.joints)
        self._command = self._goal = cell.plant.joints
        self._before = self._command
        self._left, self._braking = 0.0, 0
        self._heard, self._report = cell.time, cell.plant.joints
        self.cut = False
        self.targets: list[np.ndarray] = []  # that were streamed
        cell.stream = self
        cell.controller.answer(command("FRC_SetUFrameUTool", UFrameNumber=1, UToolNumber=1))

    def state(self) -> StreamState:
        """The present state."""
        stands = self._braking == 0 and self._left <= 0.0
        age, pendant = self._cell.time - self._heard, self._cell.controller.switches.pendant_on
        return StreamState(self._report, self._command, age, stands, pendant, self._faulted)

    def servo(self, joints: Float[np.ndarray, "6"], seconds: float) -> None:
        """Head for joint angles, in a time."""
        if self._faulted:
            raise ArmFault(f"The arm takes no more commands ({self._faulted})")
        self.targets.append(joints)
        self._goal, self._left, self._braking = joints, seconds, 0

    def brake(self) -> None:
        """Brake, now."""
        if self._left > 0.0 or (self._command != self._before).any():
            self._way, self._braking = self._command - self._before, round(BRAKING / ITP)
        self._left = 0.0

    def ask(self, packet: Packet, patience: float) -> Packet:
        """Answer of the controller to a command."""
        if self.cut:
            raise ArmFault("There is no answer")
        return check(self._cell.controller.answer(packet))

    def close(self) -> None:
        """End the connection: the arm stays where it is commanded to be."""
        self._goal, self._left, self._braking = self._command, 0.0, 0

    def tick(self) -> Float[np.ndarray, "6"]:
        """Let one interpolation period pass; joint angles where the arm is to be [rad]."""
        plant, switches = self._cell.plant, self._cell.controller.switches
        if not self.cut:
            self._heard, self._report = self._cell.time, plant.joints
        if switches.emergency_stop or switches.pendant_on:
            self._faulted = "emergency stop" if switches.emergency_stop else "pendant"
        if self._faulted:
            self._line.hold(plant.reference)
            self._command, self._left, self._braking = plant.reference, 0.0, 0
        self._before, self._command = self._command, self._next()
        return self._line.passes(None if self.cut else self._command)

    def _next(self) -> Float[np.ndarray, "6"]:
        """What is commanded in the next period."""
        if self._braking > 0:
            self._braking -= 1
            return self._command + self._braking / round(BRAKING / ITP) * self._way
        if self._left <= 0.0:
            return self._command
        share = min(1.0, ITP / self._left)
        self._left = 0.0 if share == 1.0 else self._left - ITP
        return self._command + share * (self._goal - self._command)


class MemorySight:
    """Sight of an emulated cell of the same process: its pictures are seen as they are taken."""

    def __init__(self, cell: EmulatedCell, detect: Detector):
        self._cell, self._detect = cell, detect

    def __enter__(self) -> "MemorySight":
        """Begin to look."""
        self._tracker = emulated_tracker(self._cell, self._detect)
        self._cell.see = self._tracker.see
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop looking."""
        self._cell.see = None

    def tracker(self) -> Tracker:
        """The tracker."""
        return self._tracker


class TrueTracker(Tracker):
    """Tracker that knows the state of an emulated cell of the same process, exactly and at once."""

    def __init__(self, cell: EmulatedCell):
        layout = layout_of(TAGS, cell.task.name, table_corners())
        super().__init__(layout, cell.stage.intrinsics, cell.stage.camera, lambda grey: {})
        self._cell, self.pictures = cell, FIRST_PICTURES

    def sighting(self, now: float) -> Sighting | None:
        """The object as it is."""
        placed = self._cell.placed
        return None if placed is None else Sighting(placed[:3], rotation_of_quaternion(placed[3:]), 0.0)

    def goal(self) -> Float[np.ndarray, "2"]:
        """The goal as it is."""
        return self._cell.plant.data.mocap_pos[0, :2].copy()

    def blind_for(self, now: float) -> float:
        """No time since the last picture."""
        return 0.0

    def table_shift(self) -> dict[int, float]:
        """No tag of the table was moved."""
        return {TABLE_TAGS[0]: 0.0}


class TrueSight:
    """Sight of an emulated cell of the same process, without pictures."""

    def __init__(self, cell: EmulatedCell):
        self._tracker = TrueTracker(cell)

    def __enter__(self) -> "TrueSight":
        """Nothing begins."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing ends."""

    def tracker(self) -> Tracker:
        """The tracker."""
        return self._tracker


class InProcess:
    """An emulated cell and the robot that drives it, in one process.

    Args:
        task: the task.
        termination: of the arm's steps over RMI.
        wire: what moves the arm, "rmi" or "stream".
        sight: makes the sight of the cell, such as `TrueSight`; None: its camera.
        cell: further arguments of `EmulatedCell`.
    """

    def __init__(
        self,
        task: ArmTask[Any],
        termination: str = "cnt",
        *,
        wire: str = "rmi",
        sight: Callable[[EmulatedCell], Sight] | None = None,
        **cell: Any,
    ):
        self.emulated = EmulatedCell(task, **cell)
        self.clock = DrivenClock(self._advance)
        self.wires: list[MemoryWire] = []
        self.streams: list[MemoryStream] = []
        self._acts: list[Callable[[], float]] = []
        workspace = task.setup.workspace
        self.entry = ArmEntry("emulated", workspace.tolist(), wire=wire, override=100, termination=termination)
        utool = self.emulated.controller.tool_frames[1]
        self.arm = (
            StreamArm(self.entry, utool, self.clock, self._stream, self._repeated)
            if wire == "stream"
            else RmiArm(self.entry, utool, self.clock, self._wire)
        )
        sees: Sight = MemorySight(self.emulated, apriltag_detector()) if sight is None else sight(self.emulated)
        self.robot = ArmCell(
            task,
            workpiece_of(task.name, emulated_spring()),
            self.arm,
            sees,
            gripper=gripper_of(task.name, self.arm, GripperEntry(VALVE, OPENED)),
            workspace=np.array(workspace),
            clock=self.clock,
        )

    def close(self) -> None:
        """Free the graphics."""
        self.emulated.close()

    def _advance(self, seconds: float) -> None:
        for act in self._acts:
            act()
        self.emulated.advance(seconds)

    def _stream(self, entry: ArmEntry) -> MemoryStream:
        self.streams.append(MemoryStream(self.emulated))
        return self.streams[-1]

    def _repeated(self, act: Callable[[], float]) -> "_Repeated":
        self._acts.append(act)
        return _Repeated(self._acts, act)

    def _wire(self, host: str, port: int, tell: Callable[[bytes | None], None]) -> MemoryWire:
        assert port in (PORT, SESSION_PORT)
        self.wires.append(MemoryWire(self.emulated, port, tell))
        return self.wires[-1]


class _Repeated:
    """An act in every period of driven time."""

    def __init__(self, acts: list[Callable[[], float]], act: Callable[[], float]):
        self._acts, self._act = acts, act

    def wake(self) -> None:
        """Do it in the next period."""

    def close(self) -> None:
        """End it."""
        self._acts.remove(self._act)


def emulated_tracker(cell: EmulatedCell, detect: Detector) -> Tracker:
    """Tracker of an emulated cell, with the exact calibration."""
    return Tracker(layout_of(TAGS, cell.task.name, table_corners()), cell.stage.intrinsics, cell.stage.camera, detect)
