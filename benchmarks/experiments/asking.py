"""Whether expected information tells a supervisor when to look: a program that looks only when it is told to.

python benchmarks/experiments/asking.py [TASK ...] [--choose 0 4] [--seeds 100 104] [--episodes 30] [--out FILE]

Before each step of the policy, the next seconds are simulated in a copy of the environment, as the page's ghost does.
The supervisor is told to look if a step of them is expected to give more information about theta than a threshold:
that of the decision to take over or not, and that of what an intervention would show, times its probability. The
threshold is the one with which half of the steps of the first seeds are looked at. On the other seeds: how many of
the interventions under full attention would have been seen; and what comes of a run in which only these steps are
looked at, or as many at random, beside full attention.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mereq.alignment.algorithm import Round, events
from mereq.alignment.handback import AtHandback
from mereq.alignment.posterior_alignment import MEREQ_BAYES, PosteriorImprover
from mereq.core.seeding import stream
from mereq.core.supervisor import Controller, Decision, DecisionContext, Supervisor
from mereq.core.view import Foreseeable
from mereq.evaluation.own_rate import own_rate
from mereq.irl.decisions import REACTION, sigmoid
from mereq.irl.family_evidence import CategoricalEvidence, ContinuousEvidence, family_evidence, log_uniform
from mereq.irl.family_likelihood import Parameters
from mereq.irl.information import information_of_a_decision
from mereq.presets.registry import definition_of
from mereq.store.provenance import clean_provenance, provenance
from mereq.web.task_view import task_view_of

DRAWS = 128  # of the posterior, for one expectation
SHARE = 0.5  # of the steps that the supervisor is told to look at, where the threshold is chosen


def of_what_it_shows(evidence: CategoricalEvidence | ContinuousEvidence, given: Parameters) -> np.ndarray:
    """Information about theta in the supervisor's action at each step [nats], if there is an intervention.

    For continuous actions it is that of normal distributions with the variances of the modes and of the actions.
    """
    if isinstance(evidence, CategoricalEvidence):
        steps, actions, _ = evidence.phi.shape
        each = [replace(evidence, chosen=np.full(steps, action)) for action in range(actions)]
        log_p = np.stack([one.log_probs(given.theta, given.rationality, given.habit)[:, 0] for one in each])
        of_all = np.exp(log_p).mean(axis=2)
        entropy = -(of_all * np.log(np.maximum(of_all, 1e-300))).sum(axis=0)
        return entropy + (np.exp(log_p) * log_p).sum(axis=0).mean(axis=1)
    lowest = replace(evidence, chosen=np.full_like(evidence.chosen, -1.0))
    away = np.log(0.5 * given.rationality) - lowest.log_probs(given.theta, given.rationality, given.habit)
    modes = away / given.rationality - 1.0
    return 0.5 * np.log1p(modes.var(axis=2) / (2.0 / given.rationality**2).mean()).sum(axis=1)


@dataclass
class Watched:
    """The method, whose improver can be looked into."""

    family: Any
    name: str = MEREQ_BAYES.name
    improver: PosteriorImprover | None = None

    def start(self, *given: Any, **named: Any) -> PosteriorImprover:
        """The improver of a new run."""
        self.improver = replace(MEREQ_BAYES, family=self.family).start(*given, **named)
        return self.improver


class Forecast:
    """Expected information of the policy's next seconds."""

    def __init__(self, name: str, method: Watched, seed: int):
        self._definition = definition_of(name)
        self._settings, self._method = self._definition.settings["fast"].posterior, method
        self._prior = self._definition.policy("prior")
        self.environment = self._definition.task.make()
        self._copy = self._definition.task.make()
        self._copy.reset(seed=0)
        here, there = (task_view_of(each, self._definition) for each in (self.environment, self._copy))
        assert isinstance(here, Foreseeable)
        assert isinstance(there, Foreseeable)
        self._here, self._there = here, there
        self._rng = stream(seed, "asking")
        self._known: tuple[Any, Any] = (None, None)  # a posterior, and draws of it

    @property
    def ahead(self) -> int:
        """Number of steps that are simulated."""
        return self._here.ahead

    def __call__(self, context: DecisionContext) -> float:
        """Largest expected information of a step; infinite before the first intervention."""
        assert self._method.improver is not None
        posterior = self._method.improver.posterior
        if posterior is None:
            return float("inf")
        if posterior is not self._known[0]:
            chosen = self._rng.choice(len(posterior.weights), DRAWS, p=posterior.weights)
            self._known = posterior, Parameters.of(posterior.draws[chosen], self._method.family.region)
        given, obs, actions = self._known[1], *self._next_steps(context)
        settings, u = self._settings, log_uniform(self._definition.task.actions)
        evidence = family_evidence(self._method.family, self._prior, obs, actions)
        log_probs = evidence.log_probs(given.theta, np.full(DRAWS, settings.tolerance), given.habit)
        bad = u * log_probs.shape[1] - log_probs.sum(axis=1)
        over = [bad[max(0, i - REACTION + 1) : i + 1].mean(axis=0) for i in range(len(bad))]
        taken = 0.5 * settings.slip + (1.0 - settings.slip) * sigmoid(np.array(over) / settings.spread)
        decision = information_of_a_decision(taken, np.full(DRAWS, 1.0 / DRAWS))
        return float((decision + taken.mean(axis=1) * of_what_it_shows(evidence, given)).max())

    def _next_steps(self, context: DecisionContext) -> tuple[np.ndarray, np.ndarray]:
        """Observations and proposals of the next steps, if the policy acts alone."""
        assert context.policy is not None
        self._there.restore(self._here.save())
        seen, actions = [context.obs], [context.proposed]
        for _ in range(self._here.ahead - 1):
            obs, _, terminated, truncated, _ = self._copy.step(actions[-1])
            if terminated or truncated:
                break
            seen.append(obs)
            actions.append(context.policy.distribution(obs[None]).mode()[0])
        return np.array(seen), np.array(actions)


