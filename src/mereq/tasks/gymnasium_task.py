"""Tasks made of Gymnasium environments with a `Discrete` or `Box` action space and a feature function."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from jaxtyping import Float

from mereq.core.border import as_features, checked_observation, ended, failed, reset_parts, step_parts
from mereq.core.errors import WrongTask, WrongValue
from mereq.core.policy import Policy
from mereq.core.seen_prior import RAW, SeenPrior
from mereq.core.task import Task
from mereq.tasks.environment_group import Saving, made
from mereq.tasks.environment_worker import sendable
from mereq.tasks.gymnasium_simulator import GymnasiumSimulator, Workers
from mereq.tasks.spaces import actions_of, check_environment, is_finite_set, kept, name_of_coordinate, obs_size_of
from mereq.tasks.state import State, StateOf, example_of

FeatureFunction = Callable[[Any, Any, Any, dict[str, Any]], Float[np.ndarray, " features"]]


def task_from_gymnasium(
    name: str,
    make: Callable[[], gym.Env],
    features: FeatureFunction,
    feature_names: tuple[str, ...],
    *,
    saving: Saving = "replay",
    state: State | None = None,
    processes: int = 1,
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
        state: what learner and supervisor see, where the prior sees more: the names of parts of a `Dict` observation,
            such as `("position", "speed")`, or a function of the environment's own observation that returns a vector.
            Every prior of the task then sees the whole observation, flattened (`on_parts` gives it back to a function
            in its parts), such as a picture. Pictures are neither recorded nor kept for the learner: the environments
            append the prior's answer to the state.
        processes: of a simulator, each of which steps a part of its environments. For environments that need more than
            a few milliseconds a step; the results are the same, bit for bit. Not with saving="deepcopy".

    Raises:
        WrongValue: `processes` is below 1, or cannot be combined with `saving`.
        WrongTask: `make` returns no Gymnasium environment, there is no learner for its actions, or its observations
            have a part that is not numeric.
    """
    if not callable(make):
        raise WrongTask(
            f"The task {name} needs a function that makes a new environment at every call, and got a "
            f"{type(make).__name__}: task_from_gymnasium(name, lambda: gymnasium.make(...), ...)."
        )
    if not isinstance(name, str) or not name.strip():
        raise WrongTask(f"A task needs a name, such as 'cart-pole'; got {name!r}.")
    if isinstance(feature_names, str) or not feature_names:
        raise WrongTask(
            f'The task {name} needs a tuple with one name for each feature, such as ("speed",); got {feature_names!r}.'
        )
    odd = [each for each in feature_names if not isinstance(each, str) or not each.strip()]
    if odd or len(set(feature_names)) < len(feature_names):
        raise WrongTask(
            f"The names of the features of the task {name} are {', '.join(map(repr, feature_names))}. Each must be a "
            "text, and all must differ: they are columns of tables."
        )
    if processes < 1 or (processes > 1 and saving == "deepcopy"):
        raise WrongValue(
            f"The task {name} has processes={processes} and saving={saving!r}. There is at least one process; a copy "
            'of an environment stays in its process, so with several use saving="replay" or "state".'
        )
    probe = made(make, name, "its first environment")
    check_environment(probe, name)
    actions, obs_size = actions_of(name, probe.action_space), obs_size_of(name, probe.observation_space)
    if saving == "state" and not all(hasattr(type(probe), method) for method in ("get_state", "set_state")):
        raise WrongTask(
            f'The task {name} has saving="state", but what `make` returns, a {type(probe).__name__}, has no '
            "get_state() and set_state(state). Add them to the outermost wrapper."
        )
    space, env_spec = probe.observation_space, specification(probe)
    probe.close()
    state_of = None if state is None else StateOf.of(state, space, name)
    workers = None
    if processes > 1:
        functions = sendable((make, features, state_of), name)
        workers = Workers(processes, functions, partial(_maker, (tuple(feature_names), name)))

    def make_one() -> gym.Env:
        return FlatWithFeatures(make(), features, tuple(feature_names), name, state_of)

    def task_with(seen: SeenPrior | None) -> Task:
        return Task(
            name,
            tuple(feature_names),
            obs_size if state_of is None else state_of.size + (seen.n_answer if seen else 0),
            actions,
            make_one if seen is None else lambda: WithAnswer(make_one(), seen),
            lambda n: GymnasiumSimulator(make_one, n, name=name, saving=saving, seen=seen, workers=workers),
            env_spec=env_spec,
            raw_space=None if state_of is None else space,
            raw_size=obs_size,
            n_answer=seen.n_answer if seen else 0,
        )

    def see(prior: Policy) -> tuple[Task, Policy]:
        assert state_of is not None
        inner = prior.raw if isinstance(prior, SeenPrior) else prior
        seen = SeenPrior.of(inner, actions, state_of.size, flattened(space, example_of(space)))
        return task_with(seen), seen

    task = task_with(None)
    return task if state_of is None else replace(task, see=see)


