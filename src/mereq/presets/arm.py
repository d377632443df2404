"""Definitions of the three arm tasks."""

from dataclasses import replace
from functools import partial
from typing import Any

from mereq.evaluation.arm_clips import BOTTLE_SHOT, ERASING_SHOT, PILLOW_SHOT
from mereq.evaluation.arm_metrics import bottle_card, erasing_card, pillow_card
from mereq.presets import arm_settings
from mereq.presets.arm_settings import training
from mereq.presets.definition import TaskDefinition
from mereq.presets.family_settings import family_settings
from mereq.presets.perturbed import perturbed_arm
from mereq.store.families import load_shipped_family
from mereq.store.policies import load_shipped
from mereq.supervision.synthesized import MeasurementExpert
from mereq.tasks import arm
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.definition import ArmTask, after
from mereq.tasks.arm.tasks import task_of
from mereq.tasks.arm.view import ArmView, view_of_arm
from mereq.tasks.arm.world import PERIOD


def _definition(task: Any, arm_task: ArmTask, **parts: Any) -> TaskDefinition:
    """Definition of an arm task, with the parts that all three have in common."""
    return TaskDefinition(
        task=task,
        supervisor=lambda expert: MeasurementExpert(expert, arm_task.rule),
        prior=partial(load_shipped, task, "prior"),
        expert=partial(load_shipped, task, "expert"),
        family=partial(load_shipped_family, task),
        hz=1 / PERIOD,
        controls=ArmView.controls,
        view=view_of_arm,
        theta_prior=arm_task.theta_prior,
        theta_expert=arm_task.theta_expert,
        perturbed=partial(perturbed_arm, arm_task),
        **parts,
    )


BOTTLE_PUSHING = _definition(
    arm.BOTTLE_PUSHING,
    bottle_pushing.TASK,
    summary="push a bottle to a goal; the expert wants it pushed at its bottom",
    training=training(n_steps=300_000, temperature=0.06, learning_starts=5000, decay_updates=150_000),
    observation_names=(
        *("tip x", "tip y", "tip height", "tip moved in x", "tip moved in y", "tip moved up"),
        *("bottle from tip in x", "bottle from tip in y", "bottle from tip in height"),
        *(
            "bottle moved in x",
            "bottle moved in y",
            "bottle moved up",
            "goal from bottle in x",
            "goal from bottle in y",
        ),
    ),
    metrics=bottle_card,
    clip=BOTTLE_SHOT.film,
    trained_in=task_of(replace(bottle_pushing.TASK, begin=bottle_pushing.explore), training_ends=after(50)),
    settings=arm_settings.BOTTLE,
)

ERASING = _definition(
    arm.ERASING,
    erasing.TASK,
    summary="wipe a whiteboard; the expert wants more force",
    training=training(n_steps=60_000, temperature=None),
    metrics=erasing_card,
    clip=ERASING_SHOT.film,
    settings=arm_settings.ERASING,
    family_settings=family_settings(arm_settings.ERASING["fast"], limit=(3.0,)),
)

PILLOW_GRASPING = _definition(
    arm.PILLOW_GRASPING,
    pillow_grasping.TASK,
    summary="grasp a pillow; the expert wants it grasped at its centre",
    training=training(n_steps=40_000, temperature=0.3),
    metrics=pillow_card,
    clip=PILLOW_SHOT.film,
    settings=arm_settings.PILLOW,
)
