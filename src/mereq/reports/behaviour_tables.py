"""Tables of how policies behave, beside the paper's Tables 3 and 4; and the numbers as CSV."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mereq.reports import paper
from mereq.reports.behaviour import EXPERT, Behaviour, Group, Observed
from mereq.reports.distributions import BINS
from mereq.reports.statistics import mean_ci95
from mereq.reports.tables import Record, Table
from mereq.store.checkpoints import digest
from mereq.store.provenance import clean_provenance

DAGGER = "†"


# For people


def distance_table(behaviour: Behaviour) -> Table:
    """Table 3: a line per feature, a column per policy; mean over seeds (95 % interval); the paper's below, if any.

    The smallest mean of the methods is bold where there are several.
    """
    groups = [group for group in behaviour.groups if group.name != EXPERT]
    lines, beside = [], _has_paper(behaviour)
    for index, feature in enumerate(behaviour.feature_names):
        means = {group.name: group.distances[:, index].mean() for group in groups if group.row}
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
            _mean(seed_returns(group), ".1f") if group.row else "–",
        )
        for group in behaviour.groups
    ]
    theirs = ["paper: mean (std)"] if beside else []
    return Table(("policy", "episodes", "ours: mean (std)", *theirs, "mean over seeds (CI)"), lines)


def measure_table(behaviour: Behaviour) -> Table:
    """What the task measures itself, a line per policy: the prior is before, the methods are after."""
    names = measures_of(behaviour)
    lines = [(heading(group), *(_mean(measured(group, name), ".3g") for name in names)) for group in behaviour.groups]
    return Table(("policy", *names), lines)


def heading(group: Group) -> str:
    """The name of a group; with a dagger, how many of its runs never reached a rate that is low enough."""
    n = group.never_reached
    return f"{group.name} {DAGGER}{n}/{len(group.members)}" if n else group.name


def measures_of(behaviour: Behaviour) -> list[str]:
    """Names of all that the task measures."""
    return list(dict.fromkeys(name for group in behaviour.groups for o in group.members for name in o.measures))


def measured(group: Group, name: str) -> np.ndarray:
    """One measure of each member."""
    return np.array([member.measures.get(name, np.nan) for member in group.members])


def seed_returns(group: Group) -> np.ndarray:
    """Mean return of each member."""
    return np.array([member.returns.mean() for member in group.members])


def paper_distance(task: str, group: Group, feature: str) -> paper.Reported | None:
    """Table 3, where it has this."""
    if group.row is None or not _is_papers(task, group):
        return None
    return paper.TABLE_3.get(feature, {}).get(group.row.method)


def paper_return(task: str, group: Group) -> tuple[float, float] | None:
    """Table 4, where it has this: mean and standard deviation."""
    if not _is_papers(task, group):
        return None
    return paper.TABLE_4.get("expert" if group.name == EXPERT else group.row.method if group.row else "")


def _is_papers(task: str, group: Group) -> bool:
    """The paper reports one task, without noise."""
    run = group.members[0].subject.run
    return task == paper.BEHAVIOUR_TASK and not (run and run.config.get("noise"))


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
    """A line per policy and quantity."""
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
    """A line per group and quantity: mean over seeds, half width of its 95 % interval, and the paper's numbers.

    `return` is the mean over all episodes; its spread, and the paper's, is the standard deviation.
    """
    records = []
    for b in behaviours:
        for group in b.groups:
            key = _group_key(b, group) | {"policies": len(group.members), "never_reached": group.never_reached}

            def add(quantity: str, mean: float, spread: float, theirs: Any = None, key: Record = key) -> None:
                theirs = theirs or (None, None)
                numbers = {"mean": mean, "spread": spread, "paper_mean": theirs[0], "paper_spread": theirs[1]}
                records.append(key | {"quantity": quantity} | numbers)

            for index, name in enumerate(b.feature_names):
                add(f"js_distance {name}", *_floats(group.distances[:, index]), paper_distance(b.task, group, name))
            add("return", float(group.returns.mean()), float(group.returns.std()), paper_return(b.task, group))
            add("return over seeds", *_floats(seed_returns(group)))
            for name in measures_of(b):
                add(name, *_floats(measured(group, name)))
    return records


def return_records(behaviours: Sequence[Behaviour]) -> list[Record]:
    """A line per episode."""
    return [
        _key(b, group, member) | {"episode": episode, "return": float(value)}
        for b in behaviours
        for group in b.groups
        for member in group.members
        for episode, value in enumerate(member.returns)
    ]


def distribution_records(behaviours: Sequence[Behaviour]) -> list[Record]:
    """A line per group, feature and bin: the share of the steps of all seeds."""
    return [
        _group_key(b, group) | {"feature": name, "from": i / BINS, "to": (i + 1) / BINS, "share": float(share)}
        for b in behaviours
        for group in b.groups
        for name, counts in zip(b.feature_names, group.counts, strict=True)
        for i, share in enumerate(counts / counts.sum())
    ]


def evaluation_records(behaviours: Sequence[Behaviour]) -> list[Record]:
    """Where the evaluations come from, for JSON: each provenance, and the policies that were evaluated there."""
    found: dict[str, tuple[dict[str, Any], list[Record]]] = {}
    for b in behaviours:
        for group in b.groups:
            for member in group.members:
                _, policies = found.setdefault(digest(member.provenance), (member.provenance, []))
                policies.append(_key(b, group, member))
    return [{"provenance": clean_provenance(origin), "policies": policies} for origin, policies in found.values()]


def _group_key(behaviour: Behaviour, group: Group) -> Record:
    row = group.row._asdict() if group.row else {"method": "", "variant": "", "preset": ""}
    return {"task": behaviour.task, "policy": group.name} | row


def _key(behaviour: Behaviour, group: Group, member: Observed) -> Record:
    about = member.subject
    of_run = {"seed": about.run.seed, "round": about.round, "reached": int(about.reached)} if about.run else {}
    return _group_key(behaviour, group) | {"seed": None, "round": None, "reached": None} | of_run


def _floats(values: np.ndarray) -> tuple[float, float]:
    mean, half = mean_ci95(values)
    return float(mean), float(half)
