"""docs/deviations.md: every entry has a name that is an anchor, and every citation leads to an entry."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs/deviations.md").read_text()
ENTRIES = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| name |")]
NAMES = re.findall(r'^\| <a id="([a-z0-9-]+)"></a>\1 \| ', TEXT, re.MULTILINE)
CITING = [
    file
    for folder, kind in (
        ("src", "*.py"),
        ("tests", "*.py"),
        ("benchmarks", "*.py"),
        ("examples", "*.py"),
        ("docs", "*.md"),
    )
    for file in sorted((ROOT / folder).rglob(kind))
]
CITATIONS = [
    (file.relative_to(ROOT).as_posix(), name)
    for file in CITING
    for name in re.findall(r"deviations\.md#([A-Za-z0-9_-]+)", file.read_text())
    if (file.name, name) != ("deviations.md", "name")  # the sentence that explains the anchors
]


def test_every_entry_has_a_name_of_its_own():
    assert len(NAMES) == len(ENTRIES) > 50
    assert len(set(NAMES)) == len(NAMES)


def test_code_cites_deviations():
    assert sum(file.startswith("src/") for file, _ in CITATIONS) > 10


@pytest.mark.parametrize(("file", "name"), sorted(set(CITATIONS)))
def test_a_cited_deviation_exists(file, name):
    assert name in NAMES


def test_links_inside_the_page_lead_to_entries():
    assert set(re.findall(r"\]\(#([a-z0-9-]+)\)", TEXT)) <= set(NAMES)


@pytest.mark.parametrize("file", CITING, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_nothing_cites_a_deviation_by_number(file):
    if file.name == "test_deviations.py":
        return
    assert not re.search(r"(?<!standard )\bdeviations? \d+\b|deviations\]\(deviations\.md\), \d", file.read_text())
