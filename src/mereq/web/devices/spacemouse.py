"""SpaceMouse at this machine, read through Linux's hidraw, which needs no package."""

import os
import select
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from mereq.core.errors import NoDevice
from mereq.web.devices.device import Held
from mereq.web.devices.steering import CAP, SILENCE, after

PAGES_BUTTON = "the page's button *SpaceMouse …* works in Chromium, Chrome and Edge without it"
RULE = 'KERNEL=="hidraw*", KERNELS=="*:256F:*|*:046D:C6*", TAG+="uaccess"'
MULTI_AXIS = bytes([0x05, CAP["usage"]["usagePage"], 0x09, CAP["usage"]["usage"]])  # as in a report descriptor


class Found(NamedTuple):
    """Connected SpaceMouse."""

    name: str
    path: Path  # such as /dev/hidraw0

    @property
    def may_be_read(self) -> bool:
        """Whether this user may open the device."""
        return os.access(self.path, os.R_OK)


def spacemice(root: Path = Path("/")) -> list[Found]:
    """Connected SpaceMice; none on other systems than Linux. root: folder that contains /sys and /dev."""
    found = []
    for entry in sorted((root / "sys/class/hidraw").glob("hidraw*")):
        try:
            lines = (entry / "device/uevent").read_text().splitlines()
            about = dict(line.split("=", 1) for line in lines if "=" in line)
            vendor = int(about["HID_ID"].split(":")[1], 16)
            descriptor = (entry / "device/report_descriptor").read_bytes()
        except (OSError, LookupError, ValueError):
            continue  # disconnected in the meantime, or another kind of device
        if vendor in CAP["vendors"] and MULTI_AXIS in descriptor:
            found.append(Found(about.get("HID_NAME", "SpaceMouse"), root / "dev" / entry.name))
    return found


class SpaceMouse:
    """The first connected SpaceMouse: the cap acts, the left button takes over, the right button hands back."""

    def __init__(self, root: Path = Path("/")):
        self.name, self._root, self._file = "SpaceMouse", root, -1
        self._held, self._heard = Held(), 0.0

    def __enter__(self) -> "SpaceMouse":
        """Open the device.

        Raises:
            NoDevice: no SpaceMouse is connected, or this user may not read it.
        """
        if not (self._root / "sys/class/hidraw").is_dir():
            raise NoDevice(
                f"A SpaceMouse can be read on Linux only (by hidraw), and this system ({sys.platform}) has no hidraw; "
                f"{PAGES_BUTTON}."
            )
        found = spacemice(self._root)
        if not found:
            raise NoDevice(f"No SpaceMouse is plugged in here. Plug one into this machine; {PAGES_BUTTON}.")
        self.name, path = found[0]
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except PermissionError as error:
            raise NoDevice(
                f"{self.name} is at {path}, and you may not read it. Write the line  {RULE}  into "
                "/etc/udev/rules.d/70-spacemouse.rules, run  sudo udevadm control --reload  and plug it in again."
            ) from error
        except OSError as error:
            raise NoDevice(f"{self.name} at {path} cannot be opened: {error.strerror}. Plug it in again.") from error
        self._held, self._heard = Held(), time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the device."""
        os.close(self._file)
        self._file = -1

    def read(self, seconds: float) -> Held:
        """Present input. Waits for the next report, at most for the given time [s].

        Raises:
            NoDevice: the device was unplugged, or stopped reporting while its cap was pushed, when reports normally
                come every few milliseconds.
        """
        if select.select([self._file], [], [], seconds)[0]:
            try:
                report = os.read(self._file, 64)  # hidraw hands out one report at a time
            except OSError:
                report = b""
            if not report:
                raise NoDevice(f"{self.name} is gone. Plug it in again.")
            self._held, self._heard = after(self._held, report), time.monotonic()
        elif any(self._held[:3]) and time.monotonic() - self._heard > SILENCE:
            raise NoDevice(f"{self.name} fell silent. Is its battery empty, or is it out of reach?")
        return self._held
