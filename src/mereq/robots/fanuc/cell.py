"""The cell of `--robot fanuc:FILE`: arm, camera and tracker of a file, as a robot."""

from pathlib import Path
from typing import Any

import numpy as np

from mereq.core.errors import WrongRobot
from mereq.robots.cell import ArmCell
from mereq.robots.cell_file import CellFile, read_cell
from mereq.robots.clock import RealClock
from mereq.robots.fanuc.rmi_arm import RmiArm
from mereq.robots.sight.cameras import camera_of
from mereq.robots.sight.detect import apriltag_detector
from mereq.robots.sight.pose import Intrinsics
from mereq.robots.sight.tracker import Layout, Tracker
from mereq.robots.sight.watching import CameraSight
from mereq.tasks.arm.bottle_pushing import CENTRE, RADIUS
from mereq.tasks.arm.tasks import ARM_TASKS
from mereq.tasks.arm.world import PERIOD

DEFAULT_FILE = "fanuc.toml"
CAN = ("bottle-pushing",)


def fanuc_robot(task_name: str, file: Path) -> ArmCell:
    """The robot of a cell's file. It is not connected yet.

    Raises:
        WrongRobot: the cell cannot do the task, its file is wrong, or it is not calibrated.
    """
    if task_name not in CAN:
        raise WrongRobot(
            f"The fanuc cell can do {', '.join(CAN)}, and not {task_name}: pillow grasping needs a gripper and erasing "
            "a spring, which are not written yet (docs/fanuc.md)."
        )
    cell = read_cell(file)
    if cell.calibration is None:
        raise WrongRobot(f"The robot file {file} is not calibrated: run `mereq robot calibrate {file}`.")
    arm = RmiArm(cell.arm, cell.calibration.utool)
    return ArmCell(
        ARM_TASKS[task_name],
        arm,
        sight_of(cell),
        workspace=np.array(cell.arm.workspace),
        clock=RealClock(),
        period=PERIOD * 100.0 / cell.arm.override,
    )


def sight_of(cell: CellFile) -> CameraSight:
    """Sight of a calibrated cell."""
    detect, calibration = apriltag_detector(cell.camera.decimate), cell.calibrated
    layout = Layout(cell.tags.cube, CENTRE, RADIUS, cell.tags.goal_face, calibration.corners)

    def track(intrinsics: Intrinsics) -> Tracker:
        return Tracker(layout, cell.camera.intrinsics or intrinsics, calibration.camera_pose, detect)

    camera: Any = camera_of(cell.camera)
    return CameraSight(camera, track)
