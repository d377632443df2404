"""Devices of this machine: what their bytes mean, and a sentence when there is none, or one that goes."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hidraw import MOUSE, NAME
from mereq.commands.installation import examine_supervision
from mereq.core.actions import Box, Discrete
from mereq.core.errors import NoDevice
from mereq.tasks.arm.view import ArmView
from mereq.tasks.highway.config import FASTER, LANE_LEFT, LANE_RIGHT, SLOWER
from mereq.tasks.highway.view import HighwayView
from mereq.web.controls import SILENCE
from mereq.web.devices.device import Held
from mereq.web.devices.spacemouse import SpaceMouse, spacemice
from mereq.web.devices.steering import action_of, after
from waiting import until

REPORTS = json.loads(Path(__file__).with_name("spacemouse_reports.json").read_text())


# What bytes mean


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: bytes(report["bytes"]).hex())
def test_reports(report):
    """The page's test reads the same file."""
    assert after(Held(), bytes(report["bytes"])) == pytest.approx(Held(*report["held"]))


helds = st.builds(Held, *[st.floats(-1, 1)] * 3, st.booleans(), st.booleans())


@given(helds, st.binary(max_size=64))
def test_any_bytes_leave_something_that_can_be_held(held, report):
    now = after(held, report)
    assert all(-1 <= part <= 1 for part in now[:3])
    if not report or report[0] not in (1, 3):
        assert now is held


@given(helds, st.integers(-350, 350), st.integers(-350, 350), st.integers(-350, 350))
def test_a_push_the_other_way_is_the_opposite(held, right, towards, down):
    push = (right, towards, down)
    there, back = (after(held, b"\x01" + np.array(ways, "<i2").tobytes()) for ways in (push, [-way for way in push]))
    assert there[:3] == tuple(-part for part in back[:3])


@pytest.mark.parametrize(
    ("held", "action"),
    [
        (Held(), None),
        (Held(right=0.4), None),
        (Held(right=0.41), LANE_RIGHT),
        (Held(right=-0.9, towards=0.8), LANE_LEFT),
        (Held(right=-0.8, towards=0.9), SLOWER),
        (Held(towards=-1.0, up=1.0), FASTER),
        (Held(takes_over=True), None),
    ],
)
def test_actions_on_the_highway(held, action):
    assert action_of(held, HighwayView.controls.keys, Discrete(5)) == action


def test_actions_of_the_arm():
    """Along the axes that its keys name."""
    np.testing.assert_array_equal(action_of(Held(0.25, -0.5, 1.0), ArmView.controls.keys, Box(3)), [-0.5, 0.25, 1.0])
    assert action_of(Held(), ArmView.controls.keys, Box(3)) is None
    named = {"right (+y)": Held(right=1.0), "towards you (+x)": Held(towards=1.0), "up (+z)": Held(up=1.0)}
    for label, held in named.items():
        key = next(key for key in ArmView.controls.keys if key.label == label)
        np.testing.assert_array_equal(action_of(held, ArmView.controls.keys, Box(3)), key.action)


# A SpaceMouse, from its bytes on


def read_until(device, held) -> None:
    until(lambda: device.read(0.01) == pytest.approx(held))


def test_a_spacemouse_is_found_among_others(hidraw):
    hidraw.plug(0, ids="0003:0000046D:0000C077", name="Logitech mouse", descriptor=MOUSE)
    hidraw.plug(1, ids="0005:0000256F:0000C638")
    (hidraw.root / "sys/class/hidraw/hidraw2/device").mkdir(parents=True)
    (hidraw.root / "sys/class/hidraw/hidraw2/device/uevent").write_text("nonsense\nHID_ID=1\n")
    assert [(found.name, found.path) for found in spacemice(hidraw.root)] == [(NAME, hidraw.root / "dev/hidraw1")]


def test_what_a_spacemouse_says(hidraw):
    hidraw.plug()
    with SpaceMouse(hidraw.root) as mouse:
        assert mouse.name == NAME
        assert mouse.read(0.0) == Held()
        hidraw.cap(350, 0, -350)
        assert mouse.read(10.0) == Held(1.0, 0.0, 1.0)
        hidraw.buttons(1)
        assert mouse.read(10.0) == Held(1.0, 0.0, 1.0, True)
        hidraw.cap(0, 0, 0)
        hidraw.buttons(2)
        assert mouse.read(10.0) == Held(takes_over=True)
        assert mouse.read(10.0) == Held(hands_back=True)


def test_a_spacemouse_that_is_unplugged_or_falls_silent(hidraw):
    hidraw.plug()
    with SpaceMouse(hidraw.root) as mouse:
        hidraw.cap(350, 0, 0)
        with pytest.raises(NoDevice, match=f"{NAME} fell silent"):
            until(lambda: mouse.read(0.05) is None)
    with SpaceMouse(hidraw.root) as mouse:
        until(lambda: mouse._heard < time.monotonic() - 1.2 * SILENCE)
        assert mouse.read(0.0) == Held()  # at rest it may be silent
        hidraw.unplug()
        with pytest.raises(NoDevice, match=f"{NAME} is gone. Plug it in"):
            mouse.read(10.0)


def test_absent_with_a_sentence(hidraw, tmp_path, monkeypatch):
    with pytest.raises(NoDevice, match=r"No SpaceMouse is plugged in.*works in Chromium"), SpaceMouse(hidraw.root):
        pass
    with pytest.raises(NoDevice, match=r"on Linux only.*works in Chromium"), SpaceMouse(tmp_path):
        pass
    hidraw.plug().unlink()
    with pytest.raises(NoDevice, match="cannot be opened: No such file"), SpaceMouse(hidraw.root):
        pass
    monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with (
        pytest.raises(NoDevice, match=r"may not read it.*uaccess.*70-spacemouse\.rules.*udevadm"),
        SpaceMouse(hidraw.root),
    ):
        pass


def test_the_command_says_at_once_that_it_is_not_there(hidraw, tmp_path, mereq, monkeypatch):
    monkeypatch.setattr("mereq.commands.supervise.SpaceMouse", lambda: SpaceMouse(hidraw.root))
    status, _, told = mereq("supervise", "highway", "--device", "spacemouse", "--out", str(tmp_path / "run"))
    assert status == 2
    assert "No SpaceMouse is plugged in here" in told
    assert not (tmp_path / "run").exists()


def test_the_doctor_says_what_it_found(hidraw, monkeypatch):
    monkeypatch.setattr("mereq.commands.installation.spacemice", lambda: spacemice(hidraw.root))
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    found = {finding.what: finding for finding in examine_supervision()}
    assert all(found[name].found for name in ("starlette", "uvicorn", "websockets"))
    assert not found["browser with a window"].found
    assert "ssh -L" in found["browser with a window"].needed_for
    assert not found["SpaceMouse at this machine"].found
    assert all(finding.fine for finding in found.values())
    path = hidraw.plug()
    (mouse,) = (finding for finding in examine_supervision() if finding.what == "SpaceMouse")
    assert mouse.found == f"{NAME}, {path}: readable"
    monkeypatch.setattr("os.access", lambda *_: False)
    (mouse,) = (finding for finding in examine_supervision() if finding.what == "SpaceMouse")
    assert mouse.found.endswith("not readable")
    assert "uaccess" in mouse.needed_for
