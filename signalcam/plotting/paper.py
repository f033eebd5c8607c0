"""ECG paper: one lead below the other, squares of 0.2 s and 0.5 mV, seconds below, names at the left.

25 mm/s and 10 mm/mV mean that a small square is 0.04 s wide and 0.1 mV high, and five of them are a
large one. The sheet keeps that proportion on the screen, so that an eye used to paper reads voltages and
durations from it.

What draws here takes the axes to draw on, the sheet that says where the leads lie, signals (time, lead) in
mV, the sampling rate in Hz, and the (start, stop) in seconds that the axes show.
"""

import itertools
import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.transforms import Affine2D
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from signalcam.plotting.style import HEAT_COLOURS, INK

LARGE_SECONDS, LARGE_MILLIVOLT = 0.2, 0.5
SMALL_SECONDS, SMALL_MILLIVOLT = 0.04, 0.1
PULSE_SECONDS = 0.5
NEAR_SECONDS = 0.06
SMALL_COLOUR, LARGE_COLOUR, PLAIN_COLOUR = "#fae6e4", "#efb9b4", "#c4bfb4"
MAX_PAPER_HEIGHT = 45.0


@dataclass(frozen=True)
class Sheet:
    """Where the leads lie on the paper, in mV from its top lead's zero line downwards.

    Attributes:
        offsets: height of each lead's zero line, mV.
        bottom, top: limits of the paper, mV.
        step: height of a large square, mV: 0.5, or more where the traces are too high for paper.
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
        traces: arrays (time, lead), mV, all drawn on this sheet, for instance a signal and its overlay.
        sampling_rate: Hz.
        row_height: least distance of two zero lines, mV.

    Returns:
        The sheet.
    """
    lowest, highest = np.fmin.reduce(traces, axis=0), np.fmax.reduce(traces, axis=0)
    low, high = np.nan_to_num(np.fmin.reduce(lowest)), np.nan_to_num(np.fmax.reduce(highest))
    step = _step(float(np.sum(high - low)))
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


def lay_out_columns(
    groups: Sequence[Sequence[np.ndarray]], sampling_rate: float, row_height: float
) -> list[Sheet]:
    """Lay out one sheet for each group of leads, with the zero lines of all at the same heights.

    Args: as in `lay_out`, but for `groups`, the traces of each sheet.
    """
    sheets = [lay_out(traces, sampling_rate, row_height) for traces in groups]
    gaps = np.zeros(max(len(sheet.offsets) for sheet in sheets))
    for sheet in sheets:
        own = gaps[: len(sheet.offsets)]
        np.maximum(own, -np.diff(sheet.offsets, prepend=0.0), out=own)
    offsets, step = -np.cumsum(gaps), max(sheet.step for sheet in sheets)
    bottom = min(sheet.bottom - sheet.offsets[-1] + offsets[len(sheet.offsets) - 1] for sheet in sheets)
    top = max(sheet.top for sheet in sheets)
    return [Sheet(offsets[: len(sheet.offsets)], bottom, top, step) for sheet in sheets]


def draw_grid(
    axes: Axes, sheet: Sheet, seconds: tuple[float, float], width: float, plain: bool = False
) -> None:
    """Draw large squares, and small ones where they come out at least 2.5 pixels wide on `width` inches.

    With `plain`, large squares alone, in grey, to lie under a coloured background.
    """
    start, stop = seconds
    if not plain and sheet.to_scale and width * 100 * SMALL_SECONDS / (stop - start) >= 2.5:
        style = {"colors": SMALL_COLOUR, "linewidths": 0.35, "gid": "grid small"}
        _draw_lines(axes, sheet, seconds, SMALL_SECONDS, SMALL_MILLIVOLT, style)
    style = {"colors": PLAIN_COLOUR if plain else LARGE_COLOUR, "linewidths": 0.6, "gid": "grid large"}
    _draw_lines(axes, sheet, seconds, LARGE_SECONDS if stop - start <= 30 else 1.0, sheet.step, style)


def draw_leads(
    axes: Axes,
    signals: np.ndarray,
    sheet: Sheet,
    sampling_rate: float,
    lead_names: Sequence[str],
    start: float = 0.0,
    label: str = "_trace",
    **style: object,
) -> None:
    """Draw a line for each lead, the first sample at `start` s, in the legend one `label` for all.

    A line's data are the samples in mV themselves; its place on the sheet is a transform.
    """
    times = np.arange(len(signals)) / sampling_rate + start
    style = {"color": INK, "linewidth": 0.9, "zorder": 3.0, "solid_joinstyle": "round"} | style
    for lead, name in enumerate(lead_names):
        place = Affine2D().translate(0, sheet.offsets[lead]) + axes.transData
        first = label if lead == 0 else "_trace"
        axes.plot(times, signals[:, lead], transform=place, label=first, gid=f"lead {name}", **style)


