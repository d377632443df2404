"""Figures of a study: the paper's Figure 2, for its methods or for any conditions; and the weights."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context, rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mereq.reports.figures.defaults import with_defaults
from mereq.reports.figures.style import (
    DPI,
    Style,
    bare,
    condition_styles,
    picture_width,
    text_sizes,
    threshold_lines,
)
from mereq.reports.summary import (
    Condition,
    Outcome,
    condition_labels,
    conditions_of,
    per_round,
    runs_of,
    task_name,
    tasks_of,
)
from mereq.studies.study_store import StudyRun

BAR, THEIRS = 0.62, 0.80  # of a bar's place: its width, and where the paper's marker stands
HATCH = "////"


@with_defaults
def study_figure(runs: Sequence[StudyRun], every: Sequence[Outcome], path: Path) -> None:
    """Figure 2: above, the intervention rate of each round (mean, 95 % band); below, expert samples to each threshold.

    A column per task. Bars are means with 95 % intervals, hatched where some runs are censored (their number stands
    above); beside a bar, hollow, the paper's number with its interval. every: the outcomes of the runs.
    """
    tasks, conditions = tasks_of(runs), conditions_of(runs)
    styles = condition_styles(conditions)
    deltas = list(dict.fromkeys(o.delta for o in every))
    counted = len(tasks) < 3  # else there is no room for numbers
    with rc_context(text_sizes(len(tasks))):
        width = picture_width(len(tasks))
        figure = Figure(figsize=(width, 6.2 if len(tasks) == 1 else 7.0), layout="constrained")
        grid = figure.subplots(2, len(tasks), squeeze=False)
        for task, (above, below) in zip(tasks, grid.T, strict=True):
            above.set_title(task_name(task), fontweight="bold")
            _rates(
                above,
                {condition: found for condition in conditions if (found := runs_of(runs, task, condition))},
                styles,
                deltas,
            )
            _bars(below, [o for o in every if o.task == task], styles, deltas, counted=counted)
            if above is not grid[0, 0]:
                above.sharey(grid[0, 0])
        grid[0, 0].set(ylabel="intervention rate", ylim=(0, 1.05 * max(axes.dataLim.ymax for axes in grid[0])))
        grid[1, 0].set_ylabel("expert samples")
        _legend(figure, _condition_handles(condition_labels(conditions), styles) + _bar_handles(every, counted=counted))
        figure.savefig(path, dpi=DPI)


@with_defaults
def theta_figure(
    runs: Sequence[StudyRun],
    path: Path,
    *,
    feature_names: Mapping[str, Sequence[str]],
    difference: Mapping[str, np.ndarray],
) -> None:
    """Weights after each round, a line of panels per task, a panel per feature: mean and 95 % band of each condition.

    feature_names, difference: for tasks where they are known, the names, and the expert's weights less the prior's
    (dashed). Runs of methods that learn no weights are left out.
    """
    runs = [run for run in runs if run.rounds[0].theta.size]
    tasks, conditions = tasks_of(runs), conditions_of(runs)
    styles = condition_styles(conditions)
    n_features = {task: max(run.rounds[0].theta.size for run in runs if run.task == task) for task in tasks}
    columns = max(n_features.values())
    with rc_context(text_sizes(columns - 1)):
        figure = Figure(figsize=(picture_width(columns - 1), 0.9 + 2.4 * len(tasks)), layout="constrained")
        grid = figure.subplots(len(tasks), columns, squeeze=False, sharex=True, sharey="row")
        for task, line in zip(tasks, grid, strict=True):
            names = feature_names.get(task) or [f"feature {index}" for index in range(n_features[task])]
            for index, axes in enumerate(line):
                if index >= n_features[task]:
                    axes.set_visible(False)
                    continue
                axes.axhline(0, color="0.75", linewidth=0.8, zorder=0)
                if task in difference:
                    axes.axhline(difference[task][index], color="0.3", linewidth=1, linestyle=(0, (4, 3)), zorder=0)
                for condition in conditions:
                    mine = runs_of(runs, task, condition)
                    if mine:
                        mean, half = per_round(mine, "theta")
                        _line_with_band(axes, mean[:, index], half[:, index], styles[condition])
                axes.set_yscale("symlog", linthresh=1)  # weights that run away leave the others to be seen
                axes.set_title(names[index])
                bare(axes)
            line[0].set_ylabel(f"{task_name(task)}\nweight" if len(tasks) > 1 else "weight")
        for axes in grid[-1]:
            axes.set_xlabel("round")
        handles = _condition_handles(condition_labels(conditions), styles)
        if any(task in difference for task in tasks):
            dashes = {"color": "0.3", "linewidth": 1, "linestyle": (0, (4, 3))}
            handles.append(Line2D([], [], label="expert's less prior's", **dashes))
        _legend(figure, handles)
        figure.savefig(path, dpi=DPI)


def _rates(
    axes: Axes,
    of_conditions: Mapping[Condition, Sequence[StudyRun]],
    styles: Mapping[Condition, Style],
    deltas: Sequence[float],
) -> None:
    threshold_lines(axes, deltas, fontsize=rcParams["font.size"] - 2)
    for condition, runs in reversed(list(of_conditions.items())):  # the first condition lies on top
        _line_with_band(axes, *per_round(runs, "intervention_rate"), styles[condition], floor=0.0, ceiling=1.0)
    axes.set_xlabel("round")
    axes.set_xticks(range(max(len(run.rounds) for runs in of_conditions.values() for run in runs)))
    bare(axes)


def _line_with_band(
    axes: Axes,
    mean: np.ndarray,
    half: np.ndarray,
    style: Style,
    floor: float = -np.inf,
    ceiling: float = np.inf,
) -> None:
    rounds = np.arange(len(mean))
    low, high = np.clip(mean - half, floor, ceiling), np.clip(mean + half, floor, ceiling)
    axes.fill_between(rounds, low, high, color=style.color, alpha=0.15, linewidth=0)
    axes.plot(rounds, mean, color=style.color, marker=style.marker, markersize=3.5, linewidth=1.5)


def _bars(
    axes: Axes, here: Sequence[Outcome], styles: Mapping[Condition, Style], deltas: Sequence[float], *, counted: bool
) -> None:
    """Groups of bars, a group per delta, a place per condition. counted: say above a bar how many runs are censored."""
    present = list(dict.fromkeys(o.condition for o in here))
    group = len(present) + 1.2
    for o, following in zip(here, [*here[1:], None], strict=True):
        left = deltas.index(o.delta) * group + present.index(o.condition)
        hatch = HATCH if o.mean.sign else None
        color = styles[o.condition].color
        axes.bar(left, o.mean.value, BAR, align="edge", color=color, edgecolor="white", hatch=hatch, linewidth=0)
        top = o.mean.value
        if np.isfinite(o.mean.high):
            top = o.mean.high
            _whisker(axes, left + BAR / 2, o.mean.value, top - o.mean.value, color="0.15", capsize=1.5)
        if o.mean.sign and counted:
            axes.annotate(
                f"{o.samples.censored.sum()}/{len(o.samples)}",
                (left + BAR / 2, top),
                (0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=rcParams["font.size"] - 3,
                color="0.25",
                rotation=90 if len(present) > 4 else 0,
            )
        if o.reported and not _shares_the_papers(o, following):
            alone = sum(condition.method == o.condition.method for condition in present) == 1
            color = color if alone else "0.3"
            _whisker(axes, left + THEIRS, o.reported.mean, o.reported.ci95, color=color)
            axes.plot(left + THEIRS, o.reported.mean, "D", markersize=3.5, color=color, markerfacecolor="white")
    middles = [i * group + len(present) / 2 - (1 - BAR) / 2 for i in range(len(deltas))]
    axes.set_xticks(middles, [f"{delta:.2f}" for delta in deltas])
    axes.set_xlabel("until the intervention rate is below")
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.8, len(deltas) * group - 0.6)
    axes.set_ylim(0, 1.08 * max(axes.dataLim.ymax, 1))
    axes.grid(axis="y", color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    bare(axes)


def _whisker(axes: Axes, x: float, mean: float, half: float, *, color: str, capsize: float = 0.0) -> None:
    """An interval, cut off at zero."""
    axes.errorbar(x, mean, [[min(half, mean)], [half]], color=color, elinewidth=0.9, capsize=capsize, capthick=0.9)


def _shares_the_papers(outcome: Outcome, following: Outcome | None) -> bool:
    """Whether the paper's number stands beside the next bar too: it is drawn once, at the last of them."""
    return (
        following is not None
        and (following.delta, following.condition.method) == (outcome.delta, outcome.condition.method)
        and following.reported == outcome.reported
    )


