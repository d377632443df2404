"""What all pictures share: colours, markers and threshold lines."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from mereq.experiments.paper import METHODS
from mereq.experiments.summary import Row

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # told apart by everyone
MARKERS = "osD^vPX"


class Style(NamedTuple):
    """How one row is drawn."""

    color: str
    marker: str


def row_styles(rows: Sequence[Row]) -> dict[Row, Style]:
    """A method has the same colour in every study; rows that share methods are coloured in their order."""
    known = list(METHODS)
    if len({row.method for row in rows}) == len(rows) and all(row.method in known for row in rows):
        return {row: Style(COLORS[known.index(row.method)], MARKERS[known.index(row.method)]) for row in rows}
    if len(rows) <= len(COLORS):
        return {row: Style(COLORS[i], MARKERS[i]) for i, row in enumerate(rows)}
    shades = colormaps["viridis"]
    return {
        row: Style(to_hex(shades(0.95 * i / (len(rows) - 1))), MARKERS[i % len(MARKERS)]) for i, row in enumerate(rows)
    }


def threshold_lines(axes: Axes, deltas: Sequence[float], fontsize: float) -> None:
    """A thin line at each threshold, its number to the right of the panel."""
    for delta in deltas:
        axes.axhline(delta, color="0.75", linewidth=0.8, zorder=0)
        axes.annotate(
            f"{delta:.2f}",
            (1, delta),
            (3, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=fontsize,
            color="0.45",
        )
