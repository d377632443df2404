"""A disk that is made full."""

import contextlib
from pathlib import Path


def fill(disk: Path) -> None:
    """Leave no room for a file of a page."""
    with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(4096))
