"""A wish that no linear combination of the features can say, and methods with a second, unnamed part of the reward.

python benchmarks/experiments/nonlinear.py [TASK] [--wish nonlinear|linear] [--methods NAME ...] [--seeds 100 108]
    [--episodes 40] [--out results/limits/nonlinear.json]

The non-linear wishes: on the highway, the right lane while the car is slower than 25 m/s, other lanes when it is
faster, beside high speed; on the bottle, low fingers near the goal and high ones before. Their experts are residual
learners on the prior, trained here in the simulator with the wish as one more feature. The expert of "linear" is the
task's own. Methods that infer a posterior learn at each handback, the others between rounds of one episode.
"mereq+truth" is MEReQ with the wish as a feature of the task: what can be reached. Per run: expert samples until the
own rate stays below .05, the last own rate, and what the unnamed part is worth: in nats, or (mereq-deep) as its share
of the inferred reward. Results of several calls are joined; seeds in the file are not repeated.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mereq.alignment.added_features import with_features
from mereq.alignment.algorithm import Round, events
from mereq.alignment.handback import AtHandback
from mereq.alignment.posterior_alignment import PosteriorAlignment
from mereq.alignment.schedule import PolicyVersion
from mereq.core.policy import Policy
from mereq.core.reward import LinearReward
from mereq.core.supervisor import Supervisor
from mereq.core.task import Task
from mereq.evaluation.own_rate import own_rate
from mereq.interventions.rollout import SupervisedStep
from mereq.irl.candidates import Moves
from mereq.maxent_rl.learners import residual_learner_of
from mereq.maxent_rl.replay import Replay
from mereq.maxent_rl.simulator_training import SimulatorTraining
from mereq.maxent_rl.training import PhasedTraining
from mereq.presets.definition import TaskDefinition
from mereq.presets.family_settings import family_settings
from mereq.presets.methods import METHODS
from mereq.presets.registry import find_task
from mereq.reports.statistics import mean_ci95, samples_to_stay_below
from mereq.store.policies import load_policy, save_policy
from mereq.store.provenance import clean_provenance, provenance
from mereq.supervision.rules import Rule, Trigger
from mereq.supervision.synthesized import MeasurementExpert
from mereq.tasks.arm.bottle_pushing import Measurements

TRUTH = "+truth"  # after the name of a method: the wish is one of its features
UPDATES = 10_000
TOLERANCE = 0.03  # the highway's; with the bottle's own, .1, theta stays where the first intervention left it
SLOW = 0.4  # of high_speed, below which a car is slower than 25 m/s; one that keeps to 25 m/s has .45 to .55
NEAR, NEAR_METRES = 0.5, 0.15  # of bottle2goal, and the same in metres: the bottle is near its goal
LATEST = 0.08  # where the fingers must be low, if they were high before [m]
LOW, TRAVELS = 0.03, 0.001  # height of low fingers, and way of a bottle that moves in a step [m]
SETTLED = 8  # steps after which the start is over


def slow_right(moves: Moves) -> np.ndarray:
    """right_lane if slower than 25 m/s, and its negative if faster."""
    return moves.features[:, 2] * np.where(moves.features[:, 1] < SLOW, 1.0, -1.0)


def low_at_the_goal(moves: Moves) -> np.ndarray:
    """How low the fingers are near the goal, 1 at the most, and 0 before: a penalty would keep them away from there."""
    return (1.0 - moves.features[:, 3]) * (moves.features[:, 1] < NEAR)


def _as_wished(m: Measurements) -> bool:
    low = bool(m.tip_height < LOW)
    return not (m.bottle_to_goal < LATEST and not low) and not (m.bottle_to_goal > NEAR_METRES and low)


def _otherwise(m: Measurements) -> bool:
    return bool(m.step > SETTLED and m.bottle_to_goal > LOW and not _as_wished(m))


def _stands(m: Measurements) -> bool:
    return bool(m.step > 5 * SETTLED and m.bottle_to_goal > LOW and m.bottle_travel < TRAVELS)


def _pushes_as_wished(m: Measurements) -> bool:
    return bool(m.bottle_travel > TRAVELS and _as_wished(m))


def _at_goal(m: Measurements) -> bool:
    return bool(m.bottle_to_goal <= LOW)


LOW_NEAR = Rule(
    engage=(Trigger(_otherwise, consecutive=3), Trigger(_stands, consecutive=5)),
    disengage=(Trigger(_pushes_as_wished, consecutive=3), Trigger(_at_goal, consecutive=3)),
)


@dataclass(frozen=True)
class Wish:
    """A non-linear wish: one more feature, and all residual weights of its expert.

    rule: when the supervisor takes over; None: as in the task, whose rule compares the policy with the expert's.
    own_steps, last_steps: supervised steps of an own rate: of each policy, and of the last one.
    """

    name: str
    of: Callable[[Moves], np.ndarray]
    theta: tuple[float, ...]
    rule: Rule[Any] | None
    own_steps: int
    last_steps: int

    def added_to(self, task: Task) -> Task:
        """The task with the wish as its last feature."""
        return with_features(task, [self.name], lambda moves: self.of(moves)[:, None])

    def supervisor(self, definition: TaskDefinition, expert: Policy) -> Supervisor:
        """The supervisor who has this wish."""
        if self.rule is None:
            return definition.make_supervisor(lambda: expert)
        return MeasurementExpert(expert, self.rule)


WISHES = {
    "highway": Wish("slow_right_lane", slow_right, (0.0, 1.0, 0.0, 0.8), None, 600, 2000),
    "bottle-pushing": Wish("low_at_the_goal", low_at_the_goal, (0.0, 0.0, 0.0, 0.0, 0.8), LOW_NEAR, 500, 1000),
}


def trained_expert(definition: TaskDefinition, wish: Wish, folder: Path) -> Policy:
    """The expert of a wish, trained on the prior; a stored one is read."""
    prior, file = definition.policy("prior"), folder / f"{wish.name}_expert"
    if file.with_suffix(".json").exists():
        return load_policy(file, definition.task, prior)
    settings = family_settings(definition.settings["fast"], n_updates=UPDATES).training
    task, theta = wish.added_to(definition.task), np.array(wish.theta)
    learner = residual_learner_of(task, settings.learner, prior)
    replay = Replay(
        settings.replay_capacity,
        obs_size=task.state_size,
        actions=task.actions,
        n_features=len(theta),
        n_prior_parameters=learner.n_prior_parameters,
    )
    training = SimulatorTraining(
        learner=learner,
        state=learner.init(0, zero_head=True),
        replay=replay,
        task=task,
        prior=prior,
        schedule=settings.schedule,
    )
    phases = PhasedTraining(training, LinearReward(theta), settings, seed=0)
    for steps in phases.run_phases():
        print("expert:", steps, "steps", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    save_policy(file, phases.policy, about={"wish": theta.tolist(), "provenance": clean_provenance(provenance())})
    return phases.policy


def supervised(
    definition: TaskDefinition, wish: Wish, name: str, expert: Policy, seed: int, episodes: int
) -> dict[str, Any]:
    """One run: own rate after each episode in which the policy changed, with the expert samples so far."""
    method, task, prior = METHODS[name.removesuffix(TRUTH)], definition.task, definition.policy("prior")
    supervisor, judge = (wish.supervisor(definition, expert) for _ in range(2))
    how: dict[str, Any] = {"seed": seed, "rate_threshold": 0.0}
    settings = replace(definition.settings["fast"], rollout_steps=100_000)
    settings = replace(settings, inference=replace(settings.inference, tolerance=TOLERANCE))
    if isinstance(method, PosteriorAlignment):
        assert definition.family is not None
        method, how = replace(method, family=definition.family()[0]), how | {"n_rounds": 1, "learning": AtHandback}
        settings = replace(settings, rollout_episodes=episodes)
    else:
        settings, how = replace(settings, rollout_episodes=1), how | {"n_rounds": episodes}
    if name.endswith(TRUTH):
        task = wish.added_to(task)
    measure = partial(own_rate, definition.task, supervisor=judge, environment=definition.task.make(), seed=seed)
    rates, newest, samples, waits, shares = list[tuple[int, float]](), None, 0, list[float](), list[float]()
    theta, last = np.zeros(len(task.feature_names)), prior
    for event in events(task, prior, supervisor, method, settings, **how):
        if isinstance(event, SupervisedStep):
            if event.step == 0 and newest is not None:
                rates.append((samples, measure(newest, n_steps=wish.own_steps)))
                newest = None
            samples += int(event.controller)
        elif isinstance(event, PolicyVersion):
            newest = last = event.policy
            theta = event.theta
            waits.append(event.seconds)
            belief = event.belief
            shares.append(0.0 if belief is None or belief.unnamed is None else float(np.sum(belief.unnamed)))
        elif isinstance(event, Round):
            if event.progress and newest is None:
                newest = last = event.policy
                theta, share = event.theta, event.state().get("unnamed.share", 0.0)
                waits.append(event.seconds_waited)
                shares.append(float(share))
            if newest is not None:
                rates.append((samples, measure(newest, n_steps=wish.own_steps)))
                newest = None
    reached = samples_to_stay_below([rate for _, rate in rates], [n for n, _ in rates], delta=0.05)
    return {
        "seed": seed,
        "expert_samples": samples,
        "until_stays_below": reached.samples,
        "censored": reached.censored,
        "own_rates": [[n, round(rate, 4)] for n, rate in rates],
        "last_own_rate": round(measure(last, n_steps=wish.last_steps), 4),
        "theta": np.round(theta, 3).tolist(),
        "unnamed": [round(each, 2) for each in shares],
        "seconds_median": round(float(np.median(waits)), 3),
    }


def summary(each: list[dict[str, Any]]) -> dict[str, Any]:
    """Numbers of a method's runs; a censored run counts with all its samples."""

    def mean(name: str) -> list[float]:
        return [round(float(x), 3) for x in mean_ci95(np.array([run[name] for run in each], float))]

    return {
        "runs": len(each),
        "until_stays_below": mean("until_stays_below"),
        "censored": sum(run["censored"] for run in each),
        "expert_samples": mean("expert_samples"),
        "last_own_rate": mean("last_own_rate"),
        "unnamed_at_the_end": sum(run["unnamed"][-1] > 0 for run in each),
        "seconds_median": round(float(np.median([run["seconds_median"] for run in each])), 3),
    }


