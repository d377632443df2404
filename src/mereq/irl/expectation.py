"""The policy's side of the gradient: its expected features, from rollouts in the simulator. Eq. (8)."""

import numpy as np

from mereq.core.policy import Policy
from mereq.core.simulator import Simulator
from mereq.irl.feature_counts import FeatureCounts


def feature_expectation(
    policy: Policy, simulator: Simulator, n_steps: int, *, seed: int, rng: np.random.Generator | None = None
) -> FeatureCounts:
    """Feature counts of a policy over n_steps unsupervised steps: E_policy[f(xi)] in Eq. (8) is their mean times T.

    With a generator actions are sampled from the policy; without one the most probable action is taken.
    The environments start new episodes; n_steps is rounded up to a multiple of their number.
    """
    obs = simulator.reset(seed)
    steps: list[FeatureCounts] = []
    for _ in range(-(-n_steps // simulator.n_envs)):
        distribution = policy.distribution(obs)
        step = simulator.step(distribution.mode() if rng is None else distribution.sample(rng))
        steps.append(FeatureCounts.of(step.features))
        obs = step.obs
    return FeatureCounts.union(steps, len(steps[0].total))
