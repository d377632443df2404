"""Which learner a task has: residual soft DQN for finitely many actions, residual SAC for continuous ones."""

from mereq.core.actions import Discrete
from mereq.core.errors import WrongLearner
from mereq.core.task import Task
from mereq.maxent_rl.dqn import DQN, DQNSettings
from mereq.maxent_rl.sac import SAC, SACSettings

LearnerSettings = DQNSettings | SACSettings


def learner_of(task: Task, settings: LearnerSettings) -> DQN | SAC:
    """The learner with these settings for this task.

    Raises:
        WrongLearner: the settings are for the other kind of actions.
    """
    if isinstance(task.actions, Discrete) and isinstance(settings, DQNSettings):
        return DQN(task.obs_size, task.actions.n, settings)
    if not isinstance(task.actions, Discrete) and isinstance(settings, SACSettings):
        return SAC(task.obs_size, task.actions.size, settings)
    wanted = "DQNSettings" if isinstance(task.actions, Discrete) else "SACSettings"
    raise WrongLearner(
        f"The task {task.name} has {task.actions}, and the learner's settings are {type(settings).__name__}. "
        f"Give it {wanted}."
    )
