"""Eqs. (6)-(8): the residual likelihood's gradient, against finite differences of its enumeration.

L(theta_R) = sum_k [ r(xi_k) + theta_R . f(xi_k) - log Z_k(theta_R) ], where Z_k runs over all paths of xi_k's length
from xi_k's first state, on a deterministic, undiscounted corridor.
"""

import itertools

import numpy as np
import pytest

from exact import MDP, Paths, boltzmann, corridor_mdp, slope
from mereq.irl.expectation import feature_expectation
from mereq.irl.feature_counts import FeatureCounts
from mereq.irl.gradient import log_likelihood_gradient, normalized_gradient
from toys import TabularSimulator, table_policy

pytestmark = pytest.mark.paper(
    "Eqs. (6)-(7) residual likelihood and its gradient",
    "Eq. (8) expectation by rollouts",
    "Eq. (8), rollouts from new episodes",
    "Alg. 1, l. 7 gradient per expert step",
)

MDP_ = corridor_mdp(length=3, slips_in_ten=0)
R = np.random.default_rng(0).normal(size=(6, 3))  # the prior's reward, which the method never sees
THETA = np.array([0.3, 0.7, -0.4])
# expert segments: (first state, actions)
SEGMENTS = [(3, (1, 0)), (0, (0, 0, 2)), (3, (2, 1, 1, 0)), (4, (0,)), (0, (2, 2, 0, 1, 1))]


def features_along(start: int, actions) -> np.ndarray:
    state, features = start, []
    for action in actions:
        features.append(MDP_.features[state, action])
        state = MDP_.successors[state, action, 0]
    return np.array(features)


def log_likelihood(theta: np.ndarray, segments, reward=R) -> float:
    """Eq. (6), enumerated."""
    total = 0.0
    for start, actions in segments:
        paths = Paths.enumerate(MDP_, reward, start, len(actions))
        (chosen,) = np.flatnonzero((paths.actions == actions).all(axis=1))
        total += paths.log_probabilities(theta)[chosen]
    return total


@pytest.mark.parametrize("theta", [np.zeros(3), THETA, -3 * THETA])
def test_eq7_is_the_slope_of_eq6(theta):
    """Segment by segment, with the exact expectation over the paths each could have been."""
    gradient = sum(
        log_likelihood_gradient(
            FeatureCounts.of(features_along(start, actions)),
            FeatureCounts(Paths.enumerate(MDP_, R, start, len(actions)).expected_features(theta), len(actions)),
        )
        for start, actions in SEGMENTS
    )
    np.testing.assert_allclose(gradient, slope(lambda t: log_likelihood(t, SEGMENTS), theta), rtol=1e-7, atol=1e-7)


def test_the_priors_reward_is_in_the_expectation_only():
    """Dropping r from the policy's side (the naive MaxEnt expectation) is not the slope of Eq. (6)."""
    segments = [(3, (1, 0, 0)), (3, (2, 2, 1))]
    expert = FeatureCounts.union([FeatureCounts.of(features_along(*s)) for s in segments], 3)
    expected = slope(lambda t: log_likelihood(t, segments), THETA)
    with_r = FeatureCounts(Paths.enumerate(MDP_, R, 3, 3).expected_features(THETA), 3)
    without_r = FeatureCounts(Paths.enumerate(MDP_, 0 * R, 3, 3).expected_features(THETA), 3)
    np.testing.assert_allclose(log_likelihood_gradient(expert, with_r), expected, rtol=1e-7, atol=1e-7)
    assert np.abs(log_likelihood_gradient(expert, without_r) - expected).max() > 0.1


