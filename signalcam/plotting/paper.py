"""ECG paper, one lead below the other, small squares of 0.04 s and 0.1 mV; strips that share its time axis.

What draws here takes the axes, the sheet that says where the leads lie, signals (time, lead) in mV, the
sampling rate in Hz, and the duration in seconds.
"""

import itertools
import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap, Normalize
from matplotlib.transforms import Affine2D
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from signalcam.plotting.style import EVIDENCE_COLOURS, HEAT_COLOURS, INK, Figure

LARGE_SECONDS, LARGE_MILLIVOLT = 0.2, 0.5
SMALL_SECONDS, SMALL_MILLIVOLT = 0.04, 0.1
PULSE_SECONDS, NEAR_SECONDS = 0.5, 0.06
SMALL_COLOUR, LARGE_COLOUR, PLAIN_COLOUR = "#fae6e4", "#efb9b4", "#c4bfb4"
MAX_PAPER_HEIGHT = 45.0


@dataclass(frozen=True)
class Sheet:
    """Where the leads lie on the paper, in mV from the top lead's zero line.

    Attributes:
        offsets: of each lead's zero line.
        bottom, top: limits of the paper.
        step: height of a large square: 0.5, or more where the traces are too high for paper.
    """

    offsets: np.ndarray
    bottom: float
    top: float
    step: float

    @property
    def to_scale(self) -> bool:
        """True where squares mean what they mean on paper."""
        return self.step == LARGE_MILLIVOLT

    def height(self, width: float, seconds: float) -> float:
        """Return the inches that keep squares square on axes of `width` inches that show `seconds`."""
        squares = (self.top - self.bottom) / self.step
        return width * squares * LARGE_SECONDS / seconds if self.to_scale else min(8.0, 0.17 * squares)


def lay_out(traces: Sequence[np.ndarray], sampling_rate: float, row_height: float = 1.0) -> Sheet:
    """Pack leads as closely as they do not touch, in steps of a large square.

    Args:
        traces: arrays (time, lead), mV, that have the same zero lines.
        sampling_rate, row_height: Hz; least distance of two zero lines, mV.
    """
    lowest, highest = np.fmin.reduce(traces, axis=0), np.fmax.reduce(traces, axis=0)
    low, high = np.nan_to_num(np.fmin.reduce(lowest)), np.nan_to_num(np.fmax.reduce(highest))
    # A square is 0.5 mV high while all leads fit on a sheet, else 1, 2, 5, 10, ...
    steps = itertools.accumulate(itertools.cycle((2.0, 2.0, 2.5)), operator.mul, initial=LARGE_MILLIVOLT)
    total = float(np.sum(high - low)) * LARGE_MILLIVOLT
    step = next(step for step in steps if total / step <= MAX_PAPER_HEIGHT)
    # Leads may reach into each other's rows where the neighbour is quiet at that moment, give or take 60 ms.
    around = 2 * max(1, round(NEAR_SECONDS * sampling_rate)) + 1
    ceiling = maximum_filter1d(np.nan_to_num(highest), around, axis=0)
    floor = minimum_filter1d(np.nan_to_num(lowest), around, axis=0)
    offsets = np.zeros(len(low))
    for lead in range(1, len(low)):
        above = floor[:, max(0, lead - 2) : lead] + offsets[max(0, lead - 2) : lead]
        free = float(np.min(above.min(axis=1) - ceiling[:, lead])) - 0.1 * step
        offsets[lead] = np.floor(min(free, offsets[lead - 1] - max(row_height, 2 * step)) / step) * step
    top = np.ceil((np.max(offsets + high) + 0.2 * step) / step) * step
    bottom = np.floor((np.min(offsets + low) - 0.2 * step) / step) * step
    return Sheet(offsets, float(bottom), float(max(top, 2 * step)), step)


def draw_grid(axes: Axes, sheet: Sheet, duration: float, width: float, plain: bool = False) -> None:
    """Draw large squares, and small ones where they come out at least 2.5 pixels wide on `width` inches.

    With `plain`, large squares alone, in grey, to lie under a coloured background.
    """
    large = (LARGE_SECONDS if duration <= 30 else 1.0), sheet.step, PLAIN_COLOUR if plain else LARGE_COLOUR
    layers = {"grid large": (*large, 0.6)}
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
    sampling_rate: float,
    lead_names: Sequence[str],
    padded: np.ndarray | None = None,
    linewidth: float = 0.9,
    xlabel: bool = False,
) -> None:
    """Draw the calibration mark, a line for each lead, what was not recorded, and the frame.

    A line's data are the samples in mV themselves; its place on the sheet is a transform.
    """
    # The mark of paper ECGs: 1 mV high, 0.2 s wide.
    size, duration = 1.0 if sheet.to_scale else sheet.step, len(signals) / sampling_rate
    x = -PULSE_SECONDS + np.array([0.06, 0.13, 0.13, 0.33, 0.33, 0.4])
    mark = np.column_stack([x, sheet.offsets[0] + size * np.array([0, 0, 1, 1, 0, 0])])
    pulse = LineCollection([mark], colors=INK, linewidths=1.1, zorder=3, gid="calibration")
    axes.add_collection(pulse, autolim=False)
    times = np.arange(len(signals)) / sampling_rate
    style = {"color": INK, "linewidth": linewidth, "zorder": 3.0, "solid_joinstyle": "round"}
    for trace, offset, name in zip(signals.T, sheet.offsets, lead_names, strict=True):
        place = Affine2D().translate(0, offset) + axes.transData
        axes.plot(times, trace, transform=place, gid=f"lead {name}", **style)
    if padded is not None:
        draw_padded(axes, padded, sampling_rate)
    axes.set(xlim=(-PULSE_SECONDS, duration), ylim=(sheet.bottom, sheet.top))
    axes.set_yticks(sheet.offsets, list(lead_names))
    axes.tick_params(axis="y", length=0, pad=4, labelsize=10)
    axes.set_xticks(second_ticks(duration))
    axes.set_xlabel("time (s)" if xlabel else "")
    axes.tick_params(axis="x", labelbottom=xlabel)
    axes.spines[:].set_visible(False)


