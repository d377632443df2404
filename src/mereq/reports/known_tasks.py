"""Tasks whose code a report may use: those that come with mereq. What a record names is never imported."""

from mereq.presets.definition import TaskDefinition
from mereq.presets.registry import TASKS


def known_task(name: str) -> TaskDefinition | None:
    """Definition of a task that comes with mereq; None for any other task."""
    return TASKS.get(name)
