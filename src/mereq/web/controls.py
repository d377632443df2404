"""The wheel: what the person holds right now, and whether the run may go on at all.

The page writes, the control loop reads, each from its own thread and whenever it likes.
"""

from threading import Lock
from typing import Any, NamedTuple

from mereq.web.messages import Command, Input

SILENCE = 0.7  # s without a word from the page after which everything is released
NOT_STARTED = "not started yet"


class Hands(NamedTuple):
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


class Controls:
    """The latest input, with a dead man's switch.

    When the page is left, hidden, silent or gone, everything is let go and the run is paused. After that, input counts
    only from the moment at which nothing is held: a key that was down all the while takes nobody over.

    pace: steps per second to begin with. Times are seconds of one clock that never goes back.
    """

    def __init__(self, *, pace: float):
        self._lock = Lock()
        self._pace, self._paused = pace, NOT_STARTED
        self._heard = float("-inf")
        self._frame, self._sent = 0, 0.0
        self._retracts = False
        self._drop()

    def receive(self, message: Input | Command, now: float) -> None:
        """Take in a message of the page."""
        with self._lock:
            self._heard = now
            if isinstance(message, Input):
                self._hold(message)
            elif message.name == "go":
                self._paused = None
            elif message.name == "pace":
                self._pace = message.value
            elif message.name == "retract":
                self._drop()
                self._retracts = True
            else:
                self._drop()
                self._paused = message.value

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
        """How things are; if the page has been silent for too long, everything is released first."""
        with self._lock:
            if self._paused is None and now - self._heard > SILENCE:
                self._drop()
                self._paused = "the page does not answer"
            return State(self._paused, self._paused is None and self._engaged(), self._pace)

    def take(self) -> Hands:
        """What the hands say, for one step. A key that was only tapped since the last step counts as if held."""
        with self._lock:
            engaged, action = self._engaged(), self._action if self._action is not None else self._tapped
            hands = Hands(engaged, action, self._retracts, self._frame, self._sent)
            self._tapped, self._retracts = None, False
            return hands

    def _hold(self, held: Input) -> None:
        self._frame, self._sent = held.frame, held.sent
        nothing = not held.engaged and held.action is None
        self._waits_for_nothing = self._waits_for_nothing and not nothing
        if self._waits_for_nothing:
            return
        if held.action is not None and self._action is None:
            self._tapped = held.action
        self._mode, self._toggled, self._action = held.mode, held.engaged, held.action

    def _engaged(self) -> bool:
        if self._mode == "toggle":
            return self._toggled
        return self._action is not None or self._tapped is not None

    def _drop(self) -> None:
        self._mode, self._toggled, self._action, self._tapped = "toggle", False, None, None
        self._waits_for_nothing = True
