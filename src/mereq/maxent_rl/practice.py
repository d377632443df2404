"""A learner practises in a simulator: K environment steps on the host, then K updates in one compiled call.

The compiled updates run behind the next K environment steps, which therefore act with the parameters of the chunk
before: on two cores both halves cost the time of the slower one. The lag is fixed, so results do not depend on timing.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mereq.core.distribution import Categorical
from mereq.core.policy import Policy
from mereq.core.reward import LinearReward
from mereq.core.seeding import seed_for, stream
from mereq.core.task import Task, checked_features
from mereq.maxent_rl.dqn import DQN, DQNMetrics, DQNState, QPolicy
from mereq.maxent_rl.replay import Replay, Transitions
from mereq.maxent_rl.updating import update


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How much of what a learner does while it practises."""

    n_envs: int  # environments stepped in lockstep
    chunk: int  # environment steps between two refreshes of the acting policy
    updates_per_step: float  # gradient updates per environment step
    batch_size: int
    learning_starts: int  # environment steps before the first update
    epsilon_start: float  # share of uniformly random actions, on top of sampling from the policy
    epsilon_end: float
    exploration_fraction: float  # of the practice, over which epsilon falls linearly

    def __post_init__(self):
        if self.chunk % self.n_envs:
            raise ValueError(f"chunk ({self.chunk}) must be a multiple of n_envs ({self.n_envs})")
        if self.chunk * self.updates_per_step != self.updates_per_chunk:
            raise ValueError(
                f"chunk ({self.chunk}) times updates_per_step ({self.updates_per_step}) must be a whole number"
            )

    @property
    def updates_per_chunk(self) -> int:
        """Updates in one compiled call."""
        return round(self.chunk * self.updates_per_step)

    def epsilon(self, fraction: float) -> float:
        """Share of random actions after a fraction of the practice."""
        progress = min(fraction / self.exploration_fraction, 1.0) if self.exploration_fraction > 0 else 1.0
        return self.epsilon_start + progress * (self.epsilon_end - self.epsilon_start)


class Practice:
    """One learner, its replay and its simulator, going on together."""

    def __init__(
        self,
        *,
        learner: DQN,
        state: DQNState,
        replay: Replay,
        task: Task,
        prior: Policy | None,
        schedule: Schedule,
    ):
        self.learner = learner
        self.state = state
        self.replay = replay
        self._task = task
        self._simulator = task.simulate(schedule.n_envs)
        self.prior = prior
        self.schedule = schedule
        self._metrics: DQNMetrics | None = None
        self._acting = self.policy()

    def policy(self) -> QPolicy:
        """The policy after all updates so far."""
        return self.learner.policy(self.state, self.prior)

    @property
    def loss(self) -> float:
        """Mean loss of the last chunk of updates; NaN before the first of this stretch."""
        return float("nan") if self._metrics is None else float(self._metrics.loss)

    def begin(self, seed: int, index: int) -> None:
        """Start a stretch of practice on new episodes. All its randomness is a function of (seed, index)."""
        self._exploring = stream(seed, "explore", index)
        self._drawing = stream(seed, "replay", index)
        self._obs = self._simulator.reset(seed_for(seed, "practice", index)).copy()
        self._prior_here = self._prior_at(self._obs)
        self._acting = self.policy()
        self._metrics = None

    def advance(self, n_steps: int, reward: LinearReward, *, epsilon: float) -> None:
        """Practise for n_steps environment steps (rounded up to whole chunks) under a reward."""
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
        """Act in the simulator, sampling from the policy and, with probability epsilon, uniformly."""
        rng, n = self._exploring, self._simulator.n_envs
        chunk: list[Transitions] = []
        for _ in range(n_vector_steps):
            actions = self._acting.given_prior(self._obs, self._prior_here).sample(rng)
            at_random = rng.random(n) < epsilon
            actions = np.where(at_random, rng.integers(self.learner.n_actions, size=n), actions)
            step = self._simulator.step(actions)
            next_obs = step.next_obs.copy()
            prior_next = self._prior_at(next_obs)
            chunk.append(
                Transitions(
                    obs=self._obs,
                    action=actions,
                    next_obs=next_obs,
                    features=step.features.copy(),
                    terminated=step.terminated.copy(),
                    prior_log_probs=self._log_probs(self._prior_here, n),
                    next_prior_log_probs=self._log_probs(prior_next, n),
                )
            )
            self._obs, self._prior_here = next_obs, prior_next
            ended = step.terminated | step.truncated
            if ended.any():
                self._obs = step.obs.copy()
                self._prior_here = self._prior_at(self._obs)
        transitions = Transitions(*(np.concatenate(column) for column in zip(*chunk, strict=True)))
        checked_features(transitions.features, self._task.feature_names)
        return transitions

    def _prior_at(self, obs: Float[np.ndarray, "n obs"]) -> Categorical | None:
        return self.prior.distribution(obs) if self.prior is not None and self.learner.has_prior else None

    def _log_probs(self, prior: Categorical | None, n: int) -> np.ndarray:
        return np.zeros((n, self.learner.n_actions), np.float32) if prior is None else prior.log_probs

    def arrays(self) -> dict[str, np.ndarray]:
        """Learner and replay as named arrays: with them, a stretch of practice can begin as if nothing had happened."""
        learner = {f"learner{name}": array for name, array in self.state.arrays().items()}
        return learner | {f"replay.{name}": array for name, array in self.replay.state().items()}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Put back what `arrays` returned."""
        self.state = self.state.from_arrays(_under("learner", arrays))
        self.replay.restore(_under("replay.", arrays))


def _under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
