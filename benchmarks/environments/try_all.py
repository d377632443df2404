"""Strangers' environments, tried for real: each example of examples/ through every command, and the page by a program.

    python benchmarks/environments/try_all.py cart_pole pendulum      # these; without a name all that can be imported
    python benchmarks/environments/try_all.py --table                 # writes the table of docs/environments.md

For each: `mereq check`, `align` with the example's rule, `show`, `export` (read back by the format's own library),
a small `study` and its `report`, and `supervise`, with a program that sees the picture of the page and presses keys.
results/environments/NAME.json is written after each part. Parts that are in it are not repeated, unless --again is given;
an interrupted alignment or study continues. MuJoCo's pictures need MUJOCO_GL=egl on a machine without a screen.
"""

import argparse
import base64
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from mereq.store.provenance import provenance
from mereq.store.run_store import RunReader

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # sitting
import people
from rates import NAMES, remember

from sitting import COMMAND, Supervise, chromium, who

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "results" / "environments"
PAGE = ROOT / "docs" / "environments.md"
BEGIN, END = "<!-- table: try_all.py --table -->\n", "<!-- end of the table -->\n"
WINDOW = {"width": 900, "height": 760}
SMALL_STUDY = """
title = "{name}"
tasks = ["{task}"]
methods = ["mereq"]
presets = ["fast"]
seeds = [1]
rounds = 1

[variants.small.settings]
rollout_steps = 60
training_steps = 50
inference = {{ max_updates = 1, sample_length = 50 }}
"""
LOOK = "document.getElementById('scene').toDataURL('image/png')"


@dataclass(frozen=True)
class Example:
    """An example, and how it is tried."""

    needs: tuple[str, ...]  # modules
    person: Callable[[], people.Person]
    steps: int = 60  # of a person's round
    packages: tuple[str, ...] = field(default=())  # whose versions are recorded
    prior: str = ""  # variable of the environment that names a prior which is not shipped


SB3 = ("gymnasium", "stable_baselines3")
PHYSICS = ("gymnasium-robotics", "mujoco")
EXAMPLES = {
    "cart_pole": Example(("pygame",), people.CartOnTheLeft, packages=SB3),
    "lunar_lander": Example(("Box2D",), partial(people.now_and_then, "ArrowUp"), packages=(*SB3, "Box2D")),
    "mountain_car": Example(("pygame",), partial(people.now_and_then, "ArrowLeft"), packages=("gymnasium",)),
    "pendulum": Example(("pygame",), partial(people.now_and_then, "ArrowLeft"), packages=SB3),
    "bipedal_walker": Example(
        ("Box2D",),
        partial(people.now_and_then, "KeyF"),
        packages=(*SB3, "Box2D"),
        prior="WALKER_PRIOR",
    ),
    "mini_grid": Example(("minigrid",), partial(people.now_and_then, "ArrowRight"), packages=("minigrid",)),
    "intersection": Example(
        ("highway_env",), partial(people.now_and_then, "ArrowDown"), steps=30, packages=("highway-env",)
    ),
    "fetch_reach": Example(("gymnasium_robotics",), partial(people.now_and_then, "KeyE"), packages=PHYSICS),
    "fetch_push": Example(("gymnasium_robotics",), people.RisesWhenArrived, packages=PHYSICS),
    "panda_pick": Example(("gym_hil",), people.OverTheCube, packages=("gym-hil", "mujoco")),
}


