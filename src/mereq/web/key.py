"""A key of the page."""

from typing import Any, NamedTuple


class Key(NamedTuple):
    """An action, and the keys that ask for it."""

    codes: tuple[str, ...]  # physical keys, as `KeyboardEvent.code` names them
    label: str  # of the action
    shown: str  # of the keys, for the person
    action: Any  # a number; or a vector, and then those of all keys that are down are added
