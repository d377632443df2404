"""Tasks with added features: `highway + presence of car 2` is the task highway with one more feature. docs/limits.md.

What `mereq features` offers becomes a feature of a task in this way, and is treated as one that its author declared.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from mereq.alignment.settings import AlignSettings
from mereq.core.policy import Policy
from mereq.core.simulator import Environment, RewindableSimulator, Simulator, Step
from mereq.core.task import Task
from mereq.irl.candidates import Candidate, Moves, candidate_named, values
from mereq.presets.definition import TaskDefinition


def with_added_features(definition: TaskDefinition, name: str, added: Sequence[str]) -> TaskDefinition:
    """The definition with candidate features added to those of its task. It has no prepared policy family.

    Args:
        definition: of the task.
        name: of the task with the added features.
        added: names of candidates, as `mereq features` offers them.

    Raises:
        UnknownName: there is no candidate of this name, or the task already has such a feature.
    """
    task = definition.task
    names, own = definition.observation_names, definition.candidates
    found = [candidate_named(each, task.state_size, task.actions, names=names, own=own) for each in added]
    nothing = np.zeros(len(found))
    limits = definition.family_settings
    if limits is not None and len(limits.limit) > 1:
        limits = replace(limits, limit=(*limits.limit, *[max(limits.limit)] * len(found)))
    return replace(
        definition,
        task=_added_to(task, found),
        name=name,
        family=None,
        family_settings=limits,
        settings={preset: _weighing(numbers, tuple(added)) for preset, numbers in definition.settings.items()},
        theta_prior=None if definition.theta_prior is None else np.append(definition.theta_prior, nothing),
        theta_expert=None if definition.theta_expert is None else np.append(definition.theta_expert, nothing),
        trained_in=definition.trained_in or task,
        view=definition.view and _of_inner(definition.view),
        perturbed=None,
    )


def _weighing(settings: AlignSettings, added: tuple[str, ...]) -> AlignSettings:
    """Settings in which the added features are weighed, too."""
    weighed = settings.inference.features
    return (
        settings
        if weighed is None
        else replace(settings, inference=replace(settings.inference, features=(*weighed, *added)))
    )


def _of_inner(view: Callable[[Environment], Any]) -> Callable[[Environment], Any]:
    return lambda environment: view(environment.inner if isinstance(environment, _AddedEnvironment) else environment)


def _added_to(task: Task, found: Sequence[Candidate]) -> Task:
    """The task whose environments report the candidates' values after its features."""

    def simulated(make: Callable[[int], Simulator]) -> Callable[[int], Simulator]:
        def simulate(n: int) -> Simulator:
            inner = make(n)
            kind = _RewindableAdded if isinstance(inner, RewindableSimulator) else _AddedSimulator
            return kind(inner, task, found)

        return simulate

    def seen(prior: Policy) -> tuple[Task, Policy]:
        assert task.see is not None
        inner, policy = task.see(prior)
        return _added_to(inner, found), policy

    return replace(
        task,
        feature_names=(*task.feature_names, *(each.name for each in found)),
        make=lambda: _AddedEnvironment(task.make(), task, found),
        simulate=simulated(task.simulate),
        simulate_supervised=task.simulate_supervised and simulated(task.simulate_supervised),
        see=task.see and seen,
    )


class _AddedEnvironment:
    """Environment that reports the values of candidates after its features. Other attributes are the inner one's."""

    def __init__(self, inner: Environment, task: Task, candidates: Sequence[Candidate]):
        self.inner, self._task, self._candidates = inner, task, candidates

    def __getattr__(self, name: str) -> Any:
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        self._obs, info = self.inner.reset(seed=seed)
        self._before: Any = None
        return self._obs, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Execute an action."""
        before = action if self._before is None else self._before
        obs, reward, terminated, truncated, info = self.inner.step(action)
        features = np.asarray(info["features"], float)
        rows = (np.asarray(each)[None] for each in (self._obs, action, obs, before, features))
        added = _values(self._task, self._candidates, *rows)[0]
        self._obs, self._before = obs, action
        return obs, reward, terminated, truncated, {**info, "features": np.append(features, added)}


class _AddedSimulator:
    """Simulator that reports the values of candidates after its features."""

    def __init__(self, inner: Any, task: Task, candidates: Sequence[Candidate]):
        self.inner, self._task, self._candidates, self.n_envs = inner, task, candidates, inner.n_envs

    def reset(self, seed: int) -> Float[np.ndarray, "n obs"]:
        """Start new episodes in all environments."""
        self._obs = np.array(self.inner.reset(seed))
        self._before, self._first = None, np.ones(self.n_envs, bool)
        return self._obs.copy()

    def step(self, actions: np.ndarray) -> Step:
        """Execute one action per environment."""
        first = self._first.reshape(-1, *[1] * (actions.ndim - 1))
        before = actions if self._before is None else np.where(first, actions, self._before)
        step = self.inner.step(actions)
        added = _values(self._task, self._candidates, self._obs, actions, step.next_obs, before, step.features)
        self._obs, self._before, self._first = np.array(step.obs), np.array(actions), step.terminated | step.truncated
        return step._replace(features=np.concatenate([step.features, added], axis=1))

    def close(self) -> None:
        """Close the inner simulator."""
        getattr(self.inner, "close", lambda: None)()


class _RewindableAdded(_AddedSimulator):
    """The same for a simulator that can continue from earlier states. The action before such a state is forgotten."""

    def states_along(
        self, seed: int, actions: np.ndarray, *, at: Sequence[int]
    ) -> list[tuple[Any, Float[np.ndarray, " obs"]]]:
        """States along an episode, each with its observation."""
        return [((state, obs.copy()), obs) for state, obs in self.inner.states_along(seed, actions, at=at)]

    def put(self, env: int, state: Any) -> None:
        """Continue one environment from a state that `states_along` returned."""
        inner, obs = state
        self.inner.put(env, inner)
        self._obs[env], self._first[env] = obs, True


def _values(
    task: Task,
    candidates: Sequence[Candidate],
    obs: np.ndarray,
    action: np.ndarray,
    next_obs: np.ndarray,
    before: np.ndarray,
    features: np.ndarray,
) -> Float[np.ndarray, "n candidates"]:
    """Values of candidates in steps."""
    moves = Moves(task.state_of(obs), action, task.state_of(next_obs), before, features)
    return values(candidates, moves)
