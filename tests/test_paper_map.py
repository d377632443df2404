"""docs/paper_map.md tells the truth: every function and every test file it names exists."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = re.findall(r"^\| (.+?) \| `(.+?)` \| `(.+?)` \|$", (ROOT / "docs/paper_map.md").read_text(), re.MULTILINE)


def test_the_map_has_rows():
    assert len(ROWS) > 20


@pytest.mark.parametrize(("statement", "function", "test"), ROWS)
def test_row_points_at_what_exists(statement, function, test):
    module, name = function.rsplit(".", 1)
    assert hasattr(importlib.import_module(module), name), statement
    assert "def test_" in (ROOT / test).read_text(), statement
