"""A SpaceMouse as Linux shows it, below a directory: entries in /sys and a file that hands out one report at a time."""

import contextlib
import os
import shutil
import struct
from pathlib import Path

MULTI_AXIS = bytes([0x05, 0x01, 0x09, 0x08, 0xA1, 0x01])
MOUSE = bytes([0x05, 0x01, 0x09, 0x02, 0xA1, 0x01])
NAME = "SpaceMouse Compact"


class Hidraw:
    """Report files are pipes that keep packets apart, as hidraw does."""

    def __init__(self, root: Path):
        self.root = root
        (root / "sys/class/hidraw").mkdir(parents=True)
        (root / "dev").mkdir()
        self._ends: tuple[int, int] = (-1, -1)

    def plug(self, number=0, *, ids="0003:0000256F:0000C635", name=NAME, descriptor=MULTI_AXIS) -> Path:
        about = self.root / f"sys/class/hidraw/hidraw{number}/device"
        about.mkdir(parents=True)
        (about / "uevent").write_text(f"DRIVER=hid-generic\nHID_ID={ids}\nHID_NAME={name}\n")
        (about / "report_descriptor").write_bytes(descriptor)
        self._ends = os.pipe2(os.O_DIRECT | os.O_NONBLOCK)
        path = self.root / f"dev/hidraw{number}"
        path.symlink_to(f"/proc/{os.getpid()}/fd/{self._ends[0]}")
        return path

    def say(self, report: bytes) -> None:
        os.write(self._ends[1], report)

    def cap(self, right: int, towards: int, down: int) -> None:
        with contextlib.suppress(BlockingIOError):  # without a reader; hidraw too throws reports away then
            self.say(struct.pack("<B3h", 1, right, towards, down))

    def buttons(self, bits: int) -> None:
        self.say(bytes([3, bits, 0]))

    def unplug(self) -> None:
        shutil.rmtree(self.root / "sys/class/hidraw")
        (self.root / "sys/class/hidraw").mkdir()
        for path in (self.root / "dev").iterdir():
            path.unlink()
        for end in self._ends:
            os.close(end)
        self._ends = (-1, -1)

    def close(self) -> None:
        if self._ends[0] >= 0:
            self.unplug()
