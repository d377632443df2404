"""How long from a key to the step that obeys it, and from a step's picture to the screen?

    nice python benchmarks/speed/supervise_latency.py --json results/supervise_latency.json

`mereq supervise` on the highway in a process of its own, its page in a headless Chromium on the same machine, so that
both ends share a clock. Keys are tapped at random moments while the person is in control. Median and 95th percentile of

- key -> server: from the browser's key event until the program has taken the page's input in;
- wait until due: from there until the next step is due, which is no delay but the pace: at most one period;
- due -> executed: from the decision through the simulator, until the step is about to be written;
- picture -> drawn: from the picture's being there for the page until the page's animation frame has drawn it. What the
  graphics system takes to bring that to a screen is not in it.

Each with the machine idle but for this, and with a learner at work in the same process: `algorithm`, Algorithm 1 with a
synthesized expert over and over, nearly all of which is learning; `preparation`, the run's own policy family, which is
learned further in the background.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page

from mereq.alignment import MEREQ
from mereq.alignment.algorithm import events
from mereq.presets.registry import definition_of
from mereq.runs.policies import policy_of
from mereq.runs.run import create, supervisor_of
from mereq.runs.spec import RunSpec
from mereq.store.provenance import provenance
from mereq.store.run_store import RunReader
from mereq.web.messages import Command, Input
from mereq.web.server import listen, serve
from mereq.web.session import Session

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # sitting
from sitting import SEE, SMALL, chromium, who

PACES = (5.0, 10.0, 20.0)
WATCH = """
(() => {
  window.keys = []; window.pictures = [];
  addEventListener("keydown", (event) => {
    if (event.code === "Space") window.keys.push(performance.timeOrigin + performance.now());
  }, true);
  const follow = async () => {
    for (let number = 0, frame = -1; ; ) {
      const seen = await window.next(number);
      number = seen.number;
      if (!seen.view || seen.view.frame === frame) continue;
      window.pictures.push([frame = seen.view.frame, seen.drawn]);
    }
  };
  follow();
})();
"""


def no_load(over: threading.Event) -> None:
    """Nothing else to do."""


def algorithm(over: threading.Event) -> None:
    """Algorithm 1 with the synthesized expert, in short rounds, until it is over."""
    spec = RunSpec.named(
        task="highway", method="mereq", preset="fast", seed=5, n_rounds=10**6, rate_threshold=0.0
    ).changed({"settings": {"rollout_steps": 200}})
    stream = events(
        definition_of(spec.task).task, policy_of(spec, "prior"), supervisor_of(spec), MEREQ, spec.settings,
        seed=spec.seed, n_rounds=spec.n_rounds, rate_threshold=0.0,
    )  # fmt: skip
    for _ in stream:
        if over.is_set():
            return


LOADS: dict[str, Callable[[threading.Event], None]] = {
    "none": no_load, "algorithm": algorithm, "preparation": no_load
}  # fmt: skip
PREPARING = {"method": "mereq-bayes", "learning": "preparing"}  # of the run itself, whose family is learned further


def child(folder: Path, pace: float, load: str) -> None:
    """Serve a run until Ctrl-C, then write down when inputs came in and pictures were there."""
    how = PREPARING if load == "preparation" else {}
    named = RunSpec.named(task="highway", seed=1, n_rounds=1, supervisor="person", **how)
    spec = named.changed({"settings": {"rollout_steps": 10**5}})
    inputs: list[tuple[float, Any]] = []  # when, and the action
    pictures: dict[int, float] = {}  # when each was there first
    with create(spec, folder / "run") as store, listen("127.0.0.1", 0) as listening:
        session = Session(spec, store, pace=pace)
        receive, put = session.controls.receive, session.latest_view.put

        def received(message: Input | Command, now: float) -> None:
            receive(message, now)
            if isinstance(message, Input):
                inputs.append((time.time(), None if message.action is None else int(message.action)))

        def shown(view: dict[str, Any]) -> None:
            pictures.setdefault(view["frame"], time.time())
            put(view)

        session.controls.receive, session.latest_view.put = received, shown
        over = threading.Event()
        busy = threading.Thread(target=LOADS[load], args=(over,))
        busy.start()
        with suppress(KeyboardInterrupt):
            serve(session, listening, started=lambda addresses: print(addresses[0], flush=True))
        over.set()
        busy.join()
    (folder / "log.json").write_text(json.dumps({"inputs": inputs, "pictures": sorted(pictures.items())}))


def measure(browser: Browser, pace: float, load: str, taps: int, settle: float) -> dict[str, Any]:
    """One sitting at one pace."""
    chance = random.Random(int(pace))
    with tempfile.TemporaryDirectory() as name:
        words = [sys.executable, __file__, "--child", name, "--pace", str(pace), "--load", load]
        server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        page = browser.new_page(viewport=SMALL)
        page.add_init_script(SEE)
        page.add_init_script(WATCH)
        page.goto(address)
        page.wait_for_selector("#go:not([hidden])", timeout=120_000)
        page.wait_for_timeout(1000 * settle)  # until the learner has compiled what it needs
        pauses = take_over(page)
        page.evaluate("window.keys.length = window.pictures.length = 0")
        for _ in range(taps):
            page.wait_for_timeout(1000 * chance.uniform(1.2, 2.2) / pace)
            pauses += take_over(page)
            page.keyboard.press("Space")
        page.wait_for_timeout(3000 / pace)
        keys, pictures = page.evaluate("[window.keys, window.pictures]")
        page.close()
        server.send_signal(signal.SIGINT)
        server.wait(120)
        server.stdout.close()
        log = json.loads((Path(name) / "log.json").read_text())
        with RunReader.open(Path(name) / "run") as store:
            decided = [sight.decided for sight in store.seen_frames(0)]
            stored = [row["time"] for row in store.database.rows("steps")]
    return {"hz": pace, "load": load, "pauses": pauses - 1} | delays(pace, keys, pictures, log, decided, stored)


def take_over(page: Page) -> int:
    """Be in control, whatever has happened; returns how often the run had to be set going for that."""
    pauses = 0
    while (says := who(page)) != "YOU":
        pauses += says == "PAUSED"
        page.keyboard.press("p" if says == "PAUSED" else "Enter")
        page.wait_for_timeout(200)
    return pauses


def delays(
    pace: float, keys: list, pictures: list, log: dict, decided: list[float], stored: list[float]
) -> dict[str, Any]:
    """The table's numbers [ms], by the clocks' readings [s, and ms in the page]."""
    actions = [(at, action) for at, action in log["inputs"] if at > keys[0] / 1000.0 - 0.001]
    pressed = [
        at
        for (_, before), (at, now) in zip([(0.0, None), *actions], actions, strict=False)
        if before is None and now is not None
    ]
    rows = []
    for key, received in zip((key / 1000.0 for key in keys), pressed, strict=False):
        step = int(np.searchsorted(decided, received))
        if step < len(decided) and decided[step] < received + 2.0 / pace:  # not after a pause
            rows.append((received - key, decided[step] - received, stored[step] - decided[step], stored[step] - key))
    there = dict(log["pictures"])
    paints = [(drawn / 1000.0 - there[frame]) for frame, drawn in pictures if frame in there]
    span = max(1, pictures[-1][0] - pictures[0][0]) if pictures else 1
    names = ("key -> server", "wait until due", "due -> executed", "key -> executed")
    return {
        "taps": len(rows),
        "taps_missed": len(keys) - len(pressed),
        "pictures": len(paints),
        "pictures_drawn": round((len(pictures) - 1) / span, 3),
        "steps_per_second": round(1.0 / float(np.median(np.diff(decided))), 2),
        **{name: _quantiles(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)},
        "picture -> drawn": _quantiles(paints),
    }


def _quantiles(seconds: Any) -> dict[str, float]:
    median, high = np.percentile(1000.0 * np.asarray(seconds), [50, 95])
    return {"median": round(float(median), 1), "95 %": round(float(high), 1)}


def report(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    names = ("key -> server", "wait until due", "due -> executed", "picture -> drawn")
    print("median / 95th percentile [ms]")
    print(f"{'pace':>5} {'learner':<10}" + "".join(f"{name:>19}" for name in names) + f"{'drawn':>8}{'steps/s':>9}")
    for row in rows:
        cells = "".join(f"{row[name]['median']:>11.1f} /{row[name]['95 %']:6.1f}" for name in names)
        print(f"{row['hz']:5g} {row['load']:<10}{cells}{row['pictures_drawn']:8.0%}{row['steps_per_second']:9.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--taps", type=int, default=60, help="keys per pace")
    parser.add_argument("--loads", nargs="+", choices=LOADS, default=list(LOADS))
    parser.add_argument("--settle", type=float, default=5.0, help="seconds before the first key")
    parser.add_argument("--json", type=Path, help="where to write the result")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--pace", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--load", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.pace, given.load)
        return
    with chromium() as browser:
        rows = [measure(browser, pace, load, given.taps, given.settle) for load in given.loads for pace in PACES]
    if given.json:
        given.json.write_text(json.dumps({"provenance": provenance(), "rows": rows}, indent=1) + "\n")
    report(rows)


if __name__ == "__main__":
    main()
