"""Waiting for an event in a test: a deadline bounds a hang, and is no assertion about speed."""

import time
from collections.abc import Callable

HANG = 600.0  # s after which a test says that something hangs; a machine with other work may make it wait for minutes


def until(happened: Callable[[], object]) -> None:
    """Wait until something has happened."""
    end = time.monotonic() + HANG
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
