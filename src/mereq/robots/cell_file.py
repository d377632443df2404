"""The file of a cell, `fanuc.toml`: addresses, frames, tags and the calibration. docs/fanuc.md explains each entry."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mereq.core.errors import CannotWrite, WrongRobot
from mereq.core.toml_file import read_toml, wrong_file
from mereq.robots.sight.pose import Intrinsics, Pose
from mereq.robots.sight.tags import CODES, TagFace, cube_of_tags, flat_tag

WIRES = ("rmi", "stream", "rosbridge")
TERMINATIONS = ("cnt", "fine", "noblend")
HEADER = re.compile(r"\s*\[+\s*[A-Za-z_][\w.\s-]*\]+\s*(#.*)?$")  # of a table, and no row of a list
LEAST_SPREAD = 0.01  # of the points that the board was touched at
NOT_CALIBRATED = "It is not calibrated: run `mereq robot calibrate`"


def _require(fine: bool, sentence: str) -> None:
    if not fine:
        raise ValueError(sentence)


@dataclass(frozen=True)
class ArmEntry:
    """The arm and how it moves."""

    address: str
    workspace: list[list[float]]  # lowest and highest position of the tool centre [m]
    wire: str = "rmi"
    port: int = 16001
    stream_port: int = 60015  # of Stream Motion
    uframe: int = 1
    utool: int = 1
    override: int = 30  # [%]
    termination: str = "cnt"

    def __post_init__(self):
        _require(self.wire in WIRES, f"wire is {self.wire!r}; this version speaks {', '.join(map(repr, WIRES))}")
        _require(bool(self.address), "address is empty")
        for name, port in (("port", self.port), ("stream_port", self.stream_port)):
            _require(0 < port < 65_536, f"{name} is {port}, and must be 1 to 65535")
        _require(0 <= self.uframe <= 61 and 0 <= self.utool <= 29, "uframe must be 0 to 61, and utool 0 to 29")
        _require(1 <= self.override <= 100, f"override is {self.override}, and must be 1 to 100")
        _require(self.termination in TERMINATIONS, f"termination is {self.termination!r}: one of {TERMINATIONS}")
        shape = [len(row) for row in self.workspace]
        _require(shape == [3, 3], "workspace must be the lowest and the highest position, three numbers each [m]")
        low, high = np.array(self.workspace)
        fine = np.isfinite(self.workspace).all() and (low < high).all() and np.abs(self.workspace).max() < 2.0
        _require(bool(fine), "workspace must have its lowest position first, in metres")


@dataclass(frozen=True)
class CameraEntry:
    """The camera. `source` says which: realsense, realsense:FILE, opencv:NUMBER, file:NAME.npz or emulator:PORT."""

    source: str = "realsense"
    serial: str = ""  # of a RealSense; empty: the only one
    size: list[int] = field(default_factory=lambda: [1280, 720])
    rate: int = 30  # pictures per second
    decimate: float = 2.0  # of the detection
    focal: list[float] = field(default_factory=list[float])  # [px], of cameras that do not report it
    centre: list[float] = field(default_factory=list[float])  # from the picture's edge [px]
    distortion: list[float] = field(default_factory=list[float])  # k1, k2, p1, p2, k3

    def __post_init__(self):
        _require(
            len(self.size) == 2 and min(self.size) >= 64 and max(self.size) <= 8192, "size must be two numbers [px]"
        )
        _require(1 <= self.rate <= 300, f"rate is {self.rate}, and must be 1 to 300")
        _require(1.0 <= self.decimate <= 8.0, f"decimate is {self.decimate}, and must be 1 to 8")
        for name, sizes in (("focal", (0, 2)), ("centre", (0, 2)), ("distortion", (0, 5))):
            values = getattr(self, name)
            _require(len(values) in sizes and bool(np.isfinite(values).all()), f"{name} must be {sizes[1]} numbers")

    @property
    def intrinsics(self) -> Intrinsics | None:
        """Projection that the file states; None: the camera reports it."""
        if not self.focal or not self.centre:
            return None
        width, height = self.size
        distortion = tuple(self.distortion) or (0.0,) * 5
        return Intrinsics((self.focal[0], self.focal[1]), (self.centre[0], self.centre[1]), (width, height), distortion)


@dataclass(frozen=True)
class CubeEntry:
    """The cube of tags on an object."""

    cube: list[int]  # on its sides, counterclockwise seen from above, then on its top
    side: float  # of the cube [m]
    height: float  # of the cube's middle above the object's geometric centre [m]
    ahead: float = 0.0  # of the cube's middle from the object's axis, on a bracket towards the first tag [m]
    sheet: float = 0.0  # side of a printed tag with its white frame, on a dark cube that is larger; 0: it covers a face
    turned: float = 0.0  # of cube and bracket about the object's axis, counterclockwise seen from above [deg]

    def __post_init__(self):
        _require(len(self.cube) == 5, "cube must be five tags")
        fine = 0.005 < self.side < 0.5 and 0.0 < self.height < 1.0 and 0.0 <= self.ahead < 0.5
        _require(fine, "side, height and ahead are in metres")
        _require(self.sheet == 0.0 or 0.005 < self.sheet <= self.side, "sheet is in metres, and no larger than side")
        _require(-360.0 <= self.turned <= 360.0, f"turned is {self.turned}, and must be -360 to 360 degrees")

    @property
    def faces(self) -> tuple[TagFace, ...]:
        """Faces of the cube, in the object's frame."""
        return cube_of_tags(tuple(self.cube), self.side, self.height, self.ahead, self.turned, self.printed)

    @property
    def printed(self) -> float:
        """Side of a printed tag with its white frame [m]."""
        return self.sheet or self.side


