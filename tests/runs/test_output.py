"""Words for the terminal: brackets stay, control characters do not act, and commands can be copied."""

import shlex
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from mereq.commands.output import PlainConsole, command, printable, resume_command, words

TITLE = 'on/off [/on] [red]x\x1b]0;owned\x07 \x9b31m \u202egnp.exe "mereq[ray]"'


def printed(show) -> str:
    console = Console(file=StringIO(), width=200, force_terminal=True, color_system=None)
    show(console)
    return console.file.getvalue()


def test_words_are_shown_as_they_are():
    said = printed(lambda console: console.print(words((TITLE, "bold"), " ", TITLE)))
    assert said.count("on/off [/on] [red]x\\x1b]0;owned\\x07 \\x9b31m \\u202egnp.exe") == 2
    assert not any(character in said for character in "\x07\x9b\u202e")


def test_a_plain_console_takes_no_markup_in_tables(capsys):
    table = Table("[bold]name")
    table.add_row(TITLE)
    PlainConsole().print(table)
    said = capsys.readouterr().out
    assert "[bold]name" in said
    assert "\x1b]0" not in said


@pytest.mark.parametrize("text", ["plain", "two\nlines\tand tabs", "Grüße, θ · – 日本\u00a0語"])
def test_ordinary_text_is_not_changed(text):
    assert printable(text) == text


def test_a_name_that_is_no_text_can_be_printed():
    assert printable("runs/\udcff") == "runs/\\udcff"


@pytest.mark.parametrize("name", ["a b", "it's", "$HOME;rm", "-x"])
def test_commands_can_be_copied(name):
    assert shlex.split(command("mereq", "show", Path("runs") / name)) == ["mereq", "show", f"runs/{name}"]


def test_code_of_the_users_own_is_named_again():
    given = {"task": "my task.py:T", "robot": "lab:Arm", "prior": "prior.safetensors", "seed": 3}
    again = ["mereq", "align", "my task.py:T", "--robot", "lab:Arm", "--resume", "--out", "runs/a b"]
    assert shlex.split(resume_command("align", Path("runs/a b"), given)) == again
