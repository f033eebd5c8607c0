"""ECG paper: one lead below the other, squares of 0.2 s and 0.5 mV, seconds below, names at the left.

25 mm/s and 10 mm/mV mean that a small square is 0.04 s wide and 0.1 mV high, and five of them are a
large one. The sheet keeps that proportion on the screen, so that an eye used to paper reads voltages and
durations from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.transforms
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from signalcam.plotting.style import INK, heat_colours

LARGE_SECONDS, LARGE_MILLIVOLT = 0.2, 0.5
SMALL_SECONDS, SMALL_MILLIVOLT = 0.04, 0.1
PULSE_SECONDS = 0.5
NEAR_SECONDS = 0.06
PAPER = {"small": "#fae6e4", "large": "#efb9b4"}
PLAIN = {"large": "#c4bfb4"}
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
        return self.step == LARGE_MILLIVOLT

    def height(self, width: float, seconds: float) -> float:
        """Inches that keep the squares square on axes of `width` inches that show `seconds`."""
        squares = (self.top - self.bottom) / self.step
        return width * squares * LARGE_SECONDS / seconds if self.to_scale else min(8.0, 0.17 * squares)


def lay_out(traces: Sequence[np.ndarray], sampling_rate: float, row_height: float = 1.0) -> Sheet:
    """Pack leads as closely as they do not touch, in steps of a large square.

    Args:
        traces: arrays (time, lead), mV, all drawn on this sheet, for instance a signal and its overlay.
        row_height: least distance of two zero lines, mV.
    """
    low = np.min([np.nan_to_num(np.fmin.reduce(trace, axis=0)) for trace in traces], axis=0)
    high = np.max([np.nan_to_num(np.fmax.reduce(trace, axis=0)) for trace in traces], axis=0)
    step = _step(float(np.sum(high - low)))
    # Leads may reach into each other's rows where the neighbour is quiet at that moment, give or take 60 ms.
    around = 2 * max(1, round(NEAR_SECONDS * sampling_rate)) + 1
    ceiling = maximum_filter1d(np.nan_to_num(np.fmax.reduce(traces, axis=0)), around, axis=0)
    floor = minimum_filter1d(np.nan_to_num(np.fmin.reduce(traces, axis=0)), around, axis=0)
    offsets = np.zeros(len(low))
    for lead in range(1, len(low)):
        above = floor[:, max(0, lead - 2) : lead] + offsets[max(0, lead - 2) : lead]
        free = float(np.min(above.min(axis=1) - ceiling[:, lead])) - 0.1 * step
        offsets[lead] = np.floor(min(free, offsets[lead - 1] - max(row_height, 2 * step)) / step) * step
    return _framed(offsets, low, high, step)


def lay_out_columns(
    groups: Sequence[Sequence[np.ndarray]], sampling_rate: float, row_height: float
) -> list[Sheet]:
    """One sheet for each group of leads, with the zero lines of all at the same heights."""
    sheets = [lay_out(traces, sampling_rate, row_height) for traces in groups]
    n_rows = max(len(sheet.offsets) for sheet in sheets)
    gaps = np.zeros(n_rows)
    for sheet in sheets:
        gaps[: len(sheet.offsets)] = np.maximum(
            gaps[: len(sheet.offsets)], -np.diff(sheet.offsets, prepend=0.0)
        )
    offsets, step = -np.cumsum(gaps), max(sheet.step for sheet in sheets)
    bottom = min(sheet.bottom - sheet.offsets[-1] + offsets[len(sheet.offsets) - 1] for sheet in sheets)
    top = max(sheet.top for sheet in sheets)
    return [Sheet(offsets[: len(sheet.offsets)], bottom, top, step) for sheet in sheets]


def draw_grid(
    axes: Axes, sheet: Sheet, seconds: tuple[float, float], width: float, paper: bool = True
) -> None:
    """Large squares, and small ones where they come out at least 2.5 pixels wide on `width` inches.

    With `paper=False` large squares alone, in grey, to lie under a coloured background.
    """
    colours = PAPER if paper else PLAIN
    start, stop = seconds
    if paper and sheet.to_scale and width * 100 * SMALL_SECONDS / (stop - start) >= 2.5:
        _lines(axes, sheet, seconds, SMALL_SECONDS, SMALL_MILLIVOLT, colours["small"], 0.35, "grid small")
    horizontal = LARGE_SECONDS if stop - start <= 30 else 1.0
    _lines(axes, sheet, seconds, horizontal, sheet.step, colours["large"], 0.6, "grid large")


def draw_leads(
    axes: Axes,
    signals: np.ndarray,
    sheet: Sheet,
    sampling_rate: float,
    lead_names: Sequence[str],
    colour: str = INK,
    label: str | None = None,
    linewidth: float = 0.9,
    zorder: float = 3.0,
    start: float = 0.0,
) -> None:
    """One line for each lead, the first sample at `start` s.

    A line's data are the samples in mV themselves; its place on the sheet is a transform.
    """
    times = np.arange(len(signals)) / sampling_rate + start
    for lead, name in enumerate(lead_names):
        place = matplotlib.transforms.Affine2D().translate(0, sheet.offsets[lead]) + axes.transData
        axes.plot(
            times,
            signals[:, lead],
            color=colour,
            linewidth=linewidth,
            zorder=zorder,
            transform=place,
            label=label if lead == 0 and label else "_trace",
            gid=f"lead {name}",
            solid_joinstyle="round",
        )


def draw_pulse(axes: Axes, sheet: Sheet, start: float) -> None:
    """The calibration mark of paper ECGs before the first lead: 1 mV high, 0.2 s wide."""
    size = 1.0 if sheet.to_scale else sheet.step
    x = start - PULSE_SECONDS + np.array([0.06, 0.13, 0.13, 0.33, 0.33, 0.4])
    shape = np.column_stack([x, sheet.offsets[0] + size * np.array([0, 0, 1, 1, 0, 0])])
    axes.add_collection(
        LineCollection([shape], colors=INK, linewidths=1.1, zorder=3, gid="calibration"), autolim=False
    )


def finish_paper(
    axes: Axes, sheet: Sheet, seconds: tuple[float, float], lead_names: Sequence[str], xlabel: bool = True
) -> None:
    """Limits, lead names at their zero lines, seconds below."""
    axes.set_xlim(seconds[0] - PULSE_SECONDS, seconds[1])
    axes.set_ylim(sheet.bottom, sheet.top)
    axes.set_yticks(sheet.offsets, list(lead_names))
    axes.tick_params(axis="y", length=0, pad=4, labelsize=10)
    axes.set_xticks(second_ticks(*seconds))
    if xlabel:
        axes.set_xlabel("time (s)")
    else:
        axes.tick_params(axis="x", labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_heat(
    axes: Axes, heatmap: np.ndarray, sampling_rate: float, bottom: float, top: float, start: float = 0.0
) -> None:
    """A heatmap (time,) in [0, 1] as background: sample i colours the time from sample i to i + 1."""
    axes.imshow(
        heatmap[None, :],
        extent=(start, start + len(heatmap) / sampling_rate, bottom, top),
        aspect="auto",
        origin="lower",
        cmap=heat_colours(),
        norm=Normalize(0.0, 1.0),
        interpolation="nearest",
        zorder=0.5,
        gid="heatmap",
    )


def draw_padded(axes: Axes, padded: np.ndarray, sampling_rate: float) -> None:
    """Hatch the samples that were never recorded and cover what lies below."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], padded.astype(int), [0]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        axes.axvspan(
            start / sampling_rate,
            stop / sampling_rate,
            facecolor="#f2f2f2",
            edgecolor="#bdbdbd",
            hatch="///",
            linewidth=0.0,
            zorder=4,
            gid="padded",
        )


