"""Interface of a robot's driver. docs/robots.md explains how to write one, with an example."""

from types import TracebackType
from typing import Any, Protocol, runtime_checkable

from mereq.core.simulator import Environment


@runtime_checkable
class Robot(Environment, Protocol):
    """Driver of a robot. Supervised rollouts run on the robot; the inner loop still trains in the simulator.

    `reset` and `step` are those of an `Environment`. `step` returns the result of its action: at the end of the step's
    period if `hz` is set, otherwise at once. Every wait has a time limit, after which the driver raises `RobotLost`.

    Without a `step` the robot stops within one period. Implement this on the robot's side of the connection: a
    program that was killed cannot send a stop.
    """

    @property
    def hz(self) -> float | None:
        """Steps per second that `step` keeps; None if the caller keeps the time."""
        ...

    @property
    def repeatable(self) -> bool:
        """Whether the same seed and actions lead to the same states; False for real hardware."""
        ...

    def __enter__(self) -> Any:
        """Connect to the robot without moving it."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None:
        """Disconnect from the stopped robot. The driver may be entered again."""
        ...

    def stop(self) -> None:
        """Stop the robot at once. Called once whenever stepping ends: pause, end of a round, failure, end of the run.

        Called from any thread, also while `reset` or `step` waits; that call returns or raises soon afterwards
        (docs/safety.md). After a pause, `step` continues from the robot's present pose.
        """
        ...
