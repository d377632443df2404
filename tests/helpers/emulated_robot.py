"""The emulated FANUC cell as a driver: `--robot emulated_robot:emulated`. Time passes in its steps only, so that a
busy machine makes it slow and not different."""

from typing import Any

from mereq.robots.cell import ArmCell
from mereq.robots.emulator.in_process import InProcess
from mereq.tasks.arm.tasks import ARM_TASKS

made: list[InProcess] = []


def emulated(task: Any) -> ArmCell:
    """The cell's robot; the cell itself is the last one in `made`."""
    made.append(InProcess(ARM_TASKS[task.name], size=(480, 360), rate=6.0))
    return made[-1].robot
