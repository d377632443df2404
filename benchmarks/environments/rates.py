"""Intervention rates of the examples over several seeds, with their own settings and rules.

    python benchmarks/environments/rates.py cart_pole --seeds 100 101 102 103
    python benchmarks/environments/rates.py --table

writes results/environments/rates.json, one entry per example and seed, as `try_all.py` does with the seed of its
alignment. The table has means, and half widths of 95 % intervals by Student's t.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from mereq import METHODS, align
from mereq.presets.registry import find_task
from mereq.store.provenance import provenance

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "results" / "environments" / "rates.json"
Known = dict[str, dict[str, dict[str, Any]]]  # results by example and seed
NAMES = {  # definition in examples/<its key>.py, and number of rounds
    "cart_pole": ("CART_POLE", 5),
    "lunar_lander": ("LANDER", 4),
    "mountain_car": ("MOUNTAIN_CAR", 4),
    "pendulum": ("PENDULUM", 4),
    "bipedal_walker": ("WALKER", 4),
    "mini_grid": ("MINI_GRID", 4),
    "intersection": ("INTERSECTION", 3),
    "fetch_reach": ("FETCH_REACH", 4),
    "fetch_push": ("FETCH_PUSH", 3),
    "panda_pick": ("PANDA", 4),
}


def rates(name: str, seed: int) -> dict[str, Any]:
    """Rates, weights and seconds of each round of one alignment."""
    task, rounds = NAMES[name]
    definition, begin = find_task(f"{ROOT}/examples/{name}.py:{task}"), time.monotonic()
    supervisor = definition.make_supervisor()
    settings, prior = definition.settings["fast"], definition.policy("prior")
    found = list(align(definition.task, prior, supervisor, METHODS["mereq"], settings, seed=seed, n_rounds=rounds))
    return {
        "rates": [round(float(one.intervention_rate), 4) for one in found],
        "theta": np.round(found[-1].theta, 3).tolist(),
        "features": list(definition.task.feature_names),
        "learning_seconds": [round(float(one.seconds_waited), 1) for one in found],
        "seconds": round(time.monotonic() - begin, 1),
        "commit": (provenance().get("git") or {}).get("commit"),
    }


def recorded() -> Known:
    """What was measured before."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def remember(name: str, seed: int, found: dict[str, Any]) -> None:
    """Write down what was measured, beside what another process may have written since."""
    known = recorded()
    known.setdefault(name, {})[str(seed)] = found
    FILE.write_text(json.dumps(known, indent=1) + "\n")


def table(known: Known) -> str:
    """Means over seeds, with intervals, in Markdown."""
    lines = [
        "| example | seeds | rate by round: mean (half width of the 95 % interval) | weights, mean |",
        "|---|---|---|---|",
    ]
    for name, runs in sorted(known.items()):
        shares = np.array([run["rates"] for run in runs.values()])
        cells = ", ".join(map(_mean_and_half_width, shares.T))
        weights = np.mean([run["theta"] for run in runs.values()], axis=0)
        names = next(iter(runs.values()))["features"]
        shown = ", ".join(f"{feature} {weight:+.2f}" for feature, weight in zip(names, weights, strict=True))
        lines.append(f"| `{name}` | {', '.join(sorted(runs))} | {cells} | {shown} |")
    return "\n".join(lines)


def _mean_and_half_width(shares: np.ndarray) -> str:
    if len(shares) == 1:
        return f"{shares[0]:.3f}"
    half = stats.t.ppf(0.975, len(shares) - 1) * shares.std(ddof=1) / np.sqrt(len(shares))
    return f"{shares.mean():.3f} ({half:.3f})"


def main() -> None:
    """Read the command line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    words.add_argument("--seeds", nargs="+", type=int, default=[100, 101, 102, 103])
    words.add_argument("--table", action="store_true")
    given = words.parse_args()
    for name in given.names:
        for seed in given.seeds:
            found = rates(name, seed)
            remember(name, seed, found)
            print(name, seed, json.dumps(found), flush=True)
    if given.table:
        print(table(recorded()))


if __name__ == "__main__":
    main()
