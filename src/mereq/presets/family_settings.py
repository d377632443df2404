"""Settings of preparing policy families, for the shipped tasks and for any other."""

from dataclasses import replace

from mereq.alignment.settings import AlignSettings
from mereq.maxent_rl.dqn import DQNSettings
from mereq.maxent_rl.family_training import FamilySettings
from mereq.maxent_rl.simulator_training import TrainingSchedule
from mereq.maxent_rl.training import TrainingSettings

PHASES = 10
ZERO = 1 / 3  # probability that a feature is not weighed

_DISCRETE = TrainingSchedule(
    n_envs=20,
    chunk=200,
    updates_per_step=0.25,
    batch_size=128,
    learning_starts=200,
    epsilon_start=0.1,
    epsilon_end=0.1,
    exploration_fraction=0.0,
)
_CONTINUOUS = replace(
    _DISCRETE, chunk=100, updates_per_step=1.0, learning_starts=2000, epsilon_start=0.0, epsilon_end=0.0
)


def family_settings(
    settings: AlignSettings, *, limit: tuple[float, ...] = (1.0,), n_updates: int = 40_000
) -> FamilySettings:
    """Settings of a family, for the learner of a task's alignment.

    Args:
        settings: of the task's alignment; the family has its temperature and discount factor.
        limit: largest weight of each feature, or one for all.
        n_updates: gradient updates.
    """
    discrete = isinstance(settings.learner, DQNSettings)
    schedule = _DISCRETE if discrete else _CONTINUOUS
    learner = replace(settings.learner, hidden=(128, 128), learning_rate=1e-3, decay_updates=n_updates)
    n_steps = round(n_updates / schedule.updates_per_step)
    return FamilySettings(
        training=TrainingSettings(
            n_steps=n_steps,
            checkpoint_interval=n_steps // PHASES,
            learner=learner,
            schedule=schedule,
            replay_capacity=min(n_steps, 200_000),
            alive_bonus=0.0,
        ),
        limit=limit,
        zero=ZERO,
        rank=32 if discrete else 16,
    )
