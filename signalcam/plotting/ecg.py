"""An ECG on paper, and what is done to it before a model sees it."""

import itertools
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import as_mask, as_numbers, as_rate, as_signals, same_shape
from signalcam.plotting.sheet import lay_out, new_sheet
from signalcam.plotting.style import INK, PALETTE, Figure, light_grid, stacked_figure, styled

DISTURBED = "#C44E00"
BELOW = "#9a9a9a"
SHOWN_SECONDS = 5.0  # of an augmented or scaled ECG, so that small changes can be seen

# A title, the arrays that set the scale, and (array, colour, line width) of each ECG, from below to above.
Panel = tuple[str, Sequence[np.ndarray], Sequence[tuple[np.ndarray, str, float]]]


@styled
def plot_ecg(
    signals: ArrayLike,
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    title: str = "",
    padded: ArrayLike | None = None,
    layout: str = "12x1",
    statements: str = "",
    processing: str = "",
) -> Figure:
    """Draw one ECG on paper, true to scale: 25 mm/s and 10 mm/mV where the file is printed in its own size.

    Args:
        signals: (time, lead) in mV.
        sampling_rate, lead_names: Hz; of the signals' second axis.
        title: of the figure, such as the record's id.
        padded: bool (time,), True where nothing was recorded; these samples are hatched.
        layout: "12x1", every lead in full; or "3x4", a quarter of the time each and lead II as rhythm strip.
        statements: what is known of the record, in words.
        processing: what was done to the signals, in words, such as "baseline wander removed".

    Raises:
        ValueError: an argument has the wrong shape, or is unknown.
    """
    array, rate = as_signals(signals, lead_names), as_rate(sampling_rate)
    lines = textwrap.wrap(statements, 120)
    top = 0.15 + 0.32 * bool(title or lines) + 0.22 * len(lines)
    figure, (ax,), sheet = new_sheet(array, rate, lead_names, layout, top=top, bottom=0.8)
    paper.draw_grid(ax, sheet)
    paper.draw_ecg(ax, array, sheet, as_mask(padded, len(array)), xlabel=True)
    if title or lines:
        figure.headline(title, *lines)
    figure.caption(paper.scale_text(sheet, processing))
    return figure


@styled
def plot_trend(
    raw: ArrayLike,
    trend: ArrayLike,
    detrended: ArrayLike,
    sampling_rate: float = 100,
    title: str = "Baseline wander and its removal",
) -> Figure:
    """Draw the leads with their baseline wander at the left, and without it at the right.

    Args:
        raw, trend, detrended: (time, lead) in mV: as recorded, the polynomial, and their difference.
        sampling_rate, title: Hz; title of the figure.

    Raises: as in `plot_ecg`.
    """
    array = as_signals(raw, LEADS, "raw")
    polynomial = same_shape(trend, array, "trend", "raw")
    rest = same_shape(detrended, array, "detrended", "raw")
    both, recorded = [array, rest], [(array, INK, 0.8), (polynomial, DISTURBED, 1.6)]
    panels = [
        ("as recorded, and its polynomial trend", both, recorded),
        ("detrended", both, [(rest, PALETTE[0], 0.8)]),
    ]
    words = "Mark before the first lead: 1 mV."
    return _draw_panels(panels, 2, sampling_rate, title, words, seconds=None)


@styled
def plot_scaling(
    scaled: Mapping[str, ArrayLike],
    sampling_rate: float = 100,
    units: Mapping[str, str] | None = None,
    names: Sequence[str] = (),
) -> Figure:
    """Draw ECGs under several scaling rules: a column for each rule, on one scale, and a row for each record.

    Args:
        scaled: (time, lead) or (record, time, lead) by the rule's name; the detrended ECG in mV may be one of
            them. A record of low and one of high voltage show what a rule keeps.
        sampling_rate: Hz.
        units: unit of each rule's numbers; default "scaled".
        names: of the records, where they are to be told apart.

    Raises: as in `plot_ecg`.
    """
    columns = []
    for (rule, values), colour in zip(scaled.items(), itertools.cycle(PALETTE), strict=False):
        records = np.array(as_numbers(values, f"scaled[{rule!r}]"), ndmin=3)
        ecgs = [as_signals(record, LEADS, f"scaled[{rule!r}]") for record in records]
        title = f"{rule} ({(units or {}).get(rule, 'scaled')}); mark: 1"
        named = itertools.zip_longest(names, ecgs, fillvalue="")
        columns.append([(f"{name}\n{title}".strip(), ecgs, [(ecg, colour, 0.9)]) for name, ecg in named])
    panels = list(itertools.chain(*zip(*columns, strict=True)))
    title = f"The same ECG{'s' * (len(panels) > len(columns))} under each scaling rule"
    words = "One scale in each column: what differs in height within it, the rule has kept."
    return _draw_panels(panels, len(columns), sampling_rate, title, words)


@styled
def plot_augmentations(
    augmented: Mapping[str, ArrayLike], original: ArrayLike, sampling_rate: float = 100, unit: str = "mV"
) -> Figure:
    """Draw each augmentation over the original: a panel for each.

    Args:
        augmented, original: (time, lead) arrays by name, and what they were made from.
        sampling_rate, unit: Hz; unit of all arrays.

    Raises: as in `plot_ecg`.
    """
    base = as_signals(original, LEADS, "original")
    arrays = [same_shape(augmented[name], base, f"augmented[{name!r}]", "original") for name in augmented]
    panels = [
        (name, [base, *arrays], [(base, BELOW, 1.6), (array, DISTURBED, 0.9)])
        for name, array in zip(augmented, arrays, strict=True)
    ]
    words = f"Grey: the original; orange: augmented. Mark before the first lead: 1 {unit}."
    return _draw_panels(panels, 3, sampling_rate, "Augmentations over the original", words)


def _draw_panels(
    panels: Sequence[Panel],
    columns: int,
    sampling_rate: float,
    title: str,
    words: str,
    seconds: float | None = SHOWN_SECONDS,
) -> Figure:
    """Draw panels row by row, all leads below each other in each, the first seconds or all."""
    rate, columns = as_rate(sampling_rate), min(columns, len(panels))
    n_rows = -(-len(panels) // columns)
    heights = [0.6 + 0.3 * len(LEADS)] * n_rows
    figure, axes = stacked_figure(heights, columns, gap=0.85, top=0.85, bottom=0.85, left=0.55)
    for ax, (name, traces, layers) in zip(axes.flat, panels, strict=False):
        shown = [trace[: seconds and round(seconds * rate)] for trace in traces]
        sheet = lay_out(shown, rate, LEADS)
        apart = 0.5 * (sheet.top - sheet.bottom) / len(LEADS)  # so that no two names touch
        sheet = lay_out(shown, rate, LEADS, max(1.0, apart))
        for array, colour, linewidth in layers:
            paper.draw_ecg(ax, array[: sheet.n_times], sheet, None, linewidth, xlabel=True, colour=colour)
        ax.set_title(name, loc="left", fontsize=9.5, pad=4)
        ax.set_xticks(np.arange(0.0, sheet.duration + 0.01, max(1.0, sheet.duration // 5)))
        light_grid(ax)
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    figure.headline(title)
    figure.caption(words)
    return figure
