"""Strips below an ECG that share its time axis: signed evidence as bars, the heatmap as colours."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap, Normalize

from signalcam.plotting.paper import PULSE_SECONDS, draw_heat, draw_padded, second_ticks
from signalcam.plotting.style import EVIDENCE_COLOURS, HEAT_COLOURS, INK, Figure


def draw_evidence(
    axes: Axes, evidence: np.ndarray, padded: np.ndarray, sampling_rate: float, limits: Normalize
) -> float:
    """Draw the evidence of one class as bars, red for it and blue against it, and a dashed line at its mean.

    Args:
        axes: to draw on.
        evidence: (position,), signed; NaN where it is hidden because the time is padded.
        padded: bool (time,), samples that nobody recorded; the positions share this time equally.
        sampling_rate: Hz.
        limits: colour limits, symmetric about 0.

    Returns:
        The mean over the positions that are not NaN, a line in the figure.
    """
    duration, known = len(padded) / sampling_rate, np.isfinite(evidence)
    edges = np.linspace(0.0, duration, len(evidence) + 1)
    mean = float(np.mean(evidence[known])) if known.any() else float("nan")
    bars = [
        [(left, 0), (left, value), (right, value), (right, 0)]
        for left, right, value in zip(edges[:-1][known], edges[1:][known], evidence[known], strict=True)
    ]
    colours = {"array": evidence[known], "cmap": EVIDENCE_COLOURS, "norm": limits}
    axes.add_collection(PolyCollection(bars, linewidths=0, gid="evidence", **colours), autolim=False)
    axes.stairs(evidence, edges, color="#555555", linewidth=0.7)
    axes.plot([0.0, duration], [0.0, 0.0], color="#555555", linewidth=0.8)
    dashed = {"color": INK, "linewidth": 1.3, "linestyle": (0, (4, 2)), "zorder": 5, "gid": "mean"}
    axes.plot([0.0, duration], [mean, mean], **dashed)
    axes.set_ylim(-1.15 * limits.vmax, 1.15 * limits.vmax)
    draw_padded(axes, padded, sampling_rate)
    return mean


def draw_heat_strip(axes: Axes, heatmap: np.ndarray, padded: np.ndarray, sampling_rate: float) -> None:
    """Draw the heatmap (time,) in [0, 1] as a band of colour without a vertical axis."""
    draw_heat(axes, heatmap, sampling_rate, 0.0, 1.0)
    axes.set_ylim(0.0, 1.0)
    axes.set_yticks([])
    draw_padded(axes, padded, sampling_rate)


def finish_strip(axes: Axes, duration: float, label: str, xlabel: bool = True, upright: bool = True) -> None:
    """Set time limits as those of the paper above, the label at the left, seconds below if `xlabel`."""
    axes.set_xlim(-PULSE_SECONDS, duration)
    axes.set_xticks(second_ticks(0.0, duration))
    axes.spines["left"].set_visible(False)
    place = {"rotation": 0, "ha": "right", "va": "center", "labelpad": 6} if upright else {"rotation": 90}
    axes.set_ylabel(label, **place)
    if xlabel:
        axes.set_xlabel("time (s)")
    else:
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="x", labelbottom=False, length=0)


def draw_scale(
    figure: Figure, right: float, bottom: float, width: float, colours: Colormap, limits: Normalize
) -> Axes:
    """Draw a small horizontal colour bar, placed in inches from the lower left corner.

    Args:
        figure: to draw on.
        right, bottom, width: of the bar, inches.
        colours, limits: that it explains.

    Returns:
        Its axes, with ticks at the limits and in the middle.
    """
    total_width, total_height = figure.get_size_inches()
    place = ((right - width) / total_width, bottom / total_height, width / total_width, 0.11 / total_height)
    axes = figure.add_axes(place)
    bar = figure.colorbar(ScalarMappable(limits, colours), cax=axes, orientation="horizontal")
    low, high = limits.vmin, limits.vmax
    middle = (low + high) / 2
    highest = f"{high:.2g}" if low == 0 else f"{high:+.2g}"
    bar.set_ticks([low, middle, high], labels=[f"{low:.2g}", f"{middle:.2g}", highest])
    axes.tick_params(labelsize=8.5, length=2, pad=1)
    bar.outline.set_linewidth(0.5)
    return axes


def draw_heat_legend(figure: Figure, right: float, bottom: float) -> None:
    """Draw the scale of a heatmap, 0 to 1, with its name at the left."""
    axes = draw_scale(figure, right, bottom, 1.2, HEAT_COLOURS, Normalize(0, 1))
    axes.text(-0.06, 0.5, "heatmap", transform=axes.transAxes, fontsize=8.5, ha="right", va="center")
    axes.set_gid("heat legend")
