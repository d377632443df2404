"""Training of a learner in a simulator: a chunk of environment steps, then its updates in one compiled call.

The compiled updates run concurrently with the environment steps of the next chunk, which therefore act with the
parameters of the chunk before. On two cores both together take the time of the slower one. The lag is always one
chunk, so results do not depend on timing (docs/deviations.md#chunks).
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from mereq.core.actions import parameters_of
from mereq.core.border import checked_observations
from mereq.core.distribution import Distribution
from mereq.core.policy import Policy
from mereq.core.ranges import COUNT, COUNT_OR_NONE, NON_NEGATIVE, SHARE, check_ranges
from mereq.core.reward import LinearReward
from mereq.core.seeding import seed_for, stream
from mereq.core.simulator import close
from mereq.core.task import Task, checked_features
from mereq.maxent_rl.pytrees import under
from mereq.maxent_rl.replay import Replay, Transitions
from mereq.maxent_rl.updating import Learner, update


class LearnedPolicy(Policy, Protocol):
    """A learner's policy, with or without a prior."""

    def given_prior(self, obs: Float[np.ndarray, "n obs"], prior: Distribution | None) -> Distribution:
        """Action distribution at each observation, for callers that have already computed the prior's distribution."""
        ...


class LearnerState(Protocol):
    """State of a learner: everything that an update changes."""

    def arrays(self) -> dict[str, np.ndarray]:
        """State as named arrays."""
        ...

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> "LearnerState":
        """State that `arrays` returned, with the structure of this one."""
        ...


class ActingLearner(Learner, Protocol):
    """A learner with a policy for acting: `DQN` or `SAC`."""

    @property
    def has_prior(self) -> bool:
        """Whether a prior policy enters the targets and the policy."""
        ...

    def policy(self, state: Any, prior: Policy | None) -> LearnedPolicy:
        """Policy of a state."""
        ...


@dataclass(frozen=True, kw_only=True)
class TrainingSchedule:
    """Amounts of environment steps, updates and exploration in a learner's training.

    Raises:
        ValueError: a number is out of its range, or a chunk is not a whole number of vector steps, or of updates.
    """

    n_envs: int  # environments stepped in lockstep
    chunk: int  # environment steps between two refreshes of the acting policy
    updates_per_step: float  # gradient updates per environment step
    batch_size: int
    learning_starts: int  # environment steps before the first update
    epsilon_start: float  # share of uniformly random actions, on top of sampling from the policy
    epsilon_end: float
    exploration_fraction: float  # share of the training over which epsilon falls linearly

    def __post_init__(self):
        check_ranges(
            self,
            n_envs=COUNT,
            chunk=COUNT,
            updates_per_step=NON_NEGATIVE,
            batch_size=COUNT,
            learning_starts=COUNT_OR_NONE,
            epsilon_start=SHARE,
            epsilon_end=SHARE,
            exploration_fraction=NON_NEGATIVE,
        )
        if self.chunk % self.n_envs:
            raise ValueError(f"chunk ({self.chunk}) must be a multiple of n_envs ({self.n_envs})")
        if self.chunk * self.updates_per_step != self.updates_per_chunk:
            raise ValueError(
                f"chunk ({self.chunk}) times updates_per_step ({self.updates_per_step}) must be a whole number"
            )

    @property
    def updates_per_chunk(self) -> int:
        """Number of updates in one compiled call."""
        return round(self.chunk * self.updates_per_step)

    def epsilon(self, fraction: float) -> float:
        """Share of uniformly random actions after a fraction of the training."""
        progress = min(fraction / self.exploration_fraction, 1.0) if self.exploration_fraction > 0 else 1.0
        return self.epsilon_start + progress * (self.epsilon_end - self.epsilon_start)