@dataclass
class Looking:
    """Supervisor that looks at a step if it is told to, and until an intervention is over."""

    supervisor: Supervisor
    told: Callable[[DecisionContext], bool]
    looked: list[bool] = field(default_factory=list)  # at each step of the policy, and at each takeover
    began: list[bool] = field(default_factory=list)  # whether an intervention began there
    _acts: bool = False

    def begin_episode(self, seed: int) -> None:
        """Start an episode."""
        self.supervisor.begin_episode(seed)
        self._acts = False

    def decide(self, context: DecisionContext) -> Decision:
        """Decision of the supervisor; the policy's action at a step that is not looked at."""
        acted, told = self._acts, self._acts or self.told(context)
        decision = self.supervisor.decide(context) if told else Decision(Controller.POLICY, context.proposed)
        self._acts = decision.controller is Controller.EXPERT
        if not acted:
            self.looked.append(told)
            self.began.append(self._acts)
        return decision


def supervised(
    name: str, seed: int, episodes: int, told: Callable[[Forecast, DecisionContext], bool]
) -> tuple[Looking, dict[str, Any]]:
    """A run whose supervisor is told when to look, and what came of it."""
    definition = definition_of(name)
    assert definition.family is not None
    method = Watched(definition.family()[0])
    forecast = Forecast(name, method, seed)
    make = lambda: definition.make_supervisor(lambda: definition.policy("expert"), dict(definition.supervision))  # noqa: E731
    looking = Looking(make(), lambda context: told(forecast, context))
    *_, last = (
        event
        for event in events(
            definition.task,
            definition.policy("prior"),
            looking,
            method,
            replace(definition.settings["fast"], rollout_steps=6000, rollout_episodes=episodes),
            seed=seed,
            n_rounds=1,
            rate_threshold=0.0,
            learning=AtHandback,
            environment=forecast.environment,
        )
        if isinstance(event, Round)
    )
    steps = definition.settings["fast"].rollout_steps
    rate = own_rate(definition.task, last.policy, make(), definition.task.make(), n_steps=steps, seed=seed)
    found = {
        "looked": round(float(np.mean(looking.looked)), 3),
        "interventions": int(np.sum(looking.began)),
        "expert_samples": last.expert_steps,
        "own_rate": round(rate, 4),
    }
    return looking, found


