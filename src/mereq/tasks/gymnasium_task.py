"""Tasks made of Gymnasium environments with a `Discrete` or `Box` action space and a feature function."""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from jaxtyping import Float

from mereq.core.actions import Actions, Box, Discrete
from mereq.core.seeding import seed_for
from mereq.core.simulator import Step
from mereq.core.task import Task, checked_features

FeatureFunction = Callable[[Any, Any, Any, dict[str, Any]], Float[np.ndarray, " features"]]


def task_from_gymnasium(
    name: str, make: Callable[[], gym.Env], features: FeatureFunction, feature_names: tuple[str, ...]
) -> Task:
    """Task made of a Gymnasium environment.

    The learner sees observations flattened to float32 (a `Discrete` observation becomes one-hot). Its continuous
    actions are between -1 and 1 in each coordinate, and are scaled to the lower and upper limit of the `Box`.

    Args:
        name: of the task in the run store and in figures.
        make: returns a new environment, such as `lambda: gym.make("CartPole-v1")`. Its reward is not used.
        features: `features(obs, action, next_obs, info) -> (n_features,)`, with the environment's own observations
            (not flattened), the action as the learner takes it, and the info of the step. Dimensionless numbers
            between 0 and 1 work best.
        feature_names: one name per feature.

    Raises:
        ValueError: the action space is neither a `Discrete` that starts at 0 nor a flat `Box` with finite limits.
    """
    probe = make()
    actions = _actions(name, probe.action_space)
    obs_size = spaces.flatdim(probe.observation_space)
    probe.close()

    def make_one() -> gym.Env:
        return FlatWithFeatures(make(), features, feature_names)

    return Task(name, feature_names, obs_size, actions, make_one, lambda n: GymnasiumSimulator(make_one, n))


def _actions(name: str, space: spaces.Space) -> Actions:
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return Discrete(int(space.n))
    if isinstance(space, spaces.Box) and len(space.shape) == 1 and space.is_bounded():
        low, high = (tuple(limit.astype(float).tolist()) for limit in (space.low, space.high))
        return Box(space.shape[0], low, high)
    raise ValueError(
        f"task {name!r} has the action space {space}; there are learners for Discrete(n) starting at 0, and for a flat "
        "Box with finite limits"
    )


class FlatWithFeatures(gym.Wrapper):
    """Wrapper that adds the features to `info`, flattens observations to float32, and takes actions in [-1, 1]."""

    def __init__(self, env: gym.Env, features: FeatureFunction, feature_names: tuple[str, ...]):
        super().__init__(env)
        self._features, self._names = features, feature_names
        size = spaces.flatdim(env.observation_space)
        self.observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode."""
        self._obs, info = self.env.reset(seed=seed, options=options)
        return self._flat(self._obs), info

    def step(self, action: Any):
        """Execute an action."""
        next_obs, reward, terminated, truncated, info = self.env.step(self._executed(action))
        features = np.asarray(self._features(self._obs, action, next_obs, info), np.float64)
        if features.shape != (len(self._names),):
            raise ValueError(
                f"the feature function returned an array of shape {features.shape}; "
                f"with the names {', '.join(self._names)} it must be ({len(self._names)},)"
            )
        self._obs = next_obs
        info = {**info, "features": checked_features(features, self._names)}
        return self._flat(next_obs), reward, terminated, truncated, info

    def _executed(self, action: Any) -> Any:
        """Action in the environment's own action space."""
        space = self.env.action_space
        if not isinstance(space, spaces.Box):
            return int(action)
        share = (np.clip(np.asarray(action, np.float64), -1.0, 1.0) + 1.0) / 2.0
        return ((1.0 - share) * space.low + share * space.high).astype(space.dtype)  # exact at the limits

    def _flat(self, obs: Any) -> np.ndarray:
        return np.asarray(spaces.flatten(self.env.observation_space, obs), np.float32)


class GymnasiumSimulator:
    """Simulator of n Gymnasium environments, stepped in turn. After an end, a new episode starts in the same step."""

    def __init__(self, make: Callable[[], gym.Env], n_envs: int):
        self.n_envs = n_envs
        self._envs = [make() for _ in range(n_envs)]
        self._lone = make()

    def reset(self, seed: int) -> Float[np.ndarray, "n obs"]:
        """Start new episodes in all environments."""
        return np.stack([env.reset(seed=seed_for(seed, "env", i))[0] for i, env in enumerate(self._envs)])

    def step(self, actions: np.ndarray) -> Step:
        """Execute one action per environment."""
        next_obs, obs, features, terminated, truncated = [], [], [], [], []
        for env, action in zip(self._envs, actions, strict=True):
            reached, _, ended, cut, info = env.step(action)
            next_obs.append(reached)
            features.append(info["features"])
            terminated.append(bool(ended))
            truncated.append(bool(cut))
            obs.append(env.reset()[0] if ended or cut else reached)
        return Step(np.stack(next_obs), np.stack(obs), np.stack(features), np.array(terminated), np.array(truncated))

    def states_along(
        self, seed: int, actions: np.ndarray, *, at: Sequence[int]
    ) -> list[tuple[tuple[int, np.ndarray], Float[np.ndarray, " obs"]]]:
        """States and observations along the episode that starts with `seed` and executes the actions.

        The state of a general environment cannot be saved. It is restored by repeating the episode from its start.
        """
        done, found = 0, []
        obs, _ = self._lone.reset(seed=seed)
        for wanted in at:
            for action in actions[done:wanted]:
                obs, *_ = self._lone.step(action)
            found.append(((seed, actions[:wanted].copy()), np.array(obs)))
            done = wanted
        return found

    def put(self, env: int, state: tuple[int, np.ndarray]) -> None:
        """Continue one environment from a state that `states_along` returned."""
        seed, actions = state
        self._envs[env].reset(seed=seed)
        for action in actions:
            self._envs[env].step(action)
