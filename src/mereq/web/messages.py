"""Messages from the page: each is validated completely, or refused with a reason."""

import json
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from mereq.core.actions import Actions, Discrete

MOST_CHARACTERS = 2048  # length of a message
SLOWEST, FASTEST = 0.2, 20.0  # permitted steps per second
Mode = Literal["toggle", "hold"]
Name = Literal["go", "pause", "release", "retract", "keep", "hand_back", "pace", "ghost"]
InterventionPlace = tuple[int, int, int]  # of an intervention: round, episode, first step; all from 0
FIELDS = {"input": {"frame", "sent", "mode", "engaged", "action"}, "command": {"name", "value"}}


class Refused(Exception):
    """A message that is not valid. The text of the exception is the reason."""


class Input(NamedTuple):
    """Input of the person. The page sends it at every change, and also many times per second."""

    frame: int  # number of the last picture that the page has drawn
    sent: float  # time by the clock of the page [s] since 1970
    mode: Mode  # taking over by Enter and Esc (toggle), or while an action key is down (hold)
    engaged: bool  # toggle: taken over and not handed back
    action: Any  # action of the keys that are down; None for no key


class Command(NamedTuple):
    """Command of the person, which is executed once."""

    name: Name  # "release": release all input and pause; "ghost": show or hide what the policy is about to do
    value: Any = None  # pace: steps per second; pause, release: reason that the page shows; keep, retract: where it is


def parse(text: str, actions: Actions) -> Input | Command:
    """The message of a text.

    Raises:
        Refused: the text is no valid message; the exception has the reason.
    """
    if len(text) > MOST_CHARACTERS:
        raise Refused(f"a message has at most {MOST_CHARACTERS} characters, this one has {len(text)}")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("a message is a JSON object; this one is not JSON") from None
    kind = message.get("kind") if isinstance(message, dict) else None
    if not isinstance(kind, str) or kind not in FIELDS:
        raise Refused('a message is a JSON object whose "kind" is "input" or "command"')
    fields = {name: value for name, value in message.items() if name != "kind"}
    if fields.keys() != FIELDS[kind]:
        raise Refused(f'a message of kind "{kind}" has the fields {", ".join(sorted(FIELDS[kind]))}')
    return _input(fields, actions) if kind == "input" else _command(fields)


def _input(fields: dict[str, Any], actions: Actions) -> Input:
    frame, sent, mode, engaged = (fields[name] for name in ("frame", "sent", "mode", "engaged"))
    if type(frame) is not int or not 0 <= frame < 2**53:
        raise Refused('"frame" is the number of a picture')
    if not _is_number(sent):
        raise Refused('"sent" is a time in seconds')
    if mode not in get_args(Mode):
        raise Refused(f'"mode" is one of {", ".join(get_args(Mode))}')
    if type(engaged) is not bool:
        raise Refused('"engaged" is true or false')
    return Input(frame, float(sent), mode, engaged, _action(fields["action"], actions))


def _action(value: Any, actions: Actions) -> Any:
    if value is None:
        return None
    if isinstance(actions, Discrete):
        if type(value) is not int or not 0 <= value < actions.n:
            raise Refused(f'"action" is null or a whole number from 0 to {actions.n - 1}')
        return np.int64(value)
    if not isinstance(value, list) or len(value) != actions.size or not all(_is_number(part, 1.0) for part in value):
        raise Refused(f'"action" is null or a list of {actions.size} numbers between -1 and 1')
    return np.array(value, np.float32)


def _command(fields: dict[str, Any]) -> Command:
    name, value = fields["name"], fields["value"]
    if name not in get_args(Name):
        raise Refused(f'"name" is one of {", ".join(get_args(Name))}')
    if name == "pace":
        if not _is_number(value) or not SLOWEST <= value <= FASTEST:
            raise Refused(f'"value" of "pace" is between {SLOWEST:g} and {FASTEST:g} steps per second')
        return Command(name, float(value))
    if name in ("pause", "release"):
        if not isinstance(value, str) or len(value) > 100 or not value.isprintable():
            raise Refused(f'"value" of "{name}" is a short text')
        return Command(name, value)
    if name == "keep" or (name == "retract" and value is not None):
        return Command(name, place_of(value))
    if value is not None:
        raise Refused(f'"value" of "{name}" is null')
    return Command(name)


def place_of(value: Any) -> InterventionPlace:
    """Place of an intervention.

    Raises:
        Refused: the value is none.
    """
    if not isinstance(value, list) or len(value) != 3 or not all(type(n) is int and 0 <= n < 2**53 for n in value):
        raise Refused("an intervention is named by its round, its episode and its first step, each a whole number")
    return value[0], value[1], value[2]


def _is_number(value: Any, limit: float = 1e15) -> bool:
    return type(value) in (int, float) and -limit <= value <= limit  # never so for NaN
