"""Tables of the behaviour of policies, beside the paper's Tables 3 and 4; and the same numbers as CSV records."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mereq.reports import paper
from mereq.reports.behaviour import EXPERT, Behaviour, PolicyEvaluation, PolicyGroup
from mereq.reports.distributions import BINS
from mereq.reports.statistics import mean_ci95
from mereq.reports.tables import Record, Table
from mereq.store.checkpoints import digest
from mereq.store.provenance import clean_provenance

DAGGER = "†"


# For people


def distance_table(behaviour: Behaviour) -> Table:
    """Table 3: a line per feature, a column per group; mean over seeds (95 % interval); the paper's below, if any.

    The smallest mean of the methods is bold where there are several.
    """
    groups = [group for group in behaviour.groups if group.name != EXPERT]
    lines, beside = [], _has_paper(behaviour)
    for index, feature in enumerate(behaviour.feature_names):
        means = {group.name: group.distances[:, index].mean() for group in groups if group.condition}
        best = min(means, key=lambda name: means[name]) if len(means) > 1 else None
        cells = [_bold(_mean(group.distances[:, index], ".3f"), group.name == best) for group in groups]
        lines.append((feature, *(["ours"] if beside else []), *cells))
        if beside:
            theirs = [paper_distance(behaviour.task, group, feature) for group in groups]
            lines.append(("", "paper", *(_spread(reported, 3) for reported in theirs)))
    return Table(("feature", *([""] if beside else []), *map(heading, groups)), lines)


def return_table(behaviour: Behaviour) -> Table:
    """Table 4: a line per policy; mean (standard deviation) over all episodes, and over seeds with its interval."""
    beside = _has_paper(behaviour)
    lines = [
        (
            heading(group),
            f"{len(group.returns)}",
            f"{group.returns.mean():.1f} ({group.returns.std():.1f})",
            *([_spread(paper_return(behaviour.task, group), 1)] if beside else []),
            _mean(seed_returns(group), ".1f") if group.condition else "–",
        )
        for group in behaviour.groups
    ]
    theirs = ["paper: mean (std)"] if beside else []
    return Table(("policy", "episodes", "ours: mean (std)", *theirs, "mean over seeds (CI)"), lines)


def measure_table(behaviour: Behaviour) -> Table:
    """Measures of the task's own, a line per group: the prior is before, the methods are after."""
    names = measures_of(behaviour)
    lines = [(heading(group), *(_mean(measured(group, name), ".3g") for name in names)) for group in behaviour.groups]
    return Table(("policy", *names), lines)


def heading(group: PolicyGroup) -> str:
    """Name of a group; with a dagger, how many of its runs never had a rate that is low enough."""
    n = group.never_reached
    return f"{group.name} {DAGGER}{n}/{len(group.members)}" if n else group.name


def measures_of(behaviour: Behaviour) -> list[str]:
    """Names of the task's own measures."""
    members = [member for group in behaviour.groups for member in group.members]
    return list(dict.fromkeys(name for member in members for name in member.measures))


def measured(group: PolicyGroup, name: str) -> np.ndarray:
    """Value of one measure for each member."""
    return np.array([member.measures.get(name, np.nan) for member in group.members])


def seed_returns(group: PolicyGroup) -> np.ndarray:
    """Mean return of each member."""
    return np.array([member.returns.mean() for member in group.members])


def paper_distance(task: str, group: PolicyGroup, feature: str) -> paper.Reported | None:
    """Distance of a method's policies in Table 3; None where the table has none."""
    if group.condition is None:
        return None
    return paper.feature_distance(task, group.condition.method, feature, noise=_noise(group))


def paper_return(task: str, group: PolicyGroup) -> tuple[float, float] | None:
    """Mean and standard deviation of a group's returns in Table 4; None where the table has none."""
    policy = "expert" if group.name == EXPERT else group.condition.method if group.condition else ""
    return paper.episode_return(task, policy, noise=_noise(group))


def _noise(group: PolicyGroup) -> float:
    run = group.members[0].policy.run
    return run.config.noise if run else 0.0


def _has_paper(behaviour: Behaviour) -> bool:
    return any(paper_return(behaviour.task, group) for group in behaviour.groups)


def _mean(values: np.ndarray, form: str) -> str:
    mean, half = mean_ci95(values)
    return format(float(mean), form) + ("" if np.isnan(half) else f" ({format(float(half), form)})")


