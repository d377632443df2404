"""The gradient of Eqs. (7)-(8), estimated from interventions on one side and a simulator on the other.

Both estimators compare the mean features of expert steps with those of the current policy. They differ in where the
policy's rollouts start. Eq. (8) leaves that open; an intervention starts where the policy went wrong, and a rollout
that starts elsewhere is compared with the expert's way out of a situation that it was never in.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from mereq.core.errors import IncompatibleRun
from mereq.core.policy import Policy
from mereq.core.seeding import episode_seed, seed_for, stream
from mereq.core.simulator import RewindableSimulator, Simulator
from mereq.interventions.log import InterventionLog
from mereq.interventions.rollout import Rollout
from mereq.interventions.segments import Segment, demonstrated, pseudo_expert, segments
from mereq.irl.expectation import feature_expectation
from mereq.irl.feature_counts import FeatureCounts
from mereq.irl.gradient import normalized_gradient

Acting = Literal["greedy", "sampled"]  # most probable action, or drawn from the policy


class GradientEstimator(Protocol):
    """Estimates the normalised gradient of the log-likelihood of all interventions so far."""

    def observe(self, log: InterventionLog, *, kappa: float) -> int:
        """Take note of a log that has grown; returns how many (pseudo-)expert steps there are now."""
        ...

    def gradient(self, policy: Policy, *, seed: int) -> Float[np.ndarray, " features"]:
        """Eq. (7) per expert step, at the current policy."""
        ...


class FromEpisodeStarts:
    """The policy's side are `n_steps` steps of whole new episodes. As the paper and the authors' code do it.

    simulator: its episodes must end where supervised ones do, or the policy's mean has steps that the expert's has not.
    """

    def __init__(self, simulator: Simulator, n_steps: int, acting: Acting):
        self._simulator, self._n_steps, self._acting = simulator, n_steps, acting

    def observe(self, log: InterventionLog, *, kappa: float) -> int:
        """All expert and pseudo-expert steps."""
        self._expert = FeatureCounts.of(log.expert_features(kappa=kappa))
        return self._expert.steps

    def gradient(self, policy: Policy, *, seed: int) -> Float[np.ndarray, " features"]:
        """Eq. (8): mean over expert steps minus mean over the policy's."""
        rng = stream(seed, "sampling") if self._acting == "sampled" else None
        expectation = feature_expectation(policy, self._simulator, self._n_steps, seed=seed, rng=rng)
        return normalized_gradient(self._expert, expectation)


class Demonstrated(NamedTuple):
    """A segment, or the good-enough start of one, and the state of the simulator in which it began."""

    features: FeatureCounts
    obs: Float[np.ndarray, " obs"]
    state: Any  # the simulator's own


class FromSegmentStarts:
    """The policy's side are rollouts as long as the expert's segments, from the very states in which those began.

    Eq. (7) with the likelihood of each segment given its first state. `n_steps` bounds the steps of one estimate:
    beyond it, a random choice of segments stands for all, the same on both sides.

    run_seed: of the run, which its supervised episodes follow from; the simulator repeats them up to each segment.
    """

    def __init__(self, simulator: RewindableSimulator, n_steps: int, acting: Acting, *, run_seed: int):
        self._simulator, self._n_steps, self._acting, self._run_seed = simulator, n_steps, acting, run_seed
        self._segments: list[Demonstrated] = []
        self._known: dict[tuple[int, int], tuple[bytes, list[Demonstrated]]] = {}  # by round and episode
        simulator.reset(seed_for(run_seed, "segments"))

    def observe(self, log: InterventionLog, *, kappa: float) -> int:
        """Repeat the new episodes in the simulator, and keep the states in which their expert segments began.

        So are episodes in which something was taken back since.

        Raises:
            IncompatibleRun: the simulator does not lead where the supervised environment led.
        """
        self._segments = [
            segment
            for iteration, rollout in enumerate(log.rollouts)
            for segment in self._found(rollout, iteration, kappa)
        ]
        return sum(segment.features.steps for segment in self._segments)

    def _found(self, rollout: Rollout, iteration: int, kappa: float) -> list[Demonstrated]:
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
        """Segments of the episode that begins with step `first`."""
        iteration, episode = where
        visited = self._simulator.states_along(
            episode_seed(self._run_seed, iteration, episode),
            rollout.executed[first : wanted[-1].start],
            at=[segment.start - first for segment in wanted],
        )
        found: list[Demonstrated] = []
        for segment, (state, obs) in zip(wanted, visited, strict=True):
            if not np.array_equal(obs, rollout.obs[segment.start]):
                raise IncompatibleRun(
                    f"Round {iteration}, episode {episode}, step {segment.start - first}: the simulator does not "
                    "lead where the supervised environment led, so the policy cannot be tried from where the "
                    "expert took over. Use settings.inference.starts = 'episodes' for such a task."
                )
            steps = np.flatnonzero(good[segment.start : segment.stop]) + segment.start
            found.append(Demonstrated(FeatureCounts.of(rollout.features[steps]), rollout.obs[segment.start], state))
        return found

    def gradient(self, policy: Policy, *, seed: int) -> Float[np.ndarray, " features"]:
        """Eq. (7): what the expert did in each segment minus what the policy would do in its place, per step."""
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
        """Features of the policy, summed over rollouts from the segments' first states; nothing comes after an end."""
        simulator = self._simulator
        waiting = list(chosen)
        left = np.zeros(simulator.n_envs, int)  # steps to go in each environment's segment
        obs = np.repeat(waiting[0].obs[None], simulator.n_envs, axis=0)
        total = np.zeros(len(waiting[0].features.total))
        while True:
            for env in np.flatnonzero(left == 0)[: len(waiting)]:
                segment = waiting.pop()
                simulator.put(int(env), segment.state)
                obs[env], left[env] = segment.obs, segment.features.steps
            going = left > 0
            if not going.any():
                return total
            distribution = policy.distribution(obs)
            step = simulator.step(distribution.mode() if rng is None else distribution.sample(rng))
            total += step.features[going].sum(axis=0)
            left = np.where(step.terminated | step.truncated, 0, np.maximum(left - 1, 0))
            obs = step.obs.copy()
