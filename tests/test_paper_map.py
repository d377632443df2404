"""docs/paper_map.md tells the truth: its functions exist, and its rows are the `paper` markers of the test files."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = re.findall(r"^\| (.+?) \| `(.+?)`.*? \| `(.+?)` \|$", (ROOT / "docs/paper_map.md").read_text(), re.MULTILINE)


def marked(file: Path) -> list[str]:
    """The statements of the paper that a test file is marked with."""
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    markers = [call for call in calls if ast.unparse(call.func) == "pytest.mark.paper"]
    return [ast.literal_eval(argument) for marker in markers for argument in marker.args]


def test_every_line_of_the_table_is_a_row():
    lines = (ROOT / "docs/paper_map.md").read_text().splitlines()
    assert sum(line.startswith("|") for line in lines) - 2 == len(ROWS) > 60


@pytest.mark.parametrize(("statement", "function", "test"), ROWS)
def test_function_exists(statement, function, test):
    module, name = function.rsplit(".", 1)
    assert hasattr(importlib.import_module(module), name), statement


def test_rows_are_the_markers_of_the_tests():
    """So that `pytest -m paper` runs what holds the paper, and no row loses its test."""
    files = sorted(ROOT.glob("tests/**/test_*.py"))
    markers = [(statement, str(file.relative_to(ROOT))) for file in files for statement in marked(file)]
    assert sorted(markers) == sorted((statement, test) for statement, _, test in ROWS)
