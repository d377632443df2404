"""Tasks whose code may be used for reading a record: those that come with mereq.

Whatever else a record names is code of somebody else, which is imported only when its user names it again.
"""

from mereq.presets.definition import TaskDefinition
from mereq.presets.registry import TASKS


def known_task(name: str) -> TaskDefinition | None:
    """Definition of a task that comes with mereq; None for any other task."""
    return TASKS.get(name)