def draw_heat(axes: Axes, heatmap: np.ndarray, sampling_rate: float, bottom: float, top: float) -> None:
    """Draw a heatmap (time,) in [0, 1] as background: sample i colours the time from sample i to i + 1."""
    extent = (0.0, len(heatmap) / sampling_rate, bottom, top)
    draw_band(axes, heatmap, extent, gid="heatmap", cmap=HEAT_COLOURS, norm=Normalize(0.0, 1.0))


def draw_band(axes: Axes, values: np.ndarray, extent: tuple[float, ...], **style: object) -> None:
    """Draw values (time,) as colours over the extent (start, stop, bottom, top), behind the traces."""
    whole = {"aspect": "auto", "origin": "lower", "interpolation": "nearest", "zorder": 0.5}
    axes.imshow(values[None, :], extent=extent, **whole, **style)


def draw_padded(axes: Axes, padded: np.ndarray, sampling_rate: float) -> None:
    """Hatch the samples that were never recorded and cover what lies below."""
    style = {"facecolor": "#f2f2f2", "edgecolor": "#bdbdbd", "hatch": "///", "linewidth": 0.0, "zorder": 4}
    edges = np.flatnonzero(np.diff(padded.astype(int), prepend=0, append=0))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        axes.axvspan(start / sampling_rate, stop / sampling_rate, gid="padded", **style)


def second_ticks(duration: float) -> np.ndarray:
    """Return round seconds from 0 to the duration, at most about a dozen."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1e9)
    return _multiples(next(step for step in steps if duration / step <= 12), 0.0, duration)


def draw_evidence(
    axes: Axes, evidence: np.ndarray, padded: np.ndarray, sampling_rate: float, limits: Normalize
) -> float:
    """Draw the evidence of one class as bars, red for it and blue against it, and a dashed line at its mean.

    Args:
        evidence: (position,), signed, at equal parts of the time; NaN where it is hidden.
        padded: bool (time,), samples that nobody recorded.
        limits: colour limits, symmetric about 0.

    Returns:
        The mean over the positions that are not NaN.
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


def finish_strip(axes: Axes, duration: float, label: str, xlabel: bool = True, upright: bool = True) -> None:
    """Set time limits as those of the paper above, the label at the left, seconds below if `xlabel`."""
    axes.set_xlim(-PULSE_SECONDS, duration)
    axes.set_xticks(second_ticks(duration))
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
    """Draw a small colour bar, ticks at the limits and in the middle, placed in inches; return its axes."""
    total_width, total_height = figure.get_size_inches()
    place = ((right - width) / total_width, bottom / total_height, width / total_width, 0.11 / total_height)
    axes = figure.add_axes(place)
    bar = figure.colorbar(ScalarMappable(limits, colours), cax=axes, orientation="horizontal")
    low, high = limits.vmin, limits.vmax
    middle, sign = (low + high) / 2, "" if low == 0 else "+"
    bar.set_ticks([low, middle, high], labels=[f"{low:.2g}", f"{middle:.2g}", f"{high:{sign}.2g}"])
    axes.tick_params(labelsize=8.5, length=2, pad=1)
    bar.outline.set_linewidth(0.5)
    return axes


def draw_heat_legend(figure: Figure, right: float, bottom: float) -> None:
    """Draw the scale of a heatmap, 0 to 1, with its name at the left."""
    axes = draw_scale(figure, right, bottom, 1.2, HEAT_COLOURS, Normalize(0, 1))
    axes.text(-0.06, 0.5, "heatmap", transform=axes.transAxes, fontsize=8.5, ha="right", va="center")
    axes.set_gid("heat legend")


def scale_text(sheet: Sheet) -> str:
    """Say in one sentence what a square means."""
    if sheet.to_scale:
        return "Large square: 0.2 s × 0.5 mV (25 mm/s, 10 mm/mV). Mark before the first lead: 1 mV."
    step = f"{sheet.step:g} mV"
    return f"Traces too high for ECG paper: lines every {step}, mark before the first lead {step}."


def _multiples(step: float, start: float, stop: float) -> np.ndarray:
    return np.arange(np.ceil(start / step - 1e-9), np.floor(stop / step + 1e-9) + 1) * step
