"""Words for the terminal: escaping, quoting and styles.

Titles, names, paths and messages come from files, users and devices. `words` shows them as they are: square brackets
are no markup, and control characters do not reach the terminal. `command` quotes commands that a user may copy.
"""

import io
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from mereq.core.printable import printable
from mereq.presets.named import is_named
from mereq.robots.known import is_known

CODE = ("task", "method", "prior", "expert", "robot")  # options that may name code of the user's own


class PlainConsole(Console):
    """Console that takes no markup, and shows control characters in any text, in tables too."""

    def __init__(self, *, stderr: bool = False, soft_wrap: bool = False):
        super().__init__(stderr=stderr, soft_wrap=soft_wrap, markup=False, highlight=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """The text without control characters."""
        return super().render_str(printable(text), **options)


def words(*parts: str | tuple[str, str]) -> Text:
    """Text of several parts: a string, or a string with its style."""
    pairs = [(part, "") if isinstance(part, str) else part for part in parts]
    return Text.assemble(*((printable(text), style) for text, style in pairs))


def command(*parts: object) -> str:
    """A command line that a shell takes apart into these words."""
    return shlex.join(map(str, parts))


def _is_own(name: str) -> bool:
    return is_named(name) or is_known(name)


def resume_command(verb: str, out: Path, given: Mapping[str, Any]) -> str:
    """The command that resumes a run. Code of the user's own has to be named again."""
    named = {name: given[name] for name in CODE if given.get(name) is not None and _is_own(str(given[name]))}
    task = [named.pop("task")] if "task" in named else []
    options = [word for name, value in named.items() for word in (f"--{name}", value)]
    return command("mereq", verb, *task, *options, "--resume", "--out", out)


def accept_any_text() -> None:
    """Let standard output and error print any character: one that the locale lacks is shown as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
