"""How smoothly does the page draw? Frames of a real Chromium that watches a real `mereq supervise`.

    python benchmarks/speed/page_fps.py --out results/page_fps.json

The policy drives; no key is touched. A loop of its own in the page notes when the browser begins each frame, so the
intervals contain all that holds the next one up: the drawing of the picture, the words beside it, and what the
graphics driver does with them. `draws` counts those in which the page drew the world anew; once it has moved where the
newest picture has it there is nothing to draw. `work` is what such a frame takes on the browser's main thread, `cpu`
what it takes in all of the browser's processes together, on all cores; unlike the others this one does not depend much
on what else the machine does. Without a graphics card (`--gpu` leaves the choice to Chromium) the driver is software on
the same cores as everything else. `--painter canvas` hides WebGL from the page, `--painter webgl`
hides from it that software does it. Linux only, for the CPU times.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "helpers"))  # browser
from browser import chromium

MEREQ = (sys.executable, "-c", "import sys; from mereq.cli import main; sys.argv[0] = 'mereq'; main()")
FLAGS = ["--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
SOFTWARE = ["--disable-gpu"]
WATCH = """
    const [frames, work, next] = [[], [], window.requestAnimationFrame.bind(window)];
    const [pen, reset] = [CanvasRenderingContext2D.prototype, CanvasRenderingContext2D.prototype.setTransform];
    let drew = false; // the world's painters begin with a plain transform, the plots do not
    pen.setTransform = function (...way) { drew = true; return reset.apply(this, way); };
    window.watched = { frames, work };
    window.requestAnimationFrame = (draw) => next((at) => {
        const begin = performance.now();
        drew = false;
        draw(at);
        if (drew) work.push(performance.now() - begin);
    });
    const beat = (at) => { frames.push(at); next(beat); };
    next(beat);
"""
PRETEND = """
    const asked = WebGL2RenderingContext.prototype.getParameter;
    WebGL2RenderingContext.prototype.getParameter = function (what) {
        return what === 0x9246 ? "a card" : asked.call(this, what);
    };
"""
HIDE = """
    const known = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind === "webgl2" ? null : known.call(this, kind, ...rest);
    };
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=["highway", "bottle-pushing", "erasing", "pillow-grasping"])
    parser.add_argument("--painter", choices=("auto", "webgl", "canvas"), default="auto")
    parser.add_argument("--gpu", action="store_true", help="let Chromium use a graphics card")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = []
    with chromium(FLAGS + ([] if given.gpu else SOFTWARE)) as browser:
        for task in given.tasks:
            rows.append(measured(task, browser, painter=given.painter, seconds=given.seconds))
    show(rows)
    if given.out:
        facts = {
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "seconds": given.seconds,
            "rows": rows,
        }
        given.out.write_text(json.dumps(facts, indent=1) + "\n")


@contextmanager
def supervised(task: str) -> Iterator[str]:
    """A run that waits for its person, in a process of its own; the address of its page."""
    with tempfile.TemporaryDirectory() as directory:
        command = [*MEREQ, "supervise", task, "--out", f"{directory}/run", "--no-browser"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        said = ""
        while not (found := re.search(r"http://\S+/\?token=\S+", said)):
            line = process.stderr.readline()
            if not line:
                raise SystemExit(said)
            said += line
        try:
            yield found.group()
        finally:
            process.terminate()
            process.wait(30)


def measured(task: str, browser: Browser, *, painter: str, seconds: float) -> dict[str, Any]:
    """Frames of the page while the policy drives."""
    with supervised(task) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(WATCH + {"auto": "", "webgl": PRETEND, "canvas": HIDE}[painter])
        page.goto(address)
        page.wait_for_selector("#go:not([hidden])", timeout=120_000)
        page.click("#go")
        page.wait_for_selector("[data-who=policy]")
        while re.search(r"step\s*[0-4] of", page.inner_text("#status")):
            page.wait_for_timeout(100)
        page.evaluate("watched.frames.length = watched.work.length = 0")
        before = cpu_seconds()
        page.wait_for_timeout(1000 * seconds)
        spent = cpu_seconds() - before
        frames, work, by = page.evaluate(
            """() => {
                return [watched.frames, watched.work, document.getElementById("scene").dataset.by ?? "canvas"];
            }"""
        )
        said = page.inner_text("#sub")
        page.close()
    if len(work) < 20:
        raise SystemExit(f"The page drew {len(work)} pictures of {task}; the run stood still: {said}")
    intervals = [b - a for a, b in pairwise(frames)]
    return {
        "task": task,
        "painter": by,
        "frames_per_second": 1000.0 * len(intervals) / (frames[-1] - frames[0]),
        "frame_ms": {"median": statistics.median(intervals), "p95": p95(intervals)},
        "draws_per_second": 1000.0 * len(work) / (frames[-1] - frames[0]),
        "work_ms": {"median": statistics.median(work), "p95": p95(work)},
        "cpu_ms": 1000.0 * spent / len(work),
    }


def cpu_seconds() -> float:
    """What all processes of the browser have used so far: those below this one in the tree, the runs excepted."""
    parents, used, names = {}, {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            words = rest.split()
            process = int(stat.parent.name)
            parents[process], names[process] = int(words[1]), name
            used[process] = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def ours(process: int) -> bool:
        return process == os.getpid() or (process in parents and ours(parents[process]))

    return sum(seconds for process, seconds in used.items() if names[process].startswith("chrom") and ours(process))


def p95(numbers: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(numbers, n=20)[-1]


def show(rows: list[dict[str, Any]]) -> None:
    """As a table."""
    table = Table(
        "task", "painter", "frames/s", "frame ms: median", "95 %", "draws/s", "work ms: median", "95 %", "cpu ms"
    )
    for row in rows:
        table.add_row(
            row["task"],
            row["painter"],
            f"{row['frames_per_second']:.1f}",
            f"{row['frame_ms']['median']:.1f}",
            f"{row['frame_ms']['p95']:.1f}",
            f"{row['draws_per_second']:.1f}",
            f"{row['work_ms']['median']:.2f}",
            f"{row['work_ms']['p95']:.2f}",
            f"{row['cpu_ms']:.0f}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
