"""Replay of transitions. It stores features, so that rewards follow theta: docs/deviations.md#features-in-replay."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from mereq.core.actions import Actions
from mereq.core.cores import physical_memory
from mereq.core.errors import CorruptCheckpoint, WrongValue
from mereq.core.reward import LinearReward


class Transitions(NamedTuple):
    """n transitions, with the prior's action distribution before and after each."""

    obs: Float[np.ndarray, "n obs"]
    action: np.ndarray  # (n,) int, or (n, actions) float
    next_obs: Float[np.ndarray, "n obs"]
    features: Float[np.ndarray, "n features"]
    terminated: Bool[np.ndarray, " n"]
    prior: Float[np.ndarray, "n parameters"]  # parameters of the prior's distribution at obs
    next_prior: Float[np.ndarray, "n parameters"]  # at next_obs


class Batch(NamedTuple):
    """Transitions with their rewards, the input of an update. Arrays may have leading batch axes."""

    obs: Float[Array | np.ndarray, "*batch obs"]
    action: Array | np.ndarray  # (*batch,) int, or (*batch, actions) float
    reward: Float[Array | np.ndarray, "*batch"]
    next_obs: Float[Array | np.ndarray, "*batch obs"]
    terminated: Float[Array | np.ndarray, "*batch"]
    prior: Float[Array | np.ndarray, "*batch parameters"]
    next_prior: Float[Array | np.ndarray, "*batch parameters"]


def replay_bytes(capacity: int, *, obs_size: int, actions: Actions, n_features: int) -> int:
    """Memory of a replay [bytes]."""
    numbers = 2 * obs_size + n_features + 2 * actions.n_parameters + int(np.prod(actions.shape)) + 1  # of 4 bytes
    return capacity * (4 * numbers + 1)


class Replay:
    """Ring buffer of the last `capacity` transitions.

    Args:
        capacity: in transitions.
        obs_size: numbers in an observation.
        actions: the task's action space.
        n_features: numbers in a feature vector.
        reprice: True computes rewards with the current theta when a batch is drawn. False keeps the reward that a
            transition had when it was added, as in the authors' code.
        n_prior_parameters: numbers that determine a distribution of the prior; by default those of a distribution over
            `actions`.
    """

    def __init__(
        self,
        capacity: int,
        *,
        obs_size: int,
        actions: Actions,
        n_features: int,
        reprice: bool = True,
        n_prior_parameters: int | None = None,
    ):
        n_parameters = actions.n_parameters if n_prior_parameters is None else n_prior_parameters
        numbers = 2 * obs_size + n_features + 2 * n_parameters + int(np.prod(actions.shape)) + 2
        needed, there = capacity * numbers * 4, physical_memory()
        if needed > there:
            raise WrongValue(
                f"replay_capacity is {capacity}: the replay would need {needed / 2**30:.1f} GiB, and this machine has "
                f"{there / 2**30:.1f} GiB of memory. Choose a smaller one."
            )
        self.capacity = capacity
        self.reprice = reprice
        self.size = 0
        self.added = 0  # in total; the next one is written to added % capacity
        self.columns = Transitions(
            obs=np.zeros((capacity, obs_size), np.float32),
            action=np.zeros((capacity, *actions.shape), actions.dtype),
            next_obs=np.zeros((capacity, obs_size), np.float32),
            features=np.zeros((capacity, n_features), np.float32),
            terminated=np.zeros(capacity, bool),
            prior=np.zeros((capacity, n_parameters), np.float32),
            next_prior=np.zeros((capacity, n_parameters), np.float32),
        )
        self.reward_when_added = np.zeros(capacity, np.float32)

    def add(self, transitions: Transitions, reward: LinearReward) -> None:
        """Append transitions. A full replay overwrites its oldest; of more than `capacity` the last are kept."""
        n = len(transitions.action)
        start = max(0, n - self.capacity)
        where = (self.added + np.arange(start, n)) % self.capacity
        for column, values in zip(self.columns, transitions, strict=True):
            column[where] = values[start:]
        self.reward_when_added[where] = reward(transitions.features[start:])
        self.added += n
        self.size = min(self.size + n, self.capacity)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], reward: LinearReward) -> Batch:
        """Batch of the given leading shape, drawn uniformly with replacement.

        Raises:
            ValueError: the replay is empty.
        """
        index = self._indices(rng, shape)
        return self._batch(
            index, reward(self.columns.features[index]) if self.reprice else self.reward_when_added[index]
        )

    def _indices(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Int[np.ndarray, "*shape"]:
        if self.size == 0:
            raise ValueError("cannot draw from an empty replay: add transitions first")
        return rng.integers(self.size, size=shape)

    def _batch(self, index: Int[np.ndarray, "*shape"], reward: Float[np.ndarray, "*shape"]) -> Batch:
        columns = self.columns
        return Batch(
            obs=columns.obs[index],
            action=columns.action[index],
            reward=reward.astype(np.float32),
            next_obs=columns.next_obs[index],
            terminated=columns.terminated[index].astype(np.float32),
            prior=columns.prior[index],
            next_prior=columns.next_prior[index],
        )

    def state(self) -> dict[str, np.ndarray]:
        """Contents as named arrays, for an exact resume."""
        return {name: column[: self.size].copy() for name, column in self._named().items()} | {
            "added": np.array(self.added, np.int64)
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore the contents that `state` returned.

        Raises:
            CorruptCheckpoint: an array is missing or does not fit. The replay is unchanged then.
        """
        size = min(int(state["added"]), self.capacity) if "added" in state else -1
        for name, column in self._named().items():
            wanted, found = (size, *column.shape[1:]), state[name].shape if name in state else "missing"
            if found != wanted:
                raise CorruptCheckpoint(
                    f"The saved replay does not fit: array {name} should have shape {wanted}, but is {found}. "
                    "Load it with the settings it was saved with."
                )
        self.size, self.added = size, int(state["added"])
        for name, column in self._named().items():
            column[:size] = state[name]

    def _named(self) -> dict[str, np.ndarray]:
        return {**self.columns._asdict(), "reward_when_added": self.reward_when_added}
