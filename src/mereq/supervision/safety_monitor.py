"""Safety monitor of a robot: every command to its driver passes here, and it tells the robot to stop.

A restart interlock with three states. HELD: nothing moves; the next command waits for the operator's word. ENABLED: the
operator has said go since the last hold, and nothing forbids motion. ENDED: the program ends, nothing moves any more.
docs/safety.md states the guarantees, and what no program can guarantee.

Three kinds of threads, so that none has to wait for a driver that hangs: the driver's own thread executes `reset` and
`step`; the caller waits for their results, and gives up when it must; a watching thread tells the robot to stop.
"""

import atexit
import threading
import time
import weakref
from collections.abc import Callable
from enum import Enum
from queue import SimpleQueue
from typing import Any, Protocol

from mereq.core.errors import NeedsPerson, RobotLost
from mereq.core.robot import Robot
from mereq.supervision.interruption import Interruption, interruption

LOOK = 0.05  # s between two looks of the watching thread
STEP_GRACE = 0.5  # s that a step which is under way may take to return before the robot is told to stop during it
STEP_LIMIT = 5.0  # s after which a step of hardware counts as hung
STOP_LIMIT = 2.0  # s that `stop`, and then the disconnection, may take
RETURN_LIMIT = 1.0  # s that a command may take to return after a stop
LONGEST_GAP = 10.0  # s without a command after which the robot is told to stop: whoever commands it hangs


class State(Enum):
    """State of the interlock."""

    HELD = "held"
    ENABLED = "enabled"
    ENDED = "ended"


class Operator(Protocol):
    """Person who lets a robot move."""

    def await_go(self) -> None:
        """Return once the person has said go since the last hold, and a countdown is over."""
        ...

    def objection(self) -> str | None:
        """Reason why the robot must not move now; None if it may. Called by several threads."""
        ...

    def driver_works(self, command: str, seconds: float) -> None:
        """Called many times while the driver executes a command, with the time that it has taken. It may raise."""
        ...

    def held(self, reason: str) -> None:
        """Called when the monitor itself has held the robot."""
        ...


class DriverFailed(Exception):
    """Exception of a driver, as its cause."""


class _Call:
    """A call of the driver that is under way."""

    def __init__(self, command: str, act: Callable[[], Any], now: float):
        self.command, self.act, self.began = command, act, now
        self.returned = threading.Event()
        self.result: Any = None
        self.failure: BaseException | None = None
        self.stopped: str | None = None  # why the robot was told to stop during the call

    def execute(self) -> None:
        try:
            self.result = self.act()
        except BaseException as failure:
            self.failure = failure
        self.returned.set()


