"""Interface of an arm on its own protocol, below a cell. Lengths in m, in the table's frame; the tool points down."""

from types import TracebackType
from typing import Any, NamedTuple, Protocol

from jaxtyping import Float
from numpy import ndarray

from mereq.core.errors import RobotLost

Point = Float[ndarray, "3"]


class ArmFault(RobotLost):
    """A refusal or failure of an arm's controller: what it said, and what to do."""


class Finding(NamedTuple):
    """One line of `mereq robot check`."""

    what: str
    found: str
    fine: bool
    advice: str = ""


class Arm(Protocol):
    """An arm that moves its tool along straight lines. `stand` may be called from any thread, the rest from one."""

    @property
    def lead(self) -> float:
        """Largest distance by which targets may run ahead of the tool, along each axis [m]."""
        ...

    def __enter__(self) -> Any:
        """Connect, and refuse to go on if the arm is not as it was calibrated. Nothing moves."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None:
        """Disconnect."""
        ...

    def findings(self) -> list[Finding]:
        """State of the connected arm, for `mereq robot check`."""
        ...

    def tool(self) -> Point:
        """Measured position of the tool centre."""
        ...

    def go(self, points: list[Point], speed: float) -> None:
        """Move through points, stop at each, and return when the last one is reached. speed: [m/s]."""
        ...

    def send(self, target: Point, period: float) -> None:
        """Move towards a target within a period [s]. Returns at once; the next target may come before it is reached."""
        ...

    def stand(self) -> None:
        """Stand still as soon as possible. A `go` under way raises `RobotLost`."""
        ...


class Gripper(Protocol):
    """A tool with two states, such as a pair of fingers that a valve closes."""

    def close(self, closed: bool) -> None:
        """Close, or open. Returns at once."""
        ...

    def is_open(self) -> bool:
        """Whether it is open; True if it has no sensor for that."""
        ...
