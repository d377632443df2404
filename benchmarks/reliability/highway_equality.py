"""Is the compiled highway highway-env? Whole episodes of both, side by side, for hundreds of seeds.

    .venv/bin/python benchmarks/reliability/highway_equality.py --seeds 300 --out results/highway_equality.json

Even seeds are driven at random, odd ones by a scripted driver who goes fast and keeps right, or all by `--policy`.
The result file is rewritten after every episode; run the same command again to go on where it stopped. Exits with 1
if anything differed. An hour or two on one core: nearly all of it is highway-env.
"""

import argparse
import importlib
import importlib.util
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from mereq.tasks.highway.config import FASTER, IDLE, LANE_LEFT, LANE_RIGHT, SLOWER, HighwayConfig
from mereq.tasks.highway.engine import HighwayEngine
from mereq.tasks.highway.reference import Chooser, Deviation, compare_episode, reference_env

TASK = HighwayConfig.TASK
# name: config, and how many steps to go on after the ego's crash
CONFIGS: dict[str, tuple[HighwayConfig, int]] = {
    "task": (TASK, 0),
    "highway-fast-v0": (HighwayConfig.HIGHWAY_FAST_V0, 0),
    "two lanes, density 2": (replace(TASK, lanes=2, density=2.0), 0),
    "three lanes, density 0.5": (replace(TASK, density=0.5), 0),
    "four lanes, density 1.5, 15 Hz": (replace(TASK, lanes=4, density=1.5, simulation_hz=15, duration=20.0), 0),
    "five lanes, density 1": (replace(TASK, lanes=5), 0),
    "task, 5 steps past the crash": (TASK, 5),
    "highway-v0": (HighwayConfig.HIGHWAY_V0, 0),
}
LARGEST_CONTINUOUS = 1e-9  # m, rad, m/s, s
LARGEST_OBS = 1e-6


def at_random(seed: int, _config: HighwayConfig) -> Chooser:
    rng = np.random.default_rng(seed)
    return lambda _obs: int(rng.integers(5))


def fast_and_right(_seed: int, config: HighwayConfig) -> Chooser:
    """Keeps right where that is free, goes fast where the road ahead is, else passes on the left or slows down."""
    lane_width = 1.0 / config.lanes  # in units of the observation

    def choose(obs: np.ndarray) -> int:
        ego, others = obs.reshape(5, 5)[0], obs.reshape(5, 5)[1:]

        def free(aside: float, behind: float) -> bool:
            there = (others[:, 0] > 0) & (np.abs(others[:, 2] - aside) < 0.6 * lane_width)
            return not (there & (others[:, 1] < 0.12) & (others[:, 1] > -behind)).any()

        if ego[2] < 1.0 - 1.5 * lane_width and free(lane_width, 0.05):
            return LANE_RIGHT
        if free(0.0, 0.0):
            return FASTER if ego[3] < 0.36 else IDLE
        return LANE_LEFT if ego[2] > 0.5 * lane_width and free(-lane_width, 0.05) else SLOWER

    return choose


def from_file(place: str) -> Callable[[int, HighwayConfig], Chooser]:
    """The callable `obs -> action` at "path/to/file.py:name" or "package.module:name"."""
    source, _, name = place.rpartition(":")
    if source.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(source).stem, source)
        if spec is None or spec.loader is None:
            raise SystemExit(f"--policy {place}: no such file; give path/to/file.py:name or package.module:name")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(source)
    policy = getattr(module, name)
    return lambda _seed, _config: lambda obs: int(policy(obs))


def empty() -> Deviation:
    return Deviation(
        steps=0, crashes=0, x=0.0, y=0.0, heading=0.0, speed=0.0, timer=0.0, features=0.0, obs=0.0, flags=0
    )


def equal(found: Deviation) -> bool:
    return found.flags == 0 and max(found.continuous, found.features) <= LARGEST_CONTINUOUS and found.obs <= LARGEST_OBS


