"""Where the leads of an ECG lie on paper, at 25 mm/s and 10 mm/mV."""

import itertools
import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from signalcam.leads import LEADS
from signalcam.plotting.style import Figure, stacked_figure

SQUARE = 5 / 25.4  # inches of a large square
LARGE_SECONDS, LARGE_MILLIVOLT = 0.2, 0.5
PULSE_SECONDS = 0.6  # before the first lead, for the calibration mark
NEAR_SECONDS = 0.06
LONGEST = 12.0  # seconds of an ECG that is drawn at 25 mm/s; longer ones are as wide as one of 10 s
ROW_MILLIVOLT = {"12x1": 1.0, "3x4": 2.0}  # least distance of two rows, by layout
LEFT, RIGHT = 0.9, 0.2  # inches beside a sheet
MAX_PAPER_HEIGHT = 45.0


@dataclass(frozen=True)
class Sheet:
    """Where the leads of one ECG lie on the paper, in mV from the top row's zero line.

    Attributes:
        sampling_rate, n_times, lead_names: of the signals, (time, lead).
        offsets: of each row's zero line.
        bottom, top: limits of the paper.
        step: height of a large square: 0.5, or more where the traces are too high for paper.
        strips: what is shown, (lead, row, start, stop): indices of the lead, its row, and its samples.
    """

    sampling_rate: float
    n_times: int
    lead_names: Sequence[str]
    offsets: np.ndarray
    bottom: float
    top: float
    step: float
    strips: Sequence[tuple[int, int, int, int]]

    @property
    def duration(self) -> float:
        """Seconds of the ECG."""
        return self.n_times / self.sampling_rate

    @property
    def to_scale(self) -> bool:
        """True where the height of a square means what it means on paper."""
        return self.step == LARGE_MILLIVOLT

    def height(self, width: float, seconds: float) -> float:
        """Return the inches that keep squares square on axes of `width` inches that show `seconds`."""
        squares = (self.top - self.bottom) / self.step
        return width * squares * LARGE_SECONDS / seconds if self.to_scale else min(8.0, 0.17 * squares)


def lay_out(
    traces: Sequence[np.ndarray],
    sampling_rate: float,
    lead_names: Sequence[str],
    row_height: float = 1.0,
    layout: str = "12x1",
) -> Sheet:
    """Pack rows as closely as they do not touch, in steps of a large square.

    Args:
        traces: arrays (time, lead), mV, that have the same zero lines.
        sampling_rate, lead_names: Hz; of the traces' second axis.
        row_height: least distance of two zero lines, mV.
        layout: "12x1", or "3x4", a quarter of the time each, and lead II in full.
    """
    n_times = len(traces[0])
    strips = _strips(layout, n_times, list(lead_names))
    n_rows, lead_low, lead_high = strips[-1][1] + 1, np.fmin.reduce(traces), np.fmax.reduce(traces)
    lowest, highest = np.zeros((2, n_times, n_rows))
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
        above = slice(max(0, row - 2), row)
        lower = (floor[:, above] + offsets[above]).min(axis=1)
        free = float(np.min(lower - ceiling[:, row])) - 0.1 * step
        offsets[row] = np.floor(min(free, offsets[row - 1] - max(row_height, 2 * step)) / step) * step
    top = np.ceil((np.max(offsets + high) + 0.2 * step) / step) * step
    bottom = np.floor((np.min(offsets + low) - 0.2 * step) / step) * step
    return Sheet(sampling_rate, n_times, lead_names, offsets, bottom, max(top, 3 * step), step, strips)


def new_sheet(
    signals: np.ndarray,
    sampling_rate: float,
    lead_names: Sequence[str],
    layout: str = "12x1",
    below: Sequence[float] = (),
    **margins: float,
) -> tuple[Figure, list[Axes], Sheet]:
    """Make a figure with room for at least 10 s; its first axes are a sheet at 25 mm/s and 10 mm/mV.

    Args:
        signals: (time, lead), mV.
        sampling_rate, lead_names, layout: as in `lay_out`.
        below, margins: heights of further axes, inches; `top` and `bottom` of `stacked_figure`.
    """
    sheet = lay_out([signals], sampling_rate, lead_names, ROW_MILLIVOLT.get(layout, 1.0), layout)
    inch, shown, usual = SQUARE / LARGE_SECONDS, sheet.duration + PULSE_SECONDS, 10 + PULSE_SECONDS
    panel = inch * (shown if shown <= LONGEST else usual)
    margins["right"] = RIGHT + max(0.0, inch * usual - panel)  # what is written below needs it
    heights = [sheet.height(inch, 1.0), *below]
    figure, axes = stacked_figure(heights, gap=0.1, left=LEFT, panel=panel, **margins)
    return figure, list(axes[:, 0]), sheet


def _strips(layout: str, n_times: int, lead_names: list[str]) -> list[tuple[int, int, int, int]]:
    if layout not in ROW_MILLIVOLT:
        raise ValueError(f"layout must be one of {', '.join(ROW_MILLIVOLT)}, got {layout!r}.")
    if layout == "12x1":
        return [(lead, lead, 0, n_times) for lead in range(len(lead_names))]
    if sorted(lead_names) != sorted(LEADS):
        raise ValueError(f"layout must be '12x1' for leads {', '.join(lead_names)}, got {layout!r}.")
    edges = np.linspace(0, n_times, 5).astype(int).tolist()
    places = [(lead_names.index(name), k % 3, *edges[k // 3 : k // 3 + 2]) for k, name in enumerate(LEADS)]
    return [*places, (lead_names.index("II"), 3, 0, n_times)]
