"""A cap on how often something may happen."""


class TokenBucket:
    """So many per second on average, and a burst at once: a bucket that fills steadily."""

    def __init__(self, rate: float, burst: float):
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, 0.0

    def spend(self, now: float) -> bool:
        """Take one, if there is one left. now: of a clock that never goes back [s]."""
        self._left = min(self._burst, self._left + self._rate * (now - self._at))
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