class SafetyMonitor:
    """Safety monitor of one robot.

    Args:
        robot: the driver.
        now: clock [s].
        watched: whether a thread watches. Tests call `look` instead.
        interruption: request to end the program.
    """

    def __init__(
        self,
        robot: Robot,
        *,
        now: Callable[[], float] = time.monotonic,
        watched: bool = True,
        interruption: Interruption = interruption,
    ):
        self._robot, self._now, self._watched, self._interruption = robot, now, watched, interruption
        self._operator: Operator | None = None
        self.longest_gap = LONGEST_GAP
        self._lock = threading.RLock()  # of the fields below. Reentrant: a signal's handler may hold, too
        self._stop_lock = threading.RLock()  # held while the robot is told to stop
        self._state = State.HELD
        self._connected = self._moving = self._has_moved = False
        self._call: _Call | None = None
        self._stop_failure: BaseException | None = None
        self._last = 0.0  # time of the last command's end
        self._forbidden_since: float | None = None
        self._calls = SimpleQueue[_Call | None]()
        self._closed = threading.Event()
        _monitors.add(self)

    @property
    def state(self) -> State:
        """State of the interlock."""
        return self._state

    @property
    def is_hardware(self) -> bool:
        """Whether the robot is no simulation: its episodes cannot be repeated."""
        return not self._robot.repeatable

    def attend(self, operator: Operator) -> None:
        """Let a person decide when the robot may move. Without one, hardware moves until its first hold only."""
        self._operator = operator

    # Commands, by the thread that steps the robot

    def enable(self) -> None:
        """Wait until the robot may move.

        Raises:
            NeedsPerson: hardware was held, and no operator can be asked.
            RobotLost: the program ends, or the robot could not be told to stop.
        """
        self._interruption.check()
        if self._operator is not None and self._state is State.ENABLED and (reason := self._operator.objection()):
            self.hold(reason)
        while self._state is State.HELD:
            if self._operator is not None:
                self._operator.await_go()
            elif self.is_hardware and self._has_moved:
                raise NeedsPerson(
                    "The robot was stopped, and nobody can be asked whether it may move again. Supervise it with "
                    "`mereq supervise`, or give its environment an operator (docs/safety.md)."
                )
            with self._lock:
                if self._state is State.HELD:
                    self._state = State.ENABLED
        if self._state is State.ENDED:
            raise RobotLost("The program ends")

    def connect(self) -> None:
        """Connect, if the robot is not connected.

        Raises:
            RobotLost: an earlier call of the driver has not returned yet.
            DriverFailed: the driver failed.
        """
        if self._connected:
            return
        if self._call is not None and not self._call.returned.is_set():
            raise RobotLost(
                f"The robot's driver has not returned from {self._call.command} yet. Wait for it, or restart mereq"
            )
        self._calls, self._closed = SimpleQueue(), threading.Event()
        _start(self._work, self._calls)
        self._execute("connect", self._robot.__enter__)
        self._connected = True
        if self._watched:
            _start(self._watch, self._closed)

    def move(self, command: str, act: Callable[[], Any]) -> Any:
        """Result of a command after which the robot moves: "reset" or "step".

        Raises:
            RobotLost: the robot was told to stop during the command, or is not connected.
            DriverFailed: the driver failed.
        """
        self.enable()
        with self._lock:
            if self._stop_failure is not None:
                failure, self._stop_failure = self._stop_failure, None
                raise DriverFailed from failure
            if self._state is not State.ENABLED or not self._connected:
                raise RobotLost(f"The robot was held or disconnected before {command}")
            self._moving = self._has_moved = True
        return self._execute(command, act)

    def look_at(self, act: Callable[[], Any]) -> Any:
        """Result of a call that does not move the robot, such as a camera's picture. Raises as `move`."""
        return self._execute("render", act) if self._connected else act()

    def _execute(self, command: str, act: Callable[[], Any]) -> Any:
        call = self._call = _Call(command, act, self._now())
        self._calls.put(call)
        while not call.returned.wait(LOOK) and call.stopped is None:
            self._interruption.check()
            if self._operator is not None:
                self._operator.driver_works(command, self._now() - call.began)
        self._last = self._now()
        if call.stopped is not None:
            self._interruption.check()
            raise RobotLost(f"The robot was stopped during {command}: {call.stopped}")
        self._call = None
        if call.failure is not None:
            raise DriverFailed from call.failure
        return call.result

    # Stops, by any thread

    def stop(self) -> BaseException | None:
        """Tell the robot to stop, unless it was told so since its last command. It stays enabled. Returns a failure."""
        with self._stop_lock:
            with self._lock:
                moving, self._moving = self._moving, False
            return _within(STOP_LIMIT, self._robot.stop) if moving else None

    def hold(self, reason: str) -> BaseException | None:
        """Tell the robot to stop, and let it move only after the operator's word. Returns a failure of `stop`."""
        with self._lock:
            if self._state is State.ENABLED:
                self._state = State.HELD
            call = self._call
            if self._moving and call is not None and call.command != "render" and not call.returned.is_set():
                call.stopped = reason
        return self.stop()

    def disconnect(self) -> BaseException | None:
        """Hold the robot, and disconnect. Returns a failure of `stop`; one of the disconnection makes no difference."""
        failure = self.hold("it is disconnected")
        with self._lock:
            connected, self._connected = self._connected, False
        self._closed.set()
        if self._call is not None:
            self._call.returned.wait(RETURN_LIMIT)
        self._calls.put(None)
        if connected:
            _within(STOP_LIMIT, lambda: self._robot.__exit__(None, None, None))
        return failure

    def end(self) -> None:
        """Stop and disconnect for good, because the program ends."""
        self._state = State.ENDED
        if self._connected or self._moving:
            self.disconnect()

    # The watching thread

    def look(self) -> None:
        """Hold the robot if it moves and must not."""
        reason = self._forbidden() if self._moving else None
        if reason is None:
            self._forbidden_since = None
            return
        now, call = self._now(), self._call
        since = self._forbidden_since = now if self._forbidden_since is None else self._forbidden_since
        if call is not None and call.command == "step" and not self._hangs(call) and now - since < STEP_GRACE:
            return  # a step that returns soon is stopped after, not during it
        failure = self.hold(reason)
        if call is None:
            self._stop_failure = failure
        elif self._hangs(call):
            call.stopped = reason
        if self._operator is not None:
            self._operator.held(reason)

    def _forbidden(self) -> str | None:
        """Reason why the robot must not move now; None if it may."""
        call, now = self._call, self._now()
        if self._interruption.requested:
            return "the program ends"
        if self._operator is not None and (objection := self._operator.objection()):
            return objection
        if call is None and now - self._last > self.longest_gap:
            return f"no command came for {self.longest_gap:g} s"
        if call is not None and self._hangs(call):
            return f"{call.command} has not returned for {STEP_LIMIT:g} s"
        return None

    def _hangs(self, call: _Call) -> bool:
        """Whether a call takes too long. A connection and a reset may wait for a person."""
        waits = call.command not in ("step", "render") or not self.is_hardware
        return not waits and self._now() - call.began > STEP_LIMIT

    def _watch(self, closed: threading.Event) -> None:
        while not closed.wait(LOOK):
            self.look()

    @staticmethod
    def _work(calls: "SimpleQueue[_Call | None]") -> None:
        while (call := calls.get()) is not None:
            call.execute()


def hold_all() -> None:
    """Hold every robot, because the program is suspended."""
    for monitor in list(_monitors):
        monitor.hold("the program was suspended")
        if monitor._operator is not None:
            monitor._operator.held("the program was suspended")


def end_all() -> None:
    """Stop and disconnect every robot, because the program ends."""
    for monitor in list(_monitors):
        monitor.end()


def _start(target: Callable[..., object], *args: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, name="robot", daemon=True)
    thread.start()
    return thread


def _within(seconds: float, act: Callable[[], object]) -> BaseException | None:
    """Do something in a thread of its own. Returns its failure; a `TimeoutError` if it takes too long."""
    call = _Call("", act, 0.0)
    try:
        _start(call.execute)
    except RuntimeError:  # the interpreter is going, and starts no more threads
        call.execute()
    if not call.returned.wait(seconds):
        return TimeoutError(f"no answer within {seconds:g} s")
    return call.failure


_monitors: "weakref.WeakSet[SafetyMonitor]" = weakref.WeakSet()
interruption.before_suspension.append(hold_all)
interruption.before_exit.append(end_all)
atexit.register(end_all)
