"""Figures of the behaviour of policies: the paper's Figures 11 and 12."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mereq.reports.behaviour import EXPERT, EXPERT_AGAIN, PRIOR, Behaviour, PolicyGroup
from mereq.reports.behaviour_tables import heading, paper_return
from mereq.reports.distributions import BINS
from mereq.reports.figures.defaults import with_defaults
from mereq.reports.figures.style import DPI, bare, condition_styles, picture_width, text_sizes

GREYS = {EXPERT: "0.55", PRIOR: "0.25"}
RETURN_BINS = 30
SHARES = (0.01, 0.1, 0.25, 0.5, 1.0)  # that are written at the axis


@with_defaults
def feature_figure(behaviour: Behaviour, path: Path) -> None:
    """Figure 11: a line of panels per policy, a column per feature; the policy's distribution over the expert's.

    Steps of all seeds in bins; heights are square roots of shares, so that a bin with nearly all steps leaves the
    others to be seen. In each panel the mean distance of Table 3.
    """
    expert = behaviour.groups[0]
    groups = [group for group in behaviour.groups if group.name not in (EXPERT, EXPERT_AGAIN)]
    colors = _colors(groups)
    columns = len(behaviour.feature_names)
    with rc_context(text_sizes(columns - 1)):
        figure = Figure(figsize=(picture_width(columns - 1), 1.0 + 1.3 * len(groups)), layout="constrained")
        grid = figure.subplots(len(groups), columns, squeeze=False, sharex=True, sharey=True)
        for group, line in zip(groups, grid, strict=True):
            for index, axes in enumerate(line):
                _shares(axes, expert.counts[index], color="0.75", fill=True)
                _shares(axes, group.counts[index], color=colors[group.name], linewidth=1.4)
                distance = group.distances[:, index].mean()
                axes.annotate(f"{distance:.3f}", (0.5, 0.97), xycoords="axes fraction", ha="center", va="top")
                bare(axes)
            line[0].set_ylabel(
                _wrapped(heading(group), 14), color=colors[group.name], rotation=0, ha="right", va="center"
            )
        for name, axes in zip(behaviour.feature_names, grid[0], strict=True):
            axes.set_title(name, fontweight="bold")
        grid[0, 0].set_yscale("function", functions=(_root, np.square))
        highest = max((group.counts / group.counts.sum(axis=1, keepdims=True)).max() for group in [expert, *groups])
        grid[0, 0].set(ylim=(0, 1.3 * highest), xlim=(-0.02, 1.02))
        written = [share for share in SHARES if share <= 1.3 * highest]
        grid[0, 0].set_yticks(written, [f"{share:.0%}" for share in written])
        handles = [
            Patch(color="0.75", label="the expert's share of steps"),
            Line2D([], [], color=GREYS[PRIOR], linewidth=1.4, label="the policy's, and its Jensen-Shannon distance"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False)
        figure.savefig(path, dpi=DPI)


@with_defaults
def return_figure(behaviour: Behaviour, path: Path) -> None:
    """Figure 12: the distribution of the return under the expert's reward, for each policy, over all seeds.

    Shapes are histograms, each as wide as its fullest bin. Dots are means, lines reach a standard deviation to both
    sides; hollow: the paper's.
    """
    groups = [group for group in behaviour.groups if group.name != EXPERT_AGAIN]
    colors = _colors(groups)
    with rc_context(text_sizes(2)):
        figure = Figure(figsize=(picture_width(2), 4.4), layout="constrained")
        axes = figure.subplots()
        places = np.arange(len(groups))
        edges = np.histogram_bin_edges(np.concatenate([group.returns for group in groups]), RETURN_BINS)
        for place, group in zip(places, groups, strict=True):
            color = colors[group.name]
            counts, _ = np.histogram(group.returns, edges)
            half = 0.42 * np.append(counts, 0) / counts.max()
            axes.fill_betweenx(edges, place - half, place + half, step="post", color=color, alpha=0.35, linewidth=0)
            theirs = paper_return(behaviour.task, group)
            left = place - (0.05 if theirs else 0.0)
            _with_spread(axes, left, group.returns.mean(), group.returns.std(), color=color, face=color)
            if theirs:
                _with_spread(axes, place + 0.15, *theirs, color="0.3", face="white")
        expert = groups[0].returns.mean()
        axes.axhline(expert, color="0.75", linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        few = len(groups) <= 10
        axes.set_xticks(places, [_wrapped(heading(group), 100 // len(groups) if few else 24) for group in groups])
        axes.tick_params(axis="x", length=0, rotation=0 if few else 90)
        if any(paper_return(behaviour.task, group) for group in groups):
            hollow = {"marker": "D", "markersize": 4.5, "markerfacecolor": "white", "color": "0.3", "linewidth": 1.2}
            handles = [Line2D([], [], label="the paper's mean and standard deviation", **hollow)]
            figure.legend(handles=handles, loc="outside upper center", frameon=False)
        axes.set_ylabel("return under the expert's reward")
        bare(axes)
        figure.savefig(path, dpi=DPI)


def _colors(groups: Sequence[PolicyGroup]) -> dict[str, str]:
    conditions = [group.condition for group in groups if group.condition]
    styles = condition_styles(conditions)
    return {group.name: styles[group.condition].color if group.condition else GREYS[group.name] for group in groups}


def _wrapped(text: str, letters: int) -> str:
    return fill(text, letters, break_on_hyphens=False, break_long_words=False)


def _shares(axes: Axes, counts: np.ndarray, *, color: str, fill: bool = False, linewidth: float | None = None) -> None:
    axes.stairs(counts / counts.sum(), np.linspace(0, 1, BINS + 1), color=color, fill=fill, linewidth=linewidth)


def _root(share: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(share, 0))


def _with_spread(axes: Axes, place: float, mean: float, spread: float, *, color: str, face: str) -> None:
    marker = {"marker": "o" if face == color else "D", "markersize": 4.5, "markerfacecolor": face}
    axes.errorbar(place, mean, spread, color=color, elinewidth=1.2, **marker)
