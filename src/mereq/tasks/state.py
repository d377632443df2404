"""The state that a learner sees, where the prior sees the whole observation of a Gymnasium environment."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from gymnasium import spaces
from jaxtyping import Float

from mereq.core.border import checked_observation, failed
from mereq.core.errors import WrongTask

State = Sequence[str] | Callable[[Any], Float[np.ndarray, " state"]]  # names of parts, or a function of the observation
SEED = 0  # of examples of observations


@dataclass(frozen=True)
class StateOf:
    """The state, as a function of an observation.

    where: coordinates of the flattened observation; None where a function of the user's makes the state.
    """

    name: str  # of the task
    size: int
    where: np.ndarray | None
    function: Callable[[Any], Any] | None

    @classmethod
    def of(cls, state: State, space: spaces.Space, name: str) -> "StateOf":
        """The state of observations of this space.

        Raises:
            WrongTask: a part does not exist, or the function does not return a vector.
        """
        if callable(state):
            found = cls(name, -1, None, state)._called(example_of(space))
            if found.ndim != 1 or found.size == 0 or found.dtype.kind not in "fiub":
                raise WrongTask(
                    f"The state function of the task {name} returned an array of shape {found.shape} and type "
                    f"{found.dtype}. It must return a vector of numbers, such as obs['position']."
                )
            return cls(name, len(found), None, state)
        parts = space.spaces if isinstance(space, spaces.Dict) else {}
        wanted = (state,) if isinstance(state, str) else tuple(state)
        missing = [part for part in wanted if part not in parts]
        if missing or not wanted:
            raise WrongTask(
                f"The task {name} has state={wanted!r}; a state is made of parts of a Dict observation "
                f"({', '.join(map(str, parts)) or 'this environment has none'}), or by a function of the observation."
            )
        ends = np.cumsum([spaces.flatdim(part) for part in parts.values()])
        spans = {key: range(end - spaces.flatdim(parts[key]), end) for key, end in zip(parts, ends, strict=True)}
        where = np.concatenate([np.array(spans[part], int) for part in wanted])
        return cls(name, len(where), where, None)

    def __call__(self, obs: Any, flat: Float[np.ndarray, " raw"]) -> Float[np.ndarray, " state"]:
        """The state of an observation, which is given as the environment returned it, and flattened.

        Raises:
            WrongTask: the function returned something else than before, or a number that is not finite.
            OwnCodeFailed: the function raised an exception.
        """
        if self.where is not None:
            return flat[self.where]
        return checked_observation(self._called(obs), self.size, self.name).astype(np.float32)

    def _called(self, obs: Any) -> np.ndarray:
        try:
            return np.asarray(cast(Callable[[Any], Any], self.function)(obs))
        except Exception as error:
            raise failed(f"The state function of the task {self.name} failed", error) from error


def example_of(space: spaces.Space) -> Any:
    """An observation of this space, always the same."""
    own = deepcopy(space)
    own.seed(SEED)
    return own.sample()


def on_parts(function: Callable[..., Any], space: spaces.Space) -> Callable[..., Any]:
    """Function of flattened observations (n, raw), made of one that takes them in their own parts.

    Args:
        function: takes n observations as the space has them, along a new first axis: of a `Dict`, a dictionary of
            arrays of shape (n, ...) in the types of their parts. Further arguments, such as the generator of a
            `SampledPolicy`, are handed on.
        space: of the environment's own observations, before mereq flattens them.
    """

    def of_flat(flat: Float[np.ndarray, "n raw"], *more: Any) -> Any:
        return function(_stacked([spaces.unflatten(space, row) for row in flat]), *more)

    return of_flat


def _stacked(rows: list[Any]) -> Any:
    """Nested observations as one, along a new first axis."""
    first = rows[0]
    if isinstance(first, dict):
        return {key: _stacked([row[key] for row in rows]) for key in cast(dict[Any, Any], first)}
    if isinstance(first, tuple):
        return tuple(_stacked([row[part] for row in rows]) for part in range(len(cast(tuple[Any, ...], first))))
    return np.stack([np.asarray(row) for row in rows])