def main() -> None:
    """Print each run, and write all of them. Seeds in the file are not repeated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=WISHES, nargs="?", default="highway")
    parser.add_argument("--wish", choices=("nonlinear", "linear"), default="nonlinear")
    parser.add_argument("--methods", nargs="+", default=["mereq", "mereq-deep", "mereq-bayes", "mereq-bayes-csil"])
    parser.add_argument("--seeds", type=int, nargs=2, default=(100, 108), metavar=("FIRST", "END"))
    parser.add_argument("--episodes", type=int, default=40)
    parser.add_argument("--expert", type=Path, default=Path("runs/nonlinear"), help="folder of the trained expert")
    parser.add_argument("--out", type=Path, default=Path("results/limits/nonlinear.json"))
    asked = parser.parse_args()
    definition, wish = find_task(asked.task), WISHES[asked.task]
    expert = definition.policy("expert") if asked.wish == "linear" else trained_expert(definition, wish, asked.expert)
    path: Path = asked.out
    path.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(path.read_text()) if path.exists() else {}
    for seed in range(*asked.seeds):
        for name in asked.methods:
            key = f"{asked.task}, {asked.wish}, {name}, {asked.episodes} episodes"
            each = results.get(key, {}).get("each", [])
            if seed in [run["seed"] for run in each]:
                continue
            each = [*each, supervised(definition, wish, name, expert, seed, asked.episodes)]
            print(key, json.dumps(each[-1]), flush=True)
            results[key] = {**summary(each), "each": each, "provenance": clean_provenance(provenance())}
            path.write_text(json.dumps(results) + "\n")
    print(json.dumps({key: {k: v for k, v in found.items() if k != "each"} for key, found in results.items()}))


if __name__ == "__main__":
    main()
