"""The page beside the emulated cell, in real time and over sockets.

    python benchmarks/robots/page.py --out results/robot/page.json
    python benchmarks/robots/page.py --picture docs/pictures/supervise_fanuc.png

The emulator and `mereq supervise bottle-pushing-human --robot fanuc:lab.toml` as processes, with the page in a headless
Chromium. A program at the browser's SpaceMouse takes over and hands back; then the emergency stop is pressed at the
emulated pendant, released, and the run goes on. What was recorded is counted. `--picture` takes a picture of the page
while the person acts, with the cell in driven time, so that it is the same on a busy machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

from mereq.runs.spec import RunSpec
from mereq.store.provenance import clean_provenance, provenance
from mereq.store.run_store import RunReader

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # sitting
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "helpers"))  # browsing
from browsing import FAKE_HID, sitting
from sitting import Supervise, chromium, who

WINDOW = {"width": 1180, "height": 720}
RIGHT, TOWARDS, DOWN = 0, -250, 60  # of the cap
PATIENCE = 300.0  # s
STEPS = 1000  # of a round


def until(page: Page, happened, what: str) -> None:
    """Wait until something has happened, which may act each time that it is asked."""
    end = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: it did not happen. The page says {page.inner_text('body')}")
        page.wait_for_timeout(100)


def goes_on(page: Page) -> bool:
    """Whether the policy acts; a pause is ended."""
    if who(page) == "PAUSED" and page.is_visible("#go"):
        page.keyboard.press("p")
    return who(page) == "POLICY"


def drives(page: Page) -> bool:
    """Whether the program at the SpaceMouse acts; a pause is ended, and the policy is taken over from."""
    if goes_on(page):
        page.evaluate("report(3, [1, 0]); report(3, [0, 0])")
        page.evaluate("([x, y, z]) => cap(x, y, z)", [RIGHT, TOWARDS, DOWN])
    return who(page) == "YOU"


def happen(emulator: subprocess.Popen, what: str) -> None:
    """Let something happen in the emulated cell."""
    assert emulator.stdin is not None
    emulator.stdin.write(what + "\n")
    emulator.stdin.flush()


def sit(page: Page, emulator: subprocess.Popen, run: Path) -> dict:
    """One intervention, and one emergency stop."""

    def steps():
        with RunReader.open(run) as store:
            return store.steps(0)

    page.evaluate(FAKE_HID)
    page.click("#spacemouse")
    until(page, lambda: goes_on(page) and len(steps()) > 25, "the policy's steps")
    until(page, lambda: drives(page) and len([step for step in steps() if step.controller]) > 8, "steps by hand")
    page.evaluate("cap(0, 0, 0); report(3, [2, 0]); report(3, [0, 0])")
    until(page, lambda: goes_on(page), "handing back")
    happen(emulator, "stop")
    until(page, lambda: "SRVO-002" in page.inner_text("#sub"), "the emergency stop on the page")
    told, stood = page.inner_text("#sub"), len(steps())
    happen(emulator, "release")
    until(page, lambda: goes_on(page) and len(steps()) > stood + 10, "going on")
    taken = steps()
    by_hand = [step for step in taken if step.controller]
    return {
        "steps": len(taken),
        "episodes": 1 + max(step.episode for step in taken),
        "steps_by_hand": len(by_hand),
        "mean_action_by_hand": np.mean([step.executed for step in by_hand], axis=0).round(3).tolist(),
        "the_page_after_the_emergency_stop": told,
    }


def photograph(picture: Path) -> None:
    """The page while the person acts."""
    named = RunSpec.named(task="bottle-pushing-human", seed=2, n_rounds=1, supervisor="person")
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        what = named.changed({"robot": "emulated_robot:emulated"})
        with sitting(Path(folder) / "run", browser, what) as at:
            at.page.set_viewport_size(WINDOW)
            at.open()
            at.page.evaluate(FAKE_HID)
            at.page.click("#spacemouse")
            at.go()
            at.let_pass(30)
            at.page.evaluate("report(3, [1, 0]); report(3, [0, 0])")
            at.until(lambda: at.who() == "YOU")
            at.page.evaluate("([x, y, z]) => cap(x, y, z)", [RIGHT, TOWARDS, DOWN])
            at.let_pass(3)
            at.page.screenshot(path=picture)
            at.session.stop()


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--picture", type=Path, help="take a picture, and do nothing else")
    words.add_argument("--out", type=Path)
    arguments = words.parse_args()
    if arguments.picture is not None:
        photograph(arguments.picture)
        return
    if arguments.out is None:
        raise SystemExit("--out or --picture is needed.")
    with tempfile.TemporaryDirectory() as folder:
        lab, run = Path(folder) / "lab.toml", Path(folder) / "run"
        start = [sys.executable, "-m", "mereq.robots.emulator", "--write", str(lab), "--rate", "8"]
        emulator = subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert emulator.stdout is not None
        print(emulator.stdout.readline(), end="", flush=True)
        asked = ("bottle-pushing-human", "--robot", f"fanuc:{lab}", "--steps", str(STEPS), "--out", str(run))
        try:
            with chromium() as browser, Supervise(*asked) as command:
                page = browser.new_page(viewport=WINDOW)
                page.goto(command.address)
                found = sit(page, emulator, run)
        finally:
            emulator.terminate()
            emulator.wait()
    found["load"] = round(os.getloadavg()[0], 1)
    print(json.dumps(found, indent=1))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    content = {"result": found, "provenance": clean_provenance(provenance())}
    arguments.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
