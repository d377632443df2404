"""Figure of one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from mereq.reports.figures.defaults import with_defaults
from mereq.reports.figures.style import COLORS, threshold_lines
from mereq.reports.statistics import THRESHOLDS


@dataclass(frozen=True)
class RunCurves:
    """Data of a run's figure: one entry per round, and features before and after."""

    title: str
    feature_names: tuple[str, ...]
    rates: Sequence[float]
    expert_steps: Sequence[int]
    thetas: Float[np.ndarray, "rounds weights"]  # weights: one per feature, or none at all
    features_before: Float[np.ndarray, " features"]  # mean per step of the prior
    features_after: Float[np.ndarray, " features"]  # mean per step of the last policy


@with_defaults
def run_figure(curves: RunCurves, path: Path) -> None:
    """Intervention rate per round, inferred weights per round, and mean features before and after, as one PNG."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    rate_axes, theta_axes, feature_axes = figure.subplots(1, 3)
    figure.suptitle(curves.title, fontsize=11)
    rounds = np.arange(len(curves.rates))

    threshold_lines(rate_axes, THRESHOLDS, fontsize=7)
    rate_axes.plot(rounds, curves.rates, "o-", color=COLORS[0], markersize=4)
    for index, (rate, samples) in enumerate(zip(curves.rates, curves.expert_steps, strict=True)):
        rate_axes.annotate(f"{samples}", (index, rate), (0, 6), textcoords="offset points", ha="center", fontsize=7)
    rate_axes.set(xlabel="round", ylabel="intervention rate", ylim=(0, 1.15 * max(*curves.rates, 0.15)))
    rate_axes.set_xticks(rounds)
    rate_axes.set_title("How often the expert took over\n(with expert samples so far)", fontsize=9)

    if curves.thetas.size:
        before_first = np.vstack([np.zeros(len(curves.feature_names)), curves.thetas])
        for index, name in enumerate(curves.feature_names):
            theta_axes.plot(range(len(before_first)), before_first[:, index], "o-", color=COLORS[index], markersize=3)
            theta_axes.annotate(
                name,
                (len(before_first) - 1, before_first[-1, index]),
                (4, 0),
                textcoords="offset points",
                fontsize=8,
                color=COLORS[index],
                va="center",
            )
    else:
        theta_axes.annotate(
            "none: this method imitates", (0.5, 0.5), xycoords="axes fraction", ha="center", color="0.5"
        )
    theta_axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    theta_axes.set_xticks(range(len(curves.rates) + 1))
    theta_axes.set_xlim(-0.3, 1.35 * len(curves.rates))
    theta_axes.set(xlabel="rounds of updates", ylabel="inferred residual weight")
    theta_axes.set_title("What the expert wants more of\nthan the prior was trained for", fontsize=9)

    places = np.arange(len(curves.feature_names))
    feature_axes.barh(places - 0.2, curves.features_before, 0.36, color="0.7", label="prior")
    feature_axes.barh(places + 0.2, curves.features_after, 0.36, color=COLORS[0], label="aligned")
    feature_axes.set_yticks(places, curves.feature_names)
    feature_axes.invert_yaxis()
    feature_axes.set(xlabel="mean per step, unsupervised")
    feature_axes.set_title("What the policy does\nbefore and after", fontsize=9)
    feature_axes.legend(frameon=False, fontsize=8)
    for axes in (rate_axes, theta_axes, feature_axes):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=140)
