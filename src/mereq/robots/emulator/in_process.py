"""The emulated cell within one process, for tests and measurements: no sockets; time passes only in waits."""

import json
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float

from mereq.robots.assembly import gripper_of, layout_of, workpiece_of
from mereq.robots.cell import FIRST_PICTURES, ArmCell
from mereq.robots.cell_file import ArmEntry, GoalEntry, GripperEntry, TableEntry, TagsEntry
from mereq.robots.clock import DrivenClock
from mereq.robots.emulator.cell import OPENED, VALVE, EmulatedCell, emulated_spring, table_corners
from mereq.robots.emulator.controller import SESSION_PORT
from mereq.robots.emulator.stage import CUBES, FLAT_SIDE, GOAL_TAG, TABLE_TAGS
from mereq.robots.fanuc.rmi_arm import RmiArm
from mereq.robots.fanuc.rmi_packets import PORT, Packet, encoded
from mereq.robots.sight.detect import Detector, apriltag_detector
from mereq.robots.sight.pose import rotation_of_quaternion
from mereq.robots.sight.tracker import Sighting, Tracker
from mereq.robots.sight.watching import Sight
from mereq.tasks.arm.definition import ArmTask

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
        termination: of the arm's steps.
        sight: makes the sight of the cell, such as `TrueSight`; None: its camera.
        cell: further arguments of `EmulatedCell`.
    """

    def __init__(
        self,
        task: ArmTask[Any],
        termination: str = "cnt",
        *,
        sight: Callable[[EmulatedCell], Sight] | None = None,
        **cell: Any,
    ):
        self.emulated = EmulatedCell(task, **cell)
        self.clock = DrivenClock(self.emulated.advance)
        self.wires: list[MemoryWire] = []
        workspace = task.setup.workspace
        self.entry = ArmEntry("emulated", workspace.tolist(), override=100, termination=termination)
        self.arm = RmiArm(self.entry, self.emulated.controller.tool_frames[1], self.clock, self._wire)
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

    def _wire(self, host: str, port: int, tell: Callable[[bytes | None], None]) -> MemoryWire:
        assert port in (PORT, SESSION_PORT)
        self.wires.append(MemoryWire(self.emulated, port, tell))
        return self.wires[-1]


def emulated_tracker(cell: EmulatedCell, detect: Detector) -> Tracker:
    """Tracker of an emulated cell, with the exact calibration."""
    return Tracker(layout_of(TAGS, cell.task.name, table_corners()), cell.stage.intrinsics, cell.stage.camera, detect)
