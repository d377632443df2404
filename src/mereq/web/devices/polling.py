"""A device of this machine at the wheel: what is held there goes to `Controls`, from a thread of its own."""

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

BEAT = 0.05  # s after which the device is known to live even if nothing changes
RETRY = 0.5  # s between two attempts to find one that has gone


@contextmanager
def poll_device(device: Device, session: Session) -> Iterator[None]:
    """Within it the device acts, instead of the page's devices. When it goes, all is let go and the run pauses.

    Raises:
        NoDevice: it is not there to begin with.
    """
    with device:
        pass
    session.controls.give_to(device.name)
    stop, keys, actions = Event(), session.view.controls.keys, session.actions
    thread = Thread(
        target=follow,
        args=(device, session.controls, lambda held: action_of(held, keys, actions), Clock(), stop),
        name="device",
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def follow(device: Device, controls: Controls, action_for: Callable[[Held], Any], clock: Clock, stop: Event) -> None:
    """Tell the controls what is held, until told to stop; wait for a device that has gone, and say so meanwhile."""
    while not stop.is_set():
        try:
            with device:
                before = Held()
                while not stop.is_set():
                    held = device.read(BEAT)
                    tell(controls, before, held, action_for(held), clock.now())
                    before = held
        except NoDevice as why:
            controls.lose(str(why).rstrip("."))
            stop.wait(RETRY)


def tell(controls: Controls, before: Held, held: Held, action: Any, now: float) -> None:
    """Tell the controls what is held; buttons count when they go down."""
    takes_over = held.takes_over and not before.takes_over
    hands_back = held.hands_back and not before.hands_back
    controls.update_from_device(held, action, False if hands_back else True if takes_over else None, now)
