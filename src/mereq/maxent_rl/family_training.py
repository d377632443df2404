"""Preparing a policy family: training of a theta-conditioned residual learner, for every reward of a region at once."""

import itertools
from dataclasses import dataclass, replace

import numpy as np

from mereq.core.actions import Discrete
from mereq.core.errors import WrongLearner, WrongValue
from mereq.core.policy import Policy
from mereq.core.ranges import COUNT, SHARE, check_ranges
from mereq.core.reward import LinearReward
from mereq.core.seeding import seed_for
from mereq.core.task import Task
from mereq.maxent_rl.dqn import DQN, DQNState, QPolicy
from mereq.maxent_rl.family import (
    ConditionedReplay,
    PolicyFamily,
    StatePolicy,
    ThetaRegion,
    ThetaSource,
    conditioned,
)
from mereq.maxent_rl.learners import residual_learner_of
from mereq.maxent_rl.networks import LAST_RATE, MLP, Layer
from mereq.maxent_rl.sac import SAC, ActorPolicy, SACState
from mereq.maxent_rl.simulator_training import SimulatorTraining
from mereq.maxent_rl.training import PhasedTraining, TrainingSettings
from mereq.maxent_rl.two_stream import Conditioning, TwoStream


@dataclass(frozen=True, kw_only=True)
class FamilySettings:
    """Settings of preparing a policy family."""

    training: TrainingSettings
    limit: tuple[float, ...]  # largest weight of each feature, or one number for all
    zero: float  # probability that a feature is not weighed
    rank: int  # numbers that theta enters the networks with, for each feature

    def __post_init__(self):
        check_ranges(self, zero=SHARE, rank=COUNT)
        if not self.limit or not all(0 <= limit < np.inf for limit in self.limit) or not any(self.limit):
            raise WrongValue(
                f"The limits of theta are {self.limit}. Give one finite number for each feature, or one for all: the "
                "largest weight, and 0 for a feature that must not be weighed."
            )

    def region(self, names: tuple[str, ...]) -> ThetaRegion:
        """The region of thetas for a task with these features.

        Raises:
            WrongValue: there are neither one nor as many limits as features.
        """
        if len(self.limit) not in (1, len(names)):
            raise WrongValue(
                f"There are {len(self.limit)} limits of theta for the {len(names)} features {', '.join(names)}. Give "
                "one for each, or one for all."
            )
        return ThetaRegion(np.broadcast_to(np.asarray(self.limit, float), (len(names),)).copy(), self.zero)

    def continued(self) -> "FamilySettings":
        """Settings of learning that goes on after a preparation: as many steps, at its last learning rate."""
        learner = self.training.learner
        rate = learner.learning_rate * (LAST_RATE if learner.decay_updates else 1.0)
        learner = replace(learner, learning_rate=rate, decay_updates=0)
        return replace(self, training=replace(self.training, learner=learner))


class FamilyTraining(PhasedTraining):
    """Preparation of the family of a prior.

    Args:
        task: whose simulator is used.
        prior: policy that the family's members are residuals of.
        settings: of the preparation.
        seed: of all randomness.
        start: family of the prior to continue from, with its region; by default all members are the prior at first.

    Raises:
        WrongLearner: the prior is known by samples only, so that there is no network to condition on theta.
        WrongValue: the limits of theta do not fit the task's features.
    """

    def __init__(
        self, task: Task, prior: Policy, settings: FamilySettings, *, seed: int, start: PolicyFamily | None = None
    ):
        n_features, training = len(task.feature_names), settings.training
        self.region = settings.region(task.feature_names) if start is None else start.region
        self.thetas = ThetaSource(self.region)
        learner = residual_learner_of(task, training.learner, prior, Conditioning(n_features, settings.rank))
        if not isinstance(learner, DQN | SAC):
            raise WrongLearner(
                f"A prior of the task {task.name} that is known by samples only has no policy family: its members "
                "would have no log-probabilities, which the inference needs. Use the method mereq."
            )
        seen = conditioned(task, self.thetas)
        replay = ConditionedReplay(
            self.thetas,
            training.replay_capacity,
            obs_size=seen.state_size,
            actions=task.actions,
            n_features=n_features,
        )
        simulator_training = SimulatorTraining(
            learner=learner,
            state=_beginning(learner, start, seed_for(seed, "network")),
            replay=replay,
            task=seen,
            prior=StatePolicy(prior, n_features),
            schedule=training.schedule,
        )
        super().__init__(simulator_training, LinearReward(np.zeros(n_features)), training, seed=seed)  # see the replay

    @property
    def family(self) -> PolicyFamily:
        """The family after all updates so far."""
        training = self.simulator_training
        policy = training.learner.policy(training.state, None)
        assert isinstance(policy, QPolicy | ActorPolicy)
        return PolicyFamily(policy, self.region)


def unprepared(task: Task, settings: FamilySettings) -> PolicyFamily:
    """Family before any preparation: each member is the prior itself."""
    region, discrete = settings.region(task.feature_names), isinstance(task.actions, Discrete)
    n, outputs = len(region.limit), task.actions.n_parameters

    def nothing(*sizes: int) -> MLP:
        shapes = itertools.pairwise(sizes)
        return tuple(Layer(np.zeros(shape, np.float32), np.zeros(shape[1], np.float32)) for shape in shapes)

    network = TwoStream(nothing(task.state_size, 1, outputs * n), nothing(n, 1, 0))
    learner = settings.training.learner
    if discrete:
        return PolicyFamily(QPolicy(network, None, learner.temperature, learner.prior_temperature), region)
    return PolicyFamily(ActorPolicy(network, None, None), region)


def _beginning(learner: DQN | SAC, start: PolicyFamily | None, seed: int) -> DQNState | SACState:
    """State of a family's learner before any update."""
    if start is None:
        return learner.init(seed, zero_head=True)
    policy = start.policy
    if isinstance(learner, DQN) and isinstance(policy, QPolicy):
        return learner.begin(policy.q)
    assert isinstance(learner, SAC)
    assert isinstance(policy, ActorPolicy)
    fresh = learner.init(seed, zero_head=True)
    return learner.begin(policy.actor, policy.critics or fresh.critics, fresh.key)
