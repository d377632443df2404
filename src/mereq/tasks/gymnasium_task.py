"""Tasks made of Gymnasium environments with a `Discrete` or `Box` action space and a feature function."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from jaxtyping import Float

from mereq.core.border import as_features, checked_observation, ended, failed, reset_parts, step_parts
from mereq.core.errors import WrongTask, WrongValue
from mereq.core.policy import Policy
from mereq.core.seeding import seed_for
from mereq.core.seen_prior import RAW, SeenPrior
from mereq.core.simulator import Step, close
from mereq.core.task import Task
from mereq.tasks.environment_group import EnvironmentGroup, Process, Reached, Saving, Seen, ThisProcess, made
from mereq.tasks.environment_worker import Worker, sendable
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
        workers = Workers(processes, sendable((make, features, state_of), name), (tuple(feature_names), name))

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


class Saved(NamedTuple):
    """A state of a Gymnasium environment: how to restore it."""

    seed: int  # of the episode
    actions: np.ndarray  # executed so far
    state: Any = None  # of an environment that can be saved: its own state, or a copy of it


class _Row(NamedTuple):
    """One environment's row of a `Step`."""

    next_obs: np.ndarray
    obs: np.ndarray
    features: np.ndarray
    terminated: bool
    truncated: bool


class GymnasiumSimulator:
    """Simulator of n Gymnasium environments, stepped in turn, or in worker processes beside each other.

    After an end, a new episode starts in the same step. Environments are made when they are first needed, and closed by
    `close`; afterwards new ones can be made. The seed of every episode is a function of the simulator's seed, the
    environment and the number of the episode: an environment may reseed itself identically, or not at all, when it is
    reset without one.

    Args:
        make: makes an environment.
        n_envs: number of environments that `step` advances.
        name: of the task, for messages.
        saving: how states are saved; see `task_from_gymnasium`.
        seen: a prior that sees the raw observations, whose answers are appended to the states.
        workers: starts worker processes; None for this process alone.
    """

    def __init__(
        self,
        make: Callable[[], gym.Env],
        n_envs: int,
        *,
        name: str = "without a name",
        saving: Saving = "replay",
        seen: SeenPrior | None = None,
        workers: "Workers | None" = None,
    ):
        self.n_envs = n_envs
        self._make, self._name, self._seen, self._workers = make, name, seen, workers
        self._saving: Saving = saving
        self._processes: list[Process] = []
        self._resting: dict[int, _Row] = {}  # last step of the environments that are not needed for now
        self._unanswered: list[Process] = []  # of requests whose answer is None, in order

    def reset(self, seed: int) -> Float[np.ndarray, "n obs"]:
        """Start new episodes in all environments."""
        self._resting.clear()
        for i in range(self.n_envs):
            self._of(i).send("begin", i, seed_for(seed, "env", i))
        return np.stack([self._shown(self._answer(i)) for i in range(self.n_envs)])

    def step(self, actions: np.ndarray) -> Step:
        """Execute one action per environment, except in those that rest."""
        moving = [i for i in range(self.n_envs) if i not in self._resting]
        for i in moving:
            self._of(i).send("step", i, actions[i])
        rows = self._resting | {i: self._row(self._answer(i)) for i in moving}
        columns = zip(*(rows[i] for i in range(self.n_envs)), strict=True)
        return Step(*(np.stack(column) for column in columns))

    def states_along(
        self, seed: int, actions: np.ndarray, *, at: Sequence[int]
    ) -> list[tuple[Saved, Float[np.ndarray, " obs"]]]:
        """States and observations along the episode that starts with `seed` and executes the actions.

        Unless states are saved, they are restored by repeating the episode from its start.
        """
        self._of(self.n_envs).send("along", self.n_envs, seed, actions, list(at))
        found = self._answer(self.n_envs)
        return [
            (Saved(seed, actions[:wanted].copy(), state), self._shown(seen))
            for wanted, (state, seen) in zip(at, found, strict=True)
        ]

    def put(self, env: int, state: Saved) -> None:
        """Continue one environment from a state that `states_along` returned. Workers do so beside each other."""
        self._resting.pop(env, None)
        process = self._of(env)
        process.send("put", env, *state)
        self._unanswered.append(process)

    def rest(self, env: int, obs: Float[np.ndarray, " obs"], n_features: int) -> None:
        """Leave out an environment in `step` until its next `put` or `reset`; its row is then this observation."""
        self._resting[env] = _Row(obs, obs, np.zeros(n_features), False, False)

    def cost_of(self, state: Saved) -> int:
        """Number of environment steps that `put` needs for a state."""
        return len(state.actions) if self._saving == "replay" else 0

    def close(self) -> None:
        """Close all environments, and end the worker processes."""
        processes, self._processes = self._processes, []
        self._resting.clear()
        self._unanswered.clear()
        close(*processes)

    def _of(self, i: int) -> Process:
        """The process of environment i. The environment that repeats episodes has the number n_envs."""
        if not self._processes:
            names = {k: f"environment {k + 1} of {self.n_envs}" for k in range(self.n_envs)}
            names[self.n_envs] = "the environment that repeats episodes"
            n = 1 if self._workers is None else min(self._workers.count, self.n_envs)
            if self._workers is None or n == 1:
                self._processes = [ThisProcess(EnvironmentGroup(self._make, self._name, names, self._saving))]
            else:
                self._processes = [self._workers.start(self._name, names, self._saving) for _ in range(n)]
        return self._processes[i % len(self._processes)]

    def _answer(self, i: int) -> Any:
        """Answer of environment i's process, after those of earlier requests to it."""
        process = self._of(i)
        while process in self._unanswered:
            self._unanswered.remove(process)
            process.receive()
        return process.receive()

    def _row(self, step: Reached) -> _Row:
        reached = self._shown(step.reached)
        obs = reached if step.following is None else self._shown(step.following)
        return _Row(reached, obs, step.features, step.terminated, step.truncated)

    def _shown(self, seen: Seen) -> np.ndarray:
        """The observation, with the answer of a prior that sees more."""
        return seen.obs if self._seen is None else self._seen.appended(seen.obs, cast(np.ndarray, seen.raw))


@dataclass(frozen=True)
class Workers:
    """Worker processes for the environments of one task.

    Args:
        count: largest number of processes of a simulator.
        functions: of the task; see `sendable`.
        about: names of the features, and the task's name.
    """

    count: int
    functions: bytes
    about: tuple[tuple[str, ...], str]

    def start(self, name: str, names: dict[int, str], saving: Saving) -> Process:
        """A new worker process."""
        return Worker(partial(_maker, self.about), self.functions, name, names, saving)


def _maker(
    about: tuple[tuple[str, ...], str], make: Callable[[], gym.Env], features: FeatureFunction, state: StateOf | None
) -> Any:
    names, name = about
    return lambda: FlatWithFeatures(make(), features, names, name, state)
