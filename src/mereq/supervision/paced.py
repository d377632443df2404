"""Supervision at a steady pace, for programs that are watched."""

import time
from collections.abc import Callable

from mereq.core.supervisor import Decision, DecisionContext, Supervisor
from mereq.supervision.interruption import interruption


class Paced:
    """Supervisor that decides at a steady pace instead of as fast as the machine can.

    Args:
        supervisor: decides.
        hz: decisions per second, at most.
        now: clock [s].
        wait: sleeps for a number of seconds.

    Raises:
        ValueError: `hz` is not positive.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        hz: float,
        *,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = interruption.sleep,
    ):
        if not hz > 0:
            raise ValueError(f"steps per second must be positive, got {hz}")
        self._supervisor, self._period, self._now, self._wait = supervisor, 1.0 / hz, now, wait
        self._due = now()

    def begin_episode(self, seed: int) -> None:
        """Start an episode, at the same pace."""
        self._supervisor.begin_episode(seed)

    def decide(self, context: DecisionContext) -> Decision:
        """Decision of the supervisor, once the step is due. Recorded decisions are returned without waiting."""
        decision = self._supervisor.decide(context)
        if context.recorded_decision is None:
            now = self._now()
            self._due = max(self._due + self._period, now)
            self._wait(self._due - now)
        return decision
