"""Strips below an ECG that share its time axis: signed evidence as bars, the heatmap as colours."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize

from signalcam.plotting.paper import PULSE_SECONDS, draw_heat, draw_padded, second_ticks
from signalcam.plotting.style import INK, Figure, evidence_colours, heat_colours

RIGHT, WRONG = "#1B7837", "#B2182B"


def draw_evidence(
    axes: Axes,
    evidence: np.ndarray,
    duration: float,
    limits: Normalize,
    logit: float | None = None,
    padded: np.ndarray | None = None,
) -> float:
    """Evidence of one class as bars, one a cell, red for it and blue against it, and a line at its mean.

    Args:
        evidence: (cell,), signed; NaN where it is hidden because the time is padded.
        duration: seconds that the cells cover together, each an equal part.
        limits: colour limits, symmetric about 0.
        logit: of the class; where it is given and is not the mean, it gets a line of its own.
        padded: (time,) bool, samples that nobody recorded.

    Returns:
        The mean over the cells that are not NaN.
    """
    edges, known = cell_edges(len(evidence), duration), np.isfinite(evidence)
    mean = float(np.mean(evidence[known])) if known.any() else float("nan")
    bars = [
        [(left, 0), (left, value), (right, value), (right, 0)]
        for left, right, value in zip(edges[:-1][known], edges[1:][known], evidence[known], strict=True)
    ]
    colours = {"array": evidence[known], "cmap": evidence_colours(), "norm": limits}
    axes.add_collection(PolyCollection(bars, linewidths=0, gid="evidence", **colours), autolim=False)
    axes.stairs(evidence, edges, color="#555555", linewidth=0.7)
    whole = [0.0, duration]
    axes.plot(whole, [0.0, 0.0], color="#555555", linewidth=0.8)
    axes.plot(whole, [mean, mean], color=INK, linewidth=1.3, linestyle=(0, (4, 2)), zorder=5, gid="mean")
    if logit is not None and not is_logit(mean, logit):
        axes.plot(whole, [logit, logit], color="#7B3294", linewidth=1.6, linestyle=":", zorder=5, gid="logit")
    reach = 1.15 * max(limits.vmax, abs(logit or 0.0))
    axes.set_ylim(-reach, reach)
    if padded is not None:
        draw_padded(axes, padded, len(padded) / duration)
    return mean


def draw_heat_strip(
    axes: Axes, heatmap: np.ndarray, sampling_rate: float, padded: np.ndarray | None = None
) -> None:
    """The heatmap (time,) in [0, 1] as a band of colour without a vertical axis."""
    draw_heat(axes, heatmap, sampling_rate, 0.0, 1.0)
    axes.set_ylim(0.0, 1.0)
    axes.set_yticks([])
    if padded is not None:
        draw_padded(axes, padded, sampling_rate)


def finish_strip(axes: Axes, duration: float, label: str, xlabel: bool, rotation: float = 0) -> None:
    """Time limits as those of the paper above, the label at the left, seconds below if `xlabel`."""
    axes.set_xlim(-PULSE_SECONDS, duration)
    axes.set_xticks(second_ticks(0.0, duration))
    axes.spines["left"].set_visible(False)
    upright = {"rotation": 0, "ha": "right", "va": "center", "labelpad": 6}
    axes.set_ylabel(label, **({"rotation": rotation} if rotation else upright))
    if xlabel:
        axes.set_xlabel("time (s)")
    else:
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="x", labelbottom=False, length=0)


def heat_legend(figure: Figure, right: float, y: float, width: float = 1.2) -> None:
    """A small colour bar from 0 to 1, placed in inches from the lower left corner, its name at the left."""
    total_width, total_height = figure.get_size_inches()
    place = ((right - width) / total_width, y / total_height, width / total_width, 0.11 / total_height)
    axes = figure.add_axes(place)
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), heat_colours()), cax=axes, orientation="horizontal")
    bar.set_ticks([0, 0.5, 1], labels=["0", "0.5", "1"])
    axes.tick_params(labelsize=8.5, length=2, pad=1)
    bar.outline.set_linewidth(0.5)
    axes.text(-0.06, 0.5, "heatmap", transform=axes.transAxes, fontsize=8.5, ha="right", va="center")
    axes.set_gid("heat legend")


def verdict(class_name: str, probability, call, truth) -> tuple[str, str, str]:
    """What the model says of one record, in words.

    Returns:
        `P(ABNORMAL) = 0.930, called ABNORMAL, truth NORMAL`, the mark `✗ wrong` ("" where the call or the
        truth is not known), and a colour for both.
    """
    of_class = f"({class_name})" if class_name else ""
    parts = [] if probability is None else [f"P{of_class} = {float(probability):.3f}"]
    parts += [] if call is None else [f"called {call}"]
    parts += [] if truth is None else [f"truth {truth}"]
    text = ", ".join(parts)
    if call is None or truth is None:
        return text, "", INK
    return (text, "✓ right", RIGHT) if str(call) == str(truth) else (text, "✗ wrong", WRONG)


def cell_edges(n_cells: int, duration: float) -> np.ndarray:
    """Seconds at which the cells begin and end, (n_cells + 1,)."""
    return np.linspace(0.0, duration, n_cells + 1)


def is_logit(mean: float, logit: float) -> bool:
    """Is the mean of the evidence the logit, to what float32 allows?"""
    return abs(mean - logit) <= 1e-3 * max(1.0, abs(logit))
