"""Simulator of n Gymnasium environments, in this process or in workers, that brings back states of episodes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import gymnasium as gym
import numpy as np
from jaxtyping import Float

from mereq.core.seeding import seed_for
from mereq.core.seen_prior import SeenPrior
from mereq.core.simulator import Step, close
from mereq.tasks.environment_group import EnvironmentGroup, Process, Reached, Saving, Seen, ThisProcess
from mereq.tasks.environment_worker import Worker


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


@dataclass(frozen=True)
class Workers:
    """Worker processes for the environments of one task.

    Args:
        count: largest number of processes of a simulator.
        functions: of the task; see `sendable`.
        build: makes the function that makes an environment of the task's functions; a function of a module of mereq.
    """

    count: int
    functions: bytes
    build: Callable[..., Callable[[], gym.Env]]

    def start(self, name: str, names: dict[int, str], saving: Saving) -> Process:
        """A new worker process."""
        return Worker(self.build, self.functions, name, names, saving)


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
        workers: Workers | None = None,
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
