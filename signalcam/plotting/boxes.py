"""Boxes with text and the arrows between them, placed in inches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from signalcam.plotting.style import INK, MUTED, Figure, new_figure, text_inches

FILL = {
    "input": "#f2f2f2",
    "convolution": "#cfe3f3",
    "normalisation": "#eeeeee",
    "activation": "#e6f3ec",
    "pooling": "#fdebc8",
    "dense": "#f6d3c3",
    "output": "#e7d9ee",
    "other": "#f5f5f5",
}


@dataclass(frozen=True)
class Box:
    """A drawn box; all numbers in inches, origin at the lower left."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> tuple[float, float]:
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> tuple[float, float]:
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height

    @property
    def bottom(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with one bare axes whose units are inches."""
    figure = new_figure(width, height, layout=None)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, width)
    ax.set_ylim(0, height)
    ax.axis("off")
    return figure, ax


def draw_box(ax: Axes, box: Box, title: str, lines=(), kind: str = "other", size: float = 9.0) -> Box:
    """A rounded box: the title, smaller lines below it; text shrinks where a line is too wide."""
    patch = FancyBboxPatch(
        (box.x, box.y),
        box.width,
        box.height,
        boxstyle="round,pad=0,rounding_size=0.06",
        facecolor=FILL[kind],
        edgecolor="#777777",
        linewidth=0.8,
        gid=f"box {title}",
    )
    ax.add_patch(patch)
    rows = [(title, size, INK), *((line, size - 1.0, MUTED) for line in lines)]
    step = min(box.height / (len(rows) + 0.35), 0.19)
    first = box.y + box.height / 2 + step * (len(rows) - 1) / 2
    for number, (text, points, colour) in enumerate(rows):
        centre = box.x + box.width / 2, first - number * step
        fitted = _fitted(text, points, box.width - 0.1)
        ax.text(*centre, text, ha="center", va="center", fontsize=fitted, color=colour, gid=f"in {title}")
    return box


def draw_arrow(ax: Axes, start, stop, text: str = "", dashed: bool = False) -> None:
    """An arrow from point to point, its text on the middle."""
    ax.add_patch(
        FancyArrowPatch(
            start,
            stop,
            arrowstyle="-|>",
            mutation_scale=9,
            shrinkA=1.5,
            shrinkB=1.5,
            color="#555555",
            linewidth=1.0,
            linestyle=(0, (3, 2)) if dashed else "-",
        )
    )
    if text:
        middle = (np.asarray(start) + np.asarray(stop)) / 2
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        ax.text(*middle, text, fontsize=8.5, color=MUTED, va="center", ha="center", bbox=behind)


def shape_text(shape) -> str:
    """`(1000, 16)` as `1000 × 16`, a single number as it is."""
    sizes = [str(size) for size in np.atleast_1d(np.asarray(shape, dtype=object)) if size is not None]
    return " × ".join(sizes)


def _fitted(text: str, points: float, width: float) -> float:
    """Points at which the text is at most `width` inches wide, 6 at least."""
    inches = text_inches(text, points)
    return max(6.0, points * min(1.0, width / inches)) if inches else points
