"""Alignment on Highway-Sim: many runs, resumable, and the tables of docs/results.md.

    python benchmarks/highway_alignment.py methods            # MEReQ and MEReQ-NP, `fast`, 8 seeds
    python benchmarks/highway_alignment.py paper              # MEReQ, `paper`, 2 seeds
    python benchmarks/highway_alignment.py kappa              # MEReQ, `fast`, kappa swept, 4 seeds
    python benchmarks/highway_alignment.py thresholds         # MEReQ, `fast`, thresholds of the rule swept, 4 seeds

Each run is stored under --runs and is neither repeated when it is there nor lost when this is interrupted. The tables
and one CSV row per round go to --out.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from mereq.experiments.provenance import provenance
from mereq.experiments.runs import RunSpec
from mereq.experiments.statistics import mean_ci95, samples_to_threshold
from mereq.experiments.store import RunStore

DELTAS = (0.15, 0.10, 0.05)
KAPPAS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
THRESHOLDS = ((1.55, 1.45), (1.58, 1.48), (1.60, 1.50), (1.62, 1.52), (1.65, 1.55), (1.70, 1.60))


def named(method: str, preset: str, seed: int) -> RunSpec:
    return RunSpec.named(task="highway", method=method, preset=preset, seed=seed, n_iterations=10, rate_threshold=0.0)


def with_kappa(spec: RunSpec, kappa: float) -> RunSpec:
    inference = replace(spec.settings.inference, kappa=kappa)
    return replace(spec, settings=replace(spec.settings, inference=inference))


def grid(which: str, seeds: int | None) -> Iterator[tuple[str, RunSpec]]:
    """Rows of a table and the runs in each, seed by seed."""
    if which == "methods":
        for seed in range(seeds or 8):
            for method in ("mereq", "mereq-np"):
                yield method, named(method, "fast", seed)
    elif which == "paper":
        for seed in range(seeds or 2):
            yield "mereq, paper", named("mereq", "paper", seed)
    elif which == "kappa":
        for seed in range(seeds or 4):
            for kappa in KAPPAS:
                yield f"kappa {kappa}", with_kappa(named("mereq", "fast", seed), kappa)
    else:
        for seed in range(seeds or 4):
            for upper, lower in THRESHOLDS:
                spec = replace(named("mereq", "fast", seed), supervision={"upper": upper, "lower": lower})
                yield f"({upper:.2f}, {lower:.2f})", spec


def run(row: str, spec: RunSpec, directory: Path) -> list[dict]:
    """The rounds of one run, from its store if it is finished."""
    store = (
        RunStore.resume(directory, spec.config()) if directory.exists() else RunStore.create(directory, spec.config())
    )
    with store:
        if len(store.iterations()) < spec.n_iterations:
            for _ in spec.events(store):
                pass
        return [
            {
                "row": row,
                "seed": spec.seed,
                "round": r.index,
                "intervention_rate": r.intervention_rate,
                "expert_samples": r.expert_steps,
                "seconds_waited": round(r.seconds_waited, 3),
                "memory_mb": round((r.memory or 0) / 2**20, 1),
                **{f"theta_{i}": round(float(w), 4) for i, w in enumerate(r.theta)},
            }
            for r in store.iterations()
        ]


def table(rounds: list[dict]) -> str:
    """Expert samples to each delta, initial and last rates, and seconds waited; a Markdown table."""
    lines = [
        "| | seeds | first rate | last 3 rounds | samples to .15 | to .10 | to .05 | wait: median, 95th pct [s] |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in dict.fromkeys(r["row"] for r in rounds):
        mine = [r for r in rounds if r["row"] == row]
        seeds = sorted({r["seed"] for r in mine})
        runs = [[r for r in mine if r["seed"] == seed] for seed in seeds]
        rates = np.array([[r["intervention_rate"] for r in run] for run in runs])
        cells = []
        for delta in DELTAS:
            reached = [
                samples_to_threshold(
                    [r["intervention_rate"] for r in run], [r["expert_samples"] for r in run], delta=delta
                )
                for run in runs
            ]
            censored = [seed for seed, r in zip(seeds, reached, strict=True) if r.censored]
            note = f"; censored: seeds {', '.join(map(str, censored))}" if censored else ""
            cells.append(with_interval([r.samples for r in reached], 0) + note)
        waits = np.array([r["seconds_waited"] for r in mine])
        first, last = with_interval(rates[:, 0], 3), with_interval(rates[:, -3:].mean(axis=1), 3)
        wait = f"{np.median(waits):.1f}, {np.quantile(waits, 0.95):.1f}"
        lines.append(f"| {row} | {len(seeds)} | {first} | {last} | {' | '.join(cells)} | {wait} |")
    return "\n".join(lines)


def with_interval(values, digits: int) -> str:
    mean, half = mean_ci95(np.asarray(values, float))
    return f"{mean:.{digits}f}" + ("" if np.isnan(half) else f" ({half:.{digits}f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("methods", "paper", "kappa", "thresholds"))
    parser.add_argument("--seeds", type=int, help="how many, from 0 on")
    parser.add_argument("--runs", type=Path, default=Path("runs/alignment"))
    parser.add_argument("--out", type=Path, default=Path("results"))
    args = parser.parse_args()
    console = Console(stderr=True)
    jobs = list(grid(args.which, args.seeds))
    rounds = []
    for row, spec in track(jobs, description=args.which, console=console):
        name = "".join(c if c.isalnum() or c in ".-" else "_" for c in row)
        rounds += run(row, spec, args.runs / args.which / f"{name}-{spec.seed}")
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / f"highway_{args.which}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rounds[0])
        writer.writeheader()
        writer.writerows(rounds)
    text = table(rounds)
    origin = {"config": jobs[0][1].config(), "provenance": provenance()}
    (args.out / f"highway_{args.which}.md").write_text(f"{text}\n\nMean (95 % interval over seeds).\n")
    (args.out / f"highway_{args.which}.json").write_text(json.dumps(origin, indent=1))
    print(text)


if __name__ == "__main__":
    main()
