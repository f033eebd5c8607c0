"""Colours, sizes and the figure that every plot is drawn on.

A figure never goes through `pyplot`, so no global list of open figures grows and a notebook shows none twice.
Colours are safe for colour-blind readers: Okabe and Ito's for categories, ColorBrewer's YlOrBr (sequential)
and RdBu (diverging) for maps.
"""

import functools
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import matplotlib.figure
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.text import Text

from signalcam.whole_file import whole_file

WIDTH, COLUMN_GAP, DPI = 9.0, 0.6, 80  # in inches, and dots an inch
SHOWN, LEGIBLE = 9.15, 8.0  # inches that a page gives a figure, and points that can be read there
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D1F")
SUPERCLASS_COLOURS = dict(zip(("NORM", "MI", "STTC", "CD", "HYP"), PALETTE, strict=False))
INK, MUTED = "#1a1a1a", "#666666"
TOWARDS, AGAINST = "#B2182B", "#2166AC"
# Of a heatmap in [0, 1]: cream to orange. Of signed evidence: blue speaks against the class, white is 0, red
# for it. Both are light enough for a black trace on top.
_light = matplotlib.colormaps["YlOrBr"](np.linspace(0.0, 0.58, 128))
HEAT_COLOURS = LinearSegmentedColormap.from_list("signalcam_heat", _light)
_light = matplotlib.colormaps["RdBu_r"](np.linspace(0.17, 0.83, 129))
EVIDENCE_COLOURS = LinearSegmentedColormap.from_list("signalcam_evidence", _light)
# Limits of colour in logits per second, one for all records: 99 of 100 positions lie within. A lead: a share.
LEAD_SHARE = 0.25
EVIDENCE, BY_LEAD = Normalize(-1.0, 1.0), Normalize(-LEAD_SHARE, LEAD_SHARE)

TIMELESS = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}

STYLE = {
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "white"),
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 9),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "axes.grid", "legend.frameon"), False),
    **dict.fromkeys(("path.simplify", "text.usetex"), False),
    **dict.fromkeys(("font.size", "axes.labelsize"), 10),
    "font.family": ["DejaVu Sans"],
    "figure.titlesize": 12,
    "axes.titlesize": 10.5,
    "axes.titleweight": "normal",
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "lines.linewidth": 1.4,
    "hatch.linewidth": 0.6,
}


class Figure(matplotlib.figure.Figure):
    """A Matplotlib figure that draws itself, as the value of a notebook's cell, without `pyplot`."""

    def headline(self, text: str, *lines: str, colour: str = INK) -> None:
        """Write the title 0.12 inches below the upper edge, smaller lines below, the last in a colour."""
        height = self.get_size_inches()[1]
        self.suptitle(text, y=1 - 0.12 / height, va="top")
        style = {"ha": "center", "va": "top", "fontsize": 10.5}
        for number, line in enumerate(lines, start=1):
            place = 0.5, 1 - (0.2 + 0.22 * number) / height
            self.text(*place, line, color=colour if number == len(lines) else INK, **style)

    def caption(self, text: str) -> None:
        """Write small grey sentences at the lower left edge."""
        place = np.divide((0.09, 0.06), self.get_size_inches())
        self.text(*place, text, fontsize=8.5, color=MUTED, ha="left", va="bottom", linespacing=1.35)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Two dots for each that a notebook's width needs, for screens that can show them."""
        buffer, (width, height) = io.BytesIO(), self.get_size_inches()
        dots = 96 * min(1.0, SHOWN / width)  # a browser's inch has 96
        self.savefig(buffer, format="png", dpi=2 * dots)
        return buffer.getvalue(), {"width": round(dots * width), "height": round(dots * height)}


def new_figure(width: float = WIDTH, height: float = 4.0, layout: str | None = "constrained") -> Figure:
    """Return an empty figure of `width` x `height` inches, known to nobody but its owner."""
    return Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")


def stacked_figure(
    heights: Sequence[float],
    columns: int = 1,
    left: float = 0.75,
    right: float = 0.2,
    top: float = 0.5,
    bottom: float = 0.62,
    gap: float | Sequence[float] = 0.0,
    panel: float | None = None,
) -> tuple[Figure, np.ndarray]:
    """Return a figure and its axes, (row, column), placed to the inch: time lines up, squares are square.

    Args:
        heights: of each row, inches, from top to bottom.
        columns: axes beside each other in a row.
        left, right, top, bottom: margins, inches.
        gap: space below each row but the last, inches, one for all or one each.
        panel: width of a column, inches; default what `WIDTH` leaves.
    """
    gaps = np.append(np.broadcast_to(gap, len(heights) - 1), 0.0)
    total = top + bottom + float(np.sum(heights)) + float(np.sum(gaps))
    width = WIDTH if panel is None else left + right + columns * panel + COLUMN_GAP * (columns - 1)
    figure = new_figure(width, total, layout=None)
    panel = panel or (WIDTH - left - right - COLUMN_GAP * (columns - 1)) / columns
    axes = np.empty((len(heights), columns), dtype=object)
    lower = total - top - np.cumsum(heights) - (np.cumsum(gaps) - gaps)
    for row, column in np.ndindex(axes.shape):
        place = left + column * (panel + COLUMN_GAP), lower[row], panel, heights[row]
        axes[row, column] = figure.add_axes(np.divide(place, (width, total, width, total)))
    return figure, axes


def styled(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Make `function` run under the shared style; the user's own settings stay as they were.

    Of a figure wider than a page gives it, small letters are set larger, so that they can be read there.
    """

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        with matplotlib.rc_context(STYLE):
            figure = function(*args, **kwargs)
            least = LEGIBLE * max(1.0, figure.get_figwidth() / SHOWN)
            for text in figure.findobj(Text):
                text.set_fontsize(max(least, text.get_fontsize()))
            return figure

    return wrapper


def save_figure(figure: matplotlib.figure.Figure, path: str | Path, dpi: int = 200) -> Path:
    """Write a figure and return the path. The same picture gives the same bytes.

    Args:
        figure, dpi: any Matplotlib figure; dots an inch.
        path: file to write; its ending says the format, its folder is made if it is not there.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as beside, matplotlib.rc_context({"svg.hashsalt": path.name}):
        figure.savefig(beside, dpi=dpi, metadata=TIMELESS.get(path.suffix.lower()))
    return path


def symmetric_limits(values: np.ndarray) -> Normalize:
    """Return colour limits centred at 0 that hold all finite `values`; +-1 where all are zero."""
    limit = float(np.max(np.abs(values), where=np.isfinite(values), initial=0.0))
    return Normalize(-limit, limit) if limit > 0 else Normalize(-1.0, 1.0)


def light_grid(axes: Axes, axis: str = "both") -> None:
    """Draw pale lines behind the data."""
    axes.grid(visible=True, axis=axis, color="#e4e4e4", linewidth=0.7)
    axes.set_axisbelow(True)
