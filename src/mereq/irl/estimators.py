"""Estimators of the gradient of Eqs. (7)-(8), from interventions and rollouts of the policy in a simulator.

Both estimators compare the mean features of expert steps with those of the current policy. They differ in the states
in which the policy's rollouts start, which Eq. (8) leaves open (docs/deviations.md#segment-starts). An intervention
starts in a state in which the policy had gone wrong. Rollouts from new episodes hardly visit such states, and are
then compared with an expert who recovers from them.
"""

import time
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from mereq.core.errors import WrongTask
from mereq.core.policy import Policy
from mereq.core.seeding import episode_seed, seed_for, stream
from mereq.core.simulator import RewindableSimulator, Simulator, close
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import Segment, demonstrated, pseudo_expert, segments
from mereq.irl.expectation import feature_expectation
from mereq.irl.feature_counts import FeatureCounts
from mereq.irl.gradient import normalized_gradient

Acting = Literal["greedy", "sampled"]  # the most probable action, or a sample of the policy


class GradientEstimator(Protocol):
    """Estimator of the normalised gradient of the log-likelihood of all interventions so far."""

    def observe(self, log: InterventionLog, *, kappa: float) -> int:
        """Read the log, which may have grown since the last call. Returns the number of (pseudo-)expert steps."""
        ...

    def gradient(self, policy: Policy, *, seed: int) -> Float[np.ndarray, " features"]:
        """Gradient of Eq. (7) per expert step, at the given policy."""
        ...

    def close(self) -> None:
        """Close the simulator."""
        ...


class FromEpisodeStarts:
    """Estimator whose policy rollouts are `n_steps` steps of new episodes, as in the paper and the authors' code.

    Args:
        simulator: its episodes must end where supervised ones do; otherwise the policy's mean contains steps of a kind
            that the expert's mean cannot contain.
        n_steps: of the policy in one estimate.
        acting: how the policy chooses its actions.
    """

    def __init__(self, simulator: Simulator, n_steps: int, acting: Acting):
        self._simulator, self._n_steps, self._acting = simulator, n_steps, acting

    def observe(self, log: InterventionLog, *, kappa: float) -> int:
        """Read all expert and pseudo-expert steps of the log. Returns their number."""
        self._expert = FeatureCounts.of(log.expert_features(kappa=kappa))
        return self._expert.steps

    def gradient(self, policy: Policy, *, seed: int) -> Float[np.ndarray, " features"]:
        """Mean features of the expert's steps minus those of the policy's steps: Eq. (8)."""
        rng = stream(seed, "sampling") if self._acting == "sampled" else None
        expectation = feature_expectation(policy, self._simulator, self._n_steps, seed=seed, rng=rng)
        return normalized_gradient(self._expert, expectation)

    def close(self) -> None:
        """Close the simulator."""
        close(self._simulator)


class Demonstrated(NamedTuple):
    """A segment, or the good-enough start of one, with the simulator's state at its first step."""

    features: FeatureCounts
    obs: Float[np.ndarray, " obs"]
    state: Any  # the simulator's own


