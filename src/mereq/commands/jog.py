"""`mereq robot jog`: the tool a millimetre further for each key, once everything is as it must be."""

import os
import sys
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float
from rich.console import Console

from mereq.core.errors import NeedsPerson
from mereq.robots.arm import Arm, Finding
from mereq.robots.assembly import arm_of
from mereq.robots.cell_file import CellFile

WAY, SPEED = 0.001, 0.02  # of a key [m], [m/s]
KEYS = {
    "\x1b[A": (1.0, 0.0, 0.0),
    "\x1b[B": (-1.0, 0.0, 0.0),
    "\x1b[D": (0.0, 1.0, 0.0),
    "\x1b[C": (0.0, -1.0, 0.0),
    "u": (0.0, 0.0, 1.0),
    "d": (0.0, 0.0, -1.0),
}
HELP = (
    "Up and down: away from the robot and back (x). Left and right: y. u and d: up and down (z). 1 mm for each key; q "
    "ends. Keys that come while the tool moves do not count."
)
OUTSIDE = "tool"  # the finding that may be wrong: jogging is how the tool gets into the workspace


def jog(cell: CellFile, console: Console) -> bool:
    """Move the tool by keys at a terminal. Returns whether the arm was fine to move.

    Raises:
        NeedsPerson: there is no terminal.
        ArmFault: the arm refuses, or fails.
    """
    if not sys.stdin.isatty():
        raise NeedsPerson("`mereq robot jog` needs a person at a terminal.")
    with arm_of(cell) as arm:
        if not may_jog(arm.findings(), console):
            return False
        console.print(HELP)
        jog_by(_pressed(), arm, np.array(cell.arm.workspace), console)
    return True


def may_jog(findings: list[Finding], console: Console) -> bool:
    """Whether nothing forbids motion. What does is printed."""
    wrong = [finding for finding in findings if not finding.fine and finding.what != OUTSIDE]
    for finding in wrong:
        console.print(f"The arm does not move: {finding.what} is {finding.found}. {finding.advice}".rstrip())
    return not wrong


def jog_by(keys: Iterable[str], arm: Arm, workspace: Float[np.ndarray, "2 3"], console: Console) -> None:
    """Move the tool for each key, until q. A tool outside of the workspace can only come closer to it."""
    for key in keys:
        if key == "q":
            return
        if key not in KEYS:
            continue
        here = arm.tool()
        low, high = np.minimum(workspace[0], here), np.maximum(workspace[1], here)
        target = np.clip(here + WAY * np.array(KEYS[key]), low, high)
        if np.array_equal(target, here):
            console.print("The workspace ends here.")
            continue
        arm.go([target], SPEED)
        x, y, z = 1000.0 * arm.tool()
        console.print(f"x {x:.1f}, y {y:.1f}, z {z:.1f} mm")


def _pressed() -> Iterator[str]:
    """Keys as they are pressed. What is pressed before the next one is asked for is forgotten."""
    import termios  # not on Windows
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        while True:
            termios.tcflush(terminal, termios.TCIFLUSH)
            pressed = os.read(terminal, 16)
            if not pressed:
                return
            yield pressed.decode("ascii", "ignore")
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
