"""Unsupervised rollouts of a policy: whole episodes in the simulator."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mereq.core.policy import Policy
from mereq.core.simulator import Simulator

EPISODES = 100  # of an evaluation
SEED = 20_000  # of an evaluation


@dataclass(frozen=True)
class Evaluation:
    """Whole episodes of a policy taking its most probable actions; steps of all episodes, one after another."""

    episode: np.ndarray  # (steps,) int
    next_obs: Float[np.ndarray, "steps obs"]
    features: Float[np.ndarray, "steps features"]
    terminated: np.ndarray  # (episodes,) bool: ended by a termination, not by the time limit
    measured: tuple[Any, ...]  # the task's measurements of each step of all environments; None where it has none

    def returns(self, theta: Float[np.ndarray, " features"]) -> Float[np.ndarray, " episodes"]:
        """Undiscounted return of each episode under the reward theta . f."""
        return np.bincount(self.episode, weights=self.features @ theta, minlength=len(self.terminated))

    @property
    def lengths(self) -> np.ndarray:
        """Number of steps of each episode."""
        return np.bincount(self.episode, minlength=len(self.terminated))


def evaluate(policy: Policy, simulator: Simulator, *, seed: int) -> Evaluation:
    """One episode in each of the simulator's environments, from its start to its end."""
    obs = simulator.reset(seed)
    running = np.ones(simulator.n_envs, bool)
    terminated = np.zeros(simulator.n_envs, bool)
    episodes, observations, features, measured = [], [], [], []
    while running.any():
        step = simulator.step(policy.distribution(obs).mode())
        episodes.append(np.flatnonzero(running))
        observations.append(step.next_obs[running])
        features.append(step.features[running])
        measured.append(step.measured)
        terminated |= running & step.terminated
        running &= ~(step.terminated | step.truncated)
        obs = step.obs
    return Evaluation(
        np.concatenate(episodes),
        np.concatenate(observations),
        np.concatenate(features),
        terminated,
        tuple(measured),
    )


def model_card(result: Evaluation, theta: np.ndarray, names: tuple[str, ...], more: dict[str, Any]) -> dict[str, Any]:
    """Model card of a policy: its whole unsupervised episodes in numbers, for JSON."""
    returns = result.returns(theta)
    return {
        "episodes": len(returns),
        "return_mean": round(float(returns.mean()), 4),
        "return_std": round(float(returns.std()), 4),
        "episode_length": round(float(result.lengths.mean()), 2),
        "terminated": round(float(result.terminated.mean()), 4),
        "mean_features": {n: round(float(v), 4) for n, v in zip(names, result.features.mean(axis=0), strict=True)},
        **more,
    }
