"""Expert samples until a changed mind is followed, and wishes that alternate, by the methods that allow for them.

python benchmarks/experiments/changing_mind.py [--seeds 100 108] [--before 60] [--after 20] [--every N] [--out FILE]
    [--methods mereq-bayes mereq-bayes-fading mereq-bayes-wishes mereq-bayes-wishes-handback]

Highway-Sim. The task's own expert, who wants the right lane, supervises the episodes before; then a member of the
family at theta = (0, 0, -.6), who wants the left lane, the episodes after. Counted from the change: expert samples and
inferences until the mean weight of right_lane is negative, and until it is below -.3. Censored at the run's end.
`mereq-bayes-wishes` learns within interventions, and with `-handback` at their end only, as the others do.

With --every both alternate from the beginning: N episodes of one, N of the other. Counted: expert samples; whether two
wishes were found; the mean weights of both; and how many interventions were assigned to the right one.
"""

import argparse
import json
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mereq.alignment.algorithm import Event, Round, events
from mereq.alignment.handback import AtHandback, WithinIntervention
from mereq.alignment.posterior_alignment import MEREQ_BAYES, MEREQ_BAYES_FADING
from mereq.alignment.schedule import PolicyVersion
from mereq.alignment.wishes_alignment import MEREQ_BAYES_WISHES
from mereq.core.supervisor import Decision, DecisionContext, Supervisor
from mereq.interventions.rollout import SupervisedStep
from mereq.presets.highway import HIGHWAY
from mereq.store.provenance import clean_provenance, provenance

LEFT = np.array([0.0, 0.0, -0.6], np.float32)
WEIGHT, LEVELS = 2, (0.0, -0.3)
METHODS = {
    "mereq-bayes": (MEREQ_BAYES, AtHandback),
    "mereq-bayes-fading": (MEREQ_BAYES_FADING, AtHandback),
    "mereq-bayes-wishes": (MEREQ_BAYES_WISHES, WithinIntervention),
    "mereq-bayes-wishes-handback": (MEREQ_BAYES_WISHES, AtHandback),
}


class ChangesMind:
    """Supervisor who is one, from some episode on another, and with `again` the first one again after as many."""

    def __init__(self, one: Supervisor, other: Supervisor, after: int, *, again: bool = False):
        self._both, self._after, self._again, self._episode = (one, other), after, again, -1
        self._now = one

    def begin_episode(self, seed: int) -> None:
        """Start an episode."""
        self._episode += 1
        self._now = self._both[self.wish(self._episode)]
        self._now.begin_episode(seed)

    def wish(self, episode: int) -> int:
        """Number of the supervisor of an episode."""
        turn = episode // self._after
        return turn % 2 if self._again else min(turn, 1)

    def decide(self, context: DecisionContext) -> Decision:
        """Decision of the present one."""
        return self._now.decide(context)


def run_of(name: str, supervisor: ChangesMind, seed: int, episodes: int) -> Generator[Event, None, None]:
    """Events of one run."""
    assert HIGHWAY.family is not None
    method, learning = METHODS[name]
    settings = replace(HIGHWAY.settings["fast"], rollout_steps=100_000, rollout_episodes=episodes)
    how: dict[str, Any] = {"seed": seed, "n_rounds": 1, "rate_threshold": 0.0, "learning": learning}
    method = replace(method, family=HIGHWAY.family()[0])
    return events(HIGHWAY.task, HIGHWAY.policy("prior"), supervisor, method, settings, **how)


def two_experts(after: int, *, again: bool = False) -> ChangesMind:
    """The task's own expert, and the one who wants the left lane."""
    assert HIGHWAY.family is not None
    left = HIGHWAY.family()[0].member(LEFT, HIGHWAY.policy("prior"))
    return ChangesMind(HIGHWAY.make_supervisor(), HIGHWAY.make_supervisor(lambda: left), after, again=again)


def alternated(name: str, seed: int, every: int, episodes: int) -> dict[str, Any]:
    """Expert samples of a run whose wish alternates, and what was found of both wishes."""
    supervisor, belief, rollout = two_experts(every, again=True), None, None
    for event in run_of(name, supervisor, seed, episodes):
        if isinstance(event, PolicyVersion):
            belief = event.belief
        elif isinstance(event, Round):
            rollout = event.rollout
    assert belief is not None
    assert rollout is not None
    true = [supervisor.wish(each.episode) for each in belief.interventions]
    found: dict[str, Any] = {
        "seed": seed,
        "expert_samples": rollout.expert_steps,
        "rate_of_second_half": round(float(rollout.by_expert[rollout.episode >= episodes // 2].mean()), 4),
        "interventions": len(true),
        "two": belief.other is not None,
        "present_weight": round(belief.weights[WEIGHT].mean, 3),
        "present_wish": true[-1],
    }
    if belief.other is None:
        return found
    said = [true[-1] if k not in belief.other.shown_by else 1 - true[-1] for k in range(len(true))]
    return found | {
        "other_weight": round(belief.other.weights[WEIGHT].mean, 3),
        "assigned_rightly": int(np.sum(np.array(said) == np.array(true))),
    }


def followed(name: str, seed: int, before: int, after: int) -> dict[str, Any]:
    """Weights after each inference since the change, with expert samples since then."""
    samples, weight, since, seconds = 0, 0.0, list[tuple[int, float]](), list[float]()
    at_change = None
    for event in run_of(name, two_experts(before), seed, before + after):
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
            "inferences_mean": round(float(np.mean([run[level][1] for run in each])), 1),
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
    parser.add_argument("--every", type=int, help="alternate after so many episodes, --before of them in all")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    path: Path | None = asked.out
    results = json.loads(path.read_text()) if path and path.exists() else {"methods": {}}
    results |= {"episodes": [asked.before, asked.after], "provenance": clean_provenance(provenance())}
    for seed in range(*asked.seeds):
        for name in asked.methods:
            each = results["methods"].get(name, {}).get("each", [])
            if seed in [run["seed"] for run in each]:
                continue
            if asked.every:
                each = [*each, alternated(name, seed, asked.every, asked.before)]
                results["methods"][name] = {"each": each}
            else:
                each = [*each, followed(name, seed, asked.before, asked.after)]
                results["methods"][name] = {**summary(each), "each": each}
            print(name, json.dumps(each[-1]), flush=True)
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(results) + "\n")
    if not asked.every:
        print(json.dumps({name: summary(found["each"]) for name, found in results["methods"].items()}))


if __name__ == "__main__":
    main()
