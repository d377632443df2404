"""TOML files that users write, read into dataclasses, with messages about each wrong value."""

import dataclasses
import tomllib
from collections import Counter
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import cattrs
from cattrs.errors import ForbiddenExtraKeysError

from mereq.core.errors import MereqError

T = TypeVar("T")
LARGEST = 2**20  # bytes of a file


def read_toml(file: Path, kind: type[T]) -> T:
    """The file's content as a dataclass. For use inside `wrong_file`, which turns errors into messages."""
    return STRUCTURE.structure(_content(file), kind)


def _content(file: Path) -> dict[str, Any]:
    with file.open("rb") as opened:
        content = opened.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise tomllib.TOMLDecodeError(f"it has more than {LARGEST} bytes")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except RecursionError:
        raise tomllib.TOMLDecodeError("it is nested too deeply") from None
    except ValueError as error:  # also a number of thousands of digits, which is no TOMLDecodeError
        raise tomllib.TOMLDecodeError(str(error)) from error


@contextmanager
def wrong_file(
    what: str, file: Path, mistake: type[MereqError], *, advice: str, where: str = ""
) -> Generator[None, None, None]:
    """Context in which errors of reading a file become messages for the user.

    Args:
        what: kind of file: "study" or "trial".
        file: the file that is read in the context.
        mistake: class of the exception.
        advice: what to do about a wrong value.
        where: what to do about a file that cannot be read; by default the same.

    Raises:
        MereqError: the file cannot be read or has a wrong value; of the class `mistake`.
    """
    try:
        yield
    except OSError as error:
        raise mistake(f"Cannot read the {what} {file}: {error.strerror}. {where or advice}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise mistake(f"The {what} {file} is not TOML: {error}. {advice}") from error
    except cattrs.BaseValidationError as error:
        wrong = "; ".join(cattrs.transform_error(error, path=what, format_exception=_message_of))
        raise mistake(f"The {what} {file} is wrong: {wrong}. {advice}") from error
    except MereqError as error:
        raise mistake(f"The {what} {file} is wrong: {error}") from error


def refuse_empty_or_repeated(entries: Mapping[str, Collection[Any]]) -> None:
    """Refuse entries that are empty, or that name something more than once.

    Raises:
        ValueError: an entry is empty, or has repeated values.
    """
    for name, values in entries.items():
        if not values:
            raise ValueError(f"{name} is empty, and must name at least one")
        twice = [str(value) for value, times in Counter(list(values)).items() if times > 1]
        if twice:
            raise ValueError(f"{name} names {', '.join(twice)} more than once")


def exactly(value: Any, kind: Any) -> Any:
    """The value, if its type is `kind`: "no" is not True, and 2.5 is not 2. A whole number is also a float: 2 is 2.0.

    Raises:
        TypeError: the value has another type.
    """
    kind = get_origin(kind) or kind
    allowed = (float, int) if kind is float else (kind,)
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{value!r} is not {_WORDS[kind]}")
    return float(value) if kind is float else value


_WORDS = {
    bool: "true or false",
    str: "a text",
    int: "a whole number",
    float: "a number",
    list: "a list, such as [1, 2]",
    dict: "a table, such as {first = 0, count = 8}",
}


def _structured_list(value: Any, kind: Any) -> list[Any]:
    (item_kind,) = get_args(kind)
    return [exactly(item, item_kind) for item in exactly(value, kind)]


def _structured_changes(value: Any, _: Any) -> dict[str, Any]:
    return exactly(value, dict)


def _structured_variants(value: Any, _: Any) -> dict[str, dict[str, Any]]:
    return {name: exactly(changes, dict) for name, changes in exactly(value, dict).items()}


def _message_of(error: BaseException, _: Any) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        allowed = ", ".join(entry.name for entry in dataclasses.fields(error.cl))
        return f"unknown {', '.join(sorted(error.extra_fields))} (allowed: {allowed})"
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    return str(error)


STRUCTURE = cattrs.Converter(forbid_extra_keys=True)
for _kind in (str, int, float):
    STRUCTURE.register_structure_hook(_kind, exactly)
STRUCTURE.register_structure_hook_func(lambda kind: get_origin(kind) is list, _structured_list)
STRUCTURE.register_structure_hook_func(lambda kind: kind == dict[str, Any], _structured_changes)
STRUCTURE.register_structure_hook_func(lambda kind: kind == dict[str, dict[str, Any]], _structured_variants)
