"""A program that takes its time, as a person would."""

import time
from collections.abc import Callable

from mereq.core.supervisor import Decision, DecisionContext, Supervisor


class Paced:
    """A supervisor under whose eyes steps come at a steady pace, and not as fast as the machine can.

    hz: steps per second.
    now, wait: a clock [s] and how to let time pass; tests bring their own.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        hz: float,
        *,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ):
        if not hz > 0:
            raise ValueError(f"steps per second must be positive, got {hz}")
        self._supervisor, self._period, self._now, self._wait = supervisor, 1.0 / hz, now, wait
        self._due = now()

    def begin_episode(self, seed: int) -> None:
        """A new episode starts; the pace stays."""
        self._supervisor.begin_episode(seed)

    def decide(self, context: DecisionContext) -> Decision:
        """What the supervisor decides, once the step is due. What was decided before is not waited for again."""
        decision = self._supervisor.decide(context)
        if context.recorded_decision is None:
            now = self._now()
            self._due = max(self._due + self._period, now)
            self._wait(self._due - now)
        return decision
