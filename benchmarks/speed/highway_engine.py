"""How fast is the compiled highway? Against highway-env at the task, against EnvPool's C++ at the stock configurations.

    .venv/bin/python benchmarks/speed/highway_engine.py --out results/highway_engine.json

Both sides in one process and by turns, one thread each, actions at random, median of several rounds. Our times include
the resets of episodes that end, highway-env's do not; EnvPool spends a (cheap) step on each. EnvPool is optional.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from mereq.tasks.highway.config import N_ACTIONS, HighwayConfig
from mereq.tasks.highway.engine import COMPILE_SECONDS, HighwayEngine, is_compiled, warm_up
from mereq.tasks.highway.reference import reference_env

BATCHES = (1, 16)
STOCK = {"highway-fast-v0": HighwayConfig.HIGHWAY_FAST_V0, "highway-v0": HighwayConfig.HIGHWAY_V0}
RecordedRound = Callable[[], float]  # seconds per step of one environment


def ours(config: HighwayConfig, n_envs: int, n_steps: int) -> RecordedRound:
    engine = HighwayEngine(config, n_envs, autoreset=True)
    engine.reset(seeds=list(range(n_envs)))
    rng = np.random.default_rng(0)

    def run() -> float:
        actions = rng.integers(0, N_ACTIONS, (n_steps, n_envs))
        start = time.perf_counter()
        for action in actions:
            engine.step(action)
        return (time.perf_counter() - start) / n_steps / n_envs

    return run


def highway_env(config: HighwayConfig, n_steps: int) -> RecordedRound:
    env = reference_env(config)
    env.reset(seed=0)
    rng = np.random.default_rng(0)

    def run() -> float:
        spent = 0.0
        for action in rng.integers(0, N_ACTIONS, n_steps).tolist():
            start = time.perf_counter()
            _, _, terminated, truncated, _ = env.step(action)
            spent += time.perf_counter() - start
            if terminated or truncated:
                env.reset()
        return spent / n_steps

    return run


def envpool_env(name: str, n_envs: int, n_steps: int) -> RecordedRound:
    import envpool

    env = envpool.make_gymnasium(name, num_envs=n_envs, num_threads=1, seed=0)
    env.reset()
    rng = np.random.default_rng(0)

    def run() -> float:
        actions = rng.integers(0, N_ACTIONS, (n_steps, n_envs)).astype(np.int32)
        start = time.perf_counter()
        for action in actions:
            env.step(action)
        return (time.perf_counter() - start) / n_steps / n_envs

    return run


def compare(sides: dict[str, RecordedRound], n_rounds: int) -> dict[str, dict[str, float]]:
    """Rounds by turns, after one for warming up: median, fastest and slowest, in seconds."""
    times: dict[str, list[float]] = {who: [] for who in sides}
    for round_number in range(n_rounds + 1):
        for who, run in sides.items():
            spent = run()
            if round_number > 0:
                times[who].append(spent)
    return {
        who: {"median": statistics.median(spent), "fastest": min(spent), "slowest": max(spent)}
        for who, spent in times.items()
    }


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="rounds per comparison [9]")
    parser.add_argument("--out", type=Path, help="where to write the numbers as JSON")
    options = parser.parse_args()
    console = Console(width=None if os.isatty(1) else 120)

    if not is_compiled():
        console.print(f"compiling the highway engine (once, about {COMPILE_SECONDS} s)")
    warm_up()

    rows: list[dict[str, Any]] = []
    table = Table("config", "environments", "who", "median", "fastest", "slowest", "ours is faster")

    def measure(config_name: str, n_envs: int, sides: dict[str, RecordedRound]) -> None:
        results = compare(sides, options.rounds)
        for who, result in results.items():
            ratio = result["median"] / results["mereq"]["median"]
            rows.append({"config": config_name, "environments": n_envs, "who": who, **result, "ratio": ratio})
            numbers = [f"{1e6 * result[key]:,.1f} us" for key in ("median", "fastest", "slowest")]
            table.add_row(config_name, str(n_envs), who, *numbers, "" if who == "mereq" else f"{ratio:,.1f} x")

    with console.status("measuring"):
        task = HighwayConfig.TASK
        measure("task", 1, {"mereq": ours(task, 1, 500), "highway-env": highway_env(task, 8)})
        measure("task", 16, {"mereq": ours(task, 16, 100)})
        for name, config in STOCK.items():
            for n_envs in BATCHES:
                sides = {"mereq": ours(config, n_envs, 320 // n_envs)}
                if installed("envpool"):
                    sides["envpool"] = envpool_env(name, n_envs, 320 // n_envs)
                measure(name, n_envs, sides)
    console.print("Time per policy step of one environment:")
    console.print(table)
    if not installed("envpool"):
        console.print("EnvPool is not installed, so it was not measured (pip install envpool).")
    console.print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores of {cpu_name()}")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        packages = ("highway-env", "envpool", "numba", "numpy")
        provenance = {
            **{name: installed(name) for name in packages},
            "python": platform.python_version(),
            "cpu": cpu_name(),
            "cores": os.cpu_count(),
            "load_average": os.getloadavg()[0],
        }
        options.out.write_text(json.dumps({"provenance": provenance, "unit": "s", "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
