"""Interface of a task for a person: pictures as data, readings, keys. No network, no drawing library."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypedDict, runtime_checkable

import numpy as np

from mereq.core.actions import Actions, Discrete
from mereq.core.errors import WrongTask


class HighwayPicture(TypedDict):
    """Vehicles on the road, the ego first."""

    draw: Literal["highway"]
    lanes: int
    cars: list[tuple[float, float, float]]  # x, y [m], heading [rad]
    crashed: list[bool]
    ids: list[int]  # identity of each car from picture to picture


class ShapesPicture(TypedDict):
    """Shapes in space, those of lower layers first."""

    draw: Literal["shapes"]
    shapes: list[str]
    sizes: list[tuple[float, float, float]]
    colours: list[tuple[float, float, float, float]]
    positions: list[tuple[float, float, float]]  # world frame [m]
    orientations: list[list[float]]  # nine numbers each, row-major, world from shape
    layers: list[int]
    tip: tuple[float, float, float]  # of the tool, world frame [m]


class ImagePicture(TypedDict):
    """A picture from `render()`, as a data URL."""

    draw: Literal["image"]
    source: str


Place = tuple[float, float, float]  # in the units of the task's pictures

Picture = HighwayPicture | ShapesPicture | ImagePicture  # as JSON; `draw` names the renderer of the page


class Key(NamedTuple):
    """An action, and the keys that ask for it."""

    codes: tuple[str, ...]  # physical keys, as `KeyboardEvent.code` names them
    label: str  # of the action
    shown: str  # of the keys, for the person
    action: Any  # a number; or a vector: those of all pressed keys are added


@dataclass(frozen=True)
class ActionControls:
    """The keys of a task's actions, and the action of a person in control who presses none."""

    keys: tuple[Key, ...]
    nothing: Any = None  # None: no action means "nothing", so the run waits for a key
    name_of: Callable[[Any], str] = str  # an action in words


class TaskView(Protocol):
    """An environment as a person sees it on the page."""

    @property
    def controls(self) -> ActionControls:
        """Keys and their actions."""
        ...

    @property
    def pace(self) -> float:
        """Steps per second at the start of a session."""
        ...

    def still(self) -> Picture:
        """Picture of the present state."""
        ...

    def film(self) -> list[Picture]:
        """Pictures of the last step, evenly spaced in time; the last one shows where it led."""
        ...

    def readings(self) -> list[tuple[str, str]]:
        """Names and values (with units) of what instruments show now."""
        ...


@runtime_checkable
class Foreseeable(Protocol):
    """View of an environment whose state can be copied, so that a second environment shows what is about to happen."""

    @property
    def ahead(self) -> int:
        """Number of steps that are shown in advance."""
        ...

    def save(self) -> Any:
        """The environment's state. Later steps do not change it."""
        ...

    def restore(self, state: Any) -> None:
        """Continue the environment from a state that another view's `save` returned."""
        ...

    def places(self) -> list[Place]:
        """Places of what the policy controls in the last step: x, y, heading of a car; x, y, z of a tool [m, rad]."""
        ...


RESERVED = {"Enter", "Escape", "KeyP", "KeyM", "KeyH", "Minus", "Equal"}  # of the page itself
CODE = re.compile(  # of a key on some keyboard
    "Key[A-Z]|Digit[0-9]|Arrow(Left|Right|Up|Down)|Numpad[A-Z0-9][A-Za-z]*|F[0-9]{1,2}|(Shift|Control|Alt|Meta)(Left|Right)"
    "|(Intl|Lang)[A-Za-z0-9]+|Space|Tab|CapsLock|ContextMenu|Backspace|Delete|Insert|Home|End|PageUp|PageDown|Backquote"
    "|Bracket(Left|Right)|Backslash|Semicolon|Quote|Comma|Period|Slash|KanaMode|Convert|NonConvert|Pause|ScrollLock"
)
DIGITS = tuple(f"Digit{n}" for n in range(1, 10))
AXIS_KEYS = (  # of one axis after another: the key that increases it, the key that decreases it
    ("ArrowRight", "ArrowLeft"),
    ("ArrowUp", "ArrowDown"),
    ("KeyE", "KeyQ"),
    ("KeyD", "KeyA"),
    ("KeyW", "KeyS"),
    ("KeyL", "KeyJ"),
    ("KeyI", "KeyK"),
)
_SHOWN = {
    **{"ArrowRight": "→", "ArrowLeft": "←", "ArrowUp": "↑", "ArrowDown": "↓"},
    **{"Space": "Space", "PageUp": "Page Up", "PageDown": "Page Down"},
}


