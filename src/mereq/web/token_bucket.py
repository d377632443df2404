"""Rate limit by a token bucket."""


class TokenBucket:
    """Token bucket: `rate` tokens per second, and at most `burst` at once."""

    def __init__(self, rate: float, burst: float):
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, 0.0

    def spend(self, now: float) -> bool:
        """Take a token. Returns whether one was left. now: time of a monotonic clock [s]."""
        self._left = min(self._burst, self._left + self._rate * (now - self._at))
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