@dataclass(frozen=True)
class GoalEntry:
    """The tag that lies at the goal."""

    id: int
    side: float  # of its black square [m]

    def __post_init__(self):
        _require(0.005 < self.side < 0.5, "side is in metres")


@dataclass(frozen=True)
class TableEntry:
    """Tags that are fixed to the table."""

    ids: list[int]
    side: float  # of their black squares [m]

    def __post_init__(self):
        _require(len(self.ids) >= 1, "ids must name at least one tag")
        _require(0.005 < self.side < 0.5, "side is in metres")


@dataclass(frozen=True)
class TagsEntry:
    """All tags. A task needs those of its own objects, and the table's."""

    table: TableEntry
    bottle: CubeEntry | None = None
    pillow: CubeEntry | None = None
    goal: GoalEntry | None = None

    def __post_init__(self):
        everything = [tag for tags in self.numbers.values() for tag in tags]
        _require(len(set(everything)) == len(everything), "a tag is named twice; each number may be on one sheet only")
        _require(all(0 <= tag < len(CODES) for tag in everything), f"tags have the numbers 0 to {len(CODES) - 1}")

    @property
    def cubes(self) -> dict[str, CubeEntry]:
        """Cubes of tags, by object."""
        given = {"bottle": self.bottle, "pillow": self.pillow}
        return {name: entry for name, entry in given.items() if entry is not None}

    @property
    def numbers(self) -> dict[str, list[int]]:
        """Numbers of the tags, by what they are on."""
        cubes = {name: list(entry.cube) for name, entry in self.cubes.items()}
        return {**cubes, **({} if self.goal is None else {"goal": [self.goal.id]}), "table": list(self.table.ids)}

    @property
    def goal_face(self) -> TagFace | None:
        """The goal's tag, in its own frame; None: there is none."""
        return None if self.goal is None else flat_tag(self.goal.id, self.goal.side)


@dataclass(frozen=True)
class RosEntry:
    """Names in ROS 2 of an arm behind MoveIt Servo."""

    pose: str = "/tool_pose"  # geometry_msgs/PoseStamped of the tool centre, 20 a second or more
    twist: str = "/servo_node/delta_twist_cmds"  # geometry_msgs/TwistStamped, in m/s ("speed_units")
    status: str = "/servo_node/status"  # moveit_msgs/ServoStatus
    command_type: str = "/servo_node/switch_command_type"  # moveit_msgs/ServoCommandType
    frame: str = "table"  # of pose and twist: z = 0 on the table, x away from the robot

    def __post_init__(self):
        names = (self.pose, self.twist, self.status, self.command_type)
        _require(all(name.startswith("/") for name in names) and bool(self.frame), "topics and services begin with /")


@dataclass(frozen=True)
class GripperEntry:
    """A gripper that a valve closes, at the controller's digital outputs."""

    close: int  # number of the output that closes it
    opened: int = 0  # number of the input that says that it is open; 0: there is none

    def __post_init__(self):
        _require(0 < self.close < 10_000 and 0 <= self.opened < 10_000, "close and opened are numbers of DO and DI")


@dataclass(frozen=True)
class SpringEntry:
    """The spring of the eraser, and the board that it is pressed on."""

    stiffness: float  # of spring and felt together [N/m]
    travel: float  # of the spring [m]
    board: list[list[float]]  # points of the board's surface, touched with the felt at rest; three or more [m]

    def __post_init__(self):
        _require(1.0 <= self.stiffness <= 1e5, f"stiffness is {self.stiffness}, and must be 1 to 100000 N/m")
        _require(0.0 < self.travel < 0.2, "travel is in metres")
        points = [point for point in self.board if len(point) == 3]
        _require(len(points) == len(self.board) >= 3, "board must be three or more points of three numbers [m]")
        flat = np.column_stack([np.array(points)[:, :2], np.ones(len(points))])
        fine = np.isfinite(points).all() and np.linalg.svd(flat, compute_uv=False)[-1] > LEAST_SPREAD
        _require(bool(fine), "board's points must be apart, and not on one line")