@pytest.mark.parametrize("rollout_length", [1, 4, 6])
def test_eq8_is_exact_where_steps_are_alike(rollout_length):
    """|xi_k| / T scales one rollout's expectation to every segment: no approximation if r and f depend on a only."""
    r, f = np.random.default_rng(1).normal(size=3), np.random.default_rng(2).normal(size=(3, 3))
    bandit = MDP(np.zeros((1, 3, 1), int), np.array([False]), f[None])
    segments = [(0,), (2, 2, 1), (1, 0, 0, 2), (0, 1)]

    def likelihood(theta):
        scores = r + f @ theta
        log_p = scores - np.logaddexp.reduce(scores)
        return sum(log_p[a] for segment in segments for a in segment)

    rollout = Paths.enumerate(bandit, r[None], 0, rollout_length)  # T steps
    gradient = log_likelihood_gradient(
        FeatureCounts.union([FeatureCounts.of(f[list(segment)]) for segment in segments], 3),
        FeatureCounts(rollout.expected_features(THETA), rollout_length),
    )
    np.testing.assert_allclose(gradient, slope(likelihood, THETA), rtol=1e-7, atol=1e-7)


def finite_horizon(horizon: int) -> tuple[MDP, np.ndarray]:
    """The corridor with time in its state, and its undiscounted soft-optimal Q under r + theta . f."""
    n = MDP_.n_states
    reward = R + MDP_.features @ THETA
    q, value = np.zeros((horizon, n, 3)), np.zeros(n)
    for t in reversed(range(horizon)):
        q[t] = reward + value[MDP_.successors[:, :, 0]]
        value = np.logaddexp.reduce(q[t], axis=-1)
    later = [(MDP_.successors + n * ((t + 1) % horizon)) for t in range(horizon)]
    timed = MDP(np.concatenate(later), np.zeros(horizon * n, bool), np.tile(MDP_.features, (horizon, 1, 1)))
    return timed, q.reshape(-1, 3)


def test_rollouts_of_the_soft_optimal_policy_estimate_the_expectation():
    """Eq. (8): the max-ent policy under r + theta . f draws paths with the probabilities of Eq. (6)."""
    horizon, n_steps = 4, 24_000
    timed, q = finite_horizon(horizon)
    simulator = TabularSimulator(timed, 60, limits=[horizon], starts=[3])
    sampled = feature_expectation(table_policy(q, 1.0), simulator, n_steps, seed=0, rng=np.random.default_rng(0))
    paths = Paths.enumerate(MDP_, R, 3, horizon)
    p = np.exp(paths.log_probabilities(THETA))
    mean = p @ paths.features
    deviation = np.sqrt(p @ (paths.features - mean) ** 2 / (n_steps / horizon))  # of the mean over episodes
    assert sampled.steps == n_steps
    assert (np.abs(sampled.mean * horizon - mean) < 4 * deviation).all()
    assert (deviation < 0.02).all()  # the check is sharp


def test_without_a_generator_the_most_probable_actions_are_taken():
    """Decision: the policy mean of a discrete policy is greedy. One episode, followed by hand; steps are rounded up."""
    horizon = 4
    timed, q = finite_horizon(horizon)
    state, total = 3, np.zeros(3)
    for _ in range(horizon):
        action = boltzmann(q[state], 1.0).argmax()
        total += timed.features[state, action]
        state = timed.successors[state, action, 0]
    counts = feature_expectation(
        table_policy(q, 1.0), TabularSimulator(timed, 8, limits=[horizon], starts=[3]), 25, seed=0
    )
    assert counts.steps == 32
    np.testing.assert_allclose(counts.total, 8 * total, atol=1e-12)


def test_matching_features_end_the_ascent():
    """Where the policy's mean features equal the expert's, both forms of the gradient vanish."""
    expert = FeatureCounts.of(features_along(0, (0, 0, 2)))
    policy = FeatureCounts(expert.mean * 7, 7)
    np.testing.assert_allclose(log_likelihood_gradient(expert, policy), 0.0, atol=1e-12)
    np.testing.assert_allclose(normalized_gradient(expert, policy), 0.0, atol=1e-12)


def test_paths_are_all_there():
    """The reference itself: 3^n different action sequences, with probabilities that sum to one."""
    for length in range(1, 5):
        paths = Paths.enumerate(MDP_, R, 3, length)
        assert set(map(tuple, paths.actions)) == set(itertools.product(range(3), repeat=length))
        assert np.exp(paths.log_probabilities(THETA)).sum() == pytest.approx(1.0, abs=1e-12)
