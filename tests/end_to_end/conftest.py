import sys

import pytest

from mereq import cli


@pytest.fixture
def mereq(monkeypatch, capsys):
    """Run a command; gives its exit status, what it printed for programs, and what it told the user."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["mereq", *map(str, words)])
        status = 0
        try:
            cli.main()
        except SystemExit as stop:
            status = stop.code or 0
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run