class SimulatorTraining:
    """Training of one learner with its replay in its task's simulator.

    Args:
        learner: the algorithm.
        state: of the learner, from which training starts.
        replay: receives the transitions.
        task: for its simulator, its actions and the names of its features.
        prior: policy that the learner's policy is based on; None without one.
        schedule: amounts of steps, updates and exploration.
    """

    def __init__(
        self,
        *,
        learner: ActingLearner,
        state: LearnerState,
        replay: Replay,
        task: Task,
        prior: Policy | None,
        schedule: TrainingSchedule,
    ):
        self.learner = learner
        self.state = state
        self.replay = replay
        self._task = task
        self._simulator = task.simulate(schedule.n_envs)
        self.prior = prior
        self.schedule = schedule
        self._metrics: Any = None
        self._acting = self.policy()

    def policy(self) -> LearnedPolicy:
        """Policy after all updates so far."""
        return self.learner.policy(self.state, self.prior)

    @property
    def loss(self) -> float:
        """Mean loss of the last chunk of updates; NaN before the first one of this phase."""
        return float("nan") if self._metrics is None else float(self._metrics.loss)

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of the last chunk of updates, by name; empty before the first one of this phase."""
        return {} if self._metrics is None else {name: float(x) for name, x in self._metrics._asdict().items()}

    def start_phase(self, seed: int, index: int) -> None:
        """Start a phase of training with new episodes. All its randomness is a function of (seed, index)."""
        self._exploring = stream(seed, "explore", index)
        self._drawing = stream(seed, "replay", index)
        self._obs = self._simulator.reset(seed_for(seed, "practice", index)).copy()
        self._prior_here = self._prior_at(self._obs)
        self._acting = self.policy()
        self._metrics = None

    def train(self, n_steps: int, reward: LinearReward, *, epsilon: float) -> None:
        """Train under a reward for n_steps environment steps, rounded up to whole chunks.

        Args:
            n_steps: environment steps.
            reward: of the transitions.
            epsilon: share of uniformly random actions.
        """
        schedule = self.schedule
        for _ in range(-(-n_steps // schedule.chunk)):
            self.replay.add(self._collect(schedule.chunk // schedule.n_envs, epsilon), reward)
            self._acting = self.policy()  # waits for the updates dispatched one chunk ago
            if self.replay.added < schedule.learning_starts:
                continue
            if schedule.updates_per_chunk:
                shape = schedule.updates_per_chunk, schedule.batch_size
                batches = self.replay.draw(self._drawing, shape, reward)
                self.state, self._metrics = update(self.learner, self.state, batches)

    def _collect(self, n_vector_steps: int, epsilon: float) -> Transitions:
        """Transitions of actions sampled from the policy or, with probability epsilon, uniformly."""
        rng, n = self._exploring, self._simulator.n_envs
        chunk: list[Transitions] = []
        for _ in range(n_vector_steps):
            actions = self._acting.given_prior(self._obs, self._prior_here).sample(rng)
            at_random = (rng.random(n) < epsilon).reshape(n, *(1 for _ in self._task.actions.shape))
            actions = np.where(at_random, self._task.actions.uniform(rng, n), actions)
            step = self._simulator.step(actions)
            next_obs = step.next_obs.copy()
            prior_next = self._prior_at(next_obs)
            chunk.append(
                Transitions(
                    obs=self._task.state_of(self._obs),
                    action=actions,
                    next_obs=self._task.state_of(next_obs),
                    features=step.features.copy(),
                    terminated=step.terminated.copy(),
                    prior=parameters_of(self._prior_here, self._task.actions, n),
                    next_prior=parameters_of(prior_next, self._task.actions, n),
                )
            )
            self._obs, self._prior_here = next_obs, prior_next
            ended = step.terminated | step.truncated
            if ended.any():
                self._obs = step.obs.copy()
                self._prior_here = self._prior_at(self._obs)
        transitions = Transitions(*(np.concatenate(column) for column in zip(*chunk, strict=True)))
        checked_features(transitions.features, self._task.feature_names)
        checked_observations(transitions.obs, self._task.name)
        checked_observations(transitions.next_obs, self._task.name)
        return transitions

    def prior_parameters(self, obs: Float[np.ndarray, "n obs"]) -> Float[np.ndarray, "n parameters"]:
        """Parameters of the prior at each observation, for the replay; zeros for a learner without prior."""
        return parameters_of(self._prior_at(obs), self._task.actions, len(obs))

    def _prior_at(self, obs: Float[np.ndarray, "n obs"]) -> Distribution | None:
        return self.prior.distribution(obs) if self.prior is not None and self.learner.has_prior else None

    def arrays(self) -> dict[str, np.ndarray]:
        """Learner and replay as named arrays, from which the next phase can be resumed exactly."""
        learner = {f"learner{name}": array for name, array in self.state.arrays().items()}
        return learner | {f"replay.{name}": array for name, array in self.replay.state().items()}

    def close(self) -> None:
        """Close the simulator."""
        close(self._simulator)

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Restore what `arrays` returned."""
        self.state = self.state.from_arrays(under("learner", arrays))
        self.replay.restore(under("replay.", arrays))
