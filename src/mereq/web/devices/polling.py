"""Polling of a device of this machine: a thread passes the device's input to `Controls`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from mereq.core.errors import NoDevice
from mereq.web.clock import Clock
from mereq.web.controls import Controls
from mereq.web.devices.device import Device, Held
from mereq.web.devices.steering import action_of
from mereq.web.session import Session

BEAT = 0.05  # s between two readings of an unchanged device
RETRY = 0.5  # s between two attempts to open a disconnected device


@contextmanager
def poll_device(device: Device, session: Session) -> Iterator[None]:
    """Context in which the device acts instead of the page. Its disconnection releases all input and pauses the run.

    Raises:
        NoDevice: the device cannot be opened.
    """
    with device:
        pass
    session.controls.give_to(device.name)
    stop, keys, actions = Event(), session.view.controls.keys, session.actions
    thread = Thread(
        target=poll,
        args=(device, session.controls, lambda held: action_of(held, keys, actions), Clock(), stop),
        name="device",
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def poll(device: Device, controls: Controls, action_for: Callable[[Held], Any], clock: Clock, stop: Event) -> None:
    """Pass the device's input to the controls until `stop` is set. A disconnected device is opened again later."""
    while not stop.is_set():
        try:
            with device:
                before = Held()
                while not stop.is_set():
                    held = device.read(BEAT)
                    update(controls, before, held, action_for(held), clock.now())
                    before = held
        except NoDevice as why:
            controls.lose(str(why).rstrip("."))
            stop.wait(RETRY)


def update(controls: Controls, before: Held, held: Held, action: Any, now: float) -> None:
    """Pass one reading of the device to the controls. A button counts when it is pressed, not while it is down."""
    takes_over = held.takes_over and not before.takes_over
    hands_back = held.hands_back and not before.hands_back
    controls.update_from_device(held, action, False if hands_back else True if takes_over else None, now)
