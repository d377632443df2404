"""Names of parametrised tests that are the same in every process."""

import re


def words(value: object) -> str:
    """The value's `repr` without addresses in memory, and not too long."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))[:60]
