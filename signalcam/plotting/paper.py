"""ECG paper, 25 mm/s and 10 mm/mV, small squares of 0.04 s and 0.1 mV; strips that share its time axis.

What draws here takes the axes, the sheet that says where the leads lie, signals (time, lead) in mV, the
sampling rate in Hz, and the duration in seconds.
"""

import itertools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap, Normalize
from matplotlib.transforms import Affine2D
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from signalcam.leads import LEADS
from signalcam.plotting.style import EVIDENCE_COLOURS, HEAT_COLOURS, INK, Figure, stacked_figure

SQUARE = 5 / 25.4  # inches of a large square
LARGE_SECONDS, LARGE_MILLIVOLT = 0.2, 0.5
SMALL_SECONDS, SMALL_MILLIVOLT = 0.04, 0.1
PULSE_SECONDS, NEAR_SECONDS = 0.6, 0.06
LONGEST = 12.0  # seconds of an ECG that is drawn at 25 mm/s; longer ones are as wide as one of 10 s
ROW_MILLIVOLT = {"12x1": 1.0, "3x4": 2.0}  # least distance of two rows, by layout
LEFT, RIGHT = 0.9, 0.2  # inches beside a sheet
SMALL_COLOUR, LARGE_COLOUR, PLAIN_COLOUR = "#fae6e4", "#efb9b4", "#c4bfb4"
MAX_PAPER_HEIGHT = 45.0


class Strip(NamedTuple):
    """What is shown of a lead: the index of the lead, its row, and its samples from start to stop."""

    lead: int
    row: int
    start: int
    stop: int


@dataclass(frozen=True)
class Sheet:
    """Where the leads lie on the paper, in mV from the top row's zero line.

    Attributes:
        offsets: of each row's zero line.
        bottom, top: limits of the paper.
        step: height of a large square: 0.5, or more where the traces are too high for paper.
        strips: what is shown of each lead, and in which row.
    """

    offsets: np.ndarray
    bottom: float
    top: float
    step: float
    strips: tuple[Strip, ...]

    @property
    def to_scale(self) -> bool:
        """True where the height of a square means what it means on paper."""
        return self.step == LARGE_MILLIVOLT

    @property
    def edges(self) -> np.ndarray:
        """Limits of the rows from the top down, midway between zero lines."""
        return np.r_[self.top, (self.offsets[1:] + self.offsets[:-1]) / 2, self.bottom]

    def height(self, width: float, seconds: float) -> float:
        """Return the inches that keep squares square on axes of `width` inches that show `seconds`."""
        squares = (self.top - self.bottom) / self.step
        return width * squares * LARGE_SECONDS / seconds if self.to_scale else min(8.0, 0.17 * squares)


def all_strips(n_times: int, n_leads: int) -> tuple[Strip, ...]:
    """Return the strips of the layout 12x1: every lead in full, one below the other."""
    return tuple(Strip(lead, lead, 0, n_times) for lead in range(n_leads))


