"""The emulated cell: controller, arm, table, camera, and a person who puts the bottle back; without time of its own."""

# MuJoCo's classes are compiled, and pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

import copy
from collections.abc import Callable
from typing import Protocol

import mujoco
import numpy as np
from jaxtyping import Float, UInt8

from mereq.robots.cell_file import CubeEntry, RosEntry, SpringEntry
from mereq.robots.emulator.controller import Controller
from mereq.robots.emulator.motion import ITP
from mereq.robots.emulator.plant import Plant
from mereq.robots.emulator.servo import EmulatedServo
from mereq.robots.emulator.stage import CUBES, FLAT_SIDE, GOAL_TAG, TABLE_PLACES, TABLE_TAGS, THICKNESS, Stage
from mereq.robots.sight.tags import flat_tag
from mereq.tasks.arm.definition import ArmTask
from mereq.tasks.arm.erasing import STIFFNESS, SURFACE
from mereq.tasks.arm.pillow_grasping import CLOSED
from mereq.tasks.arm.world import Start

PARKED = np.array([0.30, 0.0, 0.25])  # where the tool is when the cell starts, if that is in the workspace [m]
OUT_OF_THE_WAY = (0.04, 0.24)  # x beyond the workspace's lowest, and z, of a tool beside which a person may reach [m]
HESITATION = 1.0  # s until the person acts
TOUCHED = 0.01  # by which an object has moved since it was put there [m]
VALVE, OPENED = 101, 102  # output that closes the gripper, input that says that it is open
OPEN = 0.002  # displacement of an open gripper's fingers [m]
OBJECTS = {"bottle-pushing": "bottle", "pillow-grasping": "pillow"}  # that move, by task
PLACES = {"bottle": 0, "pillow": 2}  # of an object's position, among the joints after the arm's
YIELDING = 0.0005  # of the eraser's felt [m/N]
Picture = UInt8[np.ndarray, "height width 3"]


class Streaming(Protocol):
    """What moves the arm by its joints."""

    def tick(self) -> Float[np.ndarray, "6"]:
        """Let one interpolation period pass; joint angles where the arm is to be [rad]."""
        ...


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
        self.object = OBJECTS.get(task.name)  # None: nothing moves
        low, high = task.setup.workspace
        parked = np.clip(PARKED, [*low[:2], 0.0], [1.0, *high[1:]])
        self.plant = Plant(task.setup, self.stage.model, parked)
        self.controller = Controller(
            parked, lambda: (self.plant.tool, self.plant.joints), task.setup.tool.length, self._input
        )
        self.servo: EmulatedServo | None = None  # that moves the arm in the controller's place
        self.stream: Streaming | None = None  # or this does
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
            "hide": ("hidden", {tag for cube in CUBES.values() for tag in cube.cube}),
            "show": ("hidden", set()),
            "unplug": ("lost", 1.0),
            "plug": ("lost", 0.0),
        }[what]
        setattr(switches if hasattr(switches, name) else faults, name, value)

    def serve_ros(self, names: RosEntry) -> EmulatedServo:
        """Let an emulated MoveIt Servo move the arm, in the controller's place."""
        self.servo = EmulatedServo(self.plant.tool, lambda: self.plant.tool, names)
        return self.servo

    def put_bottle(self) -> None:
        """Put the object and the goal where an episode starts: at the expected start, or at a random one."""
        start, self._expected = self._expected or self.task.begin(self._rng), None
        self.plant.place(start)
        self._put = self._place()

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
        self.plant.grip = CLOSED if self.controller.outputs.get(VALVE) else 0.0
        if self.stream is not None:
            self.plant.track(self.stream.tick())
        else:
            self.plant.follow(self.controller.motion.tool if self.servo is None else self.servo.tick(ITP))
        self._help()
        if self.see is not None and self.time >= self._next_frame:
            self._next_frame = max(self._next_frame + self._frame_period, self.time - self._frame_period)
            if (picture := self.picture()) is not None:
                self.see(picture, self.time)

    def _help(self) -> None:
        tool, low = self.plant.tool, self.task.setup.workspace[0]
        away = tool[0] < low[0] + OUT_OF_THE_WAY[0] and tool[2] > OUT_OF_THE_WAY[1]
        moved = np.linalg.norm(self._place() - self._put) > TOUCHED
        acts = self.helps and self.object is not None and away and (moved or self._expected is not None)
        self._free_for = self._free_for + ITP if acts else 0.0
        if self._free_for > HESITATION:
            self.put_bottle()

    @property
    def placed(self) -> Float[np.ndarray, "7"] | None:
        """Position and quaternion of the object; None: nothing moves."""
        if self.object is None:
            return None
        first = PLACES[self.object]
        return self.plant.objects[first : first + 7]

    def _place(self) -> Float[np.ndarray, "3"]:
        """Where the object is; the origin, if nothing moves."""
        placed = self.placed
        return np.zeros(3) if placed is None else placed[:3]

    def _input(self, number: int) -> bool:
        """State of the controller's digital inputs."""
        return number == OPENED and self.object == "pillow" and bool(self.plant.objects[:2].max() < OPEN)


