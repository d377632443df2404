"""Policies made of a callable that returns a clipped normal, one action, or random actions.

`mereq.core.policy` has those made of logits, and of a normal before a tanh.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Actions, Box, Discrete
from mereq.core.distribution import Categorical, ClippedGaussian, WeightedSamples
from mereq.core.errors import WrongPolicyOutput, WrongTask, WrongValue
from mereq.core.policy import check_count
from mereq.core.ranges import POSITIVE_SHARE, SHARE


@dataclass(frozen=True)
class ClippedGaussianPolicy:
    """Continuous policy made of a callable `obs (n, obs) -> mean, log_std (n, actions)` of a normal that is clipped.

    Mean and log-std are those of the action itself, in the environment's units, as PPO and A2C of most libraries
    return them. The deterministic action is the mean, clipped to the limits.

    Raises:
        WrongPolicyOutput: from `distribution`, when the callable returns values that are not finite, or an array whose
            shape is not (n, n_actions).
    """

    mean_and_log_std: Callable[
        [Float[np.ndarray, "n obs"]], tuple[Float[np.ndarray, "n actions"], Float[np.ndarray, "n actions"]]
    ]
    low: Float[np.ndarray, " actions"]  # limits of the environment's action space
    high: Float[np.ndarray, " actions"]

    def __post_init__(self):
        for name in ("low", "high"):
            object.__setattr__(self, name, np.array(getattr(self, name), np.float64, ndmin=1))
        low, high = self.low, self.high
        if low.ndim != 1 or low.shape != high.shape or not (np.isfinite(low) & np.isfinite(high) & (low < high)).all():
            raise WrongValue(
                "The limits of a ClippedGaussianPolicy are those of the environment's action space, two vectors of "
                f"finite numbers, the lower ones first; they are {low} and {high}."
            )

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> ClippedGaussian:
        """Clipped Gaussian of the callable's mean and log-std, scaled so that the limits are -1 and 1."""
        mean, log_std = _checked_normal(self.mean_and_log_std(np.array(obs)), len(obs), len(self.low))
        actions = Box(len(self.low), tuple(map(float, self.low)), tuple(map(float, self.high)))
        low, high = actions.limits
        log_std = log_std + np.log(2.0 / (high - low))
        return ClippedGaussian(actions.from_units(mean).astype(np.float32), log_std.astype(np.float32))


@dataclass(frozen=True)
class DeterministicPolicy:
    """Policy made of a callable `obs (n, obs) -> actions`: TD3, DDPG, a script, a model-predictive controller.

    Alignment needs to know how far the policy may be left: a policy that gives every other action the probability 0
    cannot be changed. `noise` says so. Of finitely many actions, it is the probability of a uniformly random one. Of
    continuous actions, it is the standard deviation of normal noise in each coordinate, as a share of half the range
    between the limits, clipped.

    Raises:
        WrongPolicyOutput: from `distribution`, when the callable returns no action of this task for each observation.
    """

    action: Callable[[Float[np.ndarray, "n obs"]], np.ndarray]  # integers, or (n, actions) in the environment's units
    actions: Actions
    noise: float = 0.1

    def __post_init__(self):
        if not POSITIVE_SHARE.holds(self.noise):
            raise WrongValue(
                f"The noise of a deterministic policy must be {POSITIVE_SHARE.words}; it is {self.noise!r}."
            )

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> Categorical | ClippedGaussian:
        """The callable's actions, with noise."""
        found = _checked_actions(self.action(np.array(obs)), len(obs), self.actions)
        if isinstance(self.actions, Discrete):
            return Categorical(_mixed(Categorical.from_samples(found[:, None], self.actions.n).log_probs, self.noise))
        mean = self.actions.from_units(found).astype(np.float32)
        return ClippedGaussian(mean, np.full_like(mean, np.log(self.noise)))


