"""Tally of a record: how many rows of each table were acknowledged, in a small file beside the SQLite file.

SQLite ignores a damaged end of its write-ahead log, and opens a file whose log is missing: what was in the log is then
lost without an error. With the tally, the loss is noticed, and its size is known.
"""

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

from mereq.store.links import inside

SIZE = 512  # bytes: one block, so that a write is complete or missing


class Tally:
    """Open tally of a writer."""

    def __init__(self, file: Path):
        inside(file.parent, file)
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)

    def write(self, rows: Mapping[str, int]) -> None:
        """Replace the numbers of rows by table. A killed process leaves the old numbers or the new ones."""
        text = json.dumps(dict(rows))
        line = f"{text} {zlib.crc32(text.encode()):08x}"
        if len(line) >= SIZE:
            raise ValueError(f"the tally has {len(line)} characters, and at most {SIZE - 1} fit")
        os.pwrite(self._descriptor, f"{line:<{SIZE - 1}}\n".encode(), 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read_tally(file: Path) -> dict[str, int]:
    """Numbers of acknowledged rows by table; empty if there is no tally, or an unreadable one."""
    try:
        with file.open("rb") as opened:
            text, _, checksum = opened.read(SIZE).decode("ascii").strip().rpartition(" ")
        if int(checksum, 16) != zlib.crc32(text.encode()):
            return {}
        return {str(name): int(number) for name, number in json.loads(text).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
