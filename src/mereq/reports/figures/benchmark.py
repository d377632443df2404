"""Figure of the benchmark: a line per method, a panel per measure, every run a dot."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mereq.reports.figures.defaults import with_defaults
from mereq.reports.figures.style import DPI, bare
from mereq.reports.statistics import mean_ci95

OURS, THEIRS = "#0b6e99", "0.55"  # the mean with its interval; single runs
ROW = 0.24  # height of a line [inch]


class Measure(NamedTuple):
    """A measure of runs: its values by task and method, NaN where a run has none."""

    title: str
    values: Mapping[str, Mapping[str, Sequence[float]]]
    censored: Mapping[str, Mapping[str, Sequence[bool]]] | None = None  # values that are lower bounds
    logarithmic: bool = False
    line: float | None = None  # where a line is drawn


@with_defaults
def benchmark_figure(measures: Sequence[Measure], path: Path) -> None:
    """Each run as a dot (hollow: a lower bound), and each method's mean with its 95 % interval over seeds, as PNG.

    Tasks stand below each other, methods as they are given, the first one above.
    """
    tasks = list(measures[0].values)
    heights = [len(measures[0].values[task]) for task in tasks]
    size = (2.2 + 2.5 * len(measures), 1.2 + ROW * sum(heights) + 0.6 * len(tasks))
    with rc_context({"font.size": 9.0}):
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(
            len(tasks), len(measures), squeeze=False, sharex="col", sharey="row", gridspec_kw={"height_ratios": heights}
        )
        for task, line in zip(tasks, grid, strict=True):
            for measure, axes in zip(measures, line, strict=True):
                _panel(axes, measure, task)
            methods = list(measures[0].values[task])
            line[0].set_yticks(range(len(methods)), methods)
            line[0].set_ylim(len(methods) - 0.5, -0.5)
            if len(tasks) > 1:
                line[0].set_title(task, fontweight="bold", loc="left")
        for measure, axes in zip(measures, grid[-1], strict=True):
            axes.set_xlabel(measure.title)
        handles = [
            Line2D([], [], color=OURS, marker="D", markersize=5, label="mean, 95 % interval"),
            Line2D([], [], color=THEIRS, marker="o", linestyle="none", markersize=4, label="a run"),
            Line2D([], [], color=THEIRS, marker="o", linestyle="none", markersize=4, fillstyle="none",
                   label="a run that is above δ at its end: at least"),
        ]  # fmt: skip
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
        figure.savefig(path, dpi=DPI)


def _panel(axes: Axes, measure: Measure, task: str) -> None:
    for row, (method, found) in enumerate(measure.values[task].items()):
        values = np.array(found, float)
        bound = np.array(measure.censored[task][method] if measure.censored else np.zeros(len(values)), bool)
        for which, style in ((~bound, "full"), (bound, "none")):
            axes.plot(values[which], np.full(which.sum(), row), "o", color=THEIRS, markersize=4, fillstyle=style)
        mean, half = mean_ci95(values)
        middle, reach = float(mean), float(np.nan_to_num(half))
        if np.isfinite(middle):
            low = max(middle - reach, float(values.min()) / 2 if measure.logarithmic else 0.0)
            axes.plot([low, middle + reach], [row, row], color=OURS, linewidth=2, zorder=1)
            axes.plot(middle, row, "D", color=OURS, markersize=5, zorder=3)
    if measure.line is not None:
        axes.axvline(measure.line, color="0.75", linewidth=0.8, zorder=0)
    if measure.logarithmic:
        axes.set_xscale("symlog", linthresh=10)
    axes.set_xlim(left=0)
    axes.grid(axis="y", color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    bare(axes)
