"""The shipped page is what its source compiles to."""

import json
import runpy
from pathlib import Path

FRONTEND = Path(__file__).parents[2] / "frontend"
PAGE = FRONTEND.parent / "src" / "mereq" / "web" / "page" / "page.js"


def test_source_and_page_are_those_that_were_compiled():
    """After a change run `make page`; page.js is never edited by hand. `make page-check` builds it again."""
    found = runpy.run_path(str(FRONTEND / "stamp.py"))["sums"]()
    assert found == json.loads((FRONTEND / "compiled.json").read_text())


def test_the_lock_file_names_no_registry():
    """Packages come from whichever registry npm is configured for; checksums tell that they are the right ones."""
    packages = json.loads((FRONTEND / "package-lock.json").read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert not [name for name, package in packages.items() if name and "integrity" not in package]


def test_the_page_fetches_nothing_from_elsewhere():
    for file in PAGE.parent.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text
