"""Log-likelihood of reward weights, given whole segments of the supervisor's steps: the path likelihood.

    log p(xi | s, theta) = theta.F(xi) / alpha - log (1/N) sum_k w_k exp(theta.F(xi_k) / alpha) + const

F(xi) are the feature counts of a segment xi with the first state s, and xi_k are N rollouts of as many steps from s: of
the prior, with w_k = 1, or of any policy q, with w_k = prod_t pi(a_t|s_t) / q(a_t|s_t). It holds for a deterministic
simulator, alphahat = alpha and no discount. It needs no policy family. The rollouts represent other thetas well as long
as their weights w_k exp(theta.F(xi_k) / alpha) are not concentrated on a few of them (`effective_rollouts`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mereq.core.distribution import Categorical, ClippedGaussian, Distribution, SquashedGaussian
from mereq.core.errors import WrongPolicyOutput
from mereq.core.policy import Policy
from mereq.core.simulator import RewindableSimulator
from mereq.irl.estimators import Demonstrated


@dataclass(frozen=True)
class PathEvidence:
    """Feature counts of segments, and of rollouts in their place."""

    shown: Float[np.ndarray, "segments features"]  # F(xi)
    rollouts: Float[np.ndarray, "segments n features"]  # F(xi_k)
    log_weights: Float[np.ndarray, "segments n"]  # log w_k
    temperature: float  # alpha

    def log_likelihoods(self, theta: Float[np.ndarray, "m features"]) -> Float[np.ndarray, "segments m"]:
        """Log-likelihood of each segment under each theta."""
        scores = self.rollouts @ theta.T / self.temperature + self.log_weights[:, :, None]
        log_mean = np.logaddexp.reduce(scores, axis=1) - np.log(scores.shape[1])
        return self.shown @ theta.T / self.temperature - log_mean

    def __call__(self, theta: Float[np.ndarray, "m features"]) -> Float[np.ndarray, " m"]:
        """Log-likelihood of all segments, under each theta."""
        return self.log_likelihoods(theta).sum(axis=0)

    def _weights(self, theta: Float[np.ndarray, " features"]) -> Float[np.ndarray, "segments n"]:
        """Probability of each rollout under theta, among the rollouts of its segment."""
        scores = self.rollouts @ theta / self.temperature + self.log_weights
        return np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))

    def gradients(self, theta: Float[np.ndarray, " features"]) -> Float[np.ndarray, "segments features"]:
        """Gradient of each segment's log-likelihood: (F(xi) - E_theta[F]) / alpha."""
        expected = np.einsum("kn,knf->kf", self._weights(theta), self.rollouts)
        return (self.shown - expected) / self.temperature

    def hessian(self, theta: Float[np.ndarray, " features"]) -> Float[np.ndarray, "features features"]:
        """Hessian of the log-likelihood: -sum over segments of Cov_theta[F] / alpha^2. It is negative semidefinite."""
        weights = self._weights(theta)
        centred = self.rollouts - np.einsum("kn,knf->kf", weights, self.rollouts)[:, None]
        return -np.einsum("kn,knf,kng->fg", weights, centred, centred) / self.temperature**2

    def effective_rollouts(self, theta: Float[np.ndarray, " features"]) -> Float[np.ndarray, " segments"]:
        """Number of rollouts under theta that would be worth as much as those of each segment."""
        return 1.0 / (self._weights(theta) ** 2).sum(axis=1)


def path_evidence(
    segments: Sequence[Demonstrated],
    simulator: RewindableSimulator,
    prior: Policy,
    *,
    acting: Policy | None = None,
    n: int,
    temperature: float,
    rng: np.random.Generator,
) -> PathEvidence:
    """Evidence of segments, with rollouts from their first states.

    Args:
        segments: of the supervisor, with the simulator's states at their first steps.
        simulator: deterministic apart from the actions.
        prior: pi.
        acting: q, the policy of the rollouts; by default the prior.
        n: rollouts of each segment, rounded up to a multiple of the number of environments.
        temperature: alpha, the prior's.
        rng: of the actions.

    Raises:
        WrongPolicyOutput: a distribution has no log-probabilities.
    """
    batches = -(-n // simulator.n_envs)
    rollouts, log_weights = list[np.ndarray](), list[np.ndarray]()
    for segment in segments:
        made = [_rollouts(segment, simulator, prior, acting, rng) for _ in range(batches)]
        rollouts.append(np.concatenate([counts for counts, _ in made]))
        log_weights.append(np.concatenate([weights for _, weights in made]))
    shown = np.stack([segment.features.total for segment in segments])
    return PathEvidence(shown, np.stack(rollouts), np.stack(log_weights), temperature)


def _rollouts(
    segment: Demonstrated,
    simulator: RewindableSimulator,
    prior: Policy,
    acting: Policy | None,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "n features"], Float[np.ndarray, " n"]]:
    """Feature counts and log-weights of one rollout in each environment. One that ends early counts up to its end."""
    for env in range(simulator.n_envs):
        simulator.put(env, segment.state)
    obs = np.repeat(segment.obs[None], simulator.n_envs, axis=0)
    counts = np.zeros((simulator.n_envs, len(segment.features.total)))
    log_weights, going = np.zeros(simulator.n_envs), np.ones(simulator.n_envs, bool)
    for _ in range(segment.features.steps):
        given = prior.distribution(obs)
        actions, log_ratio = _drawn(given if acting is None else acting.distribution(obs), given, rng)
        log_weights += going * log_ratio
        step = simulator.step(actions)
        counts += going[:, None] * step.features
        going = going & ~(step.terminated | step.truncated)
        obs = step.obs
    return counts, log_weights


def _drawn(
    acting: Distribution, prior: Distribution, rng: np.random.Generator
) -> tuple[np.ndarray, Float[np.ndarray, " n"]]:
    """Actions drawn from `acting`, and log pi(a|s) - log q(a|s) of each."""
    if isinstance(acting, Categorical) and isinstance(prior, Categorical):
        actions = acting.sample(rng)
        log_ratio = np.take_along_axis(prior.log_probs - acting.log_probs, actions[:, None], axis=1)[:, 0]
        return actions, log_ratio
    if isinstance(acting, SquashedGaussian | ClippedGaussian) and isinstance(prior, type(acting)):
        noise = rng.standard_normal(acting.mean.shape)
        u = acting.mean + np.exp(acting.log_std) * noise  # a is the same function of u for both
        scaled = (u - prior.mean) / np.exp(prior.log_std)
        log_ratio = (0.5 * noise**2 + acting.log_std - 0.5 * scaled**2 - prior.log_std).sum(axis=1)
        return type(acting)(u.astype(np.float32), acting.log_std).mode(), log_ratio
    raise WrongPolicyOutput(
        f"The path likelihood needs log-probabilities of the prior's actions, and the prior gives a "
        f"{type(prior).__name__} distribution (the acting policy a {type(acting).__name__})."
    )
