"""Which learner a task has: residual soft DQN for finitely many actions, residual SAC for continuous ones."""

from mereq.core.actions import Discrete
from mereq.core.errors import WrongLearner
from mereq.core.task import Task
from mereq.maxent_rl.dqn import DQN, DQNSettings, DQNState, QPolicy
from mereq.maxent_rl.sac import SAC, ActorPolicy, SACSettings, SACState

LearnerSettings = DQNSettings | SACSettings
LearnerAndState = tuple[DQN | SAC, DQNState | SACState]


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


def continue_from(
    policy: QPolicy | ActorPolicy, task: Task, settings: LearnerSettings, *, seed: int
) -> LearnerAndState:
    """A learner without prior, in a state whose policy is a given one.

    Where the temperature is another, soft DQN scales the Q-function so that the policy stays; SAC keeps the critics.

    Raises:
        WrongLearner: policy or settings are for the other kind of actions, or the networks' sizes differ.
    """
    learner = learner_of(task, settings)
    if isinstance(learner, DQN) and isinstance(policy, QPolicy):
        return learner, learner.begin_from(policy)
    if isinstance(learner, SAC) and isinstance(policy, ActorPolicy):
        return learner, learner.begin_from(policy, seed)
    raise WrongLearner(
        f"The task {task.name} has {task.actions}, and the policy to go on from is a {type(policy).__name__}. It must "
        "be one that a learner for such actions has made."
    )
