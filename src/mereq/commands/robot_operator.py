"""Operator of a robot at the terminal: the command starts it, Enter lets it move again after a stop."""

import contextlib
import select
import sys

from rich.console import Console

from mereq.core.errors import NeedsPerson
from mereq.core.simulator import Environment
from mereq.supervision.interruption import interruption
from mereq.supervision.robot_environment import RobotEnvironment
from mereq.supervision.safety_monitor import LONGEST_GAP, STOP_LIMIT

COUNTDOWN = 3.0  # s before the first motion after a stop
POLL = 0.1  # s between two looks at the keyboard


def attend_robot(environment: Environment, console: Console, pace: float | None) -> None:
    """Let the person at the terminal decide when hardware may move. pace: supervised steps per second, if given."""
    if isinstance(environment, RobotEnvironment) and not environment.repeatable:
        gap = LONGEST_GAP if pace is None else max(LONGEST_GAP, STOP_LIMIT / pace)
        environment.attend(TerminalOperator(console), longest_gap=gap)


class TerminalOperator:
    """Person at the terminal. Whether they see the robot is not known: `mereq supervise` knows it."""

    def __init__(self, console: Console):
        self._console, self._started = console, False

    def await_go(self) -> None:
        """Return after a countdown; after a stop, wait for Enter first.

        Raises:
            NeedsPerson: there is no terminal.
        """
        if self._started:
            self._console.print("The robot stands still. Press Enter to let it move; Ctrl-C ends the run.")
            _await_enter()
        self._started = True
        self._console.print(f"The robot moves in {COUNTDOWN:g} s.")
        interruption.sleep(COUNTDOWN)

    def objection(self) -> None:
        """No objection: the person presses Ctrl-C, or the robot's emergency stop."""

    def driver_works(self, command: str, seconds: float) -> None:
        """Do nothing: the person sees the robot."""

    def held(self, reason: str) -> None:
        """Print why the robot was held."""
        with contextlib.suppress(OSError):  # the terminal may be closed
            self._console.print(f"The robot was stopped: {reason}.")


def _await_enter() -> None:
    """Wait for Enter at the terminal. What was typed before does not count."""
    if not sys.stdin.isatty():
        raise NeedsPerson(
            "The robot has stopped, and moves again only after Enter at the terminal; there is none. Resume the run at "
            "a terminal, or supervise it with `mereq supervise`."
        )
    _forget_typed()
    while not select.select([sys.stdin], [], [], POLL)[0]:
        interruption.check()
    if not sys.stdin.readline():
        raise NeedsPerson("The robot has stopped, and the terminal was closed.")


def _forget_typed() -> None:
    with contextlib.suppress(ImportError):  # not on Windows
        import termios

        termios.tcflush(sys.stdin, termios.TCIFLUSH)
