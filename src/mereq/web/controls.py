"""The wheel: what the person holds right now, and whether the run may go on at all.

The page writes, and a device of this machine if there is one; the control loop reads; each from its own thread and
whenever it likes.
"""

from threading import Lock
from typing import Any, NamedTuple

from mereq.web.devices.device import Held
from mereq.web.devices.steering import SILENCE
from mereq.web.messages import Command, Input, Mode

NOT_STARTED = "not started yet"


class OperatorInput(NamedTuple):
    """What the person's hands say when a step is due."""

    engaged: bool  # they take the step
    action: Any  # None: no key is down
    retracts: bool  # their last intervention was a mistake
    frame: int  # the last picture that they saw
    sent: float  # when the page said so, by its clock [s] since 1970


class State(NamedTuple):
    """What a person must know about the wheel."""

    paused: str | None  # why nothing moves; None: the run is going
    engaged: bool  # the person takes the next step
    pace: float  # steps per second
    felt: Held | None = None  # what a device of this machine holds, while paused: to try it


class Controls:
    """The latest input, with a dead man's switch.

    When the page is left, hidden, silent or gone, everything is let go and the run is paused. After that, input counts
    only from the moment at which nothing is held: a key that was down all the while takes nobody over.

    With a device of this machine (`give_to`) only that one takes over and acts; the page can still stop it: it pauses,
    hands back and takes back, and its silence counts as before. The run goes on only while the device is there.

    pace: steps per second to begin with. Times are seconds of one clock that never goes back.
    """

    def __init__(self, *, pace: float):
        self._lock = Lock()
        self._pace, self._paused = pace, NOT_STARTED
        self._heard = float("-inf")
        self._frame, self._sent = 0, 0.0
        self._retracts = False
        self.device: str | None = None  # the name of the one of this machine that acts
        self._felt, self._felt_at, self._absent = Held(), float("-inf"), None
        self._drop()

    def receive(self, message: Input | Command, now: float) -> None:
        """Take in a message of the page."""
        with self._lock:
            self._heard = now
            if isinstance(message, Input):
                self._hold(message)
            elif message.name == "go":
                self._paused, self._tapped = self._absent, None
            elif message.name == "hand_back":
                self._drop()
            elif message.name == "pace":
                self._pace = message.value
            elif message.name == "retract":
                self._drop()
                self._retracts = True
            else:
                self._drop()
                self._paused = message.value

    def give_to(self, device: str) -> None:
        """Let a device of this machine act, and no longer the page."""
        with self._lock:
            self._drop()
            self.device = device

    def update_from_device(self, held: Held, action: Any, engages: bool | None, now: float) -> None:
        """Take in what the device of this machine says, many times a second.

        held: for the person to see. action: as the task wants it, None when there is none. engages: True when its
        button to take over has just gone down, False when the one to hand back has.
        """
        with self._lock:
            if self._absent is not None and self._paused == self._absent:
                self._paused = f"{self.device} is back"
            self._felt, self._felt_at, self._absent = held, now, None
            if self._paused is not None:  # they try it
                engages = None
            self._apply(self._mode, self._toggled if engages is None else engages, action)

    def lose(self, reason: str) -> None:
        """The device of this machine has gone: let go of everything, and pause until it is back."""
        with self._lock:
            self._drop()
            self._felt, self._absent = Held(), reason
            self._paused = reason

    def release(self, reason: str) -> None:
        """Let go of everything, and pause."""
        with self._lock:
            self._drop()
            self._paused = reason

    def let_go(self) -> None:
        """Let go of everything, and go on."""
        with self._lock:
            self._drop()

    def state(self, now: float) -> State:
        """How things are; if the page or the device has been silent for too long, everything is released first."""
        with self._lock:
            for name, heard in (("the page", self._heard), (self.device, self._felt_at)):
                if self._paused is None and name is not None and now - heard > SILENCE:
                    self._drop()
                    self._paused = f"{name} does not answer"
            felt = None if self._paused is None or self.device is None else self._felt
            return State(self._paused, self._paused is None and self._engaged(), self._pace, felt)

    def take(self) -> OperatorInput:
        """What the hands say, for one step. A key that was only tapped since the last step counts as if held."""
        with self._lock:
            engaged, action = self._engaged(), self._action if self._action is not None else self._tapped
            hands = OperatorInput(engaged, action, self._retracts, self._frame, self._sent)
            self._tapped, self._retracts = None, False
            return hands

    def _hold(self, held: Input) -> None:
        self._frame, self._sent = held.frame, held.sent
        if self.device is None:
            self._apply(held.mode, held.engaged, held.action)
        elif held.mode != self._mode:
            self._drop()
            self._mode = held.mode

    def _apply(self, mode: Mode, engaged: bool, action: Any) -> None:
        nothing = not engaged and action is None
        self._waits_for_nothing = self._waits_for_nothing and not nothing
        if self._waits_for_nothing:
            return
        if action is not None and self._action is None:
            self._tapped = action
        self._mode, self._toggled, self._action = mode, engaged, action

    def _engaged(self) -> bool:
        if self._mode == "toggle":
            return self._toggled
        return self._action is not None or self._tapped is not None

    def _drop(self) -> None:
        self._mode: Mode = "toggle"
        self._toggled, self._action, self._tapped = False, None, None
        self._waits_for_nothing = True