def full_attention(name: str, seed: int, episodes: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Expected information before each step under full attention, whether an intervention began, and the result."""
    scores: list[float] = []

    def always(forecast: Forecast, context: DecisionContext) -> bool:
        scores.append(forecast(context))
        return True

    looking, found = supervised(name, seed, episodes, always)
    return np.array(scores), np.array(looking.began), found


def measured(name: str, choose: range, seeds: range, episodes: int) -> dict[str, Any]:
    """The threshold, and the results of a task."""
    before = np.concatenate([full_attention(name, seed, episodes)[0] for seed in choose])
    threshold = float(np.quantile(before, 1.0 - SHARE))
    rows: list[dict[str, Any]] = []
    for seed in seeds:
        scores, began, attentive = full_attention(name, seed, episodes)
        asked = supervised(name, seed, episodes, lambda forecast, context: forecast(context) >= threshold)[1]
        rng = stream(seed, "looking at random")
        share = asked["looked"]
        block = {"left": 0, "looks": True}

        def at_random(
            forecast: Forecast, context: DecisionContext, rng: Any = rng, share: float = share, block: Any = block
        ) -> bool:
            if block["left"] == 0 or context.step == 0:
                block |= {"left": forecast.ahead, "looks": rng.random() < share}
            block["left"] -= 1
            return bool(block["looks"])

        row = {
            "seed": seed,
            "would_look": round(float((scores >= threshold).mean()), 3),
            "interventions": int(began.sum()),
            "would_be_seen": int((began & (scores >= threshold)).sum()),
            "would_be_seen_after_the_first": [
                int((began & np.isfinite(scores) & (scores >= threshold)).sum()),
                int((began & np.isfinite(scores)).sum()),
            ],
            "full_attention": attentive,
            "asked": asked,
            "at_random": supervised(name, seed, episodes, at_random)[1],
        }
        print(name, json.dumps(row), flush=True)
        rows.append(row)
    seen, all_of_them = np.sum([row["would_be_seen_after_the_first"] for row in rows], axis=0)
    means = {
        way: {
            key: round(float(np.mean([row[way][key] for row in rows])), 4)
            for key in ("looked", "expert_samples", "own_rate")
        }
        for way in ("full_attention", "asked", "at_random")
    }
    return {
        "episodes": episodes,
        "chosen_on": list(choose),
        "threshold": round(threshold, 4),
        "would_look": round(float(np.mean([row["would_look"] for row in rows])), 3),
        "would_be_seen": [sum(row["would_be_seen"] for row in rows), sum(row["interventions"] for row in rows)],
        "would_be_seen_after_the_first": [int(seen), int(all_of_them)],
        **means,
        "each": rows,
        "provenance": clean_provenance(provenance()),
    }


def main() -> None:
    """Print the results of each task, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=["highway", "bottle-pushing"])
    parser.add_argument("--choose", type=int, nargs=2, default=(0, 4), metavar=("FIRST", "END"))
    parser.add_argument("--seeds", type=int, nargs=2, default=(100, 104), metavar=("FIRST", "END"))
    parser.add_argument("--episodes", type=int, default=30)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    known = json.loads(asked.out.read_text()) if asked.out and asked.out.exists() else {}
    for name in asked.tasks:
        known[name] = measured(name, range(*asked.choose), range(*asked.seeds), asked.episodes)
        print(name, json.dumps({key: value for key, value in known[name].items() if key not in ("each", "provenance")}))
        if asked.out:
            asked.out.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
