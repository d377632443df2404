"""Gymnasium's spaces as mereq sees them: actions with a learner, and names of an observation's numbers."""

from collections.abc import Iterator
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from mereq.core.actions import Actions, Box, Discrete
from mereq.core.border import real_numbers
from mereq.core.errors import WrongTask

OLD_GYM = (
    "This comes from gym, which Gymnasium has replaced; its classes are others, under the same names. Make the "
    'environment with gymnasium.make(...), or wrap one of the old gym: pip install "shimmy[gym-v21]", and '
    'gymnasium.make("GymV21Environment-v0", env=...) (GymV26Environment-v0 for gym 0.26).'
)
LEARNERS = (
    "there are learners for Discrete(n), and for a flat Box with finite limits. A small gymnasium.ActionWrapper makes "
    "one of other spaces"
)


def check_environment(env: Any, name: str) -> None:
    """Refuse an object that is no Gymnasium environment.

    Raises:
        WrongTask: what `make` returned is something else, such as an environment of the old gym.
    """
    what = f"The function `make` of the task {name} returned a {type(env).__name__}"
    if isinstance(env, gym.vector.VectorEnv):
        raise WrongTask(f"{what}, which is many environments. It must return one: gymnasium.make(...).")
    parts = [env, getattr(env, "action_space", None), getattr(env, "observation_space", None)]
    if any(_is_old(type(part)) for part in parts):
        raise WrongTask(f"{what} with the action space {parts[1]}. {OLD_GYM}")
    for kind, space in zip(("action", "observation"), parts[1:], strict=True):
        if not isinstance(space, spaces.Space):
            raise WrongTask(
                f"{what} whose {kind}_space is {space!r}. It must be one of gymnasium.spaces, such as Box or Discrete."
            )
    if not isinstance(env, gym.Env):
        raise WrongTask(f"{what}. It must be a gymnasium.Env: derive its class from it.")


def actions_of(name: str, space: spaces.Space) -> Actions:
    """The task's actions.

    Raises:
        WrongTask: there is no learner for such actions.
    """
    if isinstance(space, spaces.Discrete):
        return Discrete(int(space.n))
    if isinstance(space, spaces.Box) and len(space.shape) == 1 and space.is_bounded():
        if fixed := np.flatnonzero(~(space.low < space.high)).tolist() or not space.shape[0]:
            what = "no number" if fixed is True else f"the same lower and upper limit in number {fixed[0]}"
            raise WrongTask(
                f"The task {name} has the action space {space}, which has {what}: nothing can be chosen there. Leave "
                "it out in a small gymnasium.ActionWrapper."
            )
        low, high = (tuple(limit.astype(float).tolist()) for limit in (space.low, space.high))
        return Box(space.shape[0], low, high)
    raise WrongTask(f"The task {name} has the action space {space}; {LEARNERS}{_remedy(space)}.")


def obs_size_of(name: str, space: spaces.Space) -> int:
    """Size of a flattened observation.

    Raises:
        WrongTask: the observation has a part without a fixed number of numbers, such as a text.
    """
    for path, part in leaves(space):
        if not _is_numeric(part):
            where = f"the part {path} of its observation" if path else "its observation"
            raise WrongTask(
                f"The task {name} cannot be made: {where} is {_shown(part)}, which is not made of numbers. "
                "Leave it out: gymnasium.wrappers.FilterObservation(env, [...]) keeps the named parts of a Dict; or "
                "turn it into numbers in a gymnasium.ObservationWrapper."
            )
    if spaces.flatdim(space) == 0:
        raise WrongTask(
            f"The task {name} has the observation space {space}, which has no number. Observe at least one."
        )
    return spaces.flatdim(space)


def name_of_coordinate(space: spaces.Space, index: int) -> str:
    """Name of a number of the flattened observation, such as `Coordinate 3 (speed[1])`."""
    start = 0
    for path, part in leaves(space):
        size = spaces.flatdim(part)
        if index < start + size:
            return f"Coordinate {index} ({path}[{index - start}])" if path else f"Coordinate {index}"
        start += size
    return f"Coordinate {index}"


def leaves(space: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Parts of a nested space, in the order in which they are flattened, with their paths."""
    if isinstance(space, spaces.Dict):
        for key, part in space.spaces.items():
            yield from leaves(part, f"{path}.{key}" if path else str(key))
    elif isinstance(space, spaces.Tuple):
        for number, part in enumerate(space.spaces):
            yield from leaves(part, f"{path}[{number}]")
    else:
        yield path, space


def is_finite_set(space: spaces.Space) -> bool:
    """Whether the elements of a space are whole numbers in fixed ranges, which flatten to one-hot vectors."""
    return isinstance(space, spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary)


def kept(obs: Any) -> Any:
    """Read-only copy of an observation, nested or not.

    Raises:
        WrongTask: a part is an array of complex or masked numbers.
    """
    if isinstance(obs, np.ndarray):
        copy = np.array(real_numbers(obs))
        copy.flags.writeable = False
        return copy
    if isinstance(obs, dict):
        return {key: kept(part) for key, part in cast(dict[Any, Any], obs).items()}
    if type(obs) in (tuple, list):
        return type(obs)(kept(part) for part in obs)
    return obs


def _is_numeric(space: Any) -> bool:
    numeric = spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary
    return isinstance(space, numeric)


def _remedy(space: spaces.Space) -> str:
    if isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary):
        return ": number the combinations in a Discrete, and divide with divmod"
    if isinstance(space, spaces.Box):
        return ": declare a flat Box with limits, and reshape or scale in the wrapper's action()"
    return ""


def _is_old(kind: type) -> bool:
    return any(base.__module__.partition(".")[0] == "gym" for base in kind.__mro__)


def _shown(space: Any) -> str:
    text = repr(space)
    return type(space).__name__ if text.startswith("<") else text
