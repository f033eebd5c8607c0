"""A 12-lead ECG on paper-like axes."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import as_heatmap, as_mask, as_rate, as_signals, same_shape
from signalcam.plotting.style import INK, PALETTE, Figure, panel_width, stacked_figure, styled

LAYOUTS = {"12x1": 1, "6x2": 2}


@styled
def plot_ecg(
    signals: ArrayLike,
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    title: str = "",
    overlay: Mapping[str, ArrayLike] | None = None,
    heatmap: ArrayLike | None = None,
    padded: ArrayLike | None = None,
    layout: str = "12x1",
    span: tuple[float, float] | None = None,
) -> Figure:
    """Draw one ECG on paper-like axes: seconds, mV, squares of 0.2 s and 0.5 mV, names of the leads.

    Args:
        signals: (time, lead) in mV.
        sampling_rate: Hz.
        lead_names: of the signals' second axis.
        title: of the figure.
        overlay: further traces of the same shape by name, drawn over the first and listed in a legend.
        heatmap: (time,) in [0, 1], background colour of all leads alike.
        padded: bool (time,), True where nothing was recorded; these samples are hatched.
        layout: `"12x1"`, all leads below each other, or `"6x2"`, the first half beside the second half.
        span: (start, stop) in seconds, to show a part; default all.

    Raises:
        ValueError: an argument has the wrong shape, a span lies outside the recording, the layout is unknown.
    """
    array, rate = as_signals(signals, lead_names), as_rate(sampling_rate)
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}.")
    start, stop = seconds = _span(span, len(array) / rate)
    others = {key: same_shape(value, array, f"overlay[{key!r}]") for key, value in (overlay or {}).items()}
    mask = as_mask(padded, len(array))
    heat = None if heatmap is None else as_heatmap(heatmap, mask)

    groups = np.array_split(np.arange(len(lead_names)), LAYOUTS[layout])
    shown = slice(round(start * rate), int(np.ceil(stop * rate - 1e-9)))
    first = shown.start / rate
    panel, width = panel_width(len(groups)), stop - start + paper.PULSE_SECONDS
    row_height = 0.2 * width * paper.LARGE_MILLIVOLT / (panel * paper.LARGE_SECONDS)
    traces = {"recorded": array[shown]} | {label: trace[shown] for label, trace in others.items()}
    parts = [{label: trace[:, group] for label, trace in traces.items()} for group in groups]
    sheets = paper.lay_out_columns([list(part.values()) for part in parts], rate, row_height)
    height = max(sheet.height(panel, width) for sheet in sheets)
    top = 0.15 + 0.32 * bool(title) + 0.28 * bool(others)
    figure, axes = stacked_figure([height], len(groups), top=top, bottom=0.8)
    for ax, group, sheet, part in zip(axes[0], groups, sheets, parts, strict=True):
        names = [lead_names[lead] for lead in group]
        paper.draw_grid(ax, sheet, seconds, panel, plain=heat is not None)
        if heat is not None:
            paper.draw_heat(ax, heat[shown], rate, sheet.bottom, sheet.top, first)
        paper.draw_pulse(ax, sheet, start)
        for number, (label, trace) in enumerate(part.items()):
            over = {"color": PALETTE[number % len(PALETTE)], "linewidth": 1.1} if number else {"color": INK}
            paper.draw_leads(ax, trace, sheet, rate, names, first, label, zorder=3 + 0.1 * number, **over)
        paper.finish_paper(ax, sheet, seconds, names)
        paper.draw_padded(ax, mask, rate)
    if others:
        place = (0.5, 1 - (0.42 if title else 0.1) / figure.get_size_inches()[1])
        handles = axes[0, 0].get_legend_handles_labels()
        style = {"loc": "upper center", "borderaxespad": 0.0, "ncols": len(traces)}
        figure.legend(*handles, bbox_to_anchor=place, **style)
    if title:
        figure.headline(title)
    figure.caption(paper.scale_text(sheets[0]))
    return figure


def _span(span: tuple[float, float] | None, duration: float) -> tuple[float, float]:
    start, stop = (0.0, duration) if span is None else (float(value) for value in span)
    if not 0 <= start < stop <= duration + 1e-9:
        raise ValueError(
            f"span must lie within 0 to {duration:g} s, start first, got {start:g} to {stop:g} s."
        )
    return start, stop
