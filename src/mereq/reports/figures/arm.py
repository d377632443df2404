"""Figure of the arm's policies: the quantity that distinguishes each task's expert from its prior."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from mereq.reports.figures.defaults import with_defaults
from mereq.reports.figures.style import COLORS

LOOK = {"prior": "0.7", "expert": COLORS[0]}  # as the prior and the aligned policy in a run's figure
BINS = 30


@dataclass(frozen=True)
class Panel:
    """One task's quantity, by role ("prior", "expert"): its values, and a line on what comes of it."""

    title: str
    quantity: str  # with its unit
    values: Mapping[str, Float[np.ndarray, " _"]]
    outcomes: Mapping[str, str]


@with_defaults
def arm_figure(panels: Sequence[Panel], path: Path) -> None:
    """A histogram per task, of the prior and of the expert; under its title, what comes of it. As PNG."""
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        top = max((values.max() for values in panel.values.values() if values.size), default=1.0)
        edges = np.linspace(0.0, top, BINS + 1)
        for role, values in panel.values.items():
            heights = np.histogram(values, edges)[0] / max(len(values), 1)
            axes.bar(edges[:-1], heights, np.diff(edges), align="edge", color=LOOK[role], alpha=0.75, label=role)
        says = "\n".join(f"{role}: {outcome}" for role, outcome in panel.outcomes.items())
        axes.set_title(f"{panel.title}\n{says}", fontsize=9)
        axes.set(xlabel=panel.quantity, ylabel="share")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=140)
