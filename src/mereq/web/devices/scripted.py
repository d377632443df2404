"""Device that plays a script, for tests and for trials without hardware."""

from collections.abc import Sequence
from types import TracebackType

from mereq.core.errors import NoDevice
from mereq.web.clock import Clock
from mereq.web.devices.device import Held


class ScriptedDevice:
    """Device whose input follows a script.

    script: times [s since opening], in order, with the input from then on; None: the device is disconnected.
    """

    name = "scripted device"

    def __init__(self, script: Sequence[tuple[float, Held | None]], clock: Clock | None = None):
        self._script, self._clock, self._opened = script, clock or Clock(), 0.0

    def __enter__(self) -> "ScriptedDevice":
        """Start the script."""
        self._opened = self._clock.now()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing: there is no hardware to close."""

    def read(self, seconds: float) -> Held:
        """Present input of the script, or that after the next change within the given time [s].

        Raises:
            NoDevice: the script has no device now.
        """
        now = self._clock.now() - self._opened
        self._clock.wait(min([seconds, *(moment - now for moment, _ in self._script if moment > now)]))
        now = self._clock.now() - self._opened
        held = next((held for moment, held in reversed(self._script) if moment <= now), Held())
        if held is None:
            raise NoDevice(f"The {self.name} is gone, as its script says.")
        return held