class FromSegmentStarts:
    """Estimator whose policy rollouts start in the first states of the expert's segments and are as long as these.

    This is Eq. (7) with the likelihood of each segment given its first state.

    Args:
        simulator: repeats the supervised episodes up to each segment.
        n_steps: limit of the steps in one estimate. Beyond it, a random subset of the segments represents all of them,
            the same for expert and policy.
        acting: how the policy chooses its actions.
        run_seed: seed of the run, from which the seeds of its supervised episodes follow.
    """

    def __init__(self, simulator: RewindableSimulator, n_steps: int, acting: Acting, *, run_seed: int):
        self._simulator, self._n_steps, self._acting, self._run_seed = simulator, n_steps, acting, run_seed
        self._segments: list[Demonstrated] = []
        self._known: dict[tuple[int, int], tuple[bytes, list[Demonstrated]]] = {}  # by round and episode
        self._steps_made, self._seconds = 0, 0.0  # of repeating episodes, for an estimate of what it costs
        if not hasattr(simulator, "rest"):
            simulator.reset(seed_for(run_seed, "segments"))

    def observe(self, log: InterventionLog, *, kappa: float) -> int:
        """Repeat new episodes in the simulator, and keep the first states of their (pseudo-)expert segments.

        Episodes in which an intervention was retracted since the last call are repeated again. Returns the number of
        (pseudo-)expert steps.

        Raises:
            WrongTask: the simulator does not reproduce the supervised environment.
        """
        self._segments = [
            segment
            for iteration, rollout in enumerate(log.rollouts)
            for segment in self._found(rollout, iteration, kappa)
        ]
        return sum(segment.features.steps for segment in self._segments)

    @property
    def demonstrated(self) -> tuple[Demonstrated, ...]:
        """Segments that `observe` found."""
        return tuple(self._segments)

    @property
    def repeated_steps(self) -> int:
        """About how many environment steps one gradient repeats, to bring states back; 0 if states are saved."""
        cost_of = getattr(self._simulator, "cost_of", None)
        if cost_of is None or not self._segments:
            return 0
        steps = sum(segment.features.steps for segment in self._segments)
        return round(sum(cost_of(segment.state) for segment in self._segments) * min(1.0, self._n_steps / steps))

    @property
    def seconds_a_step(self) -> float:
        """Time of one repeated environment step [s], as measured so far in one process."""
        return self._seconds / max(1, self._steps_made)

    def _found(self, rollout: Rollout, iteration: int, kappa: float) -> list[Demonstrated]:
        """(Pseudo-)expert segments of one rollout, from the cache where the episode has not changed."""
        good = demonstrated(rollout) | pseudo_expert(rollout, kappa=kappa)
        wanted = [segment for segment in segments(rollout) if good[segment.start]]
        found: list[Demonstrated] = []
        for episode in sorted({int(rollout.episode[segment.start]) for segment in wanted}):
            first, end = (int(np.searchsorted(rollout.episode, episode, side)) for side in ("left", "right"))
            which, key = good[first:end], (iteration, episode)
            if key not in self._known or self._known[key][0] != which.tobytes():
                here = [segment for segment in wanted if first <= segment.start < end]
                self._known[key] = which.tobytes(), self._repeated(rollout, key, first, here, good)
            found += self._known[key][1]
        return found

    def _repeated(
        self, rollout: Rollout, where: tuple[int, int], first: int, wanted: Sequence[Segment], good: np.ndarray
    ) -> list[Demonstrated]:
        """Wanted segments of the episode that begins with step `first`, after repeating it in the simulator."""
        iteration, episode = where
        begun, actions = time.perf_counter(), rollout.executed[first : wanted[-1].start]
        visited = self._simulator.states_along(
            episode_seed(self._run_seed, iteration, episode),
            actions,
            at=[segment.start - first for segment in wanted],
        )
        self._steps_made += len(actions)
        self._seconds += time.perf_counter() - begun
        found: list[Demonstrated] = []
        for segment, (state, obs) in zip(wanted, visited, strict=True):
            if not np.array_equal(obs, rollout.obs[segment.start]):
                raise WrongTask(
                    f"Round {iteration}, episode {episode}, step {segment.start - first}: the simulator does not "
                    "reproduce the state of the supervised environment, so rollouts of the policy cannot start where "
                    "the expert took over. Use settings.inference.starts = 'episodes' for such a task."
                )
            steps = np.flatnonzero(good[segment.start : segment.stop]) + segment.start
            found.append(Demonstrated(FeatureCounts.of(rollout.features[steps]), rollout.obs[segment.start], state))
        return found

    def gradient(self, policy: Policy, *, seed: int) -> Float[np.ndarray, " features"]:
        """Gradient of Eq. (7) per step: features of the expert's segments minus those of the policy in their place."""
        rng = stream(seed, "sampling")
        lengths = [segment.features.steps for segment in self._segments]
        order = rng.permutation(len(lengths))
        enough = int(np.searchsorted(np.cumsum(np.take(lengths, order)), self._n_steps)) + 1
        chosen = [self._segments[int(i)] for i in order[:enough]]
        n_features = len(chosen[0].features.total)
        expert = FeatureCounts.union([segment.features for segment in chosen], n_features)
        total = self._in_their_place(policy, chosen, rng if self._acting == "sampled" else None)
        return normalized_gradient(expert, FeatureCounts(total, expert.steps))

    def _in_their_place(
        self, policy: Policy, chosen: Sequence[Demonstrated], rng: np.random.Generator | None
    ) -> Float[np.ndarray, " features"]:
        """Features of the policy, summed over rollouts from the segments' first states to an episode's end."""
        simulator = self._simulator
        waiting = list(chosen)
        left = np.zeros(simulator.n_envs, int)  # steps to go in each environment's segment
        obs = np.repeat(waiting[0].obs[None], simulator.n_envs, axis=0)
        total = np.zeros(len(waiting[0].features.total))
        rest = getattr(simulator, "rest", None)  # of a simulator whose environments cost their own time each
        while True:
            for env in np.flatnonzero(left == 0)[: len(waiting)]:
                segment = waiting.pop()
                simulator.put(int(env), segment.state)
                obs[env], left[env] = segment.obs, segment.features.steps
            if rest is not None:
                for env in np.flatnonzero(left == 0):
                    rest(int(env), obs[env], len(total))
            going = left > 0
            if not going.any():
                return total
            distribution = policy.distribution(obs)
            step = simulator.step(distribution.mode() if rng is None else distribution.sample(rng))
            total += step.features[going].sum(axis=0)
            left = np.where(step.terminated | step.truncated, 0, np.maximum(left - 1, 0))
            obs = step.obs.copy()

    def close(self) -> None:
        """Close the simulator."""
        close(self._simulator)
