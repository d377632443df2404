"""Ranges of numbers in settings: a value that no run can have is refused when the settings are made."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from mereq.core.errors import WrongValue

INFINITE = float("inf")


@dataclass(frozen=True)
class Range:
    """Permitted values of a number, with words for messages. NaN is in no range."""

    words: str
    within: Callable[[float], bool]
    whole: bool = False  # whether only whole numbers are permitted

    def holds(self, value: Any) -> bool:
        """Whether the value is a number, no truth value, and permitted."""
        return self._is_number(value) and self.within(float(value))

    def wanted_instead_of(self, value: Any) -> str:
        """Words for a value that is not permitted."""
        if self._is_number(value):
            return self.words
        return f"{'a whole number' if self.whole else 'a number'}, {self.words}"

    def _is_number(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, Real):
            return False
        return not self.whole or not math.isfinite(float(value)) or float(value).is_integer()


COUNT = Range("at least 1", lambda x: 1 <= x < INFINITE, whole=True)
COUNT_OR_NONE = Range("at least 0", lambda x: 0 <= x < INFINITE, whole=True)
POSITIVE = Range("above 0, and finite", lambda x: 0 < x < INFINITE)
NON_NEGATIVE = Range("at least 0, and finite", lambda x: 0 <= x < INFINITE)
LIMIT = Range("above 0; infinity is no limit", lambda x: x > 0)
SHARE = Range("between 0 and 1", lambda x: 0 <= x <= 1)
DISCOUNT = Range("at least 0, and below 1", lambda x: 0 <= x < 1)
POSITIVE_SHARE = Range("above 0, and at most 1", lambda x: 0 < x <= 1)
FINITE = Range("finite", lambda x: -INFINITE < x < INFINITE)


def check_ranges(settings: object, **ranges: Range) -> None:
    """Refuse settings with a value out of its range. Of a tuple, each number is checked.

    Args:
        settings: object with the numbers.
        **ranges: ranges by the names of the numbers.

    Raises:
        WrongValue: a number is out of its range.
    """
    for name, allowed in ranges.items():
        value: float | tuple[float, ...] = getattr(settings, name)
        each, numbers = ("each number of ", value) if isinstance(value, tuple) else ("", (value,))
        if not all(map(allowed.holds, numbers)):
            words = allowed.wanted_instead_of(next(number for number in numbers if not allowed.holds(number)))
            raise WrongValue(f"{each}{name} must be {words}; {name} is {value!r} ({type(settings).__name__})")
