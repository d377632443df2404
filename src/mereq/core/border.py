"""Border to a user's objects: what they hand over is checked and copied where it enters."""

import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Float

from mereq.core.actions import Actions, Discrete
from mereq.core.errors import MereqError, OwnCodeFailed, WrongAction, WrongTask
from mereq.core.task import Task, checked_features

ROUNDING = 1e-5  # an action beyond its limit by no more than this is a rounding error, and is clipped
PACKAGE = Path(__file__).resolve().parents[1]
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
WORDS = 80  # characters of a value in a message

NameOf = Callable[[int], str]  # the name of an observation's coordinate


def coordinate(index: int) -> str:
    """Name of a coordinate of which only the number is known."""
    return f"Coordinate {index}"


class Reached(NamedTuple):
    """What an environment reported after a step, checked."""

    obs: Float[np.ndarray, " obs"]
    features: Float[np.ndarray, " features"]
    terminated: bool
    truncated: bool
    info: dict[str, Any]


def check_parts(task: Any, supervisor: Any) -> None:
    """Refuse what is no task, or no supervisor.

    Raises:
        WrongTask: it is something else, such as an environment, or a class in place of an object.
    """
    check_is_task(task)
    if isinstance(supervisor, type) or any(not hasattr(supervisor, name) for name in ("begin_episode", "decide")):
        what = f"the class {supervisor.__name__}" if isinstance(supervisor, type) else _kind(supervisor)
        raise WrongTask(
            f"The supervisor is {what}. It must be an object with the methods begin_episode(seed) and decide(context), "
            "such as MeasurementExpert(expert, rule)."
        )


def check_is_task(task: Any) -> None:
    """Refuse what is no task.

    Raises:
        WrongTask: it is something else, such as an environment.
    """
    if not isinstance(task, Task):
        raise WrongTask(
            f"The task is {_kind(task)}, and must be a mereq.Task: task_from_gymnasium(name, make, features, names) "
            "makes one of an environment."
        )


def checked_reset(answer: Any, task: Task) -> tuple[np.ndarray, dict[str, Any]]:
    """Copies of the observation and the info that `reset` returned.

    Raises:
        WrongTask: they are not what an environment must return.
    """
    obs, info = reset_parts(answer, task.name)
    return checked_observation(obs, task.obs_size, task.name), dict(info)


def checked_step(answer: Any, task: Task) -> Reached:
    """Copies of what `step` returned.

    Raises:
        WrongTask: it is not what an environment must return.
        NonFiniteFeatures: a feature is NaN or infinite.
    """
    obs, _, terminated, truncated, info = step_parts(answer, task.name)
    return Reached(
        checked_observation(obs, task.obs_size, task.name),
        reported_features(info, task.name, task.feature_names),
        ended(terminated, "terminated", task.name),
        ended(truncated, "truncated", task.name),
        dict(info),
    )


def reset_parts(answer: Any, name: str) -> tuple[Any, dict[str, Any]]:
    """Observation and info, as `reset` of the environment of a task returned them.

    Raises:
        WrongTask: `reset` returned something else.
    """
    if not isinstance(answer, tuple) or len(cast(tuple[Any, ...], answer)) != 2:
        raise WrongTask(
            f"The environment of the task {name} returned {_kind(answer)} from reset(). Gymnasium's returns a tuple of "
            "2: observation, info. (An environment of the old gym returns the observation alone: return obs, {}.)"
        )
    obs, info = cast(tuple[Any, Any], answer)
    return obs, _dictionary(info, "reset", name)


def step_parts(answer: Any, name: str) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
    """The five values that `step` of the environment of a task returned.

    Raises:
        WrongTask: `step` returned something else.
    """
    if not isinstance(answer, tuple) or len(cast(tuple[Any, ...], answer)) != 5:
        raise WrongTask(
            f"The environment of the task {name} returned {_kind(answer)} from step(). Gymnasium's returns a tuple of "
            "5: observation, reward, terminated, truncated, info. (The old gym's has 4: done is terminated or, at a "
            "time limit, truncated.)"
        )
    obs, reward, terminated, truncated, info = cast(tuple[Any, Any, Any, Any, Any], answer)
    return obs, reward, terminated, truncated, _dictionary(info, "step", name)


