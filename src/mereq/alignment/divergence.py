"""Check that a learner has not diverged: its theta, its parameters and its policy are finite."""

import numpy as np
from jaxtyping import Float

from mereq.core.errors import LearnerDiverged
from mereq.core.policy import Policy
from mereq.maxent_rl.dqn import QPolicy
from mereq.maxent_rl.networks import MLP
from mereq.maxent_rl.sac import ActorPolicy

N_OBSERVATIONS = 64  # observations at which the policy is tried


def refuse_divergence(policy: Policy, theta: np.ndarray, obs: Float[np.ndarray, "n obs"], when: str) -> None:
    """Raise LearnerDiverged if theta, the parameters of a policy or its action distribution are not finite.

    Args:
        policy: a learned policy.
        theta: the inferred reward weights.
        obs: observations, of which the last ones are tried.
        when: when the learner was checked, such as "in round 2".
    """
    broken = {
        "theta": theta,
        "the policy's parameters": np.concatenate([part.ravel() for part in _parameters(policy)] or [np.zeros(0)]),
    }
    if all(np.isfinite(numbers).all() for numbers in broken.values()):
        broken = {"the policy's action distribution": policy.distribution(obs[-N_OBSERVATIONS:]).parameters}
    for name, numbers in broken.items():
        if not np.isfinite(numbers).all():
            raise LearnerDiverged(
                f"The learner diverged {when}: {name} became NaN or infinite. Everything before is recorded. Start a "
                "new run with smaller steps, such as settings.learner.learning_rate or settings.inference.step_size."
            )


def _parameters(policy: Policy) -> list[np.ndarray]:
    """Arrays of the networks of a policy of mereq's own classes; none of any other."""
    networks: list[MLP] = []
    if isinstance(policy, QPolicy):
        networks = [policy.q]
    elif isinstance(policy, ActorPolicy):
        networks = [policy.actor, *(policy.critics or ())]
    return [np.asarray(part) for network in networks for layer in network for part in (layer.weight, layer.bias)]
