"""A 12-lead ECG on paper-like axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import (
    as_heatmap,
    as_mask,
    as_rate,
    as_signals,
    same_shape,
)
from signalcam.plotting.style import (
    INK,
    PALETTE,
    WIDTH,
    Figure,
    caption,
    panel_width,
    stacked_figure,
    styled,
)

LAYOUTS = {"12x1": 1, "6x2": 2}


@styled
def plot_ecg(
    signals,
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    title: str | None = None,
    overlay: Mapping[str, np.ndarray] | None = None,
    heatmap=None,
    padded=None,
    layout: str = "12x1",
    span: tuple[float, float] | None = None,
    name: str = "recorded",
    width: float = WIDTH,
) -> Figure:
    """One ECG on paper-like axes: seconds, mV, squares of 0.2 s and 0.5 mV, names of the leads.

    Args:
        signals: (time, lead) in mV, leads in the order of `lead_names`.
        sampling_rate: Hz.
        overlay: further traces of the same shape by name, drawn over the first and listed in a legend.
        heatmap: (time,) in [0, 1], background colour of all leads alike.
        padded: (time,) bool, True where nothing was recorded; these samples are hatched.
        layout: `"12x1"`, all leads below each other, or `"6x2"`, the first half beside the second half.
        span: (start, stop) in seconds, to show a part; default all.
        name: what the legend calls `signals` when there is an overlay.
        width: inches.

    Raises:
        ValueError: an argument has the wrong shape, a span lies outside the recording, the layout is unknown.
    """
    array, rate = as_signals(signals, lead_names), as_rate(sampling_rate)
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}.")
    seconds = _span(span, len(array) / rate)
    others = {key: same_shape(value, array, f"overlay[{key!r}]") for key, value in (overlay or {}).items()}
    mask = as_mask(padded, len(array))
    heat = None if heatmap is None else as_heatmap(heatmap, mask)

    groups = np.array_split(np.arange(len(lead_names)), LAYOUTS[layout])
    first, last = round(seconds[0] * rate), int(np.ceil(seconds[1] * rate - 1e-9))
    panel, shown = panel_width(len(groups), width), seconds[1] - seconds[0] + paper.PULSE_SECONDS
    row_height = 0.2 * shown * paper.LARGE_MILLIVOLT / (panel * paper.LARGE_SECONDS)
    traces = {label: trace[first:last] for label, trace in {None: array, **others}.items()}
    by_group = [{label: trace[:, group] for label, trace in traces.items()} for group in groups]
    sheets = paper.lay_out_columns([list(part.values()) for part in by_group], rate, row_height)
    height = max(sheet.height(panel, shown) for sheet in sheets)
    top = 0.15 + 0.32 * bool(title) + 0.28 * bool(others)
    figure, axes = stacked_figure([height], len(groups), width, top=top, bottom=0.8)
    for ax, group, sheet, part in zip(axes[0], groups, sheets, by_group, strict=True):
        paper.draw_grid(ax, sheet, seconds, panel, paper=heat is None)
        if heat is not None:
            paper.draw_heat(ax, heat[first:last], rate, sheet.bottom, sheet.top, first / rate)
        _draw_traces(ax, part, sheet, rate, [lead_names[lead] for lead in group], seconds, name)
        paper.draw_padded(ax, mask, rate)
    if others:
        _legend_above(figure, axes[0, 0], 1 + len(others), 0.42 if title else 0.1)
    if title:
        figure.suptitle(title, x=0.5, y=1 - 0.12 / figure.get_size_inches()[1], va="top")
    caption(figure, paper.scale_text(sheets[0]))
    return figure


def _draw_traces(ax, traces: Mapping, sheet: paper.Sheet, rate: float, names, seconds, name: str) -> None:
    """The calibration mark, the first trace in ink under `name`, the others over it in colours."""
    start = round(seconds[0] * rate) / rate
    paper.draw_pulse(ax, sheet, seconds[0])
    for number, (label, trace) in enumerate(traces.items()):
        colour, width = (INK, 0.9) if number == 0 else (PALETTE[number % len(PALETTE)], 1.1)
        paper.draw_leads(ax, trace, sheet, rate, names, colour, label or name, width, 3 + 0.1 * number, start)
    paper.finish_paper(ax, sheet, seconds, names)


def _span(span: tuple[float, float] | None, duration: float) -> tuple[float, float]:
    if span is None:
        return 0.0, duration
    start, stop = (float(value) for value in span)
    if not 0 <= start < stop <= duration + 1e-9:
        raise ValueError(
            f"span must lie within 0 to {duration:g} s, start before stop; got {start:g} to {stop:g} s."
        )
    return start, stop


def _legend_above(figure: Figure, axes, columns: int, below_top: float) -> None:
    y = 1 - below_top / figure.get_size_inches()[1]
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="upper center",
        bbox_to_anchor=(0.5, y),
        ncols=columns,
        borderaxespad=0.0,
    )