def checked_observation(obs: Any, size: int, name: str, name_of: NameOf = coordinate) -> Float[np.ndarray, " obs"]:
    """Copy of an observation, a vector of finite numbers. Whole numbers and booleans become float32.

    Raises:
        WrongTask: the observation is another array, or a coordinate is not finite.
    """
    found = np.array(real_numbers(obs))
    if found.shape != (size,) or found.dtype.kind not in "fiub":
        raise WrongTask(
            f"An observation of the task {name} has shape {found.shape} and type {found.dtype}; it must be a vector of "
            f"{size} numbers. Flatten it (mereq.task_from_gymnasium does), or declare its size."
        )
    if not np.isfinite(found).all():
        raise WrongTask(not_finite(found, name, name_of))
    return found if found.dtype in FLOATS else found.astype(np.float32)


def real_numbers(obs: Any) -> Any:
    """The same observation. An array without a mask and without complex numbers loses nothing when it is flattened.

    Raises:
        WrongTask: it is an array of complex numbers, or some are masked.
    """
    if np.ma.isMaskedArray(obs) and np.ma.getmaskarray(obs).any():
        raise WrongTask(
            "An observation is a masked array, and numbers of it are masked. Every coordinate must be a finite number "
            "at every step: for a missing measurement repeat the last one."
        )
    if getattr(getattr(obs, "dtype", None), "kind", "") == "c":
        raise WrongTask("An observation has complex numbers. Return their real and imaginary parts as two coordinates.")
    return obs


def checked_observations(obs: np.ndarray, name: str) -> np.ndarray:
    """The same observations, one per row, after a check that all coordinates are finite.

    Raises:
        WrongTask: a coordinate is not finite.
    """
    if not np.isfinite(obs).all():
        raise WrongTask(not_finite(obs[np.flatnonzero(~np.isfinite(obs).all(axis=-1))[0]], name, coordinate))
    return obs


def not_finite(obs: np.ndarray, name: str, name_of: NameOf) -> str:
    """Sentence about an observation with a coordinate that is not finite."""
    where = int(np.flatnonzero(~np.isfinite(obs))[0])
    return (
        f"{name_of(where)} of an observation of the task {name} is {obs[where]}. Every coordinate must be a finite "
        "number at every step, or the policy becomes NaN. Clip it; for a missing measurement repeat the last one."
    )


def reported_features(info: dict[str, Any], name: str, names: tuple[str, ...]) -> Float[np.ndarray, " features"]:
    """Copy of the features that an environment reported in its info.

    Raises:
        WrongTask: there are none, or not one per name.
        NonFiniteFeatures: a feature is NaN or infinite.
    """
    if "features" not in info:
        raise WrongTask(
            f"The environment of the task {name} reports no info['features'] after a step. Report the features "
            f"{', '.join(names)} there (mereq.task_from_gymnasium does, from a function)."
        )
    return as_features(info["features"], name, names)


def as_features(found: Any, name: str, names: tuple[str, ...]) -> Float[np.ndarray, " features"]:
    """Copy of a step's features.

    Raises:
        WrongTask: they are not one number per name.
        NonFiniteFeatures: a feature is NaN or infinite.
    """
    try:
        features = np.array(found)
        if features.dtype.kind == "c":
            raise TypeError("complex numbers")
        features = features.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise WrongTask(
            f"The features of the task {name} are {_shown(found)}. They must be an array of one number for each of the "
            f"names {', '.join(names)}."
        ) from error
    if features.shape != (len(names),):
        raise WrongTask(
            f"The features of the task {name} have shape {features.shape}; with the names {', '.join(names)} it must "
            f"be ({len(names)},). Return one number for each name, at every step."
        )
    return checked_features(features, names)


def ended(value: Any, which: str, name: str) -> bool:
    """Whether an episode has ended, as an environment says.

    Raises:
        WrongTask: the value is neither true nor false.
    """
    if value is True or value is False:
        return value
    found = _array_of(value)
    if found.shape == () and (found.dtype == np.bool_ or (found.dtype.kind in "iu" and int(found) in (0, 1))):
        return bool(found)
    raise WrongTask(
        f"The environment of the task {name} returned {which} = {_shown(value)} from step(). It must be True or False."
    )


