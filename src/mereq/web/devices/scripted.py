"""A device that plays a script, for tests and for trying things without hardware."""

from collections.abc import Sequence
from types import TracebackType

from mereq.core.errors import NoDevice
from mereq.web.clock import Clock
from mereq.web.devices.device import Held


class ScriptedDevice:
    """Holds what a script says, by the clock.

    script: moments [s since it was opened], in order, and what is held from then on. None: it is gone.
    """

    name = "scripted device"

    def __init__(self, script: Sequence[tuple[float, Held | None]], clock: Clock | None = None):
        self._script, self._clock, self._opened = script, clock or Clock(), 0.0

    def __enter__(self) -> "ScriptedDevice":
        """Begin the script."""
        self._opened = self._clock.now()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing to close."""

    def read(self, seconds: float) -> Held:
        """What the script says now, or at its next change if that comes within so long [s].

        Raises:
            NoDevice: the script says that it is gone.
        """
        now = self._clock.now() - self._opened
        self._clock.wait(min([seconds, *(moment - now for moment, _ in self._script if moment > now)]))
        now = self._clock.now() - self._opened
        held = next((held for moment, held in reversed(self._script) if moment <= now), Held())
        if held is None:
            raise NoDevice(f"The {self.name} is gone, as its script says.")
        return held