def strips_of(layout: str, n_times: int, lead_names: Sequence[str]) -> tuple[Strip, ...]:
    """Return the strips of a layout: "12x1", or "3x4", a quarter of the time each, and lead II in full."""
    if layout == "12x1":
        return all_strips(n_times, len(lead_names))
    if layout not in ROW_MILLIVOLT:
        raise ValueError(f"layout must be one of {', '.join(ROW_MILLIVOLT)}, got {layout!r}.")
    if sorted(lead_names) != sorted(LEADS):
        raise ValueError(f"layout must be '12x1' for leads {', '.join(lead_names)}, got {layout!r}.")
    edges = np.linspace(0, n_times, 5).astype(int).tolist()
    places = [(lead_names.index(name), k % 3, *edges[k // 3 : k // 3 + 2]) for k, name in enumerate(LEADS)]
    return (*itertools.starmap(Strip, places), Strip(lead_names.index("II"), 3, 0, n_times))


def lay_out(
    traces: Sequence[np.ndarray],
    sampling_rate: float,
    row_height: float = 1.0,
    strips: tuple[Strip, ...] | None = None,
) -> Sheet:
    """Pack rows as closely as they do not touch, in steps of a large square.

    Args:
        traces: arrays (time, lead), mV, that have the same zero lines.
        sampling_rate, row_height: Hz; least distance of two zero lines, mV.
        strips: what each row shows; default every lead in full.
    """
    strips = strips or all_strips(*traces[0].shape)
    n_rows, lead_low, lead_high = strips[-1].row + 1, np.fmin.reduce(traces), np.fmax.reduce(traces)
    lowest, highest = (np.zeros((len(traces[0]), n_rows)) for _ in range(2))
    for lead, row, start, stop in strips:
        lowest[start:stop, row] = lead_low[start:stop, lead]
        highest[start:stop, row] = lead_high[start:stop, lead]
    low, high = np.nan_to_num(np.fmin.reduce(lowest)), np.nan_to_num(np.fmax.reduce(highest))
    # A square is 0.5 mV high while all rows fit on a sheet, else 1, 2, 5, 10, ...
    steps = itertools.accumulate(itertools.cycle((2.0, 2.0, 2.5)), operator.mul, initial=LARGE_MILLIVOLT)
    total = float(np.sum(high - low)) * LARGE_MILLIVOLT
    step = next(step for step in steps if total / step <= MAX_PAPER_HEIGHT)
    # Rows may reach into each other where the neighbour is quiet at that moment, give or take 60 ms.
    around = 2 * max(1, round(NEAR_SECONDS * sampling_rate)) + 1
    ceiling = maximum_filter1d(np.nan_to_num(highest), around, axis=0)
    floor = minimum_filter1d(np.nan_to_num(lowest), around, axis=0)
    offsets = np.zeros(n_rows)
    for row in range(1, n_rows):
        above = floor[:, max(0, row - 2) : row] + offsets[max(0, row - 2) : row]
        free = float(np.min(above.min(axis=1) - ceiling[:, row])) - 0.1 * step
        offsets[row] = np.floor(min(free, offsets[row - 1] - max(row_height, 2 * step)) / step) * step
    top = np.ceil((np.max(offsets + high) + 0.2 * step) / step) * step
    bottom = np.floor((np.min(offsets + low) - 0.2 * step) / step) * step
    return Sheet(offsets, float(bottom), float(max(top, 3 * step)), step, strips)


def new_sheet(
    traces: Sequence[np.ndarray],
    sampling_rate: float,
    lead_names: Sequence[str],
    layout: str,
    below: Sequence[float] = (),
    **margins: float,
) -> tuple[Figure, list[Axes], Sheet]:
    """Make a figure whose first axes are a sheet at 25 mm/s and 10 mm/mV, as wide as its seconds need.

    Args:
        traces, sampling_rate, lead_names: as in `lay_out`.
        layout: as in `strips_of`.
        below, margins: heights of further axes, inches; `top` and `bottom` of `stacked_figure`.
    """
    n_times = len(traces[0])
    strips = strips_of(layout, n_times, list(lead_names))
    sheet = lay_out(traces, sampling_rate, ROW_MILLIVOLT[layout], strips)
    shown = n_times / sampling_rate + PULSE_SECONDS
    panel = SQUARE / LARGE_SECONDS * (shown if shown <= LONGEST else 10 + PULSE_SECONDS)
    heights = [sheet.height(SQUARE / LARGE_SECONDS, 1.0), *below]
    figure, axes = stacked_figure(heights, gap=0.1, left=LEFT, right=RIGHT, panel=panel, **margins)
    return figure, list(axes[:, 0]), sheet


def draw_grid(axes: Axes, sheet: Sheet, duration: float, plain: bool = False) -> None:
    """Draw large squares, and small ones where they come out at least 2.5 pixels wide at 100 dots an inch.

    With `plain`, large squares alone, in grey, to lie under a coloured background.
    """
    large = (LARGE_SECONDS if duration <= 30 else 1.0), sheet.step, PLAIN_COLOUR if plain else LARGE_COLOUR
    layers = {"grid large": (*large, 0.6)}
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
    sampling_rate: float,
    lead_names: Sequence[str],
    padded: np.ndarray | None = None,
    linewidth: float = 0.9,
    xlabel: bool = False,
    colour: str = INK,
) -> None:
    """Draw the calibration mark, a line for each lead, what was not recorded, and the frame.

    A line's data are the samples in mV themselves; its place on the sheet is a transform.
    """
    # The mark of paper ECGs: 1 mV high, 0.2 s wide.
    size, duration = 1.0 if sheet.to_scale else sheet.step, len(signals) / sampling_rate
    x = np.array([-0.5, -0.4, -0.4, -0.2, -0.2, -0.1])
    mark = np.column_stack([x, sheet.offsets[0] + size * np.array([0, 0, 1, 1, 0, 0])])
    marks = {"calibration": [mark]}
    times = np.arange(len(signals)) / sampling_rate
    style = {"color": colour, "linewidth": linewidth, "zorder": 3.0, "solid_joinstyle": "round"}
    quarters = len(sheet.strips) > len(sheet.offsets)
    for lead, row, start, stop in sheet.strips:
        name, place = lead_names[lead], Affine2D().translate(0, sheet.offsets[row]) + axes.transData
        shown = times[start:stop], signals[start:stop, lead]
        axes.plot(*shown, transform=place, gid=f"lead {name}", **style)
        if quarters:
            x, y = start / sampling_rate, sheet.offsets[row]
            marks.setdefault("quarters", []).append([(x, y - 0.3), (x, y + 0.3)])
            box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1.0}
            axes.text(x + 0.06, y + 0.55, name, fontsize=10, zorder=5, bbox=box)
    for gid, lines in marks.items():
        style = {"colors": INK, "linewidths": 1.1, "zorder": 3, "gid": gid}
        axes.add_collection(LineCollection(lines, **style), autolim=False)
    if padded is not None:
        draw_padded(axes, padded, sampling_rate)
    axes.set(xlim=(-PULSE_SECONDS, duration), ylim=(sheet.bottom, sheet.top))
    axes.set_yticks([] if quarters else sheet.offsets, [] if quarters else list(lead_names))
    axes.tick_params(axis="y", length=0, pad=4, labelsize=10)
    axes.set_xticks(second_ticks(duration))
    axes.set_xlabel("time (s)" if xlabel else "")
    axes.tick_params(axis="x", labelbottom=xlabel)
    axes.spines[:].set_visible(False)


def draw_heat(axes: Axes, heatmap: np.ndarray, sampling_rate: float, bottom: float, top: float) -> None:
    """Draw a heatmap (time,) in [0, 1] as background: sample i colours the time from sample i to i + 1."""
    extent = (0.0, len(heatmap) / sampling_rate, bottom, top)
    draw_band(axes, heatmap, extent, gid="heatmap", cmap=HEAT_COLOURS, norm=Normalize(0.0, 1.0))


def draw_behind(
    axes: Axes,
    background: tuple[np.ndarray, Normalize],
    sheet: Sheet,
    sampling_rate: float,
    lead_names: Sequence[str],
    gid: str = "evidence",
) -> None:
    """Draw signed evidence and its limits behind the traces.

    Evidence of (time,) lies behind all leads alike, of (time, lead) each behind its own.
    """
    evidence, limits = background
    style, edges = {"cmap": EVIDENCE_COLOURS, "norm": limits}, sheet.edges
    if evidence.ndim == 1:
        extent = (0.0, len(evidence) / sampling_rate, sheet.bottom, sheet.top)
        draw_band(axes, evidence, extent, gid=gid, **style)
        return
    for lead, row, start, stop in sheet.strips:
        extent = (start / sampling_rate, stop / sampling_rate, edges[row + 1], edges[row])
        draw_band(axes, evidence[start:stop, lead], extent, gid=f"{gid} {lead_names[lead]}", **style)
    axes.hlines(edges[1:-1], 0.0, len(evidence) / sampling_rate, color="white", linewidth=1.0, zorder=1)


def by_sample(evidence: np.ndarray, n_times: int) -> np.ndarray:
    """Upsample (position, ...) linearly to (time, ...), as a heatmap is, about the middles of positions."""
    centres = (np.arange(len(evidence)) + 0.5) * n_times / len(evidence)
    columns = evidence.reshape(len(evidence), -1).T
    wide = [np.interp(np.arange(n_times) + 0.5, centres, column) for column in columns]
    return np.stack(wide, axis=-1).reshape(n_times, *evidence.shape[1:])


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
        evidence: (position,), logits per second, at equal parts of the time; NaN where it is hidden.
        padded: bool (time,), samples that nobody recorded.
        limits: colour limits, symmetric about 0; the axis reaches as far, or to the highest bar.

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
    reach = 1.1 * max(limits.vmax, np.max(np.abs(evidence[known]), initial=0.0))
    axes.set(ylim=(-reach, reach), yticks=[-limits.vmax / 2, 0.0, limits.vmax / 2])
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
    figure: Figure,
    right: float,
    bottom: float,
    width: float,
    colours: Colormap,
    limits: Normalize,
    name: str = "",
) -> Axes:
    """Draw a small colour bar, ticks at the limits and in the middle, in inches from right and bottom."""
    total_width, total_height = figure.get_size_inches()
    left = total_width - right - width
    place = (left / total_width, bottom / total_height, width / total_width, 0.11 / total_height)
    axes = figure.add_axes(place, gid="scale")
    bar = figure.colorbar(ScalarMappable(limits, colours), cax=axes, orientation="horizontal")
    low, high = limits.vmin, limits.vmax
    middle, sign = (low + high) / 2, "" if low == 0 else "+"
    bar.set_ticks([low, middle, high], labels=[f"{low:.2g}", f"{middle:.2g}", f"{high:{sign}.2g}"])
    axes.tick_params(labelsize=8.5, length=2, pad=1)
    bar.outline.set_linewidth(0.5)
    axes.text(-0.06, 0.5, name, transform=axes.transAxes, fontsize=8.5, ha="right", va="center")
    return axes


def scale_text(sheet: Sheet, sampling_rate: float, duration: float, processing: str = "") -> str:
    """Say what a square means, at which rate was sampled, and what was done to the signals."""
    shown = duration + PULSE_SECONDS
    speed = 25 if shown <= LONGEST else 25 * (10 + PULSE_SECONDS) / shown
    height = "10 mm/mV" if sheet.to_scale else f"too high for ECG paper: lines every {sheet.step:g} mV"
    parts = [f"{speed:.3g} mm/s", f"{sampling_rate:g} Hz", processing, height]
    size = f"{1 if sheet.to_scale else sheet.step:g} mV"
    return f"{', '.join(part for part in parts if part)}. Mark before the first lead: {size}."


def _multiples(step: float, start: float, stop: float) -> np.ndarray:
    return np.arange(np.ceil(start / step - 1e-9), np.floor(stop / step + 1e-9) + 1) * step
