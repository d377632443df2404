"""The emulated cell: controller, arm, table, camera, and a person who puts the bottle back; without time of its own."""

# MuJoCo's classes are compiled, and pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

import copy
from collections.abc import Callable

import mujoco
import numpy as np
from jaxtyping import Float, UInt8

from mereq.robots.emulator.controller import TOOL_LENGTH, Controller
from mereq.robots.emulator.motion import ITP
from mereq.robots.emulator.plant import Plant
from mereq.robots.emulator.stage import (
    CUBE,
    CUBE_AHEAD,
    CUBE_HEIGHT,
    CUBE_TAGS,
    FLAT_SIDE,
    GOAL_TAG,
    TABLE_PLACES,
    TABLE_TAGS,
    THICKNESS,
    Stage,
)
from mereq.robots.sight.tags import flat_tag
from mereq.tasks.arm.definition import ArmTask
from mereq.tasks.arm.world import Start

PARKED = np.array([0.30, 0.0, 0.25])  # where the tool is when the cell starts [m]
OUT_OF_THE_WAY = (0.32, 0.24)  # largest x and smallest z of a tool beside which a person reaches for the bottle [m]
HESITATION = 1.0  # s until the person acts
TOUCHED = 0.01  # by which a bottle has moved since it was put there [m]
Picture = UInt8[np.ndarray, "height width 3"]


class EmulatedCell:
    """The emulated cell of one task.

    Args:
        task: the task.
        size: of the camera's pictures.
        rate: pictures per second.
        seed: of starts and noise.
        see: is told each picture, and when it was taken (time of the cell) [s].
    """

    def __init__(
        self,
        task: ArmTask,
        *,
        size: tuple[int, int] = (640, 480),
        rate: float = 15.0,
        seed: int = 0,
        see: Callable[[Picture, float], None] | None = None,
    ):
        self.task, self.stage = task, Stage(task.setup, size, seed)
        self.plant = Plant(task.setup, self.stage.model, PARKED)
        self.controller = Controller(PARKED, lambda: (self.plant.tool, self.plant.joints))
        self.see, self._frame_period = see, 1.0 / rate
        self._rng = np.random.default_rng(seed)
        self.time = self._next_frame = self._owed = self._free_for = 0.0
        self._expected: Start | None = None
        self.helps = True  # whether the person puts the bottle back
        self.put_bottle()

    def expect(self, start: Start) -> None:
        """Let the person put bottle and goal to this start as soon as the tool is out of the way."""
        self._expected = start

    HAPPENINGS = ("stop", "release", "pendant", "remote", "hide", "show", "unplug", "plug")

    def happen(self, what: str) -> None:
        """Let something happen in the cell, by any thread.

        Raises:
            KeyError: nothing is called this.
        """
        switches, faults = self.controller.switches, self.stage.faults
        name, value = {
            "stop": ("emergency_stop", True),
            "release": ("emergency_stop", False),
            "pendant": ("pendant_on", True),
            "remote": ("pendant_on", False),
            "hide": ("hidden", set(CUBE_TAGS)),
            "show": ("hidden", set()),
            "unplug": ("lost", 1.0),
            "plug": ("lost", 0.0),
        }[what]
        setattr(switches if hasattr(switches, name) else faults, name, value)

    def put_bottle(self) -> None:
        """Put the bottle and the goal where an episode starts: at the expected start, or at a random one."""
        start, self._expected = self._expected or self.task.begin(self._rng), None
        self._put = start.joints[:3].copy()
        self.plant.place(start)

    def advance(self, seconds: float) -> None:
        """Let time pass, in whole interpolation periods; the rest is kept for the next call."""
        self._owed += seconds
        while self._owed >= ITP - 1e-9:
            self._owed -= ITP
            self._tick()

    def close(self) -> None:
        """Free the graphics."""
        self.stage.close()

    @property
    def frame_period(self) -> float:
        """Time between two pictures [s]."""
        return self._frame_period

    def snapshot(self) -> mujoco.MjData:
        """Copy of the present state, of which a picture can be taken while time passes."""
        return copy.copy(self.plant.data)

    def picture(self) -> Picture | None:
        """What the camera sees now; None if the picture is lost."""
        return self.stage.picture(self.plant.data)

    def _tick(self) -> None:
        self.time += ITP
        self.controller.tick()
        self.plant.follow(self.controller.motion.tool)
        self._help()
        if self.see is not None and self.time >= self._next_frame:
            self._next_frame = max(self._next_frame + self._frame_period, self.time - self._frame_period)
            if (picture := self.picture()) is not None:
                self.see(picture, self.time)

    def _help(self) -> None:
        tool = self.plant.tool
        away = tool[0] < OUT_OF_THE_WAY[0] and tool[2] > OUT_OF_THE_WAY[1]
        moved = np.linalg.norm(self.plant.objects[:3] - self._put) > TOUCHED
        acts = self.helps and away and (moved or self._expected is not None)
        self._free_for = self._free_for + ITP if acts else 0.0
        if self._free_for > HESITATION:
            self.put_bottle()


def toml_of(cell: EmulatedCell, *, port: int, camera_port: int) -> str:
    """The file of the emulated cell, calibrated: what `--robot fanuc:FILE` reads."""
    intrinsics, pose = cell.stage.intrinsics, cell.stage.camera
    low, high = (corner.tolist() for corner in cell.task.setup.workspace)
    rows = ",\n  ".join(str([round(float(v), 9) for v in (*pose.rotation[k], pose.position[k])]) for k in range(3))
    table = "\n".join(f"{tag} = {np.round(corners, 6).tolist()}" for tag, corners in table_corners().items())
    width, height = intrinsics.size
    return f"""# The emulated cell of `python -m mereq.robots.emulator`. docs/fanuc.md describes a real one's.
[arm]
wire = "rmi"
address = "127.0.0.1"
port = {port}
uframe = 1
utool = 1
override = 100
termination = "cnt"
workspace = [{low}, {high}]

[camera]
source = "emulator:{camera_port}"
size = [{width}, {height}]
decimate = 1.0

[tags]
bottle = {{ cube = {list(CUBE_TAGS)}, side = {CUBE}, height = {CUBE_HEIGHT}, ahead = {CUBE_AHEAD} }}
goal = {{ id = {GOAL_TAG}, side = {FLAT_SIDE} }}
table = {{ ids = {list(TABLE_TAGS)}, side = {FLAT_SIDE} }}

[calibration]
camera = [
  {rows},
]
utool = {[0.0, 0.0, 1000.0 * TOOL_LENGTH, 0.0, 0.0, 0.0]}
residual_mm = 0.0

[calibration.table]
{table}
"""


def table_corners() -> dict[int, Float[np.ndarray, "4 3"]]:
    """Corners of the table's tags, exactly [m]."""
    return {
        tag: flat_tag(tag, FLAT_SIDE, (float(x), float(y), THICKNESS)).corners
        for tag, (x, y) in zip(TABLE_TAGS, TABLE_PLACES, strict=True)
    }
