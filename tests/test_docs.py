"""README and docs tell the truth: names, commands, Python blocks, links and the numbers of the results exist."""

import csv
import functools
import importlib
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest
import tyro

import mereq.cli
from waiting import HANG

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted(ROOT.glob("docs/**/*.md"))
NOTEBOOKS = sorted(ROOT.glob("docs/notebooks/*.ipynb"))
NAME = re.compile(r"`(mereq(?:\.\w+)+)`")
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`(?:\S+=\S+ |python |pytest )*((?:docs|tests|benchmarks|examples|results|src)/[^\s`:{]+)")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def _named(pages: list[Path], pattern: re.Pattern) -> list:
    found = dict.fromkeys((page, hit) for page in pages for hit in pattern.findall(page.read_text()))
    return [pytest.param(page, hit, id=f"{page.name}-{hit}") for page, hit in found]


def _blocks(language: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for kind, text in BLOCK.findall(page.read_text()):
            if kind.split(" ")[0] == language:
                yield page, text


def _python_blocks() -> list:
    return [pytest.param(page, text, id=f"{page.name}-{n}") for n, (page, text) in enumerate(_blocks("python"))]


def _commands() -> list:
    """Lines of code blocks, and whole inline codes, that start with `mereq`; parts of a line that && joins apart."""
    lines = [(page, line) for page, text in _blocks("") for line in text.splitlines()]
    lines += [(page, code) for page in PAGES for code in re.findall(r"`(mereq [^`]+)`", page.read_text())]
    parts = dict.fromkeys((page, part.strip()) for page, line in lines for part in re.split(r" && |  +#", line))
    return [pytest.param(part, id=f"{page.name}-{part}") for page, part in parts if part.startswith("mereq ")]


def _resolve(dotted: str) -> None:
    """Import the longest prefix that is a module, then follow attributes and fields."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            if not hasattr(found, name):
                assert name in inspect.get_annotations(found), f"there is no {name} in {dotted}"
                return
            found = getattr(found, name)
        return
    raise AssertionError(f"there is no {dotted}")


@pytest.mark.parametrize(("page", "name"), _named(PAGES, NAME))
def test_name_exists(page, name):
    _resolve(name)


def test_api_page_has_the_public_names():
    listed = re.findall(r"^::: mereq\.(\w+)$", (ROOT / "docs/api.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(set(mereq.__all__) - {"__version__"})


@pytest.mark.parametrize("command", _commands())
def test_command_line_is_understood(command):
    """It is parsed by the command line's own functions, which are not called. DIR and the like are any words."""
    words = shlex.split(command, comments=True)[1:]
    if words in (["--version"], ["--help"]):
        return
    function = getattr(mereq.cli, words[0].replace("-", "_"))
    if len(words) == 1:  # the command is mentioned; its arguments are not
        return
    unrun = functools.wraps(function)(lambda *args, **options: None)
    tyro.cli(
        unrun,
        prog="mereq",
        args=[word for word in words[1:] if word != "..."],
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )


@pytest.mark.parametrize(
    ("page", "block"), [pytest.param(*b, id=f"{b[0].name}-{n}") for n, b in enumerate(_blocks("python"))]
)
def test_python_block_compiles_and_its_imports_exist(page, block):
    compile(block, page.name, "exec")
    for module, names in re.findall(r"^\s*from (mereq[\w.]*) import \(?([^)#]+?)\)?\s*(?:#.*)?$", block, re.MULTILINE):
        for name in re.findall(r"\w+", names):
            assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"
    for module in re.findall(r"^\s*import (mereq[\w.]*)", block, re.MULTILINE):
        importlib.import_module(module)


@pytest.mark.parametrize(("page", "link"), _named(PAGES, LINK))
def test_link_leads_somewhere(page, link):
    where, _, anchor = link.partition("#")
    if re.match(r"https?:", where):
        return
    target = Path(os.path.normpath(page.parent / where)) if where else page
    assert target.exists(), f"{page.name} links to {where}"
    if anchor and target.suffix == ".md":
        prose = BLOCK.sub("", target.read_text())
        headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
        anchors = slugs | set(re.findall(r'<a id="([^"]+)">', prose))
        assert anchor in anchors, f"{target.name} has no heading or anchor {anchor}"


@pytest.mark.parametrize(("page", "path"), _named(PAGES, PATH))
def test_path_of_the_repository_exists(page, path):
    assert list(ROOT.glob(path)), f"{page.name} names {path}"


def _overview() -> list:
    """Rows of the table on the results' first page, with the study and task that each is of."""
    studies = {
        "Highway-Sim": ("highway", "short-rounds"),
        "Bottle-Pushing-Sim": ("bottle", "short-rounds-arm"),
        "Erasing-Sim": ("erasing", ""),
        "Pillow-Grasping-Sim": ("pillow", "short-rounds-arm"),
    }
    tasks = dict(zip(studies, ("highway", "bottle-pushing", "erasing", "pillow-grasping"), strict=True))
    rows, task = [], ""
    for line in (ROOT / "docs/results/index.md").read_text().splitlines():
        if (found := re.match(r"\| \[(.+?)\]\(", line)) and line.count("|") == 10:
            short = found[1] == "the same"
            task = task if short else found[1]
            if task in studies:
                cells = [cell.strip() for cell in line.split("|")[2:8]]
                rows.append(pytest.param(studies[task][short], tasks[task], cells, id=f"{task}-{short}"))
    return rows


@pytest.mark.parametrize(("study", "task", "cells"), _overview())
def test_results_overview_has_the_numbers_of_the_reports(study, task, cells):
    with (ROOT / "results" / study / "summary.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["task"] == task and row["delta"] == "0.05"]
    means = {row["method"]: row for row in rows if row["statistic"] == "mean"}
    for method, cell in zip(("mereq", "mereq-np", "maxent", "maxent-ft", "hg-dagger-ft", "iwr-ft"), cells, strict=True):
        row = means[method]
        mean, high = float(row["value"]), float(row["high"])
        censored = f", {row['censored']}" if row["censored"] != "0" else ""
        expected = f"{'>= ' if row['sign'] else ''}{mean:.0f} ({high - mean:.0f}){censored}"
        assert cell.replace("*", "").removesuffix(" censored") == expected


def test_every_row_of_the_overview_is_compared():
    assert len(_overview()) == 7


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_has_no_outputs(notebook):
    cells = json.loads(notebook.read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_runs(notebook):
    """Its cells are executed in order; the intervention rate falls."""
    matplotlib.use("Agg")
    here: dict = {"__name__": "__main__"}
    for cell in json.loads(notebook.read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), notebook.name, "exec"), here)
    rates = [each.intervention_rate for each in here["rounds"]]
    assert rates[0] > 0.1
    assert rates[-1] < 0.05
    importlib.import_module("matplotlib.pyplot").close("all")


SEPARATOR = "\n--- end of a command ---\n"
ONE_AFTER_ANOTHER = f"""
import shlex, sys
from mereq.cli import main
for command in sys.argv[1:]:
    sys.argv = shlex.split(command)
    print(command, file=sys.stderr, flush=True)
    main()
    print({SEPARATOR!r}, end="", flush=True)
"""


def test_half_hour_path_works(tmp_path):
    """Every command of docs/your_task.md but the page's, in order, with the files that it shows.

    The study and the second run are shorter: of these the page tells no numbers.
    """
    text = (ROOT / "docs/your_task.md").read_text()
    blocks = BLOCK.findall(text)
    (tmp_path / "my_task.py").write_text(next(body for kind, body in blocks if "my_task.py" in kind))
    study = next(body for kind, body in blocks if kind == "toml")
    (tmp_path / "cliff.toml").write_text(study.replace("count = 3", "count = 1").replace("rounds = 3", "rounds = 1"))
    (tmp_path / "my_policy.py").write_text(
        "from my_task import along_the_edge, policy\n\nPRIOR = policy(along_the_edge)\n"
    )
    commands = [line for kind, body in blocks if kind == "" for line in body.splitlines()]
    commands = [line for line in commands if line.startswith("mereq ") and " supervise " not in line]
    assert len(commands) >= 7
    commands = [line.replace("--rounds 3", "--rounds 1") if "runs/other" in line else line for line in commands]
    commands = [f"{line} --workers 1" if line.startswith("mereq study") else line for line in commands]  # starts less
    done = subprocess.run(
        [sys.executable, "-c", ONE_AFTER_ANOTHER, *commands], cwd=tmp_path, capture_output=True, text=True, timeout=HANG
    )
    assert done.returncode == 0, done.stderr
    show = commands.index("mereq show runs/cliff --json")
    shown = done.stdout.split(SEPARATOR)[show]
    assert [each["intervention_rate"] for each in json.loads(shown)["rounds"]][:3] == [0.135, 0.135, 0.0]
    assert (tmp_path / "runs/cliff/figures/run.png").is_file()