def specification(env: gym.Env) -> str | None:
    """Gymnasium's specification of an environment, in JSON, from which `gymnasium.make` makes it again.

    None for an environment that was not made by `gymnasium.make`, has a wrapper that does not tell its arguments (no
    `gymnasium.utils.RecordConstructorArgs`), or arguments that JSON does not have.
    """
    spec = env.spec
    if spec is None or any(wrapper.kwargs is None for wrapper in spec.additional_wrappers):
        return None
    try:
        return spec.to_json()
    except (TypeError, ValueError):
        return None


def flattened(space: spaces.Space, obs: Any) -> Float[np.ndarray, " raw"]:
    """The observation as one float32 vector."""
    return np.asarray(spaces.flatten(space, obs), np.float32)


class FlatWithFeatures(gym.Wrapper):
    """Wrapper that adds the features to `info`, flattens observations to float32, and takes actions in [-1, 1].

    What the environment and the feature function return is copied and checked.
    """

    def __init__(
        self,
        env: gym.Env,
        features: FeatureFunction,
        feature_names: tuple[str, ...],
        name: str = "of this environment",
        state: StateOf | None = None,
    ):
        super().__init__(env)
        self._features, self._names, self._name, self._state = features, feature_names, name, state
        self._inner, self._acts = env.observation_space, env.action_space
        size = spaces.flatdim(self._inner)
        self._name_of = partial(name_of_coordinate, self._inner)
        n_seen = size if state is None else state.size
        self.observation_space = spaces.Box(-np.inf, np.inf, (n_seen,), np.float32)
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
        return self._seen(self._obs, flat, info)

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
        flat, info = self._seen(next_obs, flat, info)
        return flat, reward, over, cut, info

    def _seen(self, obs: Any, flat: np.ndarray, info: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """What learner and supervisor see; the rest is reported in the info."""
        return (flat, info) if self._state is None else (self._state(obs, flat), {**info, RAW: flat})

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


class WithAnswer(gym.Wrapper):
    """Wrapper that appends the answer of a prior, which sees the raw observation, to the state."""

    def __init__(self, env: gym.Env, seen: SeenPrior):
        super().__init__(env)
        self._seen = seen
        self.observation_space = spaces.Box(-np.inf, np.inf, (seen.n_state + seen.n_answer,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode."""
        obs, info = self.env.reset(seed=seed, options=options)
        return self._seen.appended(obs, info[RAW]), info

    def step(self, action: Any):
        """Execute an action."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        return self._seen.appended(obs, info[RAW]), reward, terminated, truncated, info


def _maker(
    about: tuple[tuple[str, ...], str], make: Callable[[], gym.Env], features: FeatureFunction, state: StateOf | None
) -> Any:
    names, name = about
    return lambda: FlatWithFeatures(make(), features, names, name, state)
