"""Figure of calibration: how often credible intervals contain the true weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from mereq.reports.figures.defaults import with_defaults
from mereq.reports.figures.style import COLORS, bare


@with_defaults
def calibration_figure(
    levels: Mapping[str, Float[np.ndarray, "experts features"]],
    feature_names: Mapping[str, Sequence[str]],
    path: Path,
) -> None:
    """A panel per task: share of true weights inside the central credible interval, over the interval's level. As PNG.

    Args:
        levels: of each task, level of the smallest central interval that contains each true weight.
        feature_names: of each task.
        path: of the PNG.
    """
    figure = Figure(figsize=(3.3 * len(levels), 3.4), layout="constrained")
    for axes, (task, of_task) in zip(figure.subplots(1, len(levels), squeeze=False)[0], levels.items(), strict=True):
        n = len(of_task)
        nominal = np.linspace(0.0, 1.0, 201)
        half_width = 1.96 * np.sqrt(nominal * (1.0 - nominal) / n)
        axes.fill_between(nominal, nominal - half_width, nominal + half_width, color="0.9", linewidth=0)
        for index, name in enumerate(feature_names[task]):
            share = (of_task[:, index] <= nominal[:, None]).mean(axis=1)
            axes.plot(nominal, share, color=COLORS[index], linewidth=1.4, label=name)
        axes.axvline(0.95, color="0.75", linewidth=0.8, zorder=0)
        axes.set(title=f"{task}, {n} experts", xlabel="level of the interval", xlim=(0, 1), ylim=(0, 1.02), aspect=1)
        axes.legend(frameon=False, fontsize=8)
        bare(axes)
    figure.axes[0].set_ylabel("share of true weights inside")
    figure.savefig(path, dpi=140)