def _spread(reported: Sequence[float] | None, digits: int) -> str:
    return "–" if reported is None else f"{reported[0]:.{digits}f} ({reported[1]:.{digits}f})"


def _bold(text: str, bold: bool) -> str:
    return f"**{text}**" if bold else text


# For programs


def policy_records(behaviours: Sequence[Behaviour]) -> list[Record]:
    """Records of `behaviour.csv`, one per policy and quantity."""
    return [
        _key(b, group, member) | {"quantity": quantity, "value": value}
        for b in behaviours
        for group in b.groups
        for i, member in enumerate(group.members)
        for quantity, value in (
            *zip((f"js_distance {name}" for name in b.feature_names), group.distances[i].tolist(), strict=True),
            *zip((f"mean {name}" for name in b.feature_names), member.features.mean(axis=0).tolist(), strict=True),
            ("return_mean", float(member.returns.mean())),
            ("return_std", float(member.returns.std())),
            *member.measures.items(),
        )
    ]


def summary_records(behaviours: Sequence[Behaviour]) -> list[Record]:
    """Records of `behaviour_summary.csv`, one per group and quantity: mean over seeds, half width of its 95 % interval.

    The paper's numbers stand beside ours. `return` is the mean over all episodes; its spread, and the paper's, is the
    standard deviation.
    """
    records = []
    for b in behaviours:
        for group in b.groups:
            key = _group_key(b, group) | {"policies": len(group.members), "never_reached": group.never_reached}

            def add(
                quantity: str, mean: float, spread: float, theirs: Sequence[float] | None = None, key: Record = key
            ) -> None:
                paper_mean, paper_spread = theirs or (None, None)
                numbers = {"mean": mean, "spread": spread, "paper_mean": paper_mean, "paper_spread": paper_spread}
                records.append(key | {"quantity": quantity} | numbers)

            for index, name in enumerate(b.feature_names):
                add(f"js_distance {name}", *_floats(group.distances[:, index]), paper_distance(b.task, group, name))
            add("return", float(group.returns.mean()), float(group.returns.std()), paper_return(b.task, group))
            add("return over seeds", *_floats(seed_returns(group)))
            for name in measures_of(b):
                add(name, *_floats(measured(group, name)))
    return records


def return_records(behaviours: Sequence[Behaviour]) -> list[Record]:
    """Records of `returns.csv`, one per episode."""
    return [
        _key(b, group, member) | {"episode": episode, "return": float(value)}
        for b in behaviours
        for group in b.groups
        for member in group.members
        for episode, value in enumerate(member.returns)
    ]


def distribution_records(behaviours: Sequence[Behaviour]) -> list[Record]:
    """Records of `distributions.csv`, one per group, feature and bin: the share of the steps of all seeds."""
    return [
        _group_key(b, group) | {"feature": name, "from": i / BINS, "to": (i + 1) / BINS, "share": float(share)}
        for b in behaviours
        for group in b.groups
        for name, counts in zip(b.feature_names, group.counts, strict=True)
        for i, share in enumerate(counts / counts.sum())
    ]


def evaluation_records(behaviours: Sequence[Behaviour]) -> list[Record]:
    """Provenances of the evaluations, for JSON: each with the policies that were evaluated there."""
    found: dict[str, tuple[dict[str, Any], list[Record]]] = {}
    for b in behaviours:
        for group in b.groups:
            for member in group.members:
                _, policies = found.setdefault(digest(member.provenance), (member.provenance, []))
                policies.append(_key(b, group, member))
    return [{"provenance": clean_provenance(origin), "policies": policies} for origin, policies in found.values()]


def _group_key(behaviour: Behaviour, group: PolicyGroup) -> Record:
    condition = group.condition._asdict() if group.condition else {"method": "", "variant": "", "preset": ""}
    return {"task": behaviour.task, "policy": group.name} | condition


def _key(behaviour: Behaviour, group: PolicyGroup, member: PolicyEvaluation) -> Record:
    policy = member.policy
    of_run = {"seed": policy.run.seed, "round": policy.round, "reached": int(policy.reached)} if policy.run else {}
    return _group_key(behaviour, group) | {"seed": None, "round": None, "reached": None} | of_run


def _floats(values: np.ndarray) -> tuple[float, float]:
    mean, half = mean_ci95(values)
    return float(mean), float(half)