def toml_of(cell: EmulatedCell, *, port: int, camera_port: int, stream_port: int | None = None) -> str:
    """The file of the emulated cell, calibrated: what `--robot fanuc:FILE` reads for its task."""
    intrinsics, pose = cell.stage.intrinsics, cell.stage.camera
    low, high = (corner.tolist() for corner in cell.task.setup.workspace)
    rows = ",\n  ".join(str([round(float(v), 9) for v in (*pose.rotation[k], pose.position[k])]) for k in range(3))
    table = "\n".join(f"{tag} = {np.round(corners, 6).tolist()}" for tag, corners in table_corners().items())
    width, height = intrinsics.size
    wire = "stream" if cell.stream is not None else "rmi" if cell.servo is None else "rosbridge"
    streams = "" if stream_port is None else f"stream_port = {stream_port}\n"
    return f"""# The emulated cell of `python -m mereq.robots.emulator`. docs/fanuc.md describes a real one's.
[arm]
wire = "{wire}"
address = "127.0.0.1"
port = {port}
{streams}uframe = 1
utool = 1
override = 100
termination = "cnt"
workspace = [{low}, {high}]

[camera]
source = "emulator:{camera_port}"
size = [{width}, {height}]
decimate = 1.0

[tags]
{_objects_toml(cell)}table = {{ ids = {list(TABLE_TAGS)}, side = {FLAT_SIDE} }}
{_tool_toml(cell)}
[calibration]
camera = [
  {rows},
]
utool = {cell.controller.tool_frames[1]}
residual_mm = 0.0

[calibration.table]
{table}
"""


def _objects_toml(cell: EmulatedCell) -> str:
    """Lines about the tags of what moves."""
    if cell.object is None:
        return ""
    line = f"{cell.object} = {_cube_toml(CUBES[cell.object])}\n"
    return line + (f"goal = {{ id = {GOAL_TAG}, side = {FLAT_SIDE} }}\n" if cell.object == "bottle" else "")


def _cube_toml(entry: CubeEntry) -> str:
    turned = f", sheet = {entry.sheet}, turned = {entry.turned}" if entry.turned else ""
    return f"{{ cube = {entry.cube}, side = {entry.side}, height = {entry.height}, ahead = {entry.ahead}{turned} }}"


def _tool_toml(cell: EmulatedCell) -> str:
    """Table about the tool's own parts."""
    if cell.task.name == "pillow-grasping":
        return f"\n[gripper]\nclose = {VALVE}\nopened = {OPENED}\n"
    if cell.task.name != "erasing":
        return ""
    entry = emulated_spring()
    return f"\n[spring]\nstiffness = {entry.stiffness}\ntravel = {entry.travel}\nboard = {entry.board}\n"


def emulated_spring() -> SpringEntry:
    """Spring and board of the emulated eraser, as a scale and three touches would give them."""
    stiffness = round(1.0 / (1.0 / STIFFNESS + YIELDING), 1)
    return SpringEntry(stiffness, 0.03, [[0.42, -0.1, SURFACE], [0.62, -0.1, SURFACE], [0.52, 0.1, SURFACE]])


def table_corners() -> dict[int, Float[np.ndarray, "4 3"]]:
    """Corners of the table's tags, exactly [m]."""
    return {
        tag: flat_tag(tag, FLAT_SIDE, (float(x), float(y), THICKNESS)).corners
        for tag, (x, y) in zip(TABLE_TAGS, TABLE_PLACES, strict=True)
    }
