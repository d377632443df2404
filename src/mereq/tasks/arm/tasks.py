"""The three arm tasks, as Algorithm 1 takes them."""

from mereq.core.actions import Box
from mereq.core.task import Task
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.definition import ACTION_SIZE, ArmTask
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.simulator import ArmSimulator


def task_of(arm: ArmTask) -> Task:
    """An arm task with its environments: one to be supervised in, and any number to practise in."""
    return Task(
        arm.name,
        arm.feature_names,
        arm.obs_size,
        Box(ACTION_SIZE),
        make=lambda: ArmEnv(arm),
        simulate=lambda n: ArmSimulator(arm, n),
    )


BOTTLE_PUSHING = task_of(bottle_pushing.TASK)
ERASING = task_of(erasing.TASK)
PILLOW_GRASPING = task_of(pillow_grasping.TASK)
