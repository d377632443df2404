"""Tasks of records whose code may be used. Other code that a record names is not imported."""

from mereq.presets.definition import TaskDefinition
from mereq.presets.registry import definition_of, is_known


def known_task(name: str) -> TaskDefinition | None:
    """Definition of a recorded task; None unless mereq or a package offers it, or the user named it in this process."""
    return definition_of(name) if is_known(name) else None