class Trial:
    """One example on its way through the commands."""

    def __init__(self, name: str, folder: Path, seed: int):
        self.name, self.example, self.folder, self.seed = name, EXAMPLES[name], folder / name, seed
        self.definition, self.rounds = NAMES[name]
        self.task = f"{ROOT}/examples/{name}.py:{self.definition}"
        self.result: dict[str, Any] = {}
        self.folder.mkdir(parents=True, exist_ok=True)

    def check(self) -> dict[str, Any]:
        """`mereq check`."""
        said = self.mereq("check", self.task)
        return {"warnings": said.count("! warn"), "failures": said.count("✗ fail")}

    def align(self) -> dict[str, Any]:
        """`mereq align` with the rule of the example; an interrupted one continues."""
        out = self.folder / "align"
        again = ("--resume",) if out.exists() else (self.task, "--seed", self.seed)
        named = (self.task,) if out.exists() else ()
        self.mereq("align", *named, *again, "--rounds", self.rounds, "--out", out)
        with RunReader.open(out) as run:
            rounds, seconds, features = run.rounds(), run.seconds(), run.starts()[-1].config["feature_names"]
        found = {
            "rates": [round(float(one.intervention_rate), 4) for one in rounds],
            "theta": [float(weight) for weight in np.round(rounds[-1].theta, 3)],
        }
        waited = [round(float(one.seconds_waited), 1) for one in rounds]
        commit = (provenance().get("git") or {}).get("commit")
        known = {"features": features, "learning_seconds": waited, "seconds": round(seconds, 1), "commit": commit}
        remember(self.name, self.seed, found | known)
        return found | {"seconds": waited}

    def show(self) -> dict[str, Any]:
        """`mereq show`, with and without the task's code."""
        run = self.folder / "align"
        self.mereq("show", run)
        self.mereq("show", run, "--task", self.task)
        return {"rounds": len(json.loads(self.mereq("show", run, "--json"))["rounds"])}

    def export(self) -> dict[str, Any]:
        """`mereq export` in each format, read back by CSV's, Minari's and Arrow's own readers, and compared."""
        with RunReader.open(self.folder / "align") as run:
            steps = [step for number in range(len(run.rounds())) for step in run.steps(number)]
        recorded = np.array([np.ravel(step.executed) for step in steps])
        found = {}
        for format, read in READERS.items():
            out = self.folder / f"{format}-v0"
            self.mereq("export", self.folder / "align", "--format", format, "--out", out, "--overwrite")
            actions = read(out)
            found[format] = {"steps": len(actions), "equal": bool(np.array_equal(actions, recorded))}
        return found

    def report(self) -> dict[str, Any]:
        """`mereq study` with very small settings, and `mereq report`."""
        file, out = self.folder / "study.toml", self.folder / "study"
        file.write_text(SMALL_STUDY.format(name=self.name, task=self.task))
        self.mereq("study", file, "--out", out, "--workers", 1)
        self.mereq("report", out)
        return {"files": sorted(found.name for found in out.rglob("report*.md"))}

    def supervise(self) -> dict[str, Any]:
        """`mereq supervise`, with a program at the page; two rounds."""
        out = self.folder / "person"
        shutil.rmtree(out, ignore_errors=True)
        words = ("--steps", self.example.steps, "--rounds", 2, "--rate-threshold", 0, "--hz", 5, "--out", out)
        with chromium() as browser, Supervise(self.task, *map(str, words)) as command:
            page = browser.new_page(viewport=WINDOW)
            page.goto(command.address)
            looks = sit(page, self.example.person(), RESULTS / f"{self.name}.png")
        with RunReader.open(out) as run:
            rounds = run.rounds()
            steps = [step for number in range(len(rounds)) for step in run.steps(number)]
        taken = [step for step in steps if step.controller]
        return {
            "rates": [round(float(one.intervention_rate), 4) for one in rounds],
            "looks": looks,
            "steps_of_the_person": len(taken),
            "actions_of_the_person": len({np.asarray(step.executed).tobytes() for step in taken}),
        }

    def mereq(self, *words: object) -> str:
        """Run a command; returns what it printed."""
        done = subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True, timeout=3600)
        if done.returncode:
            raise SystemExit(f"mereq {' '.join(map(str, words))} ended with {done.returncode}:\n{done.stderr[-3000:]}")
        return done.stdout + done.stderr


def sit(page: Page, person: people.Person, picture_file: Path, seconds: float = 900.0) -> int:
    """Sit at the page until the run is finished. Returns how often the picture was looked at."""
    looks, held, end = 0, (), time.monotonic() + seconds
    while (says := who(page)) not in ("FINISHED", "STOPPED") and time.monotonic() < end:
        if says == "PAUSED" and page.is_visible("#go"):
            page.keyboard.press("p")
        elif says in ("POLICY", "YOU"):
            wanted = person(seen(page), looks)
            looks += 1
            if wanted is None or says == "POLICY":
                for key in held:
                    page.keyboard.up(key)
                held = ()
            if wanted is not None and says == "POLICY":
                page.keyboard.press("Enter")
            elif wanted is None and says == "YOU":
                page.keyboard.press("Escape")
            elif wanted is not None and wanted != held:
                for key in held:
                    page.keyboard.up(key)
                for key in wanted:
                    page.keyboard.down(key)
                held = wanted
            if held and not picture_file.with_suffix(".taken").exists():
                picture_file.parent.mkdir(parents=True, exist_ok=True)
                page.wait_for_timeout(300)
                page.screenshot(path=str(picture_file), clip={"x": 0, "y": 0, **WINDOW})
                small(picture_file)
                picture_file.with_suffix(".taken").touch()
        page.wait_for_timeout(40)
    picture_file.with_suffix(".taken").unlink(missing_ok=True)
    if who(page) != "FINISHED":
        raise SystemExit(f"The page says {page.inner_text('body')[:500]}")
    return looks


def seen(page: Page) -> np.ndarray:
    """The picture that the page shows, without the rest of the canvas, which is clear."""
    data = base64.b64decode(page.evaluate(LOOK).partition(",")[2])
    canvas = Image.open(io.BytesIO(data)).convert("RGBA")
    return np.asarray(canvas.crop(canvas.getchannel("A").getbbox()).convert("RGB"))


