"""Clock of the control loop. Tests replace it."""

import time
from threading import Event


class Clock:
    """Monotonic clock, with waits that another thread can end for good."""

    def __init__(self):
        self._stop = Event()

    def now(self) -> float:
        """Seconds since a fixed moment; the value never decreases."""
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Wait [s]. Returns whether `stop` was called."""
        return self._stop.wait(seconds)

    def stop(self) -> None:
        """End all present and later waits."""
        self._stop.set()
