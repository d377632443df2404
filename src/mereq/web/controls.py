"""Controls of the person: the present input, and whether the run is paused.

The page and an optional device of this machine write; the control loop reads. Each uses a thread of its own.
"""

from collections import deque
from threading import RLock
from typing import Any, NamedTuple

from mereq.web.devices.device import Held
from mereq.web.devices.steering import SILENCE
from mereq.web.messages import Command, Input, InterventionPlace, Mode

NOT_STARTED = "not started yet"
SIGHT = 1.0  # s that a picture may be unseen by the person before the run pauses
UNSEEN = "the page does not show the newest picture"


class OperatorInput(NamedTuple):
    """Input of the person when a step is due."""

    engaged: bool  # the person takes the step
    action: Any  # None: no key is down
    frame: int  # number of the last picture that the person saw
    sent: float  # time of the page's message by the page's clock [s] since 1970


class Retraction(NamedTuple):
    """An intervention that the person takes back."""

    place: InterventionPlace | None = None  # None: the last one


class State(NamedTuple):
    """State of the controls that the page shows."""

    paused: str | None  # reason of the pause; None: not paused
    engaged: bool  # the person takes the next step
    pace: float  # steps per second
    felt: Held | None = None  # input of this machine's device during a pause, for testing it
    ghost: bool = False  # what the policy is about to do is shown
    kept: frozenset[InterventionPlace] = (
        frozenset()
    )  # interventions that contradict the others, and that the person meant
    asked: tuple[Retraction, ...] = ()  # what the person takes back with the next steps


class Controls:
    """The latest input, with a dead man's switch in both directions.

    When the page is closed, hidden or silent, all input is released and the run is paused. So it is when the page does
    not acknowledge a picture in time: nothing reaches it any more, or its drawing hangs. Later input counts only after
    a moment without any input: a key that stays down does not take over.

    With a device of this machine (`give_to`) only that device takes over and acts. The page can still pause, hand back
    and retract, and its silence pauses the run as before. The run continues only while the device is connected.

    pace: initial steps per second. All times are seconds of one monotonic clock.
    """

    def __init__(self, *, pace: float):
        self._lock = RLock()  # reentrant: the handler of Ctrl-Z releases, too
        self._pace, self._paused = pace, NOT_STARTED
        self._heard = float("-inf")
        self._frame, self._sent = 0, 0.0
        self._newest = 0  # number of the newest picture
        self._unseen: deque[tuple[int, float]] = deque()  # pictures that are not acknowledged, and their times [s]
        self._ghost, self._kept, self._asked = False, frozenset[InterventionPlace](), list[Retraction]()
        self.device: str | None = None  # name of this machine's device, if one acts
        self._felt, self._felt_at, self._absent = Held(), float("-inf"), None
        self._drop()

    def receive(self, message: Input | Command, now: float) -> None:
        """Apply a message of the page."""
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
                asked = Retraction(message.value)
                self._asked += [] if asked in self._asked else [asked]
            elif message.name == "keep":
                self._kept |= {message.value}
            elif message.name == "ghost":
                self._ghost = not self._ghost
            else:
                self._drop()
                self._paused = message.value

    def give_to(self, device: str) -> None:
        """Let a device of this machine act instead of the page."""
        with self._lock:
            self._drop()
            self.device = device

    def update_from_device(self, held: Held, action: Any, engages: bool | None, now: float) -> None:
        """Apply the present input of this machine's device.

        Args:
            held: input, to be shown on the page.
            action: action of the task; None for no action.
            engages: True if the button that takes over has just been pressed, False for the one that hands back.
            now: time [s].
        """
        with self._lock:
            if self._absent is not None and self._paused == self._absent:
                self._paused = f"{self.device} is back"
            self._felt, self._felt_at, self._absent = held, now, None
            if self._paused is not None:  # the person tests the device
                engages = None
            self._apply(self._mode, self._toggled if engages is None else engages, action)

    def lose(self, reason: str) -> None:
        """Release all input and pause, because this machine's device is disconnected."""
        with self._lock:
            self._drop()
            self._felt, self._absent = Held(), reason
            self._paused = reason

    def release(self, reason: str) -> None:
        """Release all input and pause."""
        with self._lock:
            self._drop()
            self._paused = reason

    def admit(self, reason: str) -> None:
        """Release all input and pause for a new page, which has not shown any picture yet."""
        with self._lock:
            self.release(reason)
            self._unseen = deque([(self._newest, float("-inf"))] if self._newest else [])

    def show(self, frame: int, now: float) -> None:
        """Expect the page to acknowledge a new picture."""
        with self._lock:
            self._newest = frame
            self._unseen.append((frame, now))

    def let_go(self) -> None:
        """Release all input without a pause."""
        with self._lock:
            self._drop()

    def state(self, now: float) -> State:
        """Present state. All input is released first if page or device was silent, or a picture unseen, too long."""
        with self._lock:
            for name, heard in (("the page", self._heard), (self.device, self._felt_at)):
                if self._paused is None and name is not None and now - heard > SILENCE:
                    self._drop()
                    self._paused = f"{name} does not answer"
            if self._paused is None and self._unseen and now - self._unseen[0][1] > SIGHT:
                self._drop()
                self._paused = UNSEEN
            felt = None if self._paused is None or self.device is None else self._felt
            engaged = self._paused is None and self._engaged()
            return State(self._paused, engaged, self._pace, felt, self._ghost, self._kept, tuple(self._asked))

    def take(self) -> OperatorInput:
        """Input for one step. A key that was tapped since the last step counts as held."""
        with self._lock:
            engaged, action = self._engaged(), self._action if self._action is not None else self._tapped
            operator = OperatorInput(engaged, action, self._frame, self._sent)
            self._tapped = None
            return operator

    def take_retraction(self) -> Retraction | None:
        """The oldest retraction that no step has recorded yet."""
        with self._lock:
            return self._asked.pop(0) if self._asked else None

    def _hold(self, held: Input) -> None:
        self._frame, self._sent = held.frame, held.sent
        while self._unseen and self._unseen[0][0] <= held.frame <= self._newest:
            self._unseen.popleft()
        if self.device is None:
            self._apply(held.mode, held.engaged, held.action)
        elif held.mode != self._mode:
            self._drop()
            self._mode = held.mode

    def _apply(self, mode: Mode, engaged: bool, action: Any) -> None:
        released = not engaged and action is None
        self._waits_for_release = self._waits_for_release and not released
        if self._waits_for_release:
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
        self._waits_for_release = True
