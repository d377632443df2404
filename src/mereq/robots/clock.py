"""Time of a cell: the machine's, or that of an emulator in the same process."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

LOOK = 0.02  # s between two looks at a condition


class Clock(Protocol):
    """Time in seconds."""

    def now(self) -> float:
        """Monotonic time [s]."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...

    def wait(self, changed: threading.Condition, reached: Callable[[], bool], seconds: float) -> bool:
        """Wait, for a time at most, until something is reached. Returns whether it was.

        changed: condition that is notified after every change; it is not held by the caller.
        """
        ...


class RealClock:
    """The machine's time."""

    def now(self) -> float:
        """Monotonic time [s]."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(max(0.0, seconds))

    def wait(self, changed: threading.Condition, reached: Callable[[], bool], seconds: float) -> bool:
        """Wait, for a time at most, until something is reached. Returns whether it was."""
        with changed:
            return changed.wait_for(reached, seconds)


class DrivenClock:
    """Time that passes only during waits, in small steps of an emulator in the same process.

    advance: lets the emulator's time pass [s].
    """

    def __init__(self, advance: Callable[[float], None], step: float = 0.008):
        self._advance, self._step, self._now = advance, step, 0.0

    def now(self) -> float:
        """Time that has passed [s]."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        until = self._now + seconds
        while self._now < until - 1e-9:
            self._pass()

    def wait(self, changed: threading.Condition, reached: Callable[[], bool], seconds: float) -> bool:
        """Wait, for a time at most, until something is reached. Returns whether it was."""
        until = self._now + seconds
        while not reached():
            if self._now >= until:
                return False
            self._pass()
        return True

    def _pass(self) -> None:
        self._now += self._step
        self._advance(self._step)
