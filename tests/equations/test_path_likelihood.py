"""Path likelihood: against the enumeration of every path of a deterministic corridor."""

import numpy as np
import pytest

from exact import Paths, boltzmann, corridor_mdp, slope
from mereq.core.simulator import Step
from mereq.irl.estimators import Demonstrated
from mereq.irl.feature_counts import FeatureCounts
from mereq.irl.paths import PathEvidence, path_evidence
from toys import table_policy

ALPHA, START, STEPS = 0.5, 1, 5
MDP = corridor_mdp(slips_in_ten=0)
LOG_PRIOR = np.log(boltzmann(np.random.default_rng(0).normal(size=(12, 3)), 1.0))
PATHS = Paths.enumerate(MDP, LOG_PRIOR, START, STEPS)  # their rewards are log pi(xi)
CELLS = np.eye(12, dtype=np.float32)
THETA = np.array([0.4, -0.7, 0.3])


def shown(n):
    """Paths that do not depend on theta, as if a supervisor had shown them."""
    return np.random.default_rng(1).integers(len(PATHS.actions), size=n)


def enumerated(chosen):
    """Each path is one rollout of the policy that draws every path with the same probability."""
    log_weights = PATHS.rewards + np.log(len(PATHS.rewards))
    n = len(chosen)
    return PathEvidence(
        PATHS.features[chosen], np.stack([PATHS.features] * n), np.stack([log_weights] * n), temperature=ALPHA
    )


def exact(theta, chosen):
    """Sum of log p(xi|theta), without log pi(xi), which does not depend on theta."""
    return (PATHS.log_probabilities(theta / ALPHA) - PATHS.rewards)[chosen].sum()


def test_with_all_paths_it_is_exact_and_so_are_its_derivatives():
    chosen = shown(4)
    evidence = enumerated(chosen)
    thetas = np.stack([THETA, -THETA])
    np.testing.assert_allclose(evidence(thetas), [exact(theta, chosen) for theta in thetas], atol=1e-10)
    gradient = evidence.gradients(THETA).sum(axis=0)
    np.testing.assert_allclose(gradient, slope(lambda theta: exact(theta, chosen), THETA), atol=1e-6)
    rows = [slope(lambda theta: evidence.gradients(theta).sum(axis=0)[f], THETA) for f in range(3)]  # noqa: B023
    np.testing.assert_allclose(evidence.hessian(THETA), rows, atol=1e-6)


class DeterministicCorridor:
    """Simulator of the corridor without failing steps, whose state is the cell."""

    def __init__(self, n_envs):
        self.n_envs, self.cells = n_envs, np.zeros(n_envs, int)

    def reset(self, seed):
        return CELLS[self.cells]

    def states_along(self, seed, actions, *, at):
        return []

    def put(self, env, state):
        self.cells[env] = state

    def step(self, actions):
        features = MDP.features[self.cells, actions]
        self.cells = MDP.successors[self.cells, actions, 0]
        never = np.zeros(self.n_envs, bool)
        return Step(CELLS[self.cells], CELLS[self.cells], features, never, never)


@pytest.mark.parametrize("acting", [None, table_policy(np.zeros((12, 3)), 1.0)])
def test_rollouts_of_any_policy_with_its_weights_approach_it(acting):
    chosen = shown(2)
    segments = [Demonstrated(FeatureCounts(PATHS.features[i], STEPS), CELLS[START], START) for i in chosen]
    evidence = path_evidence(
        segments,
        DeterministicCorridor(1000),
        table_policy(LOG_PRIOR, 1.0),
        acting=acting,
        n=4000,
        temperature=ALPHA,
        rng=np.random.default_rng(2),
    )
    assert evidence(THETA[None])[0] == pytest.approx(exact(THETA, chosen), abs=0.15)
    at_zero, at_theta = (evidence.effective_rollouts(theta).min() for theta in (0 * THETA, THETA))
    assert at_theta < 4000
    if acting is None:
        assert at_zero == pytest.approx(4000)
