"""Highway-Human with a program in place of the person: does MEReQ learn the wish of a person at the browser's keys?

    nice python benchmarks/experiments/highway_human.py --seeds 11 12 13

`mereq supervise highway` as a process of its own, with its page in a headless Chromium. A program (scripted_driver.py)
sees what the page got by the time it was drawn (pictures, not the server's state), and presses the browser's keys:
Enter, Esc and arrows, and - and + for a pace at which the browser keeps up. Protocol of the paper: rounds of 50 x 40
steps, at most 10, until it takes over in fewer than 5 % of the steps. MEReQ, `fast`. Runs are kept in --runs: after an
interruption the same command goes on with them. Results, beside the paper's Table 2, and a picture come to --out;
--show only prints them again. The program's habits were tried out on seeds 1 and 2, without a browser.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from playwright.sync_api import Browser, Page

from mereq.core.supervisor import Controller
from mereq.reports.figures.style import COLORS, DPI, MARKERS, bare, threshold_lines
from mereq.reports.paper import TABLE_2
from mereq.store.provenance import provenance
from mereq.store.run_store import RunReader
from scripted_driver import Driver

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # sitting
from sitting import SEE, SMALL, Supervise, chromium

STEPS, ROUNDS, DELTA = 2000, 10, 0.05
PICTURES = 5  # per step
MISSED, KEPT_UP = 3, 150  # pictures between two looks that are too many; looks without that before it goes faster


class Player:
    """Lets a driver's hands press the browser's keys. pace: the fastest that it asks for [steps per second]."""

    def __init__(self, page: Page, pace: float):
        self._page, self._pace, self._driver, self._number = page, pace, Driver(), 0
        self._engaged, self._asked_at = False, 0  # what was pressed last, and at which picture
        self._frame, self._kept_up, self._changed_at = 0, 0, 0.0
        self.looks = self.pauses = 0

    def play(self) -> dict | None:
        """Wait for the next picture, and act on it; returns what was seen."""
        seen = self._page.evaluate("after => window.next(after)", self._number)
        view, self._number = seen["view"], seen["number"]
        if view is None:
            return None
        hands = self._driver.look(view)
        self.looks += 1
        self._choose_pace(view)
        if view["paused"] is not None or view["phase"] != "supervising":
            self._engaged = False
            if view["phase"] == "supervising" and self._page.is_visible("#go"):
                self._page.keyboard.press("p")
                self.pauses += 1
                self._page.wait_for_timeout(100)
            return view
        ignored = view["engaged"] != self._engaged and view["frame"] > self._asked_at + 3 * PICTURES
        if hands.engaged != self._engaged or ignored:
            self._page.keyboard.press("Enter" if hands.engaged else "Escape")
            self._engaged, self._asked_at = hands.engaged, view["frame"]
        if hands.tap:
            self._page.keyboard.press(hands.tap)
        return view

    def _choose_pace(self, view: dict) -> None:
        """As people do: slower when pictures were missed, faster again when all is well for long."""
        missed, self._frame = view["frame"] - self._frame - 1, view["frame"]
        self._kept_up = 0 if missed >= MISSED else self._kept_up + 1
        if missed >= MISSED and time.monotonic() - self._changed_at > 1.0:
            self._page.keyboard.press("Minus")
        elif self._kept_up >= KEPT_UP and view["pace"] * 1.25 <= self._pace + 0.01:
            self._page.keyboard.press("Equal")
        else:
            return
        self._changed_at, self._kept_up = time.monotonic(), 0


def drive(browser: Browser, run: Path, seed: int, pace: float) -> None:
    """Make a run, or go on with one, to its end."""
    new = ("highway", "--seed", str(seed), "--steps", str(STEPS), "--rounds", str(ROUNDS))
    known = (run / "run.sqlite").exists()
    words = ("--resume",) if known else (*new, "--rate-threshold", str(DELTA))
    with Supervise(*words, "--hz", str(pace), "--out", str(run)) as command:
        page = browser.new_page(viewport=SMALL)
        page.add_init_script(SEE)
        page.goto(command.address)
        player, started, rounds = Player(page, pace), time.monotonic(), -1
        while (view := player.play()) is None or view["phase"] not in ("finished", "stopped"):
            if view and view["round"] != rounds:
                rounds = view["round"]
                rates = ", ".join(f"{row['rate']:.3f}" for row in view["rounds"])
                print(f"seed {seed}: {rates or 'begun'}  ({time.monotonic() - started:.0f} s)", flush=True)
        page.close()
    if view["phase"] == "stopped":
        raise SystemExit(view["words"])
    (run / "player.json").write_text(json.dumps({"looks": player.looks, "pauses": player.pauses, "hz": pace}) + "\n")


def results_of(run: Path, seed: int) -> dict:
    """What a run came to, by its record."""
    with RunReader.open(run) as store:
        rounds = [_round(store, row.index) for row in store.rounds()]
        seen_frames = [sight for row in store.rounds() for sight in store.seen_frames(row.index)]
        steps = [step for row in store.rounds() for step in store.steps(row.index)]
        starts = len(store.starts())
        about = store.starts()[0].provenance
    gaps = np.diff([sight.decided for sight in seen_frames])
    result = {
        "seed": seed,
        "reached": rounds[-1]["rate"] < DELTA,
        "expert_samples": rounds[-1]["expert_samples"],
        "rounds": rounds,
        "starts": starts,
        "steps_per_second": round(1.0 / float(np.median(gaps)), 2),
        "player": json.loads((run / "player.json").read_text()),
        "git": about["git"],
    }
    if starts == 1:  # pictures are counted from the start of the program: 5 a step, and the first of every episode
        shown = np.cumsum([PICTURES * (n > 0) + (step.step == 0) for n, step in enumerate(steps)])
        behind = shown - [sight.frame for sight in seen_frames]
        result["pictures_behind"] = {"median": float(np.median(behind)), "95 %": float(np.percentile(behind, 95))}
    return result


def _round(store: RunReader, index: int) -> dict:
    row, steps = store.rounds()[index], store.steps(index)
    by_person = np.array([step.controller is Controller.EXPERT for step in steps])
    features = np.array([step.features for step in steps])
    return {
        "rate": round(row.intervention_rate, 5),
        "expert_samples": row.expert_steps,
        "theta": [round(float(weight), 3) for weight in row.theta],
        "interventions": int(np.sum(by_person[1:] & ~by_person[:-1]) + by_person[0]),
        "crashes": int(sum(step.terminated for step in steps)),
        "crashes_under_person": int(sum(step.terminated and bool(step.controller) for step in steps)),
        "right_lane": round(float(features[:, 2].mean()), 3),
        "seconds_waited": round(row.seconds_waited, 1),
    }


def report(results: dict) -> None:
    """A table, and how it compares."""
    print(f"{'seed':>5} {'rates by round':<32} {'to .05':>7} {'lane weight':>11} {'right lane':>14} {'steps/s':>8}")
    for run in results["runs"]:
        rates = " ".join(f"{row['rate']:.3f}" for row in run["rounds"])
        lanes = f"{run['rounds'][0]['right_lane']:.2f} -> {run['rounds'][-1]['right_lane']:.2f}"
        samples = f"{'' if run['reached'] else '≥ '}{run['expert_samples']}"
        weight = run["rounds"][-1]["theta"][2]
        print(f"{run['seed']:5d} {rates:<32} {samples:>7} {weight:11.2f} {lanes:>14} {run['steps_per_second']:8.1f}")
    samples = [run["expert_samples"] for run in results["runs"]]
    paper = TABLE_2["highway-human"]["mereq"]
    spread = f" (standard deviation {np.std(samples, ddof=1):.0f})" if len(samples) > 1 else ""
    print(
        f"expert samples until the rate is below {DELTA}: mean {np.mean(samples):.0f}{spread}; "
        f"the paper's people: {paper.mean:.0f} ({paper.ci95:.0f})"
    )


def picture(results: dict, path: Path) -> None:
    """The intervention rate of every round."""
    figure, axes = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
    for number, run in enumerate(results["runs"]):
        rates = [row["rate"] for row in run["rounds"]]
        label = f"seed {run['seed']}: {run['expert_samples']} expert samples"
        axes.plot(range(1, len(rates) + 1), rates, color=COLORS[number], marker=MARKERS[number], label=label)
    threshold_lines(axes, [DELTA], 9.0)
    axes.set(xlabel="round of 2000 steps", ylabel="intervention rate", ylim=(0, None))
    axes.set_title("Highway-Human, a program at the browser's keys", fontsize="medium")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    bare(axes)
    figure.savefig(path, dpi=DPI)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--hz", type=float, default=20.0, help="most steps per second")
    parser.add_argument("--runs", type=Path, default=Path("runs/highway_human"))
    parser.add_argument("--out", type=Path, default=Path("results/highway_human"))
    parser.add_argument("--show", action="store_true", help="only print the results in --out, and draw them")
    given = parser.parse_args()
    file = given.out / "results.json"
    results = json.loads(file.read_text()) if given.show else {"provenance": provenance(), "runs": []}
    given.out.mkdir(parents=True, exist_ok=True)
    for seed in [] if given.show else given.seeds:
        run = given.runs / f"seed{seed}"
        if not (run / "player.json").exists():
            with chromium() as browser:
                drive(browser, run, seed, given.hz)
        results["runs"].append(results_of(run, seed))
        file.write_text(json.dumps(results, indent=1) + "\n")
    report(results)
    picture(results, given.out / "rates.png")


if __name__ == "__main__":
    main()
