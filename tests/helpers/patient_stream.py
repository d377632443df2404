"""airo-fanuc and our arm over it without their deadlines: a busy machine makes a test slow, and loses no robot."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from mereq.robots.fanuc import stream, stream_arm
from waiting import HANG


def be_patient(change: Callable[[Any, str, Any], None]) -> None:
    """Change the deadlines. change: `setattr`, or pytest's `monkeypatch.setattr`."""
    airo, facts = import_module("airo_fanuc"), import_module("airo_fanuc.controller_facts")
    for silence in ("RX_SILENCE_BLIND_HOLD_MS", "RX_SILENT_PARK_MS"):
        change(facts, silence, 1000.0 * HANG)
    waits = ("preroll_timeout_s", "supervisor_lost_s", "rmi_connect_timeout", "rmi_request_timeout")
    change(airo, "DriverConfig", partial(airo.DriverConfig, **dict.fromkeys(waits, HANG)))
    change(airo, "DriverPolicy", partial(airo.DriverPolicy, hold_wait_s=HANG))
    for wait in ("ANSWER", "SILENT", "STANDING", "ARRIVING"):
        change(stream_arm, wait, HANG)
    change(stream, "FREED", HANG)
    change(stream, "SETTLING", 0.0)
