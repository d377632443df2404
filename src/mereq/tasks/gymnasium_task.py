"""Tasks made of Gymnasium environments with a `Discrete` or `Box` action space and a feature function."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, Literal, NamedTuple, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from jaxtyping import Float

from mereq.core.border import as_features, checked_observation, ended, failed, reset_parts, step_parts
from mereq.core.errors import MereqError, WrongTask
from mereq.core.seeding import seed_for
from mereq.core.simulator import Step, close
from mereq.core.task import Task
from mereq.tasks.spaces import actions_of, check_environment, is_finite_set, kept, name_of_coordinate, obs_size_of

FeatureFunction = Callable[[Any, Any, Any, dict[str, Any]], Float[np.ndarray, " features"]]
Saving = Literal["replay", "deepcopy", "state"]


def task_from_gymnasium(
    name: str,
    make: Callable[[], gym.Env],
    features: FeatureFunction,
    feature_names: tuple[str, ...],
    *,
    saving: Saving = "replay",
) -> Task:
    """Task made of a Gymnasium environment.

    The learner sees observations flattened to float32 (a `Discrete` observation becomes one-hot). Its continuous
    actions are between -1 and 1 in each coordinate, and are scaled to the lower and upper limit of the `Box`.

    Args:
        name: of the task in the run store and in figures.
        make: returns a new environment, such as `lambda: gym.make("CartPole-v1")`. Its reward is not used.
        features: `features(obs, action, next_obs, info) -> (n_features,)`, with the environment's own observations
            (not flattened, and not to be changed), the action as the learner takes it, and the info of the step.
            Dimensionless numbers between 0 and 1 work best.
        feature_names: one name per feature.
        saving: how a state is saved, to continue from it later. "replay": by repeating the episode from its seed.
            "deepcopy": by a copy of the environment, which is faster if episodes are long; only for environments in
            pure Python that `copy.deepcopy` copies completely. "state": by the methods `get_state()` and
            `set_state(state)` of what `make` returns, which include its random numbers and its wrappers' counts.
            `mereq check` tries them.

    Raises:
        WrongTask: `make` returns no Gymnasium environment, there is no learner for its actions, or its observations
            have a part that is not numeric.
    """
    if not callable(make):
        raise WrongTask(
            f"The task {name} needs a function that makes a new environment at every call, and got a "
            f"{type(make).__name__}: task_from_gymnasium(name, lambda: gymnasium.make(...), ...)."
        )
    if isinstance(feature_names, str) or not feature_names:
        raise WrongTask(
            f'The task {name} needs a tuple with one name for each feature, such as ("speed",); got {feature_names!r}.'
        )
    probe = made(make, name, "its first environment")
    check_environment(probe, name)
    actions, obs_size = actions_of(name, probe.action_space), obs_size_of(name, probe.observation_space)
    if saving == "state" and not all(hasattr(type(probe), method) for method in ("get_state", "set_state")):
        raise WrongTask(
            f'The task {name} has saving="state", but what `make` returns, a {type(probe).__name__}, has no '
            "get_state() and set_state(state). Add them to the outermost wrapper."
        )
    probe.close()

    def make_one() -> gym.Env:
        return FlatWithFeatures(make(), features, tuple(feature_names), name)

    return Task(
        name,
        tuple(feature_names),
        obs_size,
        actions,
        make_one,
        lambda n: GymnasiumSimulator(make_one, n, name=name, saving=saving),
    )


def made(make: Callable[[], Any], name: str, which: str) -> Any:
    """A new environment.

    Args:
        make: makes it.
        name: of the task.
        which: which environment it is, for the message.

    Raises:
        OwnCodeFailed: `make` raised an exception.
    """
    try:
        return make()
    except MereqError:
        raise
    except Exception as error:
        more = (
            "A run needs several environments at once: one that is supervised, settings.schedule.n_envs for training, "
            "settings.inference.sample_envs for estimates, and one to repeat episodes; `mereq check` counts them."
        )
        raise failed(f"The task {name} could not make {which}", error, more) from error


class FlatWithFeatures(gym.Wrapper):
    """Wrapper that adds the features to `info`, flattens observations to float32, and takes actions in [-1, 1].

    What the environment and the feature function return is copied and checked.
    """

    def __init__(
        self, env: gym.Env, features: FeatureFunction, feature_names: tuple[str, ...], name: str = "of this environment"
    ):
        super().__init__(env)
        self._features, self._names, self._name = features, feature_names, name
        self._inner, self._acts = env.observation_space, env.action_space
        size = spaces.flatdim(self._inner)
        self._name_of = partial(name_of_coordinate, self._inner)
        self.observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self._size, self._is_finite_set = size, is_finite_set(self._inner)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode."""
        try:
            answer = self.env.reset(seed=seed, options=options)
        except Exception as error:
            raise failed(f"The environment of the task {self._name} failed in reset()", error) from error
        obs, info = reset_parts(answer, self._name)
        flat = self._flat(obs)
        self._obs = kept(obs)
        return flat, info

    def step(self, action: Any):
        """Execute an action."""
        try:
            answer = self.env.step(self._executed(action))
        except Exception as error:
            raise failed(f"The environment of the task {self._name} failed in step()", error) from error
        obs, reward, terminated, truncated, info = step_parts(answer, self._name)
        flat, next_obs = self._flat(obs), kept(obs)
        try:
            features = self._features(self._obs, kept(action), next_obs, info)
        except Exception as error:
            raise failed(f"The feature function of the task {self._name} failed", error) from error
        self._obs = next_obs
        info = {**info, "features": as_features(features, self._name, self._names)}
        over, cut = ended(terminated, "terminated", self._name), ended(truncated, "truncated", self._name)
        return flat, reward, over, cut, info

    def save(self) -> tuple[Any, Any]:
        """State of an environment that has `get_state` and `set_state`."""
        return deepcopy(cast(Any, self.env).get_state()), self._obs

    def restore(self, state: tuple[Any, Any]) -> None:
        """Continue from a state that `save` returned."""
        inside, self._obs = state
        cast(Any, self.env).set_state(deepcopy(inside))

    def _executed(self, action: Any) -> Any:
        """Action in the environment's own action space, and its type."""
        space = self._acts
        if isinstance(space, spaces.Discrete):
            return space.dtype.type(int(action) + space.start)
        assert isinstance(space, spaces.Box)
        share = (np.clip(np.asarray(action, np.float64), -1.0, 1.0) + 1.0) / 2.0
        scaled = (1.0 - share) * space.low + share * space.high  # exact at the limits
        return (np.rint(scaled) if space.dtype.kind in "iu" else scaled).astype(space.dtype)

    def _flat(self, obs: Any) -> np.ndarray:
        """The observation as the learner sees it.

        Raises:
            WrongTask: it is not of the observation space, or not finite.
        """
        if self._is_finite_set and not self._inner.contains(obs):
            raise WrongTask(self._not_of_its_space(obs))
        try:
            flat = spaces.flatten(self._inner, obs)
        except Exception as error:
            raise WrongTask(self._not_of_its_space(obs)) from error
        if getattr(flat, "shape", None) != (self._size,):
            raise WrongTask(self._not_of_its_space(obs))
        return checked_observation(np.asarray(flat, np.float32), self._size, self._name, self._name_of)

    def _not_of_its_space(self, obs: Any) -> str:
        shown = f"an array of shape {obs.shape} and type {obs.dtype}" if isinstance(obs, np.ndarray) else repr(obs)[:80]
        return (
            f"An observation of the task {self._name} is {shown}, which is not of its observation space {self._inner}. "
            "Declare the space of what reset() and step() return."
        )


