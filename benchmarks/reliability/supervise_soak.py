"""An hour at the wheel: does the memory of `mereq supervise` grow?

    nice python benchmarks/reliability/supervise_soak.py --minutes 60 --out results/supervise_soak.json

The command as a process on the highway at its own pace of 2 steps a second, with its page in a headless Chromium, whose
keys take over for 3 seconds in every 15. Rounds are short, so that the policy learns many times. What the process holds
is noted every minute, and written down at once. Needs Linux (/proc).
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

from mereq.store.provenance import provenance
from mereq.store.run_store import RunReader

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # sitting
from sitting import SMALL, Supervise, chromium, who

EVERY, TAKEN_FOR = 15.0, 3.0  # s
SETTLED = 5  # min after which memory should be flat
MEGABYTE = 2**20


def act(page: Page, passed: float) -> None:
    """What the person does now: go on when paused, take over now and then and keep right."""
    says = who(page)
    if says == "PAUSED" and page.is_visible("#go"):
        page.keyboard.press("p")
    elif passed % EVERY < TAKEN_FOR and says == "POLICY":
        page.keyboard.press("Enter")
        page.keyboard.down("ArrowRight")
    elif passed % EVERY >= TAKEN_FOR and says == "YOU":
        page.keyboard.up("ArrowRight")
        page.keyboard.press("Escape")


def soak(minutes: int, steps: int, run: Path, out: Path) -> dict:
    """Sit there for so long; returns what was noted, which is in `out` as well."""
    words = ("highway", "--steps", str(steps), "--rounds", "10000", "--rate-threshold", "0", "--out", str(run))
    result = {"provenance": provenance(), "steps_per_round": steps, "minutes": []}
    with chromium() as browser, Supervise(*words) as command:
        page = browser.new_page(viewport=SMALL)
        page.goto(command.address)
        started = time.monotonic()
        for minute in range(minutes + 1):
            while (passed := time.monotonic() - started) < 60.0 * minute:
                act(page, passed)
                page.wait_for_timeout(250)
            with RunReader.open(run) as store:
                rounds, connected = store.rounds(), len(store.seen_frames(len(store.rounds())))
            result["minutes"].append(
                {
                    "seconds": round(passed, 1),
                    "megabytes": round(command.memory() / MEGABYTE, 1),
                    "page_megabytes": round(page.evaluate("performance.memory.usedJSHeapSize") / MEGABYTE, 1),
                    "rounds": len(rounds),
                    "steps": steps * len(rounds) + connected,
                    "expert_samples": rounds[-1].expert_steps if rounds else 0,
                }
            )
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(json.dumps(result, indent=1) + "\n")
    return result


def report(result: dict) -> None:
    """Print the curve, and how far it moves after the first minutes."""
    noted = result["minutes"]
    most = max(row["megabytes"] for row in noted)
    print("minute  MB held by the process              page's heap  rounds  steps  expert samples")
    for minute, row in enumerate(noted):
        bar = "#" * round(24 * row["megabytes"] / most)
        print(
            f"{minute:6d}  {row['megabytes']:7.1f} {bar:<24}  {row['page_megabytes']:11.1f}  {row['rounds']:6d}"
            f"  {row['steps']:5d}  {row['expert_samples']:6d}"
        )
    settled = [row["megabytes"] for row in noted[SETTLED:]]
    if settled:
        print(
            f"after {SETTLED} minutes: {min(settled):.1f} to {max(settled):.1f} MB, "
            f"max - min {max(settled) - min(settled):.1f} MB, last - first {settled[-1] - settled[0]:+.1f} MB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--steps", type=int, default=150, help="per round")
    parser.add_argument("--out", type=Path, default=Path("results/supervise_soak.json"))
    parser.add_argument("--show", action="store_true", help="only print what --out holds")
    given = parser.parse_args()
    if given.show:
        report(json.loads(given.out.read_text()))
        return
    with tempfile.TemporaryDirectory() as folder:
        report(soak(given.minutes, given.steps, Path(folder) / "run", given.out))


if __name__ == "__main__":
    main()
