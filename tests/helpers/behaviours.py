"""Behaviour by hand: policies on bottle-pushing that are the less like the expert the later they come."""

import numpy as np

from mereq.reports.behaviour import (
    EXPERT,
    EXPERT_AGAIN,
    PRIOR,
    Behaviour,
    EvaluatedPolicy,
    PolicyEvaluation,
    PolicyGroup,
)
from mereq.reports.distributions import feature_counts, jensen_shannon_distance
from mereq.reports.paper import METHODS
from mereq.reports.summary import condition_of
from study_runs import PROVENANCE, run

FEATURES = ("tip2bottle", "bottle2goal", "control_effort", "table_distance")


def evaluation(
    name: str, off: float, *, of=None, reached: bool = True, task: str = "bottle-pushing"
) -> PolicyEvaluation:
    """Ten episodes of 20 steps. off: share of the steps in which a feature is not what the expert's is."""
    features = np.tile((np.arange(200) % 40 / 40)[:, None], (1, len(FEATURES)))
    features[: round(200 * off)] = 1.0
    returns = -100.0 - 100.0 * off - np.arange(10.0)
    policy = EvaluatedPolicy(task, name, lambda: None, run=of, round=of and 2, reached=reached)
    return PolicyEvaluation(
        policy, FEATURES, features, returns, {"success_rate": 1.0 - off, "toppled": 0.0}, PROVENANCE
    )


def group(members: list[PolicyEvaluation]) -> PolicyGroup:
    first, expert = members[0].policy, feature_counts(evaluation(EXPERT, 0.0).features)
    distances = [jensen_shannon_distance(feature_counts(member.features), expert) for member in members]
    return PolicyGroup(first.name, first.run and condition_of(first.run), members, np.array(distances))


def behaviour(methods=tuple(METHODS), seeds: int = 2, *, task: str = "bottle-pushing", config=None) -> Behaviour:
    """Expert, expert again, prior, and the methods; the last seed of MaxEnt never got there."""
    groups = [
        group([evaluation(name, off, task=task)]) for name, off in ((EXPERT, 0.0), (EXPERT_AGAIN, 0.0), (PRIOR, 0.9))
    ]
    for i, method in enumerate(methods):
        runs = [run(method, seed, [0.3, 0.2, 0.1], task=task, config=config) for seed in range(seeds)]
        groups.append(
            group(
                [
                    evaluation(
                        METHODS[method],
                        0.1 * (i + 1) + 0.05 * r.seed,
                        of=r,
                        reached=(method, r.seed) != ("maxent", seeds - 1),
                        task=task,
                    )
                    for r in runs
                ]
            )
        )
    return Behaviour(task, FEATURES, groups)
