"""Studies by hand: runs whose intervention rates fall as told, with all that a report needs of them."""

import numpy as np

from mereq.reports.paper import METHODS
from mereq.runs.recorded import RecordedConfig
from mereq.store.run_store import RecordedRound
from mereq.studies.study_store import StudyRun

PROVENANCE = {
    "mereq": "0.1.0",
    "git": {"commit": "0123456789abcdef", "dirty": False},
    "python": "3.11.2",
    "packages": {"numpy": "2.0.0", "jax": None},
    "machine": {"system": "Linux x86_64", "processor": "A Processor", "cores": 4, "usable_cores": 2},
    "threads": {},
    "time": "2026-11-21T00:00:00+00:00",
    "command": "mereq study highway",
}


def run(
    method: str,
    seed: int,
    rates,
    *,
    task: str = "highway",
    preset: str = "fast",
    variant: str = "",
    theta=(0.0, 0.0, 0.1),
    config=None,
    steps: int = 2000,
) -> StudyRun:
    """A run with these intervention rates; its weights grow by theta each round."""
    expert_steps = np.cumsum(np.round(np.asarray(rates) * steps)).astype(int)
    rounds = [
        RecordedRound(
            index=i,
            time=1.7e9 + i,
            seconds_waited=0.5 + 0.1 * i + 0.01 * seed,
            memory=500_000_000,
            steps=steps,
            expert_steps=int(expert_steps[i]),
            intervention_rate=float(rates[i]),
            aligned=False,
            theta=(i + 1) * np.asarray(theta, float),
        )
        for i in range(len(rates))
    ]
    config = {"task": task, "method": method, "preset": preset, "seed": seed, "noise": 0.0} | (config or {})
    return StudyRun(task, method, preset, variant, seed, rounds, RecordedConfig(config), PROVENANCE, 12.0 + seed)


START = {"mereq": 0.3, "mereq-np": 0.3, "maxent": 0.75, "maxent-ft": 0.3, "hg-dagger-ft": 0.33, "iwr-ft": 0.34}
DECAY = {"mereq": 0.5, "mereq-np": 0.6, "maxent": 0.62, "maxent-ft": 0.75, "hg-dagger-ft": 0.7, "iwr-ft": 0.8}
WEIGHTS = {"highway": 3, "bottle-pushing": 4, "erasing": 4, "pillow-grasping": 4}


def methods_study(tasks=("highway",), methods=tuple(METHODS), seeds=8, rounds=10) -> list[StudyRun]:
    """The methods with made-up rates: seed by seed, as a grid would go."""
    runs = []
    for task in tasks:
        for seed in range(seeds):
            for method in methods:
                rng = np.random.default_rng([list(WEIGHTS).index(task), list(METHODS).index(method), seed])
                floor = 0.04 + 0.02 * rng.random()
                course = floor + (START[method] - floor) * DECAY[method] ** np.arange(rounds)
                rates = np.round(np.clip(course * rng.normal(1, 0.1, rounds), 0, 1), 3)
                imitates = method in ("hg-dagger-ft", "iwr-ft")
                theta = [] if imitates else rng.normal(0.03, 0.01, WEIGHTS[task])
                runs.append(run(method, seed, rates, task=task, theta=theta, steps=2000 if task == "highway" else 1000))
    return runs


def kappa_study(kappas=(0.0, 0.1, 0.3, 1.0), seeds=4) -> list[StudyRun]:
    """MEReQ with kappa swept."""
    runs = []
    for kappa in kappas:
        for seed in range(seeds):
            rng = np.random.default_rng([int(10 * kappa), seed])
            rates = 0.05 + 0.04 * kappa + 0.25 * 0.4 ** np.arange(10) + rng.normal(0, 0.01, 10)
            config = {"settings": {"inference": {"kappa": kappa}}}
            theta = rng.normal([0, 0, 0.03 * (1.3 - kappa)], 0.003)
            runs.append(run("mereq", seed, np.round(rates, 3), variant=f"kappa {kappa}", theta=theta, config=config))
    return runs
