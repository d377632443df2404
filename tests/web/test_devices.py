"""Devices of this machine: what their bytes mean, who acts while there is one, and what happens when it goes."""

import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hidraw import MOUSE, Hidraw
from hypothesis import given
from hypothesis import strategies as st
from sittings import Person, Played, sit, spec

from mereq.core.actions import Box, Discrete
from mereq.core.errors import NoDevice
from mereq.experiments.store import RunStore
from mereq.tasks.highway.config import FASTER, IDLE, LANE_LEFT, LANE_RIGHT, SLOWER
from mereq.web.arm_stage import ArmStage
from mereq.web.clock import Clock
from mereq.web.controls import SILENCE, Controls
from mereq.web.devices.at_wheel import follow, tell
from mereq.web.devices.device import Held
from mereq.web.devices.scripted import ScriptedDevice
from mereq.web.devices.spacemouse import SpaceMouse, spacemice
from mereq.web.devices.steering import action_of, after
from mereq.web.doctor import examine_supervision
from mereq.web.highway_stage import HighwayStage
from mereq.web.messages import Command, Input
from mereq.web.session import Session

REPORTS = json.loads(Path(__file__).with_name("spacemouse_reports.json").read_text())
NAME = "SpaceMouse Compact"


def until(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


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
    assert action_of(held, HighwayStage.keys, Discrete(5)) == action


def test_actions_of_the_arm():
    """Along the axes that its keys name."""
    np.testing.assert_array_equal(action_of(Held(0.25, -0.5, 1.0), ArmStage.keys, Box(3)), [-0.5, 0.25, 1.0])
    assert action_of(Held(), ArmStage.keys, Box(3)) is None
    named = {"right (+y)": Held(right=1.0), "towards you (+x)": Held(towards=1.0), "up (+z)": Held(up=1.0)}
    for label, held in named.items():
        key = next(key for key in ArmStage.keys if key.label == label)
        np.testing.assert_array_equal(action_of(held, ArmStage.keys, Box(3)), key.action)


# A SpaceMouse, from its bytes on


@pytest.fixture
def hidraw(tmp_path):
    there = Hidraw(tmp_path / "root")
    yield there
    there.close()


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
    monkeypatch.setattr("mereq.web.doctor.spacemice", lambda: spacemice(hidraw.root))
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
    assert mouse.found == f"{NAME}, {path}: may be read"
    monkeypatch.setattr("os.access", lambda *_: False)
    (mouse,) = (finding for finding in examine_supervision() if finding.what == "SpaceMouse")
    assert mouse.found.endswith("may not be read")
    assert "uaccess" in mouse.needed_for


# Who acts


def page(action=None, *, engaged=False, mode="toggle", frame=0) -> Input:
    return Input(frame, 100.0, mode, engaged, action)


@pytest.fixture
def wheel():
    """A device acts; the run goes on."""
    controls = Controls(pace=2.0)
    controls.give_to("mouse")
    controls.receive(page(), 0.0)
    controls.feel(Held(), None, None, 0.0)
    controls.receive(Command("go"), 0.0)
    return controls


def taken(controls) -> tuple:
    hands = controls.take()
    return hands.engaged, hands.action


def test_only_the_device_takes_over_and_acts(wheel):
    wheel.receive(page(LANE_LEFT, engaged=True, frame=3), 0.1)
    assert wheel.take() == (False, None, False, 3, 100.0)
    wheel.feel(Held(), None, True, 0.2)
    assert taken(wheel) == (True, None)
    wheel.feel(Held(right=1.0), LANE_RIGHT, None, 0.3)
    wheel.receive(page(), 0.3)  # a heartbeat takes nothing away
    assert taken(wheel) == (True, LANE_RIGHT)
    wheel.feel(Held(), None, False, 0.4)
    assert taken(wheel) == (False, None)


def test_what_is_tried_while_paused_has_no_consequences(wheel):
    """Neither the button nor a push in hold mode takes a step when the run goes on."""
    wheel.receive(page(mode="hold"), 0.1)
    wheel.receive(Command("pause", "a pause"), 0.1)
    for held, action, engages in [(Held(), None, True), (Held(right=1.0), LANE_RIGHT, None), (Held(), None, None)]:
        wheel.receive(page(mode="hold"), 0.2)
        wheel.feel(held, action, engages, 0.2)
    assert wheel.state(0.2).felt == Held()
    wheel.receive(Command("go"), 0.3)
    assert taken(wheel) == (False, None)


@pytest.mark.parametrize("command", ["hand_back", "retract"])
def test_the_page_can_take_away(wheel, command):
    wheel.feel(Held(right=1.0), LANE_RIGHT, True, 0.1)
    wheel.feel(Held(), None, None, 0.1)
    wheel.feel(Held(right=1.0), LANE_RIGHT, True, 0.1)
    wheel.receive(Command(command), 0.2)
    wheel.feel(Held(right=1.0), LANE_RIGHT, None, 0.2)  # still pushed
    assert wheel.state(0.2).paused is None
    hands = wheel.take()
    assert (hands.engaged, hands.retracts) == (False, command == "retract")


def test_hold_is_chosen_at_the_page(wheel):
    wheel.receive(page(mode="hold"), 0.1)
    wheel.feel(Held(), None, None, 0.1)
    wheel.feel(Held(right=1.0), LANE_RIGHT, None, 0.2)
    wheel.receive(page(mode="hold"), 0.2)
    assert taken(wheel) == (True, LANE_RIGHT)
    wheel.feel(Held(), None, None, 0.3)
    assert taken(wheel) == (False, None)


@pytest.mark.parametrize(("silent", "name"), [("page", "the page"), ("device", "mouse")])
def test_whoever_falls_silent_releases_and_pauses(wheel, silent, name):
    wheel.feel(Held(), None, True, 1.0)
    wheel.receive(page(), 1.0)
    assert wheel.state(1.0).engaged
    if silent == "page":
        wheel.feel(Held(), None, None, 1.1 + SILENCE)
    else:
        wheel.receive(page(), 1.1 + SILENCE)
    assert wheel.state(1.1 + SILENCE) == (f"{name} does not answer", False, 2.0, Held())
    assert taken(wheel) == (False, None)


def test_without_its_device_the_run_does_not_go_on(wheel):
    wheel.feel(Held(right=1.0), LANE_RIGHT, True, 0.1)
    wheel.lose("mouse is gone")
    wheel.receive(Command("go"), 0.2)
    assert wheel.state(0.2) == ("mouse is gone", False, 2.0, Held())
    wheel.feel(Held(right=1.0), LANE_RIGHT, None, 0.3)  # back, and still pushed
    assert wheel.state(0.3).paused == "mouse is back"
    wheel.receive(Command("go"), 0.4)
    assert wheel.state(0.4).paused is None
    assert taken(wheel) == (False, None)


# From a device to the wheel


class Silent(ScriptedDevice):
    """Hangs once it was read so often."""

    def __init__(self, reads: int, release: threading.Event):
        super().__init__([(0.0, Held())])
        self.reads, self.hold = reads, release

    def read(self, seconds: float) -> Held:
        self.reads -= 1
        if self.reads < 0:
            self.hold.wait()
        return super().read(0.001)


def following(device, controls, stop) -> threading.Thread:
    thread = threading.Thread(target=follow, args=(device, controls, lambda held: None, Clock(), stop))
    thread.start()
    return thread


def test_a_device_that_hangs_is_found_out():
    controls, stop, release = Controls(pace=2.0), threading.Event(), threading.Event()
    controls.give_to("mouse")
    thread = following(Silent(5, release), controls, stop)
    until(lambda: controls._felt_at > 0)
    controls.receive(Command("go"), time.monotonic())

    def paused():
        now = time.monotonic()
        controls.receive(page(), now)
        return controls.state(now).paused

    until(lambda: paused() == "mouse does not answer")
    stop.set()
    release.set()
    thread.join(60)
    assert not thread.is_alive()


def test_a_device_that_comes_back(hidraw):
    """It need not be plugged in when it is looked for again; nothing else has to be started anew."""
    hidraw.plug()
    controls, stop = Controls(pace=2.0), threading.Event()
    controls.give_to(NAME)
    thread = following(SpaceMouse(hidraw.root), controls, stop)
    try:
        until(lambda: hidraw.cap(350, 0, 0) or controls.state(0.0).felt == Held(right=1.0))
        hidraw.unplug()
        until(lambda: "No SpaceMouse is plugged in" in (controls.state(0.0).paused or ""))
        hidraw.plug()
        until(lambda: controls.state(0.0).paused == f"{NAME} is back")
    finally:
        stop.set()
        thread.join(60)


def test_a_scripted_device_keeps_time():
    clock = Played(lambda _: None)
    with ScriptedDevice([(1.0, Held(right=1.0)), (2.0, None)], clock) as device:
        assert device.read(0.5) == Held()
        assert device.read(5.0) == Held(right=1.0)
        assert clock.now() == 1.0
        with pytest.raises(NoDevice, match="gone, as its script says"):
            device.read(5.0)


def test_a_round_by_a_scripted_device(tmp_path):
    """Step n is due after 0.2 (n + 1) s; who acts, and how, follows from what is held then."""
    script = [
        (0.5, Held(takes_over=True)),
        (0.7, Held()),
        (0.9, Held(right=-1.0)),
        (1.3, Held()),
        (1.7, Held(hands_back=True)),
        (1.8, Held()),
    ]  # fmt: skip

    class AtDevice(Person):
        """The page stays open; all else is done by the device."""

        device, before = None, Held()

        def __call__(self, session: Session) -> None:
            if self.device is None:
                self.device = ScriptedDevice(script, session._clock).__enter__()
                session.controls.give_to(self.device.name)
            held = self.device.read(0.0)
            action = action_of(held, session.stage.keys, session.actions)
            tell(session.controls, self.before, held, action, session._clock.now())
            self.before = held
            super().__call__(session)

    session = sit(tmp_path / "run", AtDevice(lambda *_: {}), what := spec())
    assert session.hello()["device"] == "scripted device"
    with RunStore.open(tmp_path / "run") as store:
        steps = store.steps(0)
    hers = {number: int(step.executed) for number, step in enumerate(steps) if step.controller}
    assert hers == {2: IDLE, 3: IDLE, 4: LANE_LEFT, 5: LANE_LEFT, 6: IDLE, 7: IDLE}
    prior = what.load("prior")
    for step in steps:
        assert step.proposed == prior.distribution(step.obs[None]).mode()[0]
        assert step.controller or step.executed == step.proposed
