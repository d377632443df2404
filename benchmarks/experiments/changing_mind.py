"""Expert samples until a changed mind is followed, with evidence that fades and with evidence that does not.

python benchmarks/experiments/changing_mind.py [--seeds 100 108] [--before 60] [--after 20] [--out FILE]

Highway-Sim. The task's own expert, who wants the right lane, supervises the episodes before; then a member of the
family at theta = (0, 0, -.6), who wants the left lane, the episodes after. Counted from the change: expert samples and
interventions until the mean weight of right_lane is negative, and until it is below -.3. Censored at the run's end.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mereq.alignment.algorithm import events
from mereq.alignment.handback import AtHandback
from mereq.alignment.posterior_alignment import MEREQ_BAYES, MEREQ_BAYES_FADING, PosteriorAlignment
from mereq.alignment.schedule import PolicyVersion
from mereq.core.supervisor import Decision, DecisionContext, Supervisor
from mereq.interventions.rollout import SupervisedStep
from mereq.presets.highway import HIGHWAY
from mereq.store.provenance import clean_provenance, provenance

LEFT = np.array([0.0, 0.0, -0.6], np.float32)
WEIGHT, LEVELS = 2, (0.0, -0.3)


class ChangesMind:
    """Supervisor who is one, and from some episode on another."""

    def __init__(self, one: Supervisor, other: Supervisor, after: int):
        self._one, self._other, self._left = one, other, after
        self._now = one

    def begin_episode(self, seed: int) -> None:
        """Start an episode."""
        self._now = self._one if self._left > 0 else self._other
        self._left -= 1
        self._now.begin_episode(seed)

    def decide(self, context: DecisionContext) -> Decision:
        """Decision of the present one."""
        return self._now.decide(context)


def followed(method: PosteriorAlignment, seed: int, before: int, after: int) -> dict[str, Any]:
    """Weights after each handback since the change, with expert samples since then."""
    prior = HIGHWAY.policy("prior")
    assert HIGHWAY.family is not None
    family, _ = HIGHWAY.family()
    other = HIGHWAY.make_supervisor(lambda: family.member(LEFT, prior))
    supervisor = ChangesMind(HIGHWAY.make_supervisor(), other, before)
    settings = replace(HIGHWAY.settings["fast"], rollout_steps=100_000, rollout_episodes=before + after)
    method, how = replace(method, family=family), {"seed": seed, "n_rounds": 1, "rate_threshold": 0.0}
    samples, weight, since, seconds = 0, 0.0, list[tuple[int, float]](), list[float]()
    at_change = None
    for event in events(HIGHWAY.task, prior, supervisor, method, settings, learning=AtHandback, **how):
        if isinstance(event, SupervisedStep):
            if event.episode == before and at_change is None:
                at_change = (samples, weight)
            samples += int(event.controller)
        elif isinstance(event, PolicyVersion):
            weight = float(event.theta[WEIGHT])
            seconds.append(event.seconds)
            since += [] if at_change is None else [(samples - at_change[0], round(weight, 3))]
    assert at_change is not None
    reached = {}
    for level in LEVELS:
        below = [(n, i + 1) for i, (n, w) in enumerate(since) if w < level]
        reached[f"below {level:g}"] = [*below[0], False] if below else [samples - at_change[0], len(since), True]
    return {
        "seed": seed,
        "samples_before": at_change[0],
        "weight_before": round(at_change[1], 3),
        **reached,
        "since": since,
        "seconds_median": round(float(np.median(seconds)), 2),
    }


def summary(each: list[dict[str, Any]]) -> dict[str, Any]:
    """Numbers of a method's runs."""
    levels = [f"below {level:g}" for level in LEVELS]
    reached = {
        level: {
            "expert_samples_mean": round(float(np.mean([run[level][0] for run in each])), 1),
            "interventions_mean": round(float(np.mean([run[level][1] for run in each])), 1),
            "censored": sum(run[level][2] for run in each),
        }
        for level in levels
    }
    return {**reached, "weight_before": round(float(np.mean([run["weight_before"] for run in each])), 2)}


def main() -> None:
    """Print each run, and write all of them. Seeds in the file are not repeated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, default=(100, 108), metavar=("FIRST", "END"))
    parser.add_argument("--before", type=int, default=60)
    parser.add_argument("--after", type=int, default=20)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    path: Path | None = asked.out
    results = json.loads(path.read_text()) if path and path.exists() else {"methods": {}}
    results |= {"episodes": [asked.before, asked.after], "provenance": clean_provenance(provenance())}
    for seed in range(*asked.seeds):
        for method in (MEREQ_BAYES, MEREQ_BAYES_FADING):
            each = results["methods"].get(method.name, {}).get("each", [])
            if seed in [run["seed"] for run in each]:
                continue
            each = [*each, followed(method, seed, asked.before, asked.after)]
            results["methods"][method.name] = {**summary(each), "each": each}
            print(method.name, json.dumps(each[-1]), flush=True)
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(results) + "\n")
    print(json.dumps({name: summary(found["each"]) for name, found in results["methods"].items()}))


if __name__ == "__main__":
    main()