def draw_pulse(axes: Axes, sheet: Sheet, start: float) -> None:
    """Draw the calibration mark of paper ECGs before the first lead: 1 mV high, 0.2 s wide."""
    size = 1.0 if sheet.to_scale else sheet.step
    x = start - PULSE_SECONDS + np.array([0.06, 0.13, 0.13, 0.33, 0.33, 0.4])
    shape = np.column_stack([x, sheet.offsets[0] + size * np.array([0, 0, 1, 1, 0, 0])])
    pulse = LineCollection([shape], colors=INK, linewidths=1.1, zorder=3, gid="calibration")
    axes.add_collection(pulse, autolim=False)


def finish_paper(
    axes: Axes, sheet: Sheet, seconds: tuple[float, float], lead_names: Sequence[str], xlabel: bool = True
) -> None:
    """Set the limits, write lead names at their zero lines, and seconds below."""
    axes.set(xlim=(seconds[0] - PULSE_SECONDS, seconds[1]), ylim=(sheet.bottom, sheet.top))
    axes.set_yticks(sheet.offsets, list(lead_names))
    axes.tick_params(axis="y", length=0, pad=4, labelsize=10)
    axes.set_xticks(second_ticks(*seconds))
    if xlabel:
        axes.set_xlabel("time (s)")
    else:
        axes.tick_params(axis="x", labelbottom=False)
    axes.spines[:].set_visible(False)


def draw_ecg(
    axes: Axes,
    signals: np.ndarray,
    sheet: Sheet,
    sampling_rate: float,
    lead_names: Sequence[str],
    padded: np.ndarray,
    **style: object,
) -> None:
    """Draw a whole ECG above strips: the calibration mark, the leads, what was not recorded, the frame."""
    draw_pulse(axes, sheet, 0.0)
    draw_leads(axes, signals, sheet, sampling_rate, lead_names, **style)
    draw_padded(axes, padded, sampling_rate)
    finish_paper(axes, sheet, (0.0, len(signals) / sampling_rate), lead_names, xlabel=False)


def draw_heat(
    axes: Axes, heatmap: np.ndarray, sampling_rate: float, bottom: float, top: float, start: float = 0.0
) -> None:
    """Draw a heatmap (time,) in [0, 1] as background: sample i colours the time from sample i to i + 1."""
    extent = (start, start + len(heatmap) / sampling_rate, bottom, top)
    colours = {"cmap": HEAT_COLOURS, "norm": Normalize(0.0, 1.0)}
    draw_band(axes, heatmap, extent, gid="heatmap", **colours)


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


def second_ticks(start: float, stop: float) -> np.ndarray:
    """Return round seconds from start to stop, at most about a dozen."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1e9)
    return _multiples(next(step for step in steps if (stop - start) / step <= 12), start, stop)


def scale_text(sheet: Sheet) -> str:
    """Say in one sentence what a square means."""
    if sheet.to_scale:
        return "Large square: 0.2 s × 0.5 mV (25 mm/s, 10 mm/mV). Mark before the first lead: 1 mV."
    step = f"{sheet.step:g} mV"
    return f"Traces too high for ECG paper: lines every {step}, mark before the first lead {step}."


def _step(total: float) -> float:
    """Return 0.5 mV while all leads fit on a sheet, then 1, 2, 5, 10, ..."""
    steps = itertools.accumulate(itertools.cycle((2.0, 2.0, 2.5)), operator.mul, initial=LARGE_MILLIVOLT)
    return next(step for step in steps if total / step <= MAX_PAPER_HEIGHT / LARGE_MILLIVOLT)


def _multiples(step: float, start: float, stop: float) -> np.ndarray:
    return np.arange(np.ceil(start / step - 1e-9), np.floor(stop / step + 1e-9) + 1) * step


def _draw_lines(
    axes: Axes, sheet: Sheet, seconds: tuple[float, float], width: float, height: float, style: dict
) -> None:
    """Draw the lines of squares of `width` s and `height` mV."""
    start, stop = seconds[0] - PULSE_SECONDS, seconds[1]
    levels = np.arange(np.round(sheet.bottom / height), np.round(sheet.top / height) + 1) * height
    lines = [[(x, sheet.bottom), (x, sheet.top)] for x in _multiples(width, start, stop)]
    lines += [[(start, y), (stop, y)] for y in levels]
    axes.add_collection(LineCollection(lines, zorder=1, **style), autolim=False)
