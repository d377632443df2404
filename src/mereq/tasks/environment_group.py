"""Gymnasium environments that one process steps: of this process, or of a worker."""

from collections import deque
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from mereq.core.border import failed
from mereq.core.errors import MereqError
from mereq.core.seeding import seed_for
from mereq.core.seen_prior import RAW
from mereq.core.simulator import close

Saving = Literal["replay", "deepcopy", "state"]


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


def later_seed(first: int, number: int) -> int:
    """Seed of the episode that follows `number` episodes after the one that started with the seed `first`."""
    return seed_for(first, "later episode", number)


class Seen(NamedTuple):
    """An observation as the learner sees it, and the whole one, flattened, where a prior sees more."""

    obs: np.ndarray
    raw: np.ndarray | None


class Reached(NamedTuple):
    """Result of one environment's step."""

    reached: Seen
    following: Seen | None  # first observation of the next episode, where one has started
    features: np.ndarray
    terminated: bool
    truncated: bool


class EnvironmentGroup:
    """Environments by number. They are made when they are first needed.

    Args:
        make: makes an environment that reports its features.
        name: of the task, for messages.
        names: of the environments, for messages, by their numbers.
        saving: how states are saved.
    """

    def __init__(self, make: Callable[[], Any], name: str, names: dict[int, str], saving: Saving):
        self._make, self._name, self._names, self._saving = make, name, names, saving
        self._envs: dict[int, Any] = {}
        self._first, self._episodes = dict[int, int](), dict[int, int]()

    def begin(self, i: int, seed: int) -> Seen:
        """Start the first episode of environment i."""
        self._first[i], self._episodes[i] = seed, 0
        return _seen(*self._env(i).reset(seed=seed))

    def step(self, i: int, action: Any) -> Reached:
        """Execute an action in environment i. After an end, a new episode starts, with a seed of its own."""
        obs, _, terminated, truncated, info = self._envs[i].step(action)
        following = self._new_episode(i) if terminated or truncated else None
        return Reached(_seen(obs, info), following, info["features"], bool(terminated), bool(truncated))

    def along(self, i: int, seed: int, actions: np.ndarray, at: Sequence[int]) -> list[tuple[Any, Seen]]:
        """States (None where none are saved) and observations along an episode, after these numbers of actions."""
        env = self._env(i)
        done, found = 0, list[tuple[Any, Seen]]()
        seen = _seen(*env.reset(seed=seed))
        for wanted in at:
            for action in actions[done:wanted]:
                obs, _, _, _, info = env.step(action)
                seen = _seen(obs, info)
            found.append((self._state_of(env), Seen(np.array(seen.obs), seen.raw)))
            done = wanted
        return found

    def put(self, i: int, seed: int, actions: np.ndarray, state: Any) -> None:
        """Continue environment i from a state, or by repeating the episode."""
        self._first[i], self._episodes[i] = seed, 0
        if self._saving == "deepcopy":
            self._envs[i] = deepcopy(state)
        elif self._saving == "state":
            if i not in self._envs:
                self.begin(i, seed)
            self._envs[i].restore(state)
        else:
            self.begin(i, seed)
            for action in actions:
                self._envs[i].step(action)

    def close(self) -> None:
        """Close all environments."""
        envs = list(self._envs.values())
        self._envs.clear()
        close(*envs)

    def _env(self, i: int) -> Any:
        """Environment i, which is made if there is none."""
        if i not in self._envs:
            self._envs[i] = made(self._make, self._name, self._names[i])
        return self._envs[i]

    def _new_episode(self, i: int) -> Seen:
        self._episodes[i] += 1
        return _seen(*self._envs[i].reset(seed=later_seed(self._first[i], self._episodes[i])))

    def _state_of(self, env: Any) -> Any:
        if self._saving == "replay":
            return None
        return deepcopy(env) if self._saving == "deepcopy" else env.save()


def _seen(obs: np.ndarray, info: dict[str, Any]) -> Seen:
    return Seen(obs, info.get(RAW))


class Process(Protocol):
    """A process with a group of environments. Answers arrive in the order of the requests."""

    def send(self, method: str, *arguments: Any) -> None:
        """Request the execution of a method of the group."""
        ...

    def receive(self) -> Any:
        """Answer of the oldest request that was not answered yet."""
        ...

    def close(self) -> None:
        """Close the environments, and end the process if it is not this one."""
        ...


class ThisProcess:
    """Group of environments in this process, which executes a request at once."""

    def __init__(self, group: EnvironmentGroup):
        self._group = group
        self._answers: deque[Any] = deque()

    def send(self, method: str, *arguments: Any) -> None:
        """Execute a method of the group."""
        self._answers.append(getattr(self._group, method)(*arguments))

    def receive(self) -> Any:
        """Answer of the oldest request that was not answered yet."""
        return self._answers.popleft()

    def close(self) -> None:
        """Close the environments."""
        self._answers.clear()
        self._group.close()
