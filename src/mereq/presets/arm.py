"""The numbers of the three arm tasks. Tables 8 and 9, and `fast`."""

from dataclasses import replace
from typing import Any

from mereq.alignment.settings import AlignSettings, Inference, WarmStart
from mereq.evaluation.arm_clips import BOTTLE_SHOT, ERASING_SHOT, PILLOW_SHOT
from mereq.evaluation.arm_metrics import bottle_card, erasing_card, pillow_card
from mereq.imitation.cloning import CloningSettings
from mereq.maxent_rl.sac import SACSettings
from mereq.maxent_rl.simulator_training import TrainingSchedule
from mereq.maxent_rl.training import TrainingSettings
from mereq.presets.definition import TaskDefinition
from mereq.supervision.synthesized import MeasurementExpert
from mereq.tasks import arm
from mereq.tasks.arm import bottle_pushing, erasing, pillow_grasping
from mereq.tasks.arm.definition import after
from mereq.tasks.arm.tasks import task_of
from mereq.tasks.arm.world import PERIOD

_SAC = SACSettings(
    hidden=(400, 300),
    learning_rate=5e-3,
    temperature_learning_rate=5e-3,
    gamma=0.9,
    tau=0.01,
    temperature=1.0,
    prior_temperature=0.0,
)
_FAST_SAC = replace(_SAC, hidden=(128, 128), learning_rate=5e-4, temperature_learning_rate=5e-4)
_SCHEDULE = TrainingSchedule(
    n_envs=1,
    chunk=50,
    updates_per_step=1.0,
    batch_size=512,
    learning_starts=5000,
    epsilon_start=0.0,
    epsilon_end=0.0,
    exploration_fraction=0.0,
)

_PAPER_TRAINING = TrainingSettings(
    n_steps=50_000,
    checkpoint_interval=5000,
    learner=_SAC,
    schedule=_SCHEDULE,
    replay_capacity=1_000_000,
    alive_bonus=0.0,
)


def _training(
    *, n_steps: int, temperature: float | None, learning_starts: int = 1000, decay_updates: int = 0
) -> dict[str, TrainingSettings]:
    """Table 8, and `fast`: with the temperature held at alpha, or learned where that is None."""
    held = {} if temperature is None else {"temperature": temperature, "temperature_learning_rate": 0.0}
    schedule = replace(
        _SCHEDULE, n_envs=10, chunk=100, updates_per_step=0.5, batch_size=256, learning_starts=learning_starts
    )
    fast = replace(
        _PAPER_TRAINING,
        n_steps=n_steps,
        checkpoint_interval=10_000,
        learner=replace(_FAST_SAC, decay_updates=decay_updates, **held),
        schedule=schedule,
    )
    return {"fast": fast, "paper": _PAPER_TRAINING}


_PAPER = AlignSettings(
    rollout_steps=1000,
    inference=Inference(
        max_updates=20,
        ascent="gradient",
        step_size=0.2,
        tolerance=0.2,
        sample_length=1000,
        sample_envs=10,
        starts="episodes",
        acting="greedy",
        kappa=0.9,
        features=None,
    ),
    learner=replace(_SAC, temperature=0.035, prior_temperature=0.035),
    schedule=replace(_SCHEDULE, n_envs=10),
    training_steps=1000,
    replay_capacity=1_000_000,
    reprice=True,
    persistent=True,
    warm_start=WarmStart(steps=20_000, updates=10_000, kept=1000),
    cloning=CloningSettings(hidden=(256, 256), learning_rate=1e-3, weight_decay=0.0, batch_size=128),
    cloning_updates=1000,
)

_FAST = replace(
    _PAPER,
    inference=replace(_PAPER.inference, sample_length=500, starts="segments"),
    schedule=TrainingSchedule(
        n_envs=10,
        chunk=100,
        updates_per_step=1.0,
        batch_size=128,
        learning_starts=0,
        epsilon_start=0.0,
        epsilon_end=0.0,
        exploration_fraction=0.0,
    ),
    training_steps=400,
    replay_capacity=200_000,
)


def _align(*, temperature: float, paper: dict[str, Any], fast: dict[str, Any]) -> dict[str, AlignSettings]:
    """Both families with a task's own numbers of the inference; `fast` holds the temperature at the prior's, alpha.

    `paper` has that of Table 9, for a prior that was trained with `paper`.
    """
    held = replace(
        _FAST_SAC,
        learning_rate=1e-3,
        temperature_learning_rate=0.0,
        temperature=temperature,
        prior_temperature=temperature,
    )
    return {
        "paper": replace(_PAPER, inference=replace(_PAPER.inference, **paper)),
        "fast": replace(_FAST, learner=held, inference=replace(_FAST.inference, **fast)),
    }


BOTTLE_PUSHING = TaskDefinition(
    name=arm.BOTTLE_PUSHING.name,
    task=arm.BOTTLE_PUSHING,
    summary="push a bottle to a goal; the expert wants it pushed at its bottom",
    hz=1 / PERIOD,
    theta_prior=bottle_pushing.THETA_PRIOR,
    theta_expert=bottle_pushing.THETA_EXPERT,
    training=_training(n_steps=200_000, temperature=0.06, learning_starts=5000, decay_updates=100_000),
    supervisor=lambda expert: MeasurementExpert(expert, bottle_pushing.RULE),
    supervision={},
    describe=bottle_card,
    film=BOTTLE_SHOT.film,
    trained_in=task_of(replace(bottle_pushing.TASK, begin=bottle_pushing.explore), practised=after(50)),
    align=_align(
        temperature=0.06,
        paper={"tolerance": 0.2, "sample_length": 1000},
        fast={"kappa": 0.9, "ascent": "gradient", "max_updates": 20, "tolerance": 0.1},
    ),
)

ERASING = TaskDefinition(
    name=arm.ERASING.name,
    task=arm.ERASING,
    summary="wipe a whiteboard; the expert wants more force",
    hz=1 / PERIOD,
    theta_prior=erasing.THETA_PRIOR,
    theta_expert=erasing.THETA_EXPERT,
    training=_training(n_steps=40_000, temperature=None),
    supervisor=lambda expert: MeasurementExpert(expert, erasing.RULE),
    supervision={},
    describe=erasing_card,
    film=ERASING_SHOT.film,
    align=_align(
        temperature=0.008,  # where the prior's learned temperature ended
        paper={"tolerance": 0.1, "sample_length": 2000},
        fast={"kappa": 0.9, "ascent": "natural", "max_updates": 10, "tolerance": 0.05},
    ),
)

PILLOW_GRASPING = TaskDefinition(
    name=arm.PILLOW_GRASPING.name,
    task=arm.PILLOW_GRASPING,
    summary="grasp a pillow; the expert wants it grasped at its centre",
    hz=1 / PERIOD,
    theta_prior=pillow_grasping.THETA_PRIOR,
    theta_expert=pillow_grasping.THETA_EXPERT,
    training=_training(n_steps=40_000, temperature=0.3),
    supervisor=lambda expert: MeasurementExpert(expert, pillow_grasping.RULE),
    supervision={},
    describe=pillow_card,
    film=PILLOW_SHOT.film,
    align=_align(
        temperature=0.3,
        paper={"tolerance": 0.1, "sample_length": 2000},
        fast={"kappa": 0.95, "ascent": "natural", "max_updates": 10, "tolerance": 0.05},
    ),
)
