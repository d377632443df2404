"""Meaning of a device's pushes and reports. `steering.json` has the numbers for this module and for the page."""

import json
import struct
from importlib.resources import files
from typing import Any

import numpy as np

from mereq.core.actions import Actions, Discrete
from mereq.core.view import Key
from mereq.web.devices.device import Held

LAYOUT: dict[str, Any] = json.loads(files("mereq.web.devices").joinpath("steering.json").read_text())
DEAD_ZONE, WAY = LAYOUT["dead_zone"], LAYOUT["way"]
SILENCE: float = LAYOUT["silence"]  # s without a report after which a device counts as disconnected
CAP = LAYOUT["spacemouse"]


def beyond(value: float) -> float:
    """Part of a value in [-1, 1] that is beyond the dead zone, rescaled to [-1, 1]."""
    far = (abs(value) - DEAD_ZONE) / (1.0 - DEAD_ZONE)
    return 0.0 if far <= 0.0 else far if value > 0.0 else -far


def after(held: Held, report: bytes) -> Held:
    """Input after a report of a SpaceMouse. An unknown report changes nothing.

    The first byte is the report's number. Report 1 is the cap's translation: right, towards the person, down, as
    little-endian int16 of about -350 to 350 (newer devices append its rotation, older ones send that as report 2).
    Report 3 has the buttons, one bit each.
    """
    if len(report) >= 7 and report[0] == CAP["translation"]:
        right, towards, down = (
            beyond(max(-1.0, min(1.0, part / CAP["full"]))) for part in struct.unpack_from("<3h", report, 1)
        )
        return held._replace(right=right, towards=towards, up=-down if down else 0.0)
    if len(report) >= 2 and report[0] == CAP["buttons"]:
        return held._replace(takes_over=bool(report[1] & 1), hands_back=bool(report[1] & 2))
    return held


def action_of(held: Held, keys: tuple[Key, ...], actions: Actions) -> Any:
    """Action of the device's input; None for no action.

    A discrete action is that of the arrow key in the direction of the strongest push. A continuous one is the vector
    (towards, right, up): the arm's x, y and z.
    """
    if not isinstance(actions, Discrete):
        vector = np.array([held.towards, held.right, held.up], np.float32)
        return vector if vector.any() else None
    code = _way(held)
    return next((np.int64(key.action) for key in keys if code in key.codes), None)


def _way(held: Held) -> str | None:
    if max(abs(held.right), abs(held.towards)) <= WAY:
        return None
    if abs(held.right) > abs(held.towards):
        return "ArrowRight" if held.right > 0 else "ArrowLeft"
    return "ArrowDown" if held.towards > 0 else "ArrowUp"
