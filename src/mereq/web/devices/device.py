"""A device that a person acts with: what they hold now, or a sentence that says why there is none."""

from types import TracebackType
from typing import NamedTuple, Protocol


class Held(NamedTuple):
    """What a person does with a device at one time. Each way is from -1 to 1, and 0 within the dead zone."""

    right: float = 0.0
    towards: float = 0.0  # the person
    up: float = 0.0
    takes_over: bool = False  # that button is down
    hands_back: bool = False


class Device(Protocol):
    """A context manager: within it the device is open."""

    name: str

    def __enter__(self) -> "Device":
        """Open it.

        Raises:
            NoDevice: why that cannot be done, and what to do.
        """
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        ...

    def read(self, seconds: float) -> Held:
        """What is held now. Waits for news, at most so long [s].

        Raises:
            NoDevice: it has gone, or should speak and does not.
        """
        ...
