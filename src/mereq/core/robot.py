"""A robot's driver: what somebody writes who has a robot. How to, with an example: docs/robots.md."""

from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from mereq.core.simulator import Environment


@runtime_checkable
class Robot(Environment, Protocol):
    """An environment with a body: supervised rollouts run on it, while the simulator goes on serving the inner loop.

    `reset` and `step` are an `Environment`'s. `step` returns what its action led to: with `hz`, when the step's period
    is over; without, at once. Whatever it waits for, it waits for a bounded time, and raises `RobotLost` then.

    A robot that is not told to step stands still, after one period at the latest. That is the driver's promise, best
    kept by the robot's own side of the connection: a program that was killed tells nobody to stop.
    """

    @property
    def hz(self) -> float | None:
        """Steps per second that `step` keeps; None: whoever calls it keeps time."""
        ...

    @property
    def repeatable(self) -> bool:
        """Whether the same seed and actions lead to the same place; not so of anything real."""
        ...

    def __enter__(self) -> Any:
        """Connect. Nothing moves yet."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None:
        """Disconnect; the robot stands still already. It may be entered again."""
        ...

    def stop(self) -> None:
        """Stand still, now. Called once whenever the steps cease: in a pause, between rounds, at a failure, at the end.

        After a pause, `step` goes on from where the robot stands.
        """
        ...
