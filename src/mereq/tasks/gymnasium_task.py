"""Any Gymnasium environment with a finite or a box of actions as a task, given a function for its features."""

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
    """Make a task of a Gymnasium environment.

    Args:
        name: how the run store and the figures call it.
        make: makes a new environment, e.g. `lambda: gym.make("CartPole-v1")`. Its reward is never looked at.
        features: `features(obs, action, next_obs, info) -> (n_features,)`, with the environment's own observations
            (not flattened), the action as the learner takes it, and the info of the step. Dimensionless numbers
            between 0 and 1 work best.
        feature_names: one name per feature.

    The learner sees observations flattened to float32 (a `Discrete` observation becomes one-hot), and actions of a
    `Box` between -1 and 1 in each coordinate, which stand for its lower and upper limit.

    Raises:
        ValueError: when the action space is neither `Discrete` nor a flat `Box` with limits.
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
        return Box(space.shape[0])
    raise ValueError(
        f"task {name!r} has the action space {space}; there are learners for Discrete(n) starting at 0, and for a flat "
        "Box with finite limits"
    )


class FlatWithFeatures(gym.Wrapper):
    """Puts the features of each step into `info`, flattens observations to float32, and takes actions in [-1, 1]."""

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
        """The action as the environment wants it."""
        space = self.env.action_space
        if not isinstance(space, spaces.Box):
            return int(action)
        share = (np.clip(np.asarray(action, np.float64), -1.0, 1.0) + 1.0) / 2.0
        return ((1.0 - share) * space.low + share * space.high).astype(space.dtype)  # at the ends exactly

    def _flat(self, obs: Any) -> np.ndarray:
        return np.asarray(spaces.flatten(self.env.observation_space, obs), np.float32)


class GymnasiumSimulator:
    """n Gymnasium environments stepped one after the other; an episode that ends starts anew within the same step."""

    def __init__(self, make: Callable[[], gym.Env], n_envs: int):
        self.n_envs = n_envs
        self._envs = [make() for _ in range(n_envs)]
        self._lone = make()

    def reset(self, seed: int) -> Float[np.ndarray, "n obs"]:
        """Start new episodes everywhere."""
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
        """States and observations of the episode of `seed` after so many of the actions.

        An environment that we know nothing of has no state to be saved: it is brought back by doing it all again.
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
        """Let one environment go on from a state."""
        seed, actions = state
        self._envs[env].reset(seed=seed)
        for action in actions:
            self._envs[env].step(action)
