"""The three arm tasks, for Algorithm 1 and for Gymnasium."""

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Box
from mereq.core.task import Task
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.definition import ACTION_SIZE, ArmTask, Ending, at_full_length
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.simulator import ArmSimulator
from mereq.tasks.arm.vector_environment import ArmVectorEnv


def task_of(arm: ArmTask, *, training_ends: Ending = at_full_length) -> Task:
    """Task for Algorithm 1 made of an arm task: environments for supervision and for training.

    training_ends: where training episodes end.
    """
    return Task(
        arm.name,
        arm.feature_names,
        arm.obs_size,
        Box(ACTION_SIZE),
        make=lambda: ArmEnv(arm, ends=arm.over),
        simulate=lambda n: ArmSimulator(arm, n, ends=training_ends),
        simulate_supervised=lambda n: ArmSimulator(arm, n, ends=arm.over),
    )


BOTTLE_PUSHING = task_of(bottle_pushing.TASK)
ERASING = task_of(erasing.TASK)
PILLOW_GRASPING = task_of(pillow_grasping.TASK)

ARM_TASKS = {arm.name: arm for arm in (bottle_pushing.TASK, erasing.TASK, pillow_grasping.TASK)}


def make(task: str, *, theta: Float[np.ndarray, " features"] | None = None, render_mode: str | None = None) -> ArmEnv:
    """Environment of a task, for Gymnasium's registry; its reward is `theta` . features.

    Raises:
        KeyError: there is no such task.
        ValueError: `render_mode` is neither None nor "rgb_array".
    """
    return ArmEnv(ARM_TASKS[task], theta=theta, render_mode=render_mode)


def make_vec(
    task: str,
    num_envs: int = 1,
    *,
    theta: Float[np.ndarray, " features"] | None = None,
    render_mode: str | None = None,
) -> ArmVectorEnv:
    """Vector environment of a task, for Gymnasium's registry; its reward is `theta` . features.

    Raises:
        KeyError: there is no such task.
        ValueError: `render_mode` is neither None nor "rgb_array", or `num_envs` is less than 1.
    """
    return ArmVectorEnv(ARM_TASKS[task], num_envs, theta=theta, render_mode=render_mode)