def provenance() -> dict[str, str]:
    packages = ("highway-env", "numpy", "numba", "gymnasium")
    return {**{name: version(name) for name in packages}, "python": platform.python_version(), "cpu": cpu_name()}


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


class Results:
    """What has been compared so far, on disk after every episode."""

    def __init__(self, path: Path, policy: str):
        self.path = path
        self.data = json.loads(path.read_text()) if path.exists() else {"provenance": provenance(), "configs": {}}
        self.policy = policy
        if self.data.setdefault("policy", policy) != policy:
            raise SystemExit(
                f"{path} was made with the policy {self.data['policy']!r}; choose another --out for {policy!r}"
            )

    def entry(self, name: str) -> dict:
        config, beyond_crash = CONFIGS[name]
        settings = {**asdict(config), "steps_past_the_crash": beyond_crash}
        entry = self.data["configs"].setdefault(
            name, {"settings": settings, "seeds": 0, "unequal_seeds": [], "worst": empty()._asdict()}
        )
        if entry["settings"] != settings:
            raise SystemExit(f"{self.path} holds another {name!r}; remove it or choose another --out")
        return entry

    def add(self, name: str, seed: int, found: Deviation) -> None:
        entry = self.entry(name)
        entry["seeds"] = seed + 1
        entry["worst"] = Deviation(**entry["worst"]).merged(found)._asdict()
        if not equal(found):
            entry["unequal_seeds"].append({"seed": seed, **found._asdict()})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".tmp")
        draft.write_text(json.dumps(self.data, indent=1))
        draft.replace(self.path)

    def table(self) -> Table:
        table = Table(
            "config", "seeds", "steps", "crashed", "position [m]", "heading [rad]", "speed [m/s]", "obs", "unequal"
        )
        for name, entry in self.data["configs"].items():
            worst = Deviation(**entry["worst"])
            numbers = (max(worst.x, worst.y), worst.heading, worst.speed, worst.obs)
            counts = (entry["seeds"], worst.steps, worst.crashes)
            row = [*map(str, counts), *(f"{number:.1e}" for number in numbers), str(len(entry["unequal_seeds"]))]
            table.add_row(name, *row)
        return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=300, help="episodes per config [300]")
    parser.add_argument("--configs", nargs="+", default=list(CONFIGS), choices=list(CONFIGS), metavar="NAME")
    parser.add_argument("--policy", default="", help="obs -> action, as path/to/file.py:name or package.module:name")
    parser.add_argument("--out", type=Path, default=Path("results/highway_equality.json"))
    options = parser.parse_args()

    drivers = [from_file(options.policy)] if options.policy else [at_random, fast_and_right]
    results = Results(options.out, options.policy or "even seeds at random, odd seeds fast and right")
    console = Console(width=None if sys.stdout.isatty() else 140)
    columns = (TextColumn("{task.description:32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        for name in options.configs:
            config, beyond_crash = CONFIGS[name]
            done = results.entry(name)["seeds"]
            bar = progress.add_task(name, total=options.seeds, completed=min(done, options.seeds))
            if done >= options.seeds:
                continue
            engine, env = HighwayEngine(config), reference_env(config)
            for seed in range(done, options.seeds):
                choose = drivers[seed % len(drivers)](seed, config)
                found = compare_episode(engine, env, seed, choose, beyond_crash=beyond_crash)
                results.add(name, seed, found)
                if not equal(found):
                    progress.console.print(f"{name}, seed {seed}: {found}")
                progress.advance(bar)
                if not console.is_terminal and seed % 20 == 19:
                    console.print(f"{name}: {seed + 1} of {options.seeds} seeds")
    console.print(results.table())
    unequal = sum(len(entry["unequal_seeds"]) for entry in results.data["configs"].values())
    console.print("Equal throughout." if unequal == 0 else f"{unequal} episodes differ; see {options.out}.")
    return int(unequal > 0)


if __name__ == "__main__":
    sys.exit(main())