def discrete_controls(names: Sequence[str], *, keys: Sequence[str] = (), nothing: int | None = None) -> ActionControls:
    """Controls of finitely many actions.

    Args:
        names: of the actions 0, 1, ...
        keys: one for each action, as `KeyboardEvent.code` names them ("ArrowLeft", "KeyA", "Space", "Digit1"); an empty
            text for an action without a key. By default the number keys, from 1 for action 0.
        nothing: the action that does nothing. Without one, the run waits while a person in control presses no key.

    Raises:
        WrongTask: there are more keys than names, a key does not exist, is used twice or by the page, or `nothing` is
            no action.
    """
    used = tuple(keys) or DIGITS
    pressed = [code for code in used[: len(names)] if code]
    if len(keys) > len(names):
        raise WrongTask(f"{len(names)} actions need at most as many keys; got {', '.join(keys)}.")
    _check_keys(pressed)
    if nothing is not None and not 0 <= nothing < len(names):
        raise WrongTask(f"nothing = {nothing} is not one of the actions 0 to {len(names) - 1}.")
    known = tuple(names)
    return ActionControls(
        tuple(
            Key(_codes(code), name, _shown(code), n)
            for n, (name, code) in enumerate(zip(names, used, strict=False))
            if code
        ),
        None if nothing is None else np.int64(nothing),
        lambda action: known[int(action)],
    )


def axis_controls(names: Sequence[str], *, keys: Sequence[tuple[str, str]] = AXIS_KEYS) -> ActionControls:
    """Controls of continuous actions: two keys an axis, full deflection while pressed; "nothing" is the middle, 0.

    Args:
        names: of the axes, with their units: ("steering [rad]", "throttle").
        keys: for each axis the key that increases it and the one that decreases it. Axes beyond the last pair can be
            moved by no key.

    Raises:
        WrongTask: a key does not exist, is used twice, or by the page itself.
    """
    pairs = tuple(zip(names, keys, strict=False))
    pressed = [code for _, pair in pairs for code in pair]
    _check_keys(pressed)
    unit = np.eye(len(names), dtype=int)
    found = [
        Key(_codes(code), f"{name} {sign}", _shown(code), (way * unit[axis]).tolist())
        for axis, (name, pair) in enumerate(pairs)
        for code, sign, way in zip(pair, ("+", "-"), (1, -1), strict=True)
    ]
    return ActionControls(
        tuple(found), np.zeros(len(names), np.float32), lambda action: ", ".join(f"{part:+.2f}" for part in action)
    )


def default_controls(actions: Actions) -> ActionControls:
    """Controls of actions that nothing else is known of: number keys without a "nothing", or two keys an axis."""
    if isinstance(actions, Discrete):
        return discrete_controls([f"action {n}" for n in range(actions.n)])
    return axis_controls([f"axis {n}" for n in range(actions.size)])


def check_controls(controls: Any, actions: Actions, name: str) -> None:
    """Refuse controls that are not those of the task's actions.

    Raises:
        WrongTask: they are no `ActionControls`, or a key's action, or "nothing", does not exist.
    """
    if not isinstance(controls, ActionControls):
        raise WrongTask(
            f"The controls of the task {name} are a {type(controls).__name__}. Make them with discrete_controls(names) "
            "or axis_controls(names)."
        )
    meant = [key.action for key in controls.keys] + ([] if controls.nothing is None else [controls.nothing])
    for action in meant:
        discrete = np.shape(action) == ()
        if discrete != isinstance(actions, Discrete) or (
            not 0 <= action < actions.n if isinstance(actions, Discrete) else np.shape(action) != actions.shape
        ):
            maker = "discrete_controls" if isinstance(actions, Discrete) else "axis_controls"
            raise WrongTask(
                f"The controls of the task {name} have the action {action!r}, and the task has {actions}. "
                f"{maker}(names), with one name for each, fits them."
            )
    if isinstance(actions, Discrete):
        try:
            controls.name_of(np.int64(actions.n - 1))
        except Exception as error:
            raise WrongTask(
                f"The controls of the task {name} have no name for the action {actions.n - 1} ({error}). The task has "
                f"{actions}: discrete_controls(names), with one name for each, fits them."
            ) from error


def _check_keys(pressed: Sequence[str]) -> None:
    if len(set(pressed)) < len(pressed):
        raise WrongTask(f"The keys of actions must all be different; got {', '.join(pressed)}.")
    if taken := sorted(RESERVED.intersection(pressed)):
        raise WrongTask(f"The keys {', '.join(taken)} belong to the page itself: choose others.")
    if unknown := [code for code in pressed if not CODE.fullmatch(code)]:
        raise WrongTask(
            f"There is no key {', '.join(map(repr, unknown))}. Keys are named as in KeyboardEvent.code of browsers, by "
            "their place: KeyA, Digit1, ArrowLeft, Space, Numpad4, Comma, ShiftLeft."
        )


def _codes(code: str) -> tuple[str, ...]:
    """The key, and its twin on the number pad."""
    return (code, f"Numpad{code[-1]}") if code.startswith("Digit") else (code,)


def _shown(code: str) -> str:
    return _SHOWN.get(code, code.removeprefix("Digit").removeprefix("Key"))
