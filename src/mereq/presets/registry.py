"""Tasks by name: shipped tasks, those of installed packages, and those that a user names on the command line.

All are found in the same way: a name refers to `package.module:NAME` or `file.py:NAME` of a `TaskDefinition`.
"""

from collections.abc import Iterator, MutableMapping
from importlib import metadata

from mereq.core.errors import CannotLoad, NotNamed, UnknownName
from mereq.core.task import Task
from mereq.presets.added_features import with_added_features
from mereq.presets.catalogue import CATALOGUE, ENTRY_POINTS
from mereq.presets.definition import TaskDefinition
from mereq.presets.named import FORMS, NamedByUser, is_named, load_named, recorded_name, without_added

OWN = f"; or your own task: {FORMS}"


class _Tasks(MutableMapping[str, TaskDefinition]):
    """Shipped definitions by name; each is imported at its first use."""

    def __init__(self):
        self._loaded: dict[str, TaskDefinition] = {}

    def __getitem__(self, name: str) -> TaskDefinition:
        if name not in self._loaded:
            self._loaded[name] = load_named(CATALOGUE[name].definition, "task")
        return self._loaded[name]

    def __setitem__(self, name: str, definition: TaskDefinition) -> None:
        self._loaded[name] = definition

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**CATALOGUE, **self._loaded})

    def __len__(self) -> int:
        return len({**CATALOGUE, **self._loaded})


def _checked(found: object, name: str) -> TaskDefinition:
    """The object as a definition; a `Task` becomes a definition without further parts."""
    if isinstance(found, TaskDefinition):
        return found
    if isinstance(found, Task):
        return TaskDefinition(task=found)
    raise CannotLoad(
        f"{name} is a {type(found).__name__}, and must be a TaskDefinition: TaskDefinition(task=..., supervisor=...), "
        "with both from `mereq`."
    )


TASKS = _Tasks()
USERS = NamedByUser("task", "on the command line", _checked)
_extended: dict[
    str, tuple[TaskDefinition, TaskDefinition]
] = {}  # definitions without and with added features, by recorded name


def find_task(name: str) -> TaskDefinition:
    """The definition that a user names. The user's own code is imported.

    Raises:
        UnknownName: no task has this name.
        CannotLoad: the object cannot be imported, or is no definition.
    """
    base, added = without_added(name)
    if added:
        return _with_added(find_task(base), recorded_name(name), added)
    return USERS.load(name) if is_named(name) else definition_of(name)


def definition_of(name: str) -> TaskDefinition:
    """The definition of a recorded name. A user's code is not imported unless it was named in this process.

    Raises:
        UnknownName: no task has this name.
        NotNamed: the task is code of a user's that was not named in this process.
    """
    if name in TASKS:
        return TASKS[name]
    base, added = without_added(name)
    if added:
        return _with_added(definition_of(base), recorded_name(name), added)
    if is_named(name):
        return USERS.recorded(name)
    offered = {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}
    if name not in offered:
        raise UnknownName("task", name, [*TASKS, *offered], else_allowed=OWN)
    return _checked(load_named(offered[name].value, "task"), name)


def _with_added(definition: TaskDefinition, name: str, added: tuple[str, ...]) -> TaskDefinition:
    """The definition with added features; the same one each time."""
    if name not in _extended or _extended[name][0] is not definition:
        _extended[name] = definition, with_added_features(definition, name, added)
    return _extended[name][1]


def is_known(name: str) -> bool:
    """Whether `definition_of` has a definition for a recorded name."""
    try:
        definition_of(name)
    except (UnknownName, NotNamed, CannotLoad):
        return False
    return True


def full_name(recorded: str) -> str:
    """The name as the user gave it, with the path of a file; the recorded name if the user gave none."""
    return USERS.full_name(recorded)