@dataclass(frozen=True)
class SampledPolicy:
    """Policy made of a callable `sample(obs (n, obs), rng) -> actions` that draws one action per observation.

    For policies without probabilities: diffusion, flow matching, ACT, a vision-language-action model, a stochastic
    script. Its random numbers must come from `rng`, a NumPy generator. That is seeded from the observations, so that
    equal observations lead to equal draws, and a resumed run to the same steps.

    An aligned policy chooses among drawn actions only. `noise` widens them: it is the probability that an action is
    replaced by a uniformly random one; of continuous actions the standard deviation of normal noise in each coordinate,
    where the range between the limits is 2. The first policy acts with this noise, too.

    Raises:
        WrongPolicyOutput: from `distribution`, when the callable returns no action of this task for each observation.
    """

    sample: Callable[[Float[np.ndarray, "n obs"], np.random.Generator], np.ndarray]  # in the environment's units
    actions: Actions
    n_samples: int = 32  # actions drawn per observation
    noise: float = 0.0

    def __post_init__(self):
        check_count("n_samples of a policy known by samples", self.n_samples)
        if not SHARE.holds(self.noise):
            raise WrongValue(f"The noise of a policy known by samples must be {SHARE.words}; it is {self.noise!r}.")

    def distribution(self, obs: Float[np.ndarray, "n obs"]) -> Categorical | WeightedSamples:
        """Empirical distribution of `n_samples` actions per observation."""
        digest = hashlib.sha256(np.ascontiguousarray(obs).tobytes()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:16], "little"))
        n = len(obs) * self.n_samples
        drawn = _checked_actions(self.sample(np.repeat(obs, self.n_samples, axis=0), rng), n, self.actions)
        if isinstance(self.actions, Discrete):
            shares = Categorical.from_samples(drawn.reshape(len(obs), self.n_samples), self.actions.n)
            return shares if self.noise == 0 else Categorical(_mixed(shares.log_probs, self.noise))
        actions = self.actions.from_units(drawn) + self.noise * rng.standard_normal(drawn.shape)
        actions = np.clip(actions, -1.0, 1.0).astype(np.float32)
        rows = actions.reshape(len(obs), self.n_samples, self.actions.size)
        return WeightedSamples(rows, np.zeros(rows.shape[:2], np.float32), rng.random(len(obs)))


def check_limits(policy: Any, actions: Actions) -> None:
    """Refuse a policy in units of its own whose limits are not those of the task's actions.

    Raises:
        WrongTask: the limits differ, so that each action would be stretched.
    """
    if isinstance(policy, ClippedGaussianPolicy):
        size = len(policy.low)
        limits = policy.low, policy.high
    elif isinstance(policy, DeterministicPolicy | SampledPolicy) and isinstance(policy.actions, Box):
        size, limits = policy.actions.size, policy.actions.limits
    else:
        return
    if not isinstance(actions, Box) or size != actions.size:
        return  # which its distribution will show
    if not all(np.allclose(one, other, rtol=1e-5) for one, other in zip(limits, actions.limits, strict=True)):
        raise WrongTask(
            f"The prior was made for actions from {limits[0]} to {limits[1]}, and the task's reach from "
            f"{actions.limits[0]} to {actions.limits[1]}: each of its actions would be stretched. Give it the limits "
            "of the task's own action space, such as task.actions."
        )


def _mixed(log_probs: Float[np.ndarray, "n actions"], noise: float) -> Float[np.ndarray, "n actions"]:
    """Log-probabilities after a share `noise` of uniformly random actions."""
    return np.log((1.0 - noise) * np.exp(log_probs.astype(np.float64)) + noise / log_probs.shape[1])


def _checked_normal(answer: Any, n: int, n_actions: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and log-std as float64, after a check of their shapes and values."""
    if not isinstance(answer, tuple | list) or len(cast(Any, answer)) != 2:
        raise WrongPolicyOutput(
            f"The policy answered with a {type(cast(Any, answer)).__name__}; it must return a pair, mean and log-std, "
            f"each of shape {(n, n_actions)}."
        )
    mean, log_std = (np.asarray(part, np.float64) for part in cast(Any, answer))
    wanted = (n, n_actions)
    if mean.shape != wanted or log_std.shape != wanted:
        raise WrongPolicyOutput(
            f"The policy answered {n} observations with a mean of shape {mean.shape} and a log-std of shape "
            f"{log_std.shape}; for the {n_actions} actions of this task both must be {wanted}."
        )
    if not (np.isfinite(mean).all() and np.isfinite(log_std).all()):
        raise WrongPolicyOutput(
            "The policy answered with a NaN or infinite mean or log-std. Return finite numbers; for a policy "
            "without noise a log-std such as -3."
        )
    return mean, log_std


def _checked_actions(answer: Any, n: int, actions: Actions) -> np.ndarray:
    """Actions that a policy returned, after a check of their shape and values: integers, or float64."""
    found = np.asarray(answer)
    if isinstance(actions, Discrete):
        found = found[:, 0] if found.shape == (n, 1) else found
        if found.shape != (n,) or found.dtype.kind not in "iu" or not ((found >= 0) & (found < actions.n)).all():
            raise WrongPolicyOutput(
                f"The policy answered {n} observations with {found.dtype} numbers of shape {found.shape}"
                f"{_range_of(found)}; it must return {n} integers from 0 to {actions.n - 1}, one action each."
            )
        return found
    if found.shape != (n, actions.size) or found.dtype.kind not in "fiu" or not np.isfinite(found).all():
        raise WrongPolicyOutput(
            f"The policy answered {n} observations with {found.dtype} numbers of shape {found.shape}"
            f"{_range_of(found)}; it must return finite actions of shape {(n, actions.size)}, in the environment's "
            "units."
        )
    return found.astype(np.float64)


def _range_of(found: np.ndarray) -> str:
    if found.dtype.kind not in "fiu" or found.size == 0:
        return ""
    return f" between {found.min():g} and {found.max():g}"