@dataclass(frozen=True)
class CalibrationEntry:
    """What `mereq robot calibrate` has measured, in the table's frame [m]."""

    camera: list[list[float]]  # three rows of rotation and position: camera to table
    table: dict[str, list[list[float]]]  # corners of each table tag, by number
    utool: list[float]  # X Y Z W P R of the tool frame, as the controller reported it [mm, deg]
    residual_mm: float

    def __post_init__(self):
        rows = np.array([row for row in self.camera if len(row) == 4])
        _require(len(self.camera) == 3 and rows.shape == (3, 4), "camera must be three rows of four numbers")
        rotation = rows[:, :3]
        straight = np.isfinite(rows).all() and np.abs(rotation @ rotation.T - np.eye(3)).max() < 1e-3
        _require(bool(straight and np.linalg.det(rotation) > 0.0), "camera must hold a rotation, and a position")
        _require(len(self.utool) == 6 and bool(np.isfinite(self.utool).all()), "utool must be six numbers")
        for tag, corners in self.table.items():
            shape = [len(corner) for corner in corners]
            _require(tag.isdecimal() and shape == [3] * 4, f"table.{tag} must be four corners of three numbers")
            _require(bool(np.isfinite(corners).all()), f"table.{tag} must be finite numbers")

    @property
    def camera_pose(self) -> Pose:
        """Pose of the camera in the table's frame."""
        rows = np.array(self.camera)
        return Pose(rows[:, :3], rows[:, 3])

    @property
    def corners(self) -> dict[int, Float[np.ndarray, "4 3"]]:
        """Corners of the table's tags."""
        return {int(tag): np.array(corners) for tag, corners in self.table.items()}


@dataclass(frozen=True)
class CellFile:
    """The content of a cell's file."""

    arm: ArmEntry
    camera: CameraEntry
    tags: TagsEntry
    ros: RosEntry = field(default_factory=RosEntry)
    gripper: GripperEntry | None = None
    spring: SpringEntry | None = None
    calibration: CalibrationEntry | None = None

    @property
    def calibrated(self) -> CalibrationEntry:
        """The calibration.

        Raises:
            WrongRobot: there is none.
        """
        if self.calibration is None:
            raise WrongRobot(f"{NOT_CALIBRATED}.")
        return self.calibration


def read_cell(file: Path) -> CellFile:
    """The content of a cell's file.

    Raises:
        WrongRobot: it cannot be read, or has a wrong value; the message says which, and what is allowed.
    """
    advice = "docs/fanuc.md has an example."
    with wrong_file("robot file", file, WrongRobot, advice=advice):
        return read_toml(file, CellFile)


def write_calibration(file: Path, found: CalibrationEntry) -> None:
    """Replace the calibration in a cell's file. Everything else stays as the user wrote it.

    Raises:
        WrongRobot: the file would not be one any more; it is not changed then.
        CannotWrite: the file cannot be written.
    """
    kept: list[str] = []
    inside = False
    for line in file.read_text("utf-8").splitlines():
        if HEADER.match(line):
            inside = line.strip().startswith(("[calibration]", "[calibration."))
        if not inside:
            kept.append(line)
    text = "\n".join(kept).rstrip() + "\n\n" + calibration_text(found)
    try:
        tomllib.loads(text)
        unfinished = file.with_name(file.name + ".unfinished")
        unfinished.write_text(text, "utf-8")
        read_cell(unfinished)
        unfinished.replace(file)
    except tomllib.TOMLDecodeError as error:
        raise WrongRobot(f"The robot file {file} is not TOML with the calibration added: {error}.") from error
    except OSError as error:
        raise CannotWrite(f"Cannot write {file}: {error.strerror}.") from error


def calibration_text(found: CalibrationEntry) -> str:
    """The calibration as TOML."""
    rows = ",\n  ".join(_list(row, 9) for row in found.camera)
    tags = "\n".join(f"{tag} = [{', '.join(_list(c, 6) for c in corners)}]" for tag, corners in found.table.items())
    return (
        "[calibration]  # written by `mereq robot calibrate`; metres, in the table's frame\n"
        f"camera = [\n  {rows},\n]\n"
        f"utool = {_list(found.utool, 3)}\n"
        f"residual_mm = {found.residual_mm:.3f}\n\n"
        f"[calibration.table]\n{tags}\n"
    )


def _list(values: list[float], digits: int) -> str:
    return "[" + ", ".join(f"{value:.{digits}f}" for value in values) + "]"
