"""A device of this machine at the wheel: who acts while there is one, and what happens when it goes."""

import threading
import time

import pytest

from hidraw import NAME
from mereq.core.errors import NoDevice
from mereq.runs.policies import policy_of
from mereq.store.run_store import RunReader
from mereq.tasks.highway.config import IDLE, LANE_LEFT, LANE_RIGHT
from mereq.web.clock import Clock
from mereq.web.controls import SILENCE, Controls, State
from mereq.web.devices.device import Held
from mereq.web.devices.polling import poll, update
from mereq.web.devices.scripted import ScriptedDevice
from mereq.web.devices.spacemouse import SpaceMouse
from mereq.web.devices.steering import action_of
from mereq.web.messages import Command, Input
from mereq.web.session import Session
from sittings import Person, Played, sit, spec
from waiting import HANG, until


def page(action=None, *, engaged=False, mode="toggle", frame=0) -> Input:
    return Input(frame, 100.0, mode, engaged, action)


@pytest.fixture
def wheel():
    """A device acts; the run goes on."""
    controls = Controls(pace=2.0)
    controls.give_to("mouse")
    controls.receive(page(), 0.0)
    controls.update_from_device(Held(), None, None, 0.0)
    controls.receive(Command("go"), 0.0)
    return controls


def taken(controls) -> tuple:
    hands = controls.take()
    return hands.engaged, hands.action


def test_only_the_device_takes_over_and_acts(wheel):
    wheel.receive(page(LANE_LEFT, engaged=True, frame=3), 0.1)
    assert wheel.take() == (False, None, 3, 100.0)
    wheel.update_from_device(Held(), None, True, 0.2)
    assert taken(wheel) == (True, None)
    wheel.update_from_device(Held(right=1.0), LANE_RIGHT, None, 0.3)
    wheel.receive(page(), 0.3)  # a heartbeat takes nothing away
    assert taken(wheel) == (True, LANE_RIGHT)
    wheel.update_from_device(Held(), None, False, 0.4)
    assert taken(wheel) == (False, None)


def test_what_is_tried_while_paused_has_no_consequences(wheel):
    """Neither the button nor a push in hold mode takes a step when the run goes on."""
    wheel.receive(page(mode="hold"), 0.1)
    wheel.receive(Command("pause", "a pause"), 0.1)
    for held, action, engages in [(Held(), None, True), (Held(right=1.0), LANE_RIGHT, None), (Held(), None, None)]:
        wheel.receive(page(mode="hold"), 0.2)
        wheel.update_from_device(held, action, engages, 0.2)
    assert wheel.state(0.2).felt == Held()
    wheel.receive(Command("go"), 0.3)
    assert taken(wheel) == (False, None)


@pytest.mark.parametrize("command", ["hand_back", "retract"])
def test_the_page_can_take_away(wheel, command):
    wheel.update_from_device(Held(right=1.0), LANE_RIGHT, True, 0.1)
    wheel.update_from_device(Held(), None, None, 0.1)
    wheel.update_from_device(Held(right=1.0), LANE_RIGHT, True, 0.1)
    wheel.receive(Command(command), 0.2)
    wheel.update_from_device(Held(right=1.0), LANE_RIGHT, None, 0.2)  # still pushed
    assert wheel.state(0.2).paused is None
    assert wheel.take().engaged is False
    assert (wheel.take_retraction() is not None) == (command == "retract")


def test_hold_is_chosen_at_the_page(wheel):
    wheel.receive(page(mode="hold"), 0.1)
    wheel.update_from_device(Held(), None, None, 0.1)
    wheel.update_from_device(Held(right=1.0), LANE_RIGHT, None, 0.2)
    wheel.receive(page(mode="hold"), 0.2)
    assert taken(wheel) == (True, LANE_RIGHT)
    wheel.update_from_device(Held(), None, None, 0.3)
    assert taken(wheel) == (False, None)


@pytest.mark.parametrize(("silent", "name"), [("page", "the page"), ("device", "mouse")])
def test_a_silent_input_is_released_and_pauses_the_run(wheel, silent, name):
    wheel.update_from_device(Held(), None, True, 1.0)
    wheel.receive(page(), 1.0)
    assert wheel.state(1.0).engaged
    if silent == "page":
        wheel.update_from_device(Held(), None, None, 1.1 + SILENCE)
    else:
        wheel.receive(page(), 1.1 + SILENCE)
    assert wheel.state(1.1 + SILENCE) == State(f"{name} does not answer", False, 2.0, Held())
    assert taken(wheel) == (False, None)


def test_without_its_device_the_run_does_not_go_on(wheel):
    wheel.update_from_device(Held(right=1.0), LANE_RIGHT, True, 0.1)
    wheel.lose("mouse is gone")
    wheel.receive(Command("go"), 0.2)
    assert wheel.state(0.2) == State("mouse is gone", False, 2.0, Held())
    wheel.update_from_device(Held(right=1.0), LANE_RIGHT, None, 0.3)  # back, and still pushed
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
    thread = threading.Thread(target=poll, args=(device, controls, lambda held: None, Clock(), stop))
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
    thread.join(HANG)
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
        thread.join(HANG)


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
            action = action_of(held, session.view.controls.keys, session.actions)
            update(session.controls, self.before, held, action, session._clock.now())
            self.before = held
            super().__call__(session)

    session = sit(tmp_path / "run", AtDevice(lambda *_: {}), what := spec())
    assert session.hello()["device"] == "scripted device"
    with RunReader.open(tmp_path / "run") as store:
        steps = store.steps(0)
    hers = {number: int(step.executed) for number, step in enumerate(steps) if step.controller}
    assert hers == {2: IDLE, 3: IDLE, 4: LANE_LEFT, 5: LANE_LEFT, 6: IDLE, 7: IDLE}
    prior = policy_of(what, "prior")
    for step in steps:
        assert step.proposed == prior.distribution(step.obs[None]).mode()[0]
        assert step.controller or step.executed == step.proposed