def _condition_handles(labels: Mapping[Condition, str], styles: Mapping[Condition, Style]) -> list[Artist]:
    return [
        Line2D([], [], color=style.color, marker=style.marker, markersize=5, linewidth=2.5, label=labels[condition])
        for condition, style in styles.items()
    ]


def _bar_handles(here: Sequence[Outcome], *, counted: bool) -> list[Artist]:
    """Handles of the legend for marks in the bars besides the conditions."""
    handles: list[Artist] = []
    if any(o.reported for o in here):
        diamond = {"marker": "D", "markersize": 4, "markerfacecolor": "white", "color": "0.3", "linewidth": 0.9}
        handles.append(Line2D([], [], label="the paper's", **diamond))
    if any(o.mean.sign for o in here):
        hatched = {"facecolor": "0.55", "edgecolor": "white", "hatch": HATCH, "linewidth": 0}
        handles.append(Patch(label="at least (n/N censored)" if counted else "at least (some censored)", **hatched))
    return handles


def _legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """Above the panels, on as few lines as there is room for."""
    room = figure.get_figwidth() * 72 / (0.58 * rcParams["font.size"])  # in letters
    lengths = [len(str(handle.get_label())) + 8.5 for handle in handles]  # with the sample beside it
    lines = 1
    while lines < len(handles) and sum(max(lengths[i : i + lines]) for i in range(0, len(handles), lines)) > room:
        lines += 1
    figure.legend(handles=handles, loc="outside upper center", ncols=math.ceil(len(handles) / lines), frameon=False)
