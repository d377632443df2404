"""The three arm tasks, as Algorithm 1 takes them and as Gymnasium does."""

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Box
from mereq.core.task import Task
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.definition import ACTION_SIZE, ArmTask, Ending, at_full_length
from mereq.tasks.arm.environment import ArmEnv
from mereq.tasks.arm.simulator import ArmSimulator
from mereq.tasks.arm.vector_environment import ArmVectorEnv


def task_of(arm: ArmTask, *, practised: Ending = at_full_length) -> Task:
    """An arm task with its environments: one to be supervised in, any number to practise in, or to do as supervised.

    practised: where episodes of practice end.
    """
    return Task(
        arm.name,
        arm.feature_names,
        arm.obs_size,
        Box(ACTION_SIZE),
        make=lambda: ArmEnv(arm, ends=arm.over),
        simulate=lambda n: ArmSimulator(arm, n, ends=practised),
        simulate_supervised=lambda n: ArmSimulator(arm, n, ends=arm.over),
    )


BOTTLE_PUSHING = task_of(bottle_pushing.TASK)
ERASING = task_of(erasing.TASK)
PILLOW_GRASPING = task_of(pillow_grasping.TASK)

ARM_TASKS = {arm.name: arm for arm in (bottle_pushing.TASK, erasing.TASK, pillow_grasping.TASK)}


def make(task: str, *, theta: Float[np.ndarray, " features"] | None = None, render_mode: str | None = None) -> ArmEnv:
    """The environment of the task with this name, for Gymnasium's registry; its reward is `theta` . features.

    Raises:
        KeyError: when there is no such task.
        ValueError: when `render_mode` is neither None nor "rgb_array".
    """
    return ArmEnv(ARM_TASKS[task], theta=theta, render_mode=render_mode)


def make_vec(
    task: str,
    num_envs: int = 1,
    *,
    theta: Float[np.ndarray, " features"] | None = None,
    render_mode: str | None = None,
) -> ArmVectorEnv:
    """The same as `make`, n environments in one.

    Raises:
        KeyError: when there is no such task.
        ValueError: when `render_mode` is neither None nor "rgb_array", or there is no environment.
    """
    return ArmVectorEnv(ARM_TASKS[task], num_envs, theta=theta, render_mode=render_mode)
