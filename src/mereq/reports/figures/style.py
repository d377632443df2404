"""Style of all figures: sizes, colours, markers and threshold lines."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from mereq.reports.paper import METHODS
from mereq.reports.summary import Condition

COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
)  # distinct for colour-blind readers, too
MARKERS = "osD^vPX"
DPI = 130
WIDTHS = (7.0, 10.0, 12.0, 14.0)  # of the whole figure, by the number of columns [inch]
FONTS = (9.0, 10.0, 11.0, 12.0)  # readable when the figure is 900 pixels wide [point]


class Style(NamedTuple):
    """Colour and marker of one condition."""

    color: str
    marker: str


def condition_styles(conditions: Sequence[Condition]) -> dict[Condition, Style]:
    """A method has the same colour in every study; conditions that share methods are coloured in their order."""
    known = list(METHODS)
    if len({condition.method for condition in conditions}) == len(conditions) and all(
        condition.method in known for condition in conditions
    ):
        return {
            condition: Style(COLORS[known.index(condition.method)], MARKERS[known.index(condition.method)])
            for condition in conditions
        }
    if len(conditions) <= len(COLORS):
        return {condition: Style(COLORS[i], MARKERS[i]) for i, condition in enumerate(conditions)}
    shades = colormaps["viridis"]
    return {
        condition: Style(to_hex(shades(0.95 * i / (len(conditions) - 1))), MARKERS[i % len(MARKERS)])
        for i, condition in enumerate(conditions)
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


def picture_width(columns: int) -> float:
    """Width of a figure with so many columns of panels [inch]."""
    return _by_columns(WIDTHS, columns)


def text_sizes(columns: int) -> dict[Any, Any]:
    """Matplotlib's settings for a figure with so many columns of panels."""
    return {"font.size": _by_columns(FONTS, columns), "hatch.linewidth": 0.8, "axes.titlesize": "medium"}


def bare(axes: Axes) -> None:
    """Remove the lines above and to the right of a panel."""
    axes.spines[["top", "right"]].set_visible(False)


def _by_columns(values: Sequence[float], columns: int) -> float:
    return values[min(max(columns, 1), len(values)) - 1]
