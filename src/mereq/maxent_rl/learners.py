"""Choice of a task's learner: residual soft DQN for finitely many actions, residual SAC for continuous ones."""

from mereq.core.actions import Discrete
from mereq.core.errors import WrongLearner
from mereq.core.task import Task
from mereq.maxent_rl.dqn import DQN, DQNSettings, DQNState, QPolicy
from mereq.maxent_rl.sac import SAC, ActorPolicy, SACSettings, SACState

LearnerSettings = DQNSettings | SACSettings
LearnerAndState = tuple[DQN | SAC, DQNState | SACState]


def learner_of(task: Task, settings: LearnerSettings) -> DQN | SAC:
    """Learner of a task, with the given settings.

    Raises:
        WrongLearner: the settings belong to a learner for the other kind of actions.
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
    """Learner without prior, and a state from which it continues with the given policy.

    If the temperature differs, soft DQN scales the Q-function so that the policy stays the same; SAC keeps the critics.

    Args:
        policy: to continue from.
        task: for its actions and the size of its observations.
        settings: of the learner.
        seed: of critics that the policy does not have.

    Raises:
        WrongLearner: policy or settings belong to the other kind of actions, or the networks' sizes differ.
    """
    learner = learner_of(task, settings)
    if isinstance(learner, DQN) and isinstance(policy, QPolicy):
        return learner, learner.begin_from(policy)
    if isinstance(learner, SAC) and isinstance(policy, ActorPolicy):
        return learner, learner.begin_from(policy, seed)
    raise WrongLearner(
        f"The task {task.name} has {task.actions}, and the policy to continue from is a {type(policy).__name__}. It "
        "must come from a learner for such actions."
    )
