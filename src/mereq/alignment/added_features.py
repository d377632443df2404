"""Tasks whose environments report more features: functions of a step that are added to the task's own."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from mereq.core.policy import Policy
from mereq.core.simulator import Environment, RewindableSimulator, Simulator, Step
from mereq.core.task import Task
from mereq.interventions.log import InterventionLog
from mereq.irl.candidates import Moves

Values = Callable[[Moves], Float[np.ndarray, "n added"]]  # values of the added features in some steps


def with_features(task: Task, names: Sequence[str], of: Values) -> Task:
    """The task whose environments report more features after its own.

    Args:
        task: whose environments and simulators they are.
        names: of the added features.
        of: their values.
    """

    def simulated(make: Callable[[int], Simulator]) -> Callable[[int], Simulator]:
        def simulate(n: int) -> Simulator:
            inner = make(n)
            kind = _RewindableAdded if isinstance(inner, RewindableSimulator) else _AddedSimulator
            return kind(inner, task, of)

        return simulate

    def seen(prior: Policy) -> tuple[Task, Policy]:
        assert task.see is not None
        inner, policy = task.see(prior)
        return with_features(inner, names, of), policy

    return replace(
        task,
        feature_names=(*task.feature_names, *names),
        make=lambda: EnvironmentWithFeatures(task.make(), task, of),
        simulate=simulated(task.simulate),
        simulate_supervised=task.simulate_supervised and simulated(task.simulate_supervised),
        see=task.see and seen,
    )


def recorded_moves(task: Task, log: InterventionLog) -> Moves:
    """All steps of a log, as candidates see them."""
    parts = list[tuple[np.ndarray, ...]]()
    for rollout in log.rollouts:
        before = np.concatenate([rollout.executed[:1], rollout.executed[:-1]])
        first = np.append(True, np.diff(rollout.episode) != 0)
        before = np.where(first[(...,) + (None,) * (before.ndim - 1)], rollout.executed, before)
        parts.append(
            (task.state_of(rollout.obs), rollout.executed, task.state_of(rollout.next_obs), before, rollout.features)
        )
    return Moves(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


class EnvironmentWithFeatures:
    """Environment that reports more features after its own. Other attributes are the inner one's."""

    def __init__(self, inner: Environment, task: Task, of: Values):
        self.inner, self._task, self._of = inner, task, of

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
        added = _values(self._task, self._of, *rows)[0]
        self._obs, self._before = obs, action
        return obs, reward, terminated, truncated, {**info, "features": np.append(features, added)}


class _AddedSimulator:
    """Simulator that reports more features after its own."""

    def __init__(self, inner: Any, task: Task, of: Values):
        self.inner, self._task, self._of, self.n_envs = inner, task, of, inner.n_envs

    def reset(self, seed: int) -> Float[np.ndarray, "n obs"]:
        """Start new episodes in all environments."""
        self._obs = np.array(self.inner.reset(seed))
        self._before: np.ndarray | None = None
        self._first: np.ndarray = np.ones(self.n_envs, bool)
        return self._obs.copy()

    def step(self, actions: np.ndarray) -> Step:
        """Execute one action per environment."""
        first = self._first.reshape((-1,) + (1,) * (actions.ndim - 1))
        before = actions if self._before is None else np.where(first, actions, self._before)
        step = self.inner.step(actions)
        added = _values(self._task, self._of, self._obs, actions, step.next_obs, before, step.features)
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
    of: Values,
    obs: np.ndarray,
    action: np.ndarray,
    next_obs: np.ndarray,
    before: np.ndarray,
    features: np.ndarray,
) -> Float[np.ndarray, "n added"]:
    """Values of the added features in steps."""
    moves = Moves(task.state_of(obs), action, task.state_of(next_obs), before, features)
    return of(moves)