def existing_action(action: Any, actions: Actions, whose: str) -> Any:
    """The action in the type in which it is executed and recorded: an int64, or a new float32 array.

    Args:
        action: of a policy or a supervisor.
        actions: of the task.
        whose: who answered with it, for the message: "The supervisor".

    Raises:
        WrongAction: there is no such action.
    """
    if isinstance(actions, Discrete) and type(action) in (np.int64, int) and 0 <= action < actions.n:
        return np.int64(action)  # the usual answer, at once
    found = _array_of(action)
    if isinstance(actions, Discrete):
        if found.shape == () and found.dtype.kind in "iubf" and 0 <= found < actions.n and found == np.floor(found):
            return np.int64(found)
        raise WrongAction(
            f"{whose} answered with the action {_shown(action)}, which does not exist. An action of this task is one "
            f"whole number from 0 to {actions.n - 1}."
        )
    if found.shape != actions.shape or found.dtype.kind not in "fiu":
        raise WrongAction(
            f"{whose} answered with the action {_shown(action)}, which does not exist. An action of this task is an "
            f"array of {actions.size} numbers between -1 and 1, so its shape is {actions.shape}."
        )
    within = np.abs(found) <= 1.0
    if not within.all():
        where = int(np.flatnonzero(~within)[0])
        if not (np.abs(found) <= 1.0 + ROUNDING).all():
            raise WrongAction(
                f"{whose} answered with the action {_shown(action)}, which does not exist: number {where} is "
                f"{found[where]:g}. Each is between -1, which stands for the lower limit of the environment's action, "
                "and 1, for the upper one. From the environment's units: 2 * (action - low) / (high - low) - 1."
            )
        found = np.clip(found, -1.0, 1.0)
    return found.astype(np.float32)


def copied(action: Any) -> Any:
    """An action for the environment, which may keep or change it."""
    return cast(Any, action).copy() if isinstance(action, np.ndarray) else action


def failed(what: str, error: Exception, more: str = "") -> OwnCodeFailed:
    """The error to raise when a user's code has raised one. what: "The environment of the task x failed in step()"."""
    read_only = "Arrays that mereq hands over must not be changed: change a copy." if "read-only" in str(error) else ""
    hint = " ".join(part for part in (read_only, more) if part)
    return OwnCodeFailed(f"{what}: {type(error).__name__}: {error}{line_of(error)}.{' ' + hint if hint else ''}")


@contextmanager
def own_code(what: str) -> Generator[None, None, None]:
    """Context in which an exception of a user's function becomes a sentence with their line. what: as in `failed`.

    Raises:
        OwnCodeFailed: the function raised an exception.
    """
    try:
        yield
    except MereqError:
        raise
    except Exception as error:
        raise failed(what, error) from error


def line_of(error: BaseException) -> str:
    """The line of the user's code in which an error arose, in brackets; "" if there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not Path(frame.filename).resolve().is_relative_to(PACKAGE)]
    own = [frame for frame in outside if "site-packages" not in frame.filename and "<" not in frame.filename] or outside
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


def non_finite_part(value: Any, path: str) -> str | None:
    """Path of the first number in nested measurements that is NaN or infinite, such as `measurements["force"]`."""
    if isinstance(value, float | np.floating | np.ndarray):
        array = np.asarray(value)
        return path if array.dtype.kind == "f" and not np.isfinite(array).all() else None
    for name, part in _parts(value):
        if found := non_finite_part(part, f"{path}{name}"):
            return found
    return None


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"[{key!r}]", part) for key, part in cast(dict[Any, Any], value).items()]
    if isinstance(value, tuple) and hasattr(cast(Any, value), "_asdict"):
        return [(f".{key}", part) for key, part in cast(Any, value)._asdict().items()]
    if isinstance(value, tuple | list):
        return [(f"[{n}]", part) for n, part in enumerate(cast(list[Any], value))]
    if is_dataclass(value):
        return [(f".{field.name}", getattr(value, field.name)) for field in fields(cast(Any, value))]
    return []


def _array_of(action: Any) -> np.ndarray:
    """The action as an array; one of objects if it is none."""
    try:
        return np.asarray(action)
    except Exception:  # of a foreign class, such as a tensor that needs a gradient: shown in the message
        return np.array(None)


def _dictionary(info: Any, method: str, name: str) -> dict[str, Any]:
    if not isinstance(info, dict):
        raise WrongTask(
            f"The environment of the task {name} returned {_kind(info)} as the info of {method}(). It must be a "
            "dictionary; an empty one is fine: {}."
        )
    return cast(dict[str, Any], info)


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return f"a tuple of {len(cast(tuple[Any, ...], value))}"
    return "None" if value is None else f"one {type(value).__name__}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= WORDS else f"{text[:WORDS]}..."
