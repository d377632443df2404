"""Expected features of a policy, estimated by rollouts in the simulator: the second term of Eq. (8)."""

import numpy as np

from mereq.core.policy import Policy
from mereq.core.simulator import Simulator
from mereq.irl.feature_counts import FeatureCounts


def feature_expectation(
    policy: Policy, simulator: Simulator, n_steps: int, *, seed: int, rng: np.random.Generator | None = None
) -> FeatureCounts:
    """Feature counts of a policy over n_steps unsupervised steps: E_policy[f(xi)] in Eq. (8) is their mean times T.

    Args:
        policy: acts in all environments.
        simulator: starts new episodes in all of its environments.
        n_steps: rounded up to a multiple of the number of environments.
        seed: of the episodes.
        rng: samples actions from the policy; None takes the most probable ones.
    """
    obs = simulator.reset(seed)
    steps: list[FeatureCounts] = []
    for _ in range(-(-n_steps // simulator.n_envs)):
        distribution = policy.distribution(obs)
        step = simulator.step(distribution.mode() if rng is None else distribution.sample(rng))
        steps.append(FeatureCounts.of(step.features))
        obs = step.obs
    return FeatureCounts.union(steps, len(steps[0].total))