def second_ticks(start: float, stop: float) -> np.ndarray:
    """Round seconds from start to stop, at most about a dozen."""
    step = next(
        step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1e9) if (stop - start) / step <= 12
    )
    return np.arange(np.ceil(start / step - 1e-9), np.floor(stop / step + 1e-9) + 1) * step


def scale_text(sheet: Sheet, unit: str = "mV") -> str:
    """One sentence on what a square means."""
    if sheet.to_scale:
        return (
            f"Large square: 0.2 s × 0.5 {unit} (25 mm/s, 10 mm/{unit}). Mark before the first lead: 1 {unit}."
        )
    step = f"{sheet.step:g} {unit}"
    return f"Traces too high for ECG paper: lines every {step}, mark before the first lead {step}."


def _framed(offsets: np.ndarray, low: np.ndarray, high: np.ndarray, step: float) -> Sheet:
    top = np.ceil((np.max(offsets + high) + 0.2 * step) / step) * step
    bottom = np.floor((np.min(offsets + low) - 0.2 * step) / step) * step
    return Sheet(offsets, float(bottom), float(max(top, 2 * step)), step)


def _step(total: float) -> float:
    """0.5 mV while all leads fit on a sheet, then 1, 2, 5, 10, ..."""
    step, factors = LARGE_MILLIVOLT, (2.0, 2.0, 2.5)
    turn = 0
    while total / step > MAX_PAPER_HEIGHT / LARGE_MILLIVOLT:
        step *= factors[turn % 3]
        turn += 1
    return step


def _lines(
    axes: Axes, sheet: Sheet, seconds, horizontal: float, vertical: float, colour, linewidth, gid
) -> None:
    start, stop = seconds[0] - PULSE_SECONDS, seconds[1]
    columns = (
        np.arange(np.ceil(start / horizontal - 1e-9), np.floor(stop / horizontal + 1e-9) + 1) * horizontal
    )
    rows = np.arange(np.round(sheet.bottom / vertical), np.round(sheet.top / vertical) + 1) * vertical
    segments = [[(x, sheet.bottom), (x, sheet.top)] for x in columns]
    segments += [[(start, y), (stop, y)] for y in rows]
    axes.add_collection(
        LineCollection(segments, colors=colour, linewidths=linewidth, zorder=1, gid=gid), autolim=False
    )