def small(file: Path) -> None:
    """Reduce a screenshot to what a repository can carry."""
    Image.open(file).convert("RGB").resize((450, 380)).quantize(64).save(file, optimize=True)


def _read_csv(folder: Path) -> np.ndarray:
    with (folder / "steps.csv").open() as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in rows[0] if name == "action" or name.startswith("action_")]
    return np.array([[float(row[name]) for name in columns] for row in rows], np.float32)


def _read_minari(folder: Path) -> np.ndarray:
    import minari

    dataset = minari.MinariDataset(folder / "data")
    actions = [np.asarray(episode.actions) for episode in dataset.iterate_episodes()]
    return np.concatenate([one.reshape(len(one), -1) for one in actions])


def _read_parquet(folder: Path) -> np.ndarray:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(sorted(folder.glob("data/**/*.parquet")), columns=["action"])
    return np.array([np.ravel(action) for action in table["action"].to_pylist()], np.float32)


READERS: dict[str, Callable[[Path], np.ndarray]] = {
    "csv": _read_csv,
    "minari": _read_minari,
    "lerobot": _read_parquet,
}
PARTS = ("check", "align", "show", "export", "report", "supervise")


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Versions of the packages that are installed here."""
    found = {}
    for package in ("mereq", "numpy", "jax", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def try_one(name: str, folder: Path, seed: int, again: list[str]) -> None:
    """Every part of one example, with progress; each is written down at once."""
    trial, file = Trial(name, folder, seed), RESULTS / f"{name}.json"
    result = json.loads(file.read_text()) if file.exists() else {"parts": {}}
    for part in again:
        result["parts"].pop(part, None)
        if part == "align":
            shutil.rmtree(trial.folder / "align", ignore_errors=True)
        if part == "report":
            shutil.rmtree(trial.folder / "study", ignore_errors=True)
    for part in PARTS:
        if part in result["parts"]:
            continue
        print(f"{name}: {part} ...", end=" ", flush=True)
        begin = time.monotonic()
        found = getattr(trial, part)()
        result["parts"][part] = found | {"took": round(time.monotonic() - begin, 1)}
        result |= {"example": f"examples/{name}.py:{trial.definition}", "seed": seed, "rounds": trial.rounds}
        result |= {"versions": versions(trial.example.packages), "provenance": provenance()}
        RESULTS.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(result, indent=1) + "\n")
        print(json.dumps(result["parts"][part]), flush=True)


def table() -> str:
    """The table of docs/environments.md, made of the JSON files."""
    lines = [
        "| example | versions | rates by round | seconds of learning by round | read back equal | a program at the page |",
        "|---|---|---|---|---|---|",
    ]
    for name in EXAMPLES:
        file = RESULTS / f"{name}.json"
        parts = json.loads(file.read_text()) if file.exists() else {"parts": {}}
        lines.append(f"| {' | '.join(_cells(name, parts))} |")
    return "\n".join(lines) + "\n"


def _cells(name: str, result: dict[str, Any]) -> list[str]:
    parts = result["parts"]
    align, export, page = (parts.get(part) for part in ("align", "export", "supervise"))
    own = {k: v for k, v in result.get("versions", {}).items() if k not in ("mereq", "numpy", "jax")}
    equal = [
        f"{format} {found['steps']}" for format, found in (export or {}).items() if format in READERS and found["equal"]
    ]
    return [
        f"`{name}`",
        ", ".join(f"{package} {number}" for package, number in own.items()),
        ", ".join(f"{rate:.3f}" for rate in align["rates"]) if align else "not run",
        ", ".join(f"{seconds:.0f}" for seconds in align["seconds"]) if align else "",
        ", ".join(equal),
        f"{page['steps_of_the_person']} steps taken, rates {', '.join(f'{r:.2f}' for r in page['rates'])}"
        if page
        else "not run",
    ]


def main() -> None:
    """Read the command line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("names", nargs="*", metavar="NAME", help=", ".join(EXAMPLES))
    words.add_argument("--folder", type=Path, default=ROOT / "runs" / "environments", help="for runs and datasets")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--again", nargs="*", default=[], choices=PARTS, help="parts to repeat")
    words.add_argument("--table", action="store_true")
    arguments = words.parse_args()
    if unknown := set(arguments.names) - EXAMPLES.keys():
        words.error(f"unknown: {', '.join(sorted(unknown))}")
    if arguments.table:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(before + BEGIN + table() + END + rest.partition(END)[2])
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in arguments.names or EXAMPLES:
        if missing := [module for module in EXAMPLES[name].needs if find_spec(module) is None]:
            print(f"{name}: left out, {', '.join(missing)} is not installed", flush=True)
            continue
        if (prior := EXAMPLES[name].prior) and not os.environ.get(prior):
            print(f"{name}: left out, the variable {prior} names no prior", flush=True)
            continue
        try_one(name, arguments.folder, arguments.seed, arguments.again)


if __name__ == "__main__":
    main()