class Saved(NamedTuple):
    """A state of a Gymnasium environment: how to restore it."""

    seed: int  # of the episode
    actions: np.ndarray  # executed so far
    state: Any = None  # of an environment that can be saved: its own state, or a copy of it


def later_seed(first: int, number: int) -> int:
    """Seed of the episode that follows `number` episodes after the one that started with the seed `first`."""
    return seed_for(first, "later episode", number)


class _Row(NamedTuple):
    """One environment's row of a `Step`."""

    next_obs: np.ndarray
    obs: np.ndarray
    features: np.ndarray
    terminated: bool
    truncated: bool


class GymnasiumSimulator:
    """Simulator of n Gymnasium environments, stepped in turn. After an end, a new episode starts in the same step.

    Environments are made when they are first needed, and closed by `close`; afterwards new ones can be made. The seed
    of every episode is a function of the simulator's seed, the environment and the number of the episode: an
    environment may reseed itself identically, or not at all, when it is reset without one.

    Args:
        make: makes an environment.
        n_envs: number of environments that `step` advances.
        name: of the task, for messages.
        saving: how states are saved; see `task_from_gymnasium`.
    """

    def __init__(
        self, make: Callable[[], gym.Env], n_envs: int, *, name: str = "without a name", saving: Saving = "replay"
    ):
        self.n_envs = n_envs
        self._make, self._name, self._saving = make, name, saving
        self._rest()

    def _rest(self) -> None:
        self._envs: list[Any] = [None] * self.n_envs
        self._lone: Any = None
        self._resting: dict[int, _Row] = {}  # last step of the environments that are not needed for now
        self._first, self._episodes = [0] * self.n_envs, [0] * self.n_envs

    def reset(self, seed: int) -> Float[np.ndarray, "n obs"]:
        """Start new episodes in all environments."""
        self._resting.clear()
        return np.stack([self._begin(i, seed_for(seed, "env", i)) for i in range(self.n_envs)])

    def _begin(self, i: int, seed: int) -> np.ndarray:
        """Start the first episode of environment i. Returns the observation."""
        self._first[i], self._episodes[i] = seed, 0
        return self._env(i).reset(seed=seed)[0]

    def _env(self, i: int) -> Any:
        """Environment i, which is made if there is none."""
        if self._envs[i] is None:
            self._envs[i] = made(self._make, self._name, f"environment {i + 1} of {self.n_envs}")
        return self._envs[i]

    def step(self, actions: np.ndarray) -> Step:
        """Execute one action per environment, except in those that rest."""
        steps = [self._resting[i] if i in self._resting else self._step(i, actions[i]) for i in range(self.n_envs)]
        return Step(*(np.stack(column) for column in zip(*steps, strict=True)))

    def _step(self, i: int, action: Any) -> "_Row":
        reached, _, terminated, truncated, info = self._envs[i].step(action)
        over = bool(terminated or truncated)
        obs = self._new_episode(i) if over else reached
        return _Row(reached, obs, info["features"], bool(terminated), bool(truncated))

    def _new_episode(self, i: int) -> np.ndarray:
        self._episodes[i] += 1
        return self._envs[i].reset(seed=later_seed(self._first[i], self._episodes[i]))[0]

    def states_along(
        self, seed: int, actions: np.ndarray, *, at: Sequence[int]
    ) -> list[tuple[Saved, Float[np.ndarray, " obs"]]]:
        """States and observations along the episode that starts with `seed` and executes the actions.

        Unless states are saved, they are restored by repeating the episode from its start.
        """
        if self._lone is None:
            self._lone = made(self._make, self._name, "the environment that repeats episodes")
        done, found = 0, []
        obs, _ = self._lone.reset(seed=seed)
        for wanted in at:
            for action in actions[done:wanted]:
                obs, *_ = self._lone.step(action)
            found.append((Saved(seed, actions[:wanted].copy(), self._state_of(self._lone)), np.array(obs)))
            done = wanted
        return found

    def put(self, env: int, state: Saved) -> None:
        """Continue one environment from a state that `states_along` returned."""
        self._resting.pop(env, None)
        self._first[env], self._episodes[env] = state.seed, 0
        if self._saving == "deepcopy":
            self._envs[env] = deepcopy(state.state)
        elif self._saving == "state":
            if self._envs[env] is None:
                self._begin(env, state.seed)
            self._envs[env].restore(state.state)
        else:
            self._begin(env, state.seed)
            for action in state.actions:
                self._envs[env].step(action)

    def rest(self, env: int, obs: Float[np.ndarray, " obs"], n_features: int) -> None:
        """Leave out an environment in `step` until its next `put` or `reset`; its row is then this observation."""
        self._resting[env] = _Row(obs, obs, np.zeros(n_features), False, False)

    def cost_of(self, state: Saved) -> int:
        """Number of environment steps that `put` needs for a state."""
        return len(state.actions) if self._saving == "replay" else 0

    def _state_of(self, env: Any) -> Any:
        if self._saving == "replay":
            return None
        return deepcopy(env) if self._saving == "deepcopy" else env.save()

    def close(self) -> None:
        """Close all environments."""
        envs = [*self._envs, self._lone]
        self._rest()
        close(*(env for env in envs if env is not None))
