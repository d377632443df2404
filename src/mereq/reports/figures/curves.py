"""Figure of learning within a run: cumulative expert samples and own rates over supervised steps."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mereq.reports.figures.defaults import with_defaults
from mereq.reports.figures.style import COLORS, bare


@with_defaults
def curves_figure(
    curves: Mapping[tuple[str, ...], Mapping[str, Sequence[float | None]]], path: Path, *, delta: float = 0.05
) -> None:
    """A column per task: above, mean expert samples so far; below, mean own rate of the newest policy. As PNG.

    Args:
        curves: for each task and method: supervised_steps, expert_samples and own_rate.
        path: of the PNG.
        delta: rate that is marked.
    """
    tasks, methods = (list(dict.fromkeys(key[i] for key in curves)) for i in (0, 1))
    figure = Figure(figsize=(3.2 * len(tasks), 4.8), layout="constrained")
    panels = dict(zip(tasks, figure.subplots(2, len(tasks), squeeze=False, sharex="col").T, strict=True))
    for (task, method), curve in curves.items():
        for panel, name in zip(panels[task], ("expert_samples", "own_rate"), strict=True):
            values = np.array(curve[name], float)
            panel.plot(curve["supervised_steps"], values, color=COLORS[methods.index(method)], label=method)
    for task, (above, below) in panels.items():
        above.set(title=task, yscale="symlog", ylim=(0, None))
        below.set(xlabel="supervised steps", ylim=(0, None))
        below.axhline(delta, color="0.75", linewidth=0.8, zorder=0)
        bare(above)
        bare(below)
    above, below = panels[tasks[0]]
    above.set_ylabel("expert samples so far, mean")
    below.set_ylabel("own rate, mean")
    handles = {
        label: line for panel in figure.axes for line, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles), frameon=False)
    figure.savefig(path, dpi=140)
