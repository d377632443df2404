"""Ranges of numbers in settings: a value that no run can have is refused when the settings are made."""

from collections.abc import Callable
from dataclasses import dataclass

from mereq.core.errors import WrongValue

INFINITE = float("inf")


@dataclass(frozen=True)
class Range:
    """Permitted values of a number, with words for messages. NaN is in no range."""

    words: str
    holds: Callable[[float], bool]


COUNT = Range("at least 1", lambda x: 1 <= x < INFINITE)
COUNT_OR_NONE = Range("at least 0", lambda x: 0 <= x < INFINITE)
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
            raise WrongValue(f"{each}{name} must be {allowed.words}; {name} is {value} ({type(settings).__name__})")
