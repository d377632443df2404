"""Share of interventions that say nothing about a wish: the proposal had the same effect as the expert's action.

python benchmarks/experiments/same_effect.py STUDY [STUDY ...] [--out results/instant/same_effect.json]

For instance runs/studies/instant runs/studies/episodes-highway. For each finished run of a task with finitely many
actions, each recorded step is repeated in the simulator, once with each action. Actions after which the observation is
the same to the last digit have the same effect: in a highway's right lane, at the lowest speed, doing nothing, steering
right, and slowing down. An intervention is about nothing if the policy's proposal in its first step has the effect of
the expert's action. No theta explains it. Results of several calls are joined.

With --own-rates the policies of mereq-bayes act once more in the episodes of their own rates, with the expert's choice
among actions of the same effect, and everything else as they want it: what is left is about wishes. Policies that were
not below .05 are measured again, from the last one backwards, as far as the first that is not below .05 then either.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from mereq.core.actions import Discrete
from mereq.core.distribution import Categorical
from mereq.core.policy import Policy
from mereq.core.simulator import Environment, RewindableSimulator, close
from mereq.core.supervisor import Controller
from mereq.core.view import Foreseeable
from mereq.evaluation.own_rate import own_rate
from mereq.interventions.log import InterventionLog
from mereq.interventions.segments import segments
from mereq.irl.foresight import places
from mereq.presets.definition import TaskDefinition
from mereq.presets.registry import definition_of
from mereq.runs.finished import is_finished
from mereq.runs.policies import policy_of
from mereq.runs.recorded import spec_of
from mereq.store.provenance import clean_provenance, provenance
from mereq.store.run_store import OwnRate, RunReader

DELTA = 0.05
GOAL = 40  # expert samples of docs/instant.md's goal: interventions before and after are counted apart
PLACES = 8  # recorded steps that are tried at once


def same_effect(
    log: InterventionLog, simulator: RewindableSimulator, n_actions: int, seed: int
) -> Bool[np.ndarray, "T a a"]:
    """Which pairs of actions have the same effect, in each step of a log."""
    starts = places(log, range(log.steps), simulator, seed)
    found = np.empty((len(starts), n_actions, n_actions), bool)
    actions = np.tile(np.arange(n_actions), PLACES)
    for first in range(0, len(starts), PLACES):
        part = starts[first : first + PLACES]
        for env in range(len(actions)):
            simulator.put(env, part[min(env // n_actions, len(part) - 1)].state)
        after = simulator.step(actions).next_obs.reshape(PLACES, n_actions, -1)[: len(part)]
        found[first : first + len(part)] = (after[:, :, None] == after[:, None]).all(axis=-1)
    return found


def counted(run: Path) -> dict[str, Any] | None:
    """Interventions and their steps, by kind, before and after the goal's number; None for a run of another kind."""
    with RunReader.open(run) as reader:
        config, rounds = reader.starts()[-1].config, reader.rounds()
        actions = definition_of(config["task"]).task.actions
        errs = config.get("noise", 0.0) or config.get("lateness", 0)
        if errs or not isinstance(actions, Discrete) or not is_finished(rounds, config.get("n_rounds", 1)):
            return None
        log = InterventionLog(tuple(reader.rollout(index) for index in range(len(rounds))))
    simulator = definition_of(config["task"]).task.simulate(PLACES * actions.n)
    assert isinstance(simulator, RewindableSimulator)
    same = same_effect(log, simulator, actions.n, config["seed"])
    close(simulator)
    proposed, executed = (
        np.concatenate([getattr(rollout, name) for rollout in log.rollouts]) for name in ("proposed", "executed")
    )
    alike = same[np.arange(log.steps), proposed, executed]
    found = np.zeros((2, 2, 2), int)  # before and after, about a wish and about nothing, interventions and steps
    first, seen = 0, 0
    for rollout in log.rollouts:
        for segment in segments(rollout):
            if segment.controller is Controller.EXPERT:
                found[int(seen >= GOAL), int(alike[first + segment.start])] += (1, len(segment))
                seen += len(segment)
        first += len(rollout)
    by_expert = np.concatenate([rollout.by_expert for rollout in log.rollouts])
    return {
        "run": run,
        "condition": f"{config['task']}, {config['method']}",
        "seed": config["seed"],
        "found": found,
        "alike": (int(alike[by_expert].sum()), int(by_expert.sum())),
        "choices": float((same.sum(axis=2) ** -1.0).sum(axis=1).mean()),
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Numbers of a condition's runs together."""
    found = sum(run["found"] for run in runs)
    alike, steps = np.array([run["alike"] for run in runs]).sum(axis=0).tolist()
    kinds = {
        f"{when} {GOAL} expert samples": {
            "interventions": found[i, :, 0].sum().item(),
            "about_nothing": found[i, 1, 0].item(),
            "expert_samples": found[i, :, 1].sum().item(),
            "of_those_about_nothing": found[i, 1, 1].item(),
        }
        for i, when in enumerate(("before", "after"))
    }
    return {
        "seeds": sorted(run["seed"] for run in runs),
        **kinds,
        "expert_steps_with_the_proposals_effect": round(alike / steps, 3),
        "different_effects_of_actions": round(float(np.mean([run["choices"] for run in runs])), 2),
    }


class WithTheExpertsChoice:
    """A policy that takes, among actions of the same effect, the one that the expert thinks best."""

    def __init__(self, policy: Policy, expert: Policy, environment: Environment, task: TaskDefinition):
        assert task.view is not None
        self._policy, self._expert, self._tried = policy, expert, task.task.make()
        self._tried.reset(seed=0)
        self._here, self._there = task.view(environment), task.view(self._tried)

    def distribution(self, obs: np.ndarray) -> Categorical:
        """Action distribution in the environment's present state."""
        assert isinstance(self._here, Foreseeable)
        assert isinstance(self._there, Foreseeable)
        given, best = self._policy.distribution(obs), self._expert.distribution(obs)
        assert isinstance(given, Categorical)
        assert isinstance(best, Categorical)
        state, after = self._here.save(), list[bytes]()
        for action in range(given.log_probs.shape[1]):
            self._there.restore(state)
            after.append(self._tried.step(action)[0].tobytes())
        groups = np.unique(after, return_inverse=True)[1]
        probabilities = np.zeros(len(groups))
        for group in range(groups.max() + 1):
            inside = groups == group
            chosen = np.argmax(np.where(inside, best.log_probs[0], -np.inf))
            probabilities[chosen] = np.exp(given.log_probs[0][inside]).sum()
        with np.errstate(divide="ignore"):
            return Categorical(np.log(probabilities)[None])


def own_rates(run: Path) -> dict[str, Any]:
    """Last own rate, and expert samples until it stays below delta, as recorded and with the expert's choice."""
    with RunReader.open(run) as reader:
        measured, versions, spec = reader.own_rates(), reader.versions(), spec_of(reader)
        prior, expert = policy_of(spec, "prior"), policy_of(spec, "expert")
        definition = definition_of(spec.task)
        environment = definition.task.make()
        supervisor = definition.make_supervisor(lambda: expert, spec.supervision)

        def again(own: OwnRate) -> float:
            number = max(each.number for each in versions if each.learned_from <= own.supervised_steps)
            policy = WithTheExpertsChoice(reader.version(number, prior), expert, environment, definition)
            n_steps, seed = spec.own_rate_steps, spec.seed
            return own_rate(definition.task, policy, supervisor, environment, n_steps=n_steps, seed=seed)

        last, above = again(measured[-1]), None
        for own in reversed(measured):
            if own.own_rate >= DELTA and (last if own is measured[-1] else again(own)) >= DELTA:
                above = own
                break
        close(environment)
    after = measured if above is None else measured[measured.index(above) + 1 :]
    was = max((i for i, own in enumerate(measured) if own.own_rate >= DELTA), default=-1)
    return {
        "seed": spec.seed,
        "own_rate": measured[-1].own_rate,
        "with_the_experts_choice": last,
        "expert_samples": measured[min(was + 1, len(measured) - 1)].expert_samples,
        "expert_samples_with_the_experts_choice": (after or measured[-1:])[0].expert_samples,
        "censored": [was + 1 == len(measured), not after],
    }


def main() -> None:
    """Count and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="+", type=Path)
    parser.add_argument("--own-rates", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("results/instant/same_effect.json"))
    args = parser.parse_args()
    conditions = defaultdict[str, list[dict[str, Any]]](list)
    for study in args.studies:
        for run in sorted((study / "runs").iterdir()):
            if (found := counted(run)) is not None:
                conditions[found["condition"]].append(found)
    result = json.loads(args.out.read_text()) if args.out.exists() else {}
    for name, runs in sorted(conditions.items()):
        rates = [own_rates(run["run"]) for run in runs] if args.own_rates else []
        result[name] = summary(runs) | ({"own_rates": rates} if rates else {})
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result | {"provenance": clean_provenance(provenance())}, indent=1) + "\n")
    for name in conditions:
        print(name, result[name])


if __name__ == "__main__":
    main()
