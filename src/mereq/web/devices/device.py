"""Interface of input devices of this machine."""

from types import TracebackType
from typing import NamedTuple, Protocol


class Held(NamedTuple):
    """Input of a device at one time. Each push is from -1 to 1, and 0 within the dead zone."""

    right: float = 0.0
    towards: float = 0.0  # towards the person
    up: float = 0.0
    takes_over: bool = False  # the button that takes over is down
    hands_back: bool = False  # the button that hands back is down


class Device(Protocol):
    """Input device: a context manager, within which the device is open."""

    name: str

    def __enter__(self) -> "Device":
        """Open the device.

        Raises:
            NoDevice: the device cannot be opened; the message says why, and what to do.
        """
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the device."""
        ...

    def read(self, seconds: float) -> Held:
        """Present input. Waits for a change, at most for the given time [s].

        Raises:
            NoDevice: the device is disconnected, or has stopped reporting.
        """
        ...
