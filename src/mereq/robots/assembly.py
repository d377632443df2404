"""The cells of `--robot fanuc:FILE` and `--robot ros:FILE`: the parts that a file names, as a robot."""

from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from mereq.core.errors import WrongRobot
from mereq.robots.cell import ArmCell
from mereq.robots.cell_file import CellFile, GripperEntry, SpringEntry, TagsEntry, read_cell
from mereq.robots.clock import RealClock
from mereq.robots.fanuc.rmi_arm import FanucGripper, RmiArm
from mereq.robots.fanuc.stream_arm import StreamArm
from mereq.robots.ros.arm import RosArm
from mereq.robots.sight.cameras import camera_of
from mereq.robots.sight.detect import apriltag_detector
from mereq.robots.sight.pose import Intrinsics
from mereq.robots.sight.tracker import Layout, Tracker
from mereq.robots.sight.watching import CameraSight
from mereq.robots.workpieces import Board, Bottle, Pillow, Workpiece
from mereq.tasks.arm import bottle_pushing
from mereq.tasks.arm.pillow_grasping import HALF
from mereq.tasks.arm.tasks import ARM_TASKS
from mereq.tasks.arm.world import PERIOD

NEEDS = {  # parts of the file, by task
    "bottle-pushing": ("tags.bottle", "tags.goal"),
    "pillow-grasping": ("tags.pillow", "gripper"),
    "erasing": ("spring",),
}
HEIGHTS = {"bottle-pushing": (bottle_pushing.CENTRE, bottle_pushing.RADIUS), "pillow-grasping": (float(HALF[2]), None)}
OBJECTS = {"bottle-pushing": "bottle", "pillow-grasping": "pillow"}  # with tags, by task


def cell_robot(task_name: str, file: Path) -> ArmCell:
    """The robot of a cell's file. It is not connected yet.

    Raises:
        WrongRobot: the cell cannot do the task, its file is wrong, or it is not calibrated.
    """
    if task_name not in NEEDS:
        raise WrongRobot(f"The cell can do {', '.join(NEEDS)}, and not {task_name} (docs/fanuc.md).")
    cell = read_cell(file)
    if lacking := [part for part in NEEDS[task_name] if attrgetter(part)(cell) is None]:
        raise WrongRobot(f"The robot file {file} lacks {' and '.join(lacking)}, which {task_name} needs.")
    if cell.calibration is None:
        raise WrongRobot(f"The robot file {file} is not calibrated: run `mereq robot calibrate {file}`.")
    arm = arm_of(cell)
    return ArmCell(
        ARM_TASKS[task_name],
        workpiece_of(task_name, cell.spring),
        arm,
        sight_of(cell, task_name),
        gripper=gripper_of(task_name, arm, cell.gripper),
        workspace=np.array(cell.arm.workspace),
        clock=RealClock(),
        period=PERIOD * 100.0 / cell.arm.override,
    )


def arm_of(cell: CellFile) -> RmiArm | StreamArm | RosArm:
    """The arm of a cell. It is not connected yet."""
    if cell.arm.wire == "rosbridge":
        return RosArm(cell.arm, cell.ros)
    made = StreamArm if cell.arm.wire == "stream" else RmiArm
    return made(cell.arm, None if cell.calibration is None else cell.calibration.utool)


def workpiece_of(task_name: str, spring: SpringEntry | None) -> Workpiece:
    """What the tool of a task works on."""
    if task_name == "erasing":
        assert spring is not None
        return Board(spring.board, spring.stiffness, spring.travel)
    return Bottle() if task_name == "bottle-pushing" else Pillow()


def gripper_of(task_name: str, arm: RmiArm | StreamArm | RosArm, entry: GripperEntry | None) -> FanucGripper | None:
    """The gripper of a task; None: its tool has none.

    Raises:
        WrongRobot: this arm has no outputs.
    """
    if task_name != "pillow-grasping" or entry is None:
        return None
    if isinstance(arm, RosArm):
        raise WrongRobot("A gripper is switched by the outputs of a controller with RMI, and this arm has none.")
    return FanucGripper(arm, entry)


def sight_of(cell: CellFile, task_name: str | None = None) -> CameraSight:
    """Sight of a calibrated cell, which tracks the object of a task; None: that of the first cube of tags."""
    detect, calibration = apriltag_detector(cell.camera.decimate), cell.calibrated
    layout = layout_of(cell.tags, task_name, calibration.corners)

    def track(intrinsics: Intrinsics) -> Tracker:
        return Tracker(layout, cell.camera.intrinsics or intrinsics, calibration.camera_pose, detect)

    camera: Any = camera_of(cell.camera)
    return CameraSight(camera, track)


def layout_of(tags: TagsEntry, task_name: str | None, table: dict[int, Float[np.ndarray, "4 3"]]) -> Layout:
    """Which tags are on what, for a task."""
    tasks = [task_name] if task_name else [task for task, name in OBJECTS.items() if name in tags.cubes]
    if not tasks or tasks[0] not in OBJECTS:
        return Layout((), 0.0, None, None, table)
    height, radius = HEIGHTS[tasks[0]]
    goal = tags.goal_face if tasks[0] == "bottle-pushing" else None
    return Layout(tags.cubes[OBJECTS[tasks[0]]].faces, height, radius, goal, table)
