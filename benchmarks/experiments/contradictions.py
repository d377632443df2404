"""Whether interventions that contradict the rest are the mistaken ones: some interventions of an expert are reversed.

python benchmarks/experiments/contradictions.py [TASK ...] [--seeds 100 116] [--episodes 20] [--share 0.15] [--out FILE]

The task's synthesized expert supervises a run of mereq-bayes. In a share of its interventions, drawn at random, it acts
wrongly throughout: the opposite of a continuous action, or the action that is a fixed number further of finitely many.
After the run: how many of these, and of the others, contradict the rest; and how often a mistaken one has a larger
probability of a slip than another one of its run.
"""

import argparse
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mereq.alignment.algorithm import Round, events
from mereq.alignment.handback import AtHandback
from mereq.alignment.posterior_alignment import MEREQ_BAYES, PosteriorImprover
from mereq.core.actions import Actions, Discrete
from mereq.core.seeding import stream
from mereq.core.supervisor import Controller, Decision, DecisionContext, Supervisor
from mereq.interventions.log import InterventionLog
from mereq.presets.registry import definition_of
from mereq.store.provenance import clean_provenance, provenance


@dataclass
class Mistaken:
    """Supervisor some of whose interventions are wrong throughout."""

    supervisor: Supervisor
    actions: Actions
    share: float
    rng: np.random.Generator
    wrong: list[bool] = field(default_factory=list)  # of each intervention
    _acts: bool = False
    _further: int = 0

    def begin_episode(self, seed: int) -> None:
        """Start an episode."""
        self.supervisor.begin_episode(seed)
        self._acts = False

    def decide(self, context: DecisionContext) -> Decision:
        """Decision of the supervisor, or its opposite."""
        decision = self.supervisor.decide(context)
        begins = decision.controller is Controller.EXPERT and not self._acts
        self._acts = decision.controller is Controller.EXPERT
        if begins:
            self.wrong.append(bool(self.rng.random() < self.share))
            self._further = int(self.rng.integers(1, 5))
        if not (self._acts and self.wrong[-1]):
            return decision
        if isinstance(self.actions, Discrete):
            return decision._replace(action=(decision.action + self._further) % self.actions.n)
        return decision._replace(action=-decision.action)


def judged(name: str, seed: int, episodes: int, share: float) -> dict[str, Any]:
    """Which interventions of a run were wrong, and the probability that each is a slip."""
    definition = definition_of(name)
    assert definition.family is not None
    family, prior = definition.family()[0], definition.policy("prior")
    expert = definition.make_supervisor(lambda: definition.policy("expert"), dict(definition.supervision))
    supervisor = Mistaken(expert, definition.task.actions, share, stream(seed, "mistakes"))
    settings = replace(definition.settings["fast"], rollout_steps=6000, rollout_episodes=episodes)
    method = replace(MEREQ_BAYES, family=family)
    how = {"seed": seed, "n_rounds": 1, "rate_threshold": 0.0, "learning": AtHandback}
    stream_of_events = events(definition.task, prior, supervisor, method, settings, **how)
    *_, last = (event for event in stream_of_events if isinstance(event, Round))
    improver = PosteriorImprover(definition.task, prior, family, settings.posterior, seed=seed)
    for _ in improver.improve(InterventionLog((last.rollout,)), 0):
        pass
    slips = [each.contradiction for each in improver.belief.interventions] if improver.belief else []
    return {"seed": seed, "wrong": supervisor.wrong, "slip": slips}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares over all runs; pairs are compared within a run."""
    wrong = np.concatenate([np.array(run["wrong"], bool) for run in runs])
    slip = np.concatenate([np.array(run["slip"], float) for run in runs])
    pairs = [
        (a > b) + 0.5 * (a == b)
        for run in runs
        for a, is_wrong in zip(run["slip"], run["wrong"], strict=True)
        for b, other in zip(run["slip"], run["wrong"], strict=True)
        if is_wrong and not other
    ]
    return {
        "wrong_interventions": int(wrong.sum()),
        "other_interventions": int((~wrong).sum()),
        "wrong_that_contradict": int((wrong & (slip > 0.5)).sum()),
        "others_that_contradict": int((~wrong & (slip > 0.5)).sum()),
        "wrong_above_another": round(float(np.mean(pairs)), 3) if pairs else None,
    }


def main() -> None:
    """Print the results of each task, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=["highway", "bottle-pushing"])
    parser.add_argument("--seeds", type=int, nargs=2, default=(100, 116), metavar=("FIRST", "END"))
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.15)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    known = json.loads(asked.out.read_text()) if asked.out and asked.out.exists() else {}
    for name in asked.tasks:
        runs = [judged(name, seed, asked.episodes, asked.share) for seed in range(*asked.seeds)]
        found = {"episodes": asked.episodes, "share": asked.share, **summary(runs)}
        print(name, json.dumps(found), flush=True)
        known[name] = found | {"each": runs, "provenance": clean_provenance(provenance())}
        if asked.out:
            asked.out.write_text(json.dumps(known) + "\n")


if __name__ == "__main__":
    main()
