"""Training of a policy on a known reward, for priors and experts. Tables 6 and 8."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from mereq.core.errors import WrongValue
from mereq.core.ranges import COUNT, FINITE, check_ranges
from mereq.core.reward import LinearReward
from mereq.core.seeding import seed_for
from mereq.core.task import Task
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.learners import LearnerSettings, continue_from, learner_of
from mereq.maxent_rl.replay import Replay
from mereq.maxent_rl.sac import ActorPolicy, SACSettings
from mereq.maxent_rl.sampled_q import SampledQPolicy
from mereq.maxent_rl.simulator_training import LearnedPolicy, SimulatorTraining, TrainingSchedule


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Settings of a training on a known reward.

    Raises:
        WrongValue: steps or checkpoint_interval are not positive multiples of the chunk.
    """

    n_steps: int  # environment steps
    checkpoint_interval: int  # environment steps between two checkpoints, from which a training can be resumed
    learner: LearnerSettings
    schedule: TrainingSchedule
    replay_capacity: int
    alive_bonus: float  # added to the reward of every step

    def __post_init__(self):
        check_ranges(self, replay_capacity=COUNT, alive_bonus=FINITE)
        chunk = self.schedule.chunk
        if self.n_steps < 1 or self.checkpoint_interval < 1 or self.checkpoint_interval % chunk or self.n_steps % chunk:
            raise WrongValue(
                f"The steps of a training ({self.n_steps}) and its checkpoint_interval "
                f"({self.checkpoint_interval}) must be positive multiples of chunk ({chunk})."
            )

    def lasting(self, n_steps: int) -> "TrainingSettings":
        """Settings with another number of steps. A falling learning rate falls over the same share of them."""
        learner = self.learner
        if isinstance(learner, SACSettings):
            learner = replace(learner, decay_updates=ceil(learner.decay_updates * n_steps / self.n_steps))
        return replace(self, n_steps=n_steps, learner=learner)


class PhasedTraining:
    """Training in phases of `checkpoint_interval` steps. A phase depends only on the state after the phase before.

    Args:
        simulator_training: the learner with its simulator, before the first phase.
        reward: of the training.
        settings: of the training.
        seed: of all randomness.
    """

    def __init__(
        self, simulator_training: SimulatorTraining, reward: LinearReward, settings: TrainingSettings, *, seed: int
    ):
        self.simulator_training, self.reward, self.settings, self.seed = simulator_training, reward, settings, seed
        self.steps = 0

    @property
    def policy(self) -> LearnedPolicy:
        """Policy after all updates so far."""
        return self.simulator_training.policy()

    def run_phases(self) -> Iterator[int]:
        """Run the remaining phases, yielding the number of environment steps after each."""
        while not self.is_finished:
            for _ in self.run_phase():
                pass
            yield self.steps

    @property
    def is_finished(self) -> bool:
        """Whether no phase is left."""
        return self.steps >= self.settings.n_steps

    def run_phase(self) -> Iterator[int]:
        """Run the next phase, yielding its environment steps so far after each chunk. It counts when it is complete."""
        settings = self.settings
        self.simulator_training.start_phase(self.seed, self.steps // settings.checkpoint_interval)
        phase = min(settings.checkpoint_interval, settings.n_steps - self.steps)
        for start in range(0, phase, settings.schedule.chunk):
            fraction = (self.steps + start) / settings.n_steps
            self.simulator_training.train(
                settings.schedule.chunk, self.reward, epsilon=settings.schedule.epsilon(fraction)
            )
            yield start + settings.schedule.chunk
        self.steps += phase

    def state(self) -> dict[str, np.ndarray]:
        """State as named arrays, for an exact resume."""
        return self.simulator_training.arrays() | {"steps": np.array(self.steps)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `state` returned."""
        self.simulator_training.restore(state)
        self.steps = int(state["steps"])

    def close(self) -> None:
        """Close the simulator."""
        self.simulator_training.close()


class Training(PhasedTraining):
    """Training of a policy on a known reward.

    Args:
        task: whose simulator is used.
        reward: of the training.
        settings: of the training.
        seed: of all randomness.
        start: trained policy to continue from; None starts from random parameters.
    """

    def __init__(
        self,
        task: Task,
        reward: LinearReward,
        settings: TrainingSettings,
        *,
        seed: int,
        start: QPolicy | ActorPolicy | SampledQPolicy | None = None,
    ):
        network = seed_for(seed, "network")
        if start is None:
            learner = learner_of(task, settings.learner)
            state = learner.init(network, zero_head=False)
        else:
            learner, state = continue_from(start, task, settings.learner, seed=network)
        replay = Replay(
            settings.replay_capacity, obs_size=task.state_size, actions=task.actions, n_features=len(task.feature_names)
        )
        training = SimulatorTraining(
            learner=learner, state=state, replay=replay, task=task, prior=None, schedule=settings.schedule
        )
        super().__init__(training, reward, settings, seed=seed)
