"""Colours, sizes and the figure that every plot is drawn on.

Two decisions keep pictures right in a notebook. A figure never goes through `pyplot`, so no global list
of open figures grows and none is shown a second time at the end of a cell. And it draws itself: a plain
Matplotlib figure that `pyplot` does not know is shown as a line of text until somebody imports `pyplot`.

Colours are safe for colour-blind readers: Okabe and Ito's for categories, ColorBrewer's YlOrBr
(sequential) and RdBu (diverging) for maps. Widths are in inches at 100 dots an inch, so that a picture
fits 900 pixels.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import matplotlib.figure
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

WIDTH = 9.0
DPI = 80
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D1F")
SUPERCLASS_COLOURS = dict(zip(("NORM", "MI", "STTC", "CD", "HYP"), PALETTE, strict=False))
INK = "#1a1a1a"
MUTED = "#666666"
TOWARDS, AGAINST = "#B2182B", "#2166AC"

STYLE = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titleweight": "normal",
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "figure.titlesize": 12,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "text.color": INK,
    "text.usetex": False,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#888888",
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "lines.linewidth": 1.4,
    "path.simplify": False,
    "hatch.linewidth": 0.6,
}


class Figure(matplotlib.figure.Figure):
    """A Matplotlib figure that a notebook shows, once, as the value of its cell."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def new_figure(width: float = WIDTH, height: float = 4.0, layout: str | None = "constrained") -> Figure:
    """An empty figure of `width` x `height` inches, known to nobody but its owner."""
    return Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")


def stacked_figure(
    heights: Sequence[float],
    columns: int = 1,
    width: float = WIDTH,
    left: float = 0.75,
    right: float = 0.2,
    top: float = 0.5,
    bottom: float = 0.62,
    gap: float | Sequence[float] = 0.12,
    column_gap: float = 0.6,
) -> tuple[Figure, np.ndarray]:
    """Figure with axes placed to the inch, so that time lines up and ECG squares come out square.

    Args:
        heights: height of each row, inches, from top to bottom.
        gap: space below each row but the last, inches, one for all or one each.

    Returns:
        The figure and an object array (row, column) of axes.
    """
    gaps = np.broadcast_to(np.asarray(gap, float), (len(heights) - 1,)) if len(heights) > 1 else np.zeros(0)
    total = top + bottom + float(np.sum(heights)) + float(np.sum(gaps))
    figure = new_figure(width, total, layout=None)
    panel = panel_width(columns, width, left, right, column_gap)
    axes = np.empty((len(heights), columns), dtype=object)
    y = total - top
    for row, height in enumerate(heights):
        y -= height
        for column in range(columns):
            x = left + column * (panel + column_gap)
            axes[row, column] = figure.add_axes((x / width, y / total, panel / width, height / total))
        y -= gaps[row] if row < len(gaps) else 0.0
    return figure, axes


def panel_width(
    columns: int = 1, width: float = WIDTH, left: float = 0.75, right: float = 0.2, column_gap: float = 0.6
) -> float:
    """Inches that one column of `stacked_figure` has for its axes."""
    return (width - left - right - column_gap * (columns - 1)) / columns


def styled(function: Callable) -> Callable:
    """Run `function` under the shared style and leave the user's own settings as they were."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        with matplotlib.rc_context(STYLE):
            return function(*args, **kwargs)

    return wrapper


def save_figure(figure: matplotlib.figure.Figure, path: str | Path, dpi: int = 200) -> Path:
    """Write a figure, a PNG without the writer's version: the same picture gives the same bytes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    extra = {"metadata": {"Software": None}} if path.suffix.lower() == ".png" else {}
    figure.savefig(path, dpi=dpi, **extra)
    return path


def heat_colours() -> Colormap:
    """Sequential map for a heatmap in [0, 1]: cream to orange, light enough for a black trace on top."""
    base = matplotlib.colormaps["YlOrBr"]
    return LinearSegmentedColormap.from_list("signalcam_heat", base(np.linspace(0.0, 0.58, 128)))


def evidence_colours() -> Colormap:
    """Diverging map for signed evidence: blue speaks against the class, white is 0, red speaks for it."""
    return matplotlib.colormaps["RdBu_r"]


def symmetric_limits(values: np.ndarray) -> Normalize:
    """Colour limits centred at 0 that hold all finite `values`; +-1 where all are zero."""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    limit = float(np.abs(finite).max()) if finite.size else 0.0
    return Normalize(-limit, limit) if limit > 0 else Normalize(-1.0, 1.0)


def text_inches(text: str, points: float) -> float:
    """Width in inches of the longest line of a text set in `points`."""
    font = FontProperties(family="DejaVu Sans", size=points)
    measure = text_to_path.get_text_width_height_descent
    return max((measure(line, font, ismath=False)[0] for line in text.split("\n") if line), default=0.0) / 72


def caption(figure: Figure, text: str, x: float = 0.01, y: float = 0.06) -> None:
    """Small grey sentence at the lower left edge, `y` inches above the bottom."""
    height = figure.get_size_inches()[1]
    figure.text(x, y / height, text, fontsize=8.5, color=MUTED, ha="left", va="bottom", linespacing=1.35)


def light_grid(axes: Axes, axis: str = "both") -> None:
    """Pale lines behind the data."""
    axes.grid(visible=True, axis=axis, color="#e4e4e4", linewidth=0.7)
    axes.set_axisbelow(True)
