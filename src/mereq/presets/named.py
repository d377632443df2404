"""Objects by name: `file.py:NAME` or `package.module:NAME`. Loading an object executes its module.

A name that a user gives may be imported. A name in a record may come from another person, and is not: it refers to an
object that the user has named in this process.
"""

import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Generic, TypeVar

from mereq.core.errors import CannotLoad, NotNamed
from mereq.core.extras import advice

FORMS = "file.py:NAME or package.module:NAME"
ADDED = " + "  # before the name of each feature that is added to a task
OBJECT = TypeVar("OBJECT")
_WITH_ADDED = re.compile(r"(?P<base>.+?:[^\W\d]\w*|[^:]+?)(?P<added>( \+ .+)?)", re.DOTALL)


def is_named(text: str) -> bool:
    """Whether a text has the form of a name: `file.py:NAME` or `package.module:NAME`."""
    where, colon, what = without_added(text)[0].rpartition(":")
    return bool(colon) and what.isidentifier() and (where.endswith(".py") or _is_dotted(where))


def without_added(text: str) -> tuple[str, tuple[str, ...]]:
    """Name of a task without the features that are added to it, and the names of these."""
    found = _WITH_ADDED.fullmatch(text)
    if found is None or not found["added"]:
        return text, ()
    return found["base"], tuple(found["added"].removeprefix(ADDED).split(ADDED))


def recorded_name(text: str) -> str:
    """The name as it is recorded: a file is reduced to the last part of its path."""
    base, added = without_added(text)
    where, colon, what = base.rpartition(":")
    return ADDED.join((f"{Path(where).name}:{what}" if colon and where.endswith(".py") else base, *added))


def load_named(text: str, kind: str) -> Any:
    """The object of this name, after importing its module.

    Args:
        text: `file.py:NAME` with the path of a file; or `package.module:NAME`, found on Python's path and in the
            current directory.
        kind: kind of object for messages: "task", "policy", "robot".

    Raises:
        CannotLoad: the text has neither form, the file, module or name does not exist, or the import failed.
    """
    where, _, what = text.rpartition(":")
    if not is_named(text):
        raise CannotLoad(f"Cannot load the {kind} {text!r}: the name must have the form {FORMS}.")
    module = _from_file(Path(where), text, kind) if where.endswith(".py") else _from_packages(where, text, kind)
    try:
        return getattr(module, what)
    except AttributeError:
        names = ", ".join(name for name in vars(module) if not name.startswith("_") and _is_own(module, name)) or "none"
        raise CannotLoad(
            f"Cannot load the {kind} {text!r}: there is no {what} in {where}. Names defined there: {names}."
        ) from None


class NamedByUser(Generic[OBJECT]):
    """Objects of one kind that the user has named in this process, by recorded name.

    Args:
        kind: kind of object for messages: "task", "method", "policy".
        option: how the command line gives such a name: "with --method".
        checked: the object of a name as one of this kind; raises CannotLoad for any other.
    """

    def __init__(self, kind: str, option: str, checked: Callable[[object, str], OBJECT]):
        self._kind, self._option, self._checked = kind, option, checked
        self._found: dict[str, tuple[str, OBJECT]] = {}

    def load(self, name: str) -> OBJECT:
        """The object that the user names; its module is imported at the first time.

        Raises:
            CannotLoad: it cannot be imported, is of another kind, or would be recorded under the name of another one.
        """
        recorded = recorded_name(name)
        if recorded not in self._found:
            self._found[recorded] = name, self._checked(load_named(name, self._kind), name)
        before, found = self._found[recorded]
        if not _same_place(before, name):
            raise CannotLoad(f"{before} and {name} are both recorded as {recorded}. Rename one of the files.")
        return found

    def get(self, name: str) -> OBJECT | None:
        """The object of a recorded name, or None if the user has not named it."""
        found = self._found.get(recorded_name(name))
        return found and found[1]

    def recorded(self, name: str) -> OBJECT:
        """The object of a recorded name.

        Raises:
            NotNamed: the user has not named it in this process.
        """
        found = self.get(name)
        if found is None:
            raise NotNamed(
                f"The {self._kind} {name} is code that is imported only if you name it, since a recorded run may come "
                f"from another person. Name it {self._option} (a file with its path): {name}."
            )
        return found

    def full_name(self, recorded: str) -> str:
        """The name as the user gave it, with the path of a file; the recorded name if the user gave none."""
        return self._found[recorded][0] if recorded in self._found else recorded


def _same_place(one: str, other: str) -> bool:
    """Whether two names are of the same module."""
    one_file, other_file = (Path(name.rpartition(":")[0]) for name in (one, other))
    return one == other or (one_file.suffix == ".py" and one_file.resolve() == other_file.resolve())


def _from_file(file: Path, text: str, kind: str) -> ModuleType:
    if not file.is_file():
        raise CannotLoad(
            f"Cannot load the {kind} {text!r}: there is no file {file}. Give its path from the current directory."
        )
    file = file.resolve()
    name = f"{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"  # two files may have the same stem
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # so that the file can import its neighbours
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise CannotLoad(_failure(text, kind, error)) from error
    return module


def _from_packages(where: str, text: str, kind: str) -> ModuleType:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(where)
    except Exception as error:
        raise CannotLoad(
            f"{_failure(text, kind, error)} Modules are searched for in the current directory and on Python's path."
        ) from error


def _failure(text: str, kind: str, error: Exception) -> str:
    """Message about a failed import, with the line of the user's code, or the extra that has a missing package."""
    if words := advice(error):
        return f"Cannot load the {kind} {text!r}. {words}."
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    own = [frame for frame in frames if Path(frame.filename).name != Path(__file__).name]
    at = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"Cannot load the {kind} {text!r}: the import failed with {type(error).__name__}: {error}{at}."


def _is_dotted(where: str) -> bool:
    return bool(where) and all(part.isidentifier() for part in where.split("."))


def _is_own(module: ModuleType, name: str) -> bool:
    """Whether the module defines the name, and does not merely import it."""
    value = getattr(module, name)
    if isinstance(value, type | FunctionType):
        return value.__module__ == module.__name__
    return not isinstance(value, ModuleType)
