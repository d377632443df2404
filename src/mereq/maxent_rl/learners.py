"""Choice of a task's learner: residual soft DQN for finitely many actions, residual SAC for continuous ones.

A continuous prior that is known by samples only has a learner of its own, `SampledQ`.
"""

from dataclasses import replace

import numpy as np

from mereq.core.actions import Discrete
from mereq.core.distribution import WeightedSamples
from mereq.core.errors import WrongLearner, WrongPolicyOutput
from mereq.core.policy import Policy
from mereq.core.seeding import stream
from mereq.core.task import Task
from mereq.maxent_rl.dqn import DQN, DQNSettings, DQNState, QPolicy
from mereq.maxent_rl.gaussians import family_of
from mereq.maxent_rl.sac import SAC, ActorPolicy, SACSettings, SACState
from mereq.maxent_rl.sampled_q import SampledQ, SampledQPolicy, SampledQState
from mereq.maxent_rl.two_stream import Conditioning

LearnerSettings = DQNSettings | SACSettings
LearnerAndState = tuple[DQN | SAC | SampledQ, DQNState | SACState | SampledQState]


def residual_learner_of(
    task: Task, settings: LearnerSettings, prior: Policy, conditioning: Conditioning | None = None
) -> DQN | SAC | SampledQ:
    """Learner of a task for the residual of a prior: of the family of the prior's distributions.

    conditioning: sizes of theta and its networks, for the learner of a policy family.

    Raises:
        WrongLearner: the settings belong to a learner for the other kind of actions.
        WrongPolicyOutput: the prior's distributions are of no known family.
    """
    learner = learner_of(task, settings)
    if isinstance(learner, DQN):
        return replace(learner, conditioning=conditioning)
    probe = stream(0, "probes").standard_normal((1, task.obs_size)).astype(np.float32)
    distribution = prior.distribution(probe)
    if isinstance(distribution, WeightedSamples):
        return SampledQ(task.state_size, learner.n_actions, distribution.actions.shape[1], learner.settings)
    family = family_of(distribution)
    if family is None:
        raise WrongPolicyOutput(
            f"The prior gives a {type(distribution).__name__} distribution where this task has continuous actions: it "
            "must be a SquashedGaussian, a ClippedGaussian or WeightedSamples."
        )
    return SAC(learner.obs_size, learner.n_actions, learner.settings, family, conditioning)


def learner_of(task: Task, settings: LearnerSettings) -> DQN | SAC:
    """Learner of a task without a prior, with the given settings.

    Raises:
        WrongLearner: the settings belong to a learner for the other kind of actions.
    """
    if isinstance(task.actions, Discrete) and isinstance(settings, DQNSettings):
        return DQN(task.state_size, task.actions.n, settings)
    if not isinstance(task.actions, Discrete) and isinstance(settings, SACSettings):
        return SAC(task.state_size, task.actions.size, settings)
    wanted = "DQNSettings" if isinstance(task.actions, Discrete) else "SACSettings"
    raise WrongLearner(
        f"The task {task.name} has {task.actions}, and the learner's settings are {type(settings).__name__}. "
        f"Give it {wanted}."
    )


def continue_from(
    policy: QPolicy | ActorPolicy | SampledQPolicy, task: Task, settings: LearnerSettings, *, seed: int
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
