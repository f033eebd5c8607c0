"""An ECG drawn on paper, small squares of 0.04 s and 0.1 mV; strips that share its time axis.

What draws here takes the axes and the `Sheet` of the ECG, (time, lead) in mV.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap, Normalize
from matplotlib.transforms import Affine2D

from signalcam.plotting.sheet import LARGE_SECONDS, LONGEST, PULSE_SECONDS, Sheet
from signalcam.plotting.style import EVIDENCE, EVIDENCE_COLOURS, HEAT_COLOURS, INK, Figure

SMALL_SECONDS, SMALL_MILLIVOLT = 0.04, 0.1
SMALL_COLOUR, LARGE_COLOUR, PLAIN_COLOUR = "#fae6e4", "#efb9b4", "#c4bfb4"
LINE_COLOUR = "#555555"
HEAT = {"gid": "heatmap", "cmap": HEAT_COLOURS, "norm": Normalize(0.0, 1.0)}


def draw_grid(axes: Axes, sheet: Sheet, plain: bool = False) -> None:
    """Draw large squares, and small ones where they come out at least 2.5 pixels wide at 100 dots an inch.

    With `plain`, large squares alone, in grey, to lie under a coloured background.
    """
    duration, colour = sheet.duration, PLAIN_COLOUR if plain else LARGE_COLOUR
    layers = {"grid large": (LARGE_SECONDS if duration <= 30 else 1.0, sheet.step, colour, 0.6)}
    width = axes.get_position().width * axes.figure.get_size_inches()[0]
    if not plain and sheet.to_scale and width * 100 * SMALL_SECONDS / duration >= 2.5:
        layers["grid small"] = SMALL_SECONDS, SMALL_MILLIVOLT, SMALL_COLOUR, 0.35
    for gid, (seconds, millivolt, colour, linewidth) in reversed(layers.items()):
        levels = _multiples(millivolt, sheet.bottom, sheet.top)
        upright = [[(x, sheet.bottom), (x, sheet.top)] for x in _multiples(seconds, -PULSE_SECONDS, duration)]
        lines = upright + [[(-PULSE_SECONDS, y), (duration, y)] for y in levels]
        style = {"colors": colour, "linewidths": linewidth, "gid": gid, "zorder": 1}
        axes.add_collection(LineCollection(lines, **style), autolim=False)


def draw_ecg(
    axes: Axes,
    signals: np.ndarray,
    sheet: Sheet,
    padded: np.ndarray | None = None,
    linewidth: float = 0.9,
    xlabel: bool = False,
    colour: str = INK,
) -> None:
    """Draw the calibration mark, a line for each lead, what was not recorded, and the frame.

    A line's data are the samples in mV themselves; its place on the sheet is a transform.
    """
    # The mark of paper ECGs: 1 mV high, 0.2 s wide.
    x, size = [-0.5, -0.4, -0.4, -0.2, -0.2, -0.1], 1.0 if sheet.to_scale else sheet.step
    marks = {"calibration": [np.column_stack([x, sheet.offsets[0] + size * np.array([0, 0, 1, 1, 0, 0])])]}
    times = np.arange(len(signals)) / sheet.sampling_rate
    style = {"color": colour, "linewidth": linewidth, "zorder": 3.0, "solid_joinstyle": "round"}
    quarters = len(sheet.strips) > len(sheet.offsets)
    for lead, row, start, stop in sheet.strips:
        name, y = sheet.lead_names[lead], sheet.offsets[row]
        place = Affine2D().translate(0, y) + axes.transData
        shown = times[start:stop], signals[start:stop, lead]
        axes.plot(*shown, transform=place, gid=f"lead {name}", **style)
        if quarters:
            x = start / sheet.sampling_rate
            marks.setdefault("quarters", []).append([(x, y - 0.3), (x, y + 0.3)])
            box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1.0}
            axes.text(x + 0.06, y + 0.55, name, fontsize=10, zorder=5, bbox=box)
    for gid, lines in marks.items():
        style = {"colors": INK, "linewidths": 1.1, "zorder": 3, "gid": gid}
        axes.add_collection(LineCollection(lines, **style), autolim=False)
    if padded is not None:
        draw_padded(axes, padded, sheet)
    axes.set_ylim(sheet.bottom, sheet.top)
    axes.set_yticks([] if quarters else sheet.offsets, [] if quarters else list(sheet.lead_names))
    axes.tick_params(axis="y", length=0, pad=4, labelsize=10)
    _draw_time(axes, sheet.duration, xlabel)
    axes.spines[:].set_visible(False)


def draw_behind(
    axes: Axes, evidence: np.ndarray, limits: Normalize, sheet: Sheet, gid: str = "evidence"
) -> None:
    """Draw signed evidence behind the traces: (time,) behind all alike, (time, lead) each behind its own."""
    style, offsets = {"cmap": EVIDENCE_COLOURS, "norm": limits}, sheet.offsets
    if evidence.ndim == 1:
        draw_band(axes, evidence, sheet, sheet.bottom, sheet.top, gid=gid, **style)
        return
    edges = np.r_[sheet.top, (offsets[1:] + offsets[:-1]) / 2, sheet.bottom]  # of rows, from the top down
    for lead, row, start, stop in sheet.strips:
        style["gid"] = f"{gid} {sheet.lead_names[lead]}"
        draw_band(axes, evidence[start:stop, lead], sheet, edges[row + 1], edges[row], start, **style)
    axes.hlines(edges[1:-1], 0.0, sheet.duration, color="white", linewidth=1.0, zorder=1)


def by_sample(evidence: np.ndarray, n_times: int) -> np.ndarray:
    """Upsample (position, ...) linearly to (time, ...), as a heatmap is, about the middles of positions."""
    centres, times = (np.arange(len(evidence)) + 0.5) * n_times / len(evidence), np.arange(n_times) + 0.5
    return np.apply_along_axis(lambda column: np.interp(times, centres, column), 0, evidence)


def draw_band(
    axes: Axes,
    values: np.ndarray,
    sheet: Sheet,
    bottom: float = 0.0,
    top: float = 1.0,
    start: int = 0,
    **style: object,
) -> None:
    """Draw values (time,) as colours behind the traces: the first from sample `start` to the next."""
    extent = (start / sheet.sampling_rate, (start + len(values)) / sheet.sampling_rate, bottom, top)
    whole = {"aspect": "auto", "origin": "lower", "interpolation": "nearest", "zorder": 0.5}
    axes.imshow(values[None, :], extent=extent, **whole, **style)


def draw_padded(axes: Axes, padded: np.ndarray, sheet: Sheet) -> None:
    """Hatch the samples that were never recorded and cover what lies below."""
    style = {"facecolor": "#f2f2f2", "edgecolor": "#bdbdbd", "hatch": "///", "linewidth": 0.0, "zorder": 4}
    edges = np.flatnonzero(np.diff(padded.astype(int), prepend=0, append=0)) / sheet.sampling_rate
    for start, stop in edges.reshape(-1, 2):
        axes.axvspan(start, stop, gid="padded", **style)


def draw_evidence(axes: Axes, evidence: np.ndarray, padded: np.ndarray, sheet: Sheet) -> float:
    """Draw the evidence of one class as bars, red for it and blue against it; return its mean, a dashed line.

    Args:
        evidence: (position,), logits per second, at equal parts of the time; NaN, which no mean counts, where
            it is hidden.
        padded: bool (time,), samples that nobody recorded.
    """
    duration, known = sheet.duration, np.isfinite(evidence)
    edges = np.linspace(0.0, duration, len(evidence) + 1)
    mean = float(np.mean(evidence[known])) if known.any() else float("nan")
    bars = [
        [(left, 0), (left, value), (right, value), (right, 0)]
        for left, right, value in zip(edges[:-1][known], edges[1:][known], evidence[known], strict=True)
    ]
    colours = {"array": evidence[known], "cmap": EVIDENCE_COLOURS, "norm": EVIDENCE}
    axes.add_collection(PolyCollection(bars, linewidths=0, gid="evidence", **colours), autolim=False)
    axes.stairs(evidence, edges, color=LINE_COLOUR, linewidth=0.7)
    axes.plot([0.0, duration], [0.0, 0.0], color=LINE_COLOUR, linewidth=0.8)
    dashed = {"color": INK, "linewidth": 1.3, "linestyle": (0, (4, 2)), "zorder": 5, "gid": "mean"}
    axes.plot([0.0, duration], [mean, mean], **dashed)
    reach = 1.1 * np.max(np.abs(evidence[known]), initial=EVIDENCE.vmax)
    axes.set(ylim=(-reach, reach), yticks=[-np.floor(reach), 0.0, np.floor(reach)])
    draw_padded(axes, padded, sheet)
    return mean


def finish_strip(axes: Axes, sheet: Sheet, label: str, xlabel: bool = True, upright: bool = True) -> None:
    """Set time limits as those of the paper above, the label at the left, seconds below if `xlabel`."""
    _draw_time(axes, sheet.duration, xlabel)
    axes.spines["left"].set_visible(False)
    place = {"rotation": 0, "ha": "right", "va": "center", "labelpad": 6} if upright else {"rotation": 90}
    axes.set_ylabel(label, **place)
    if not xlabel:
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="x", length=0)


def draw_scale(
    figure: Figure, colours: Colormap, limits: Normalize, name: str, width: float = 1.5, bottom: float = 0.3
) -> None:
    """Draw a small colour bar at the lower right, ticks at the limits and in the middle; sizes in inches."""
    total_width, total_height = figure.get_size_inches()
    left = total_width - 0.25 - width
    place = (left / total_width, bottom / total_height, width / total_width, 0.11 / total_height)
    axes = figure.add_axes(place, gid="scale")
    bar = figure.colorbar(ScalarMappable(limits, colours), cax=axes, orientation="horizontal")
    low, high = limits.vmin, limits.vmax
    middle, sign = (low + high) / 2, "" if low == 0 else "+"
    bar.set_ticks([low, middle, high], labels=[f"{low:.2g}", f"{middle:.2g}", f"{high:{sign}.2g}"])
    axes.tick_params(labelsize=8.5, length=2, pad=1)
    bar.outline.set_linewidth(0.5)
    axes.text(-0.06, 0.5, name, transform=axes.transAxes, fontsize=8.5, ha="right", va="center")


def scale_text(sheet: Sheet, processing: str = "") -> str:
    """Say what a square means, at which rate was sampled, and what was done to the signals."""
    shown = sheet.duration + PULSE_SECONDS
    speed = 25 if shown <= LONGEST else 25 * (10 + PULSE_SECONDS) / shown
    height = "10 mm/mV" if sheet.to_scale else f"too high for ECG paper: lines every {sheet.step:g} mV"
    parts = [f"{speed:.3g} mm/s", f"{sheet.sampling_rate:g} Hz", processing, height]
    size = f"{1 if sheet.to_scale else sheet.step:g} mV"
    return f"{', '.join(part for part in parts if part)}. Mark before the first lead: {size}."


def _draw_time(axes: Axes, duration: float, xlabel: bool) -> None:
    """Set the time axis: round seconds from 0 to the duration, at most about a dozen."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1e9)
    axes.set_xlim(-PULSE_SECONDS, duration)
    axes.set_xticks(_multiples(next(step for step in steps if duration / step <= 12), 0.0, duration))
    axes.set_xlabel("time (s)" if xlabel else "")
    axes.tick_params(axis="x", labelbottom=xlabel)


def _multiples(step: float, start: float, stop: float) -> np.ndarray:
    return np.arange(np.ceil(start / step - 1e-9), np.floor(stop / step + 1e-9) + 1) * step
