"""The emulated cell within one process, for tests and measurements: no sockets; time passes only in waits."""

import json
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np

from mereq.robots.cell import ArmCell
from mereq.robots.cell_file import ArmEntry
from mereq.robots.clock import DrivenClock
from mereq.robots.emulator.cell import EmulatedCell, table_corners
from mereq.robots.emulator.controller import SESSION_PORT, TOOL_LENGTH
from mereq.robots.emulator.stage import CUBE, CUBE_AHEAD, CUBE_HEIGHT, CUBE_TAGS, FLAT_SIDE, GOAL_TAG
from mereq.robots.fanuc.rmi_arm import RmiArm
from mereq.robots.fanuc.rmi_packets import PORT, Packet, encoded
from mereq.robots.sight.detect import Detector, apriltag_detector
from mereq.robots.sight.tags import cube_of_tags, flat_tag
from mereq.robots.sight.tracker import Layout, Tracker
from mereq.robots.sight.watching import Sight
from mereq.tasks.arm.bottle_pushing import CENTRE, RADIUS
from mereq.tasks.arm.definition import ArmTask

UTOOL = [0.0, 0.0, 1000.0 * TOOL_LENGTH, 0.0, 0.0, 0.0]


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


class InProcess:
    """An emulated cell and the robot that drives it, in one process.

    Args:
        task: the task.
        termination: of the arm's steps.
        sight: makes the sight of the cell; None: its camera.
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
        self.arm = RmiArm(self.entry, UTOOL, self.clock, self._wire)
        sees = MemorySight(self.emulated, apriltag_detector()) if sight is None else sight(self.emulated)
        self.robot = ArmCell(task, self.arm, sees, workspace=np.array(workspace), clock=self.clock)

    def close(self) -> None:
        """Free the graphics."""
        self.emulated.close()

    def _wire(self, host: str, port: int, tell: Callable[[bytes | None], None]) -> MemoryWire:
        assert port in (PORT, SESSION_PORT)
        self.wires.append(MemoryWire(self.emulated, port, tell))
        return self.wires[-1]


def emulated_tracker(cell: EmulatedCell, detect: Detector) -> Tracker:
    """Tracker of an emulated cell, with the exact calibration."""
    cube = cube_of_tags(CUBE_TAGS, CUBE, CUBE_HEIGHT, CUBE_AHEAD)
    layout = Layout(cube, CENTRE, RADIUS, flat_tag(GOAL_TAG, FLAT_SIDE), table_corners())
    return Tracker(layout, cell.stage.intrinsics, cell.stage.camera, detect)
