"""Time as the control loop needs it. Tests bring their own."""

import time
from threading import Event


class Clock:
    """Seconds since some moment, and waiting that another thread can cut short for good."""

    def __init__(self):
        self._stop = Event()

    def now(self) -> float:
        """Never goes back [s]."""
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Let time pass; True when somebody asked to stop."""
        return self._stop.wait(seconds)

    def stop(self) -> None:
        """Ask whoever waits, now or later, to stop."""
        self._stop.set()
