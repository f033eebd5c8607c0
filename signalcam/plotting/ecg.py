"""Figures of ECGs before a model sees them: as recorded, detrended, scaled, augmented."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import (
    as_heatmap,
    as_mask,
    as_named,
    as_rate,
    as_signals,
    lead_positions,
    same_shape,
)
from signalcam.plotting.style import (
    INK,
    PALETTE,
    WIDTH,
    Figure,
    caption,
    light_grid,
    new_figure,
    panel_width,
    stacked_figure,
    styled,
)

LAYOUTS = {"12x1": 1, "6x2": 2}
DISTURBED = "#C44E00"


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
    heat = None if heatmap is None else as_heatmap(heatmap, len(array))
    mask = as_mask(padded, len(array))

    groups = np.array_split(np.arange(len(lead_names)), LAYOUTS[layout])
    first, last = round(seconds[0] * rate), int(np.ceil(seconds[1] * rate - 1e-9))
    panel, shown = panel_width(len(groups), width), seconds[1] - seconds[0] + paper.PULSE_SECONDS
    row_height = 0.2 * shown * paper.LARGE_MILLIVOLT / (panel * paper.LARGE_SECONDS)
    traces = {key: trace[first:last] for key, trace in {name: array, **others}.items()}
    sheets = paper.lay_out_columns(
        [[trace[:, group] for trace in traces.values()] for group in groups], rate, row_height
    )
    height = max(sheet.height(panel, shown) for sheet in sheets)
    top = 0.15 + 0.32 * bool(title) + 0.28 * bool(others)
    figure, axes = stacked_figure([height], len(groups), width, top=top, bottom=0.8)
    for column, (group, sheet) in enumerate(zip(groups, sheets, strict=True)):
        names = [lead_names[lead] for lead in group]
        ax = axes[0, column]
        paper.draw_grid(ax, sheet, seconds, panel, paper=heat is None)
        if heat is not None:
            paper.draw_heat(ax, heat[first:last], rate, sheet.bottom, sheet.top, first / rate)
        paper.draw_pulse(ax, sheet, seconds[0])
        for number, (label, trace) in enumerate(traces.items()):
            colour, line = (INK, 0.9) if number == 0 else (PALETTE[number % len(PALETTE)], 1.1)
            paper.draw_leads(
                ax, trace[:, group], sheet, rate, names, colour, label, line, 3 + 0.1 * number, first / rate
            )
        paper.draw_padded(ax, mask, rate)
        paper.finish_paper(ax, sheet, seconds, names)
    if others:
        _legend_above(figure, axes[0, 0], 1 + len(others), 0.42 if title else 0.1)
    if title:
        figure.suptitle(title, x=0.5, y=1 - 0.12 / figure.get_size_inches()[1], va="top")
    caption(figure, paper.scale_text(sheets[0]))
    return figure


@styled
def plot_trend(
    raw,
    trend,
    detrended,
    sampling_rate: float = 100,
    leads: Sequence[str] = ("II", "V2", "V5"),
    lead_names: Sequence[str] = LEADS,
    title: str | None = None,
) -> Figure:
    """Baseline wander taken away: each lead with its polynomial at the left, the detrended lead at the right.

    Args:
        raw, trend, detrended: (time, lead) in mV.
        leads: which leads to draw, one row each.
    """
    array, rate = as_signals(raw, lead_names, "raw"), as_rate(sampling_rate)
    polynomial = same_shape(trend, array, "trend", "raw")
    rest = same_shape(detrended, array, "detrended", "raw")
    times = np.arange(len(array)) / rate
    figure = new_figure(height=0.9 + 1.5 * len(leads))
    axes = figure.subplots(len(leads), 2, sharex=True, sharey="row", squeeze=False)
    for row, position in enumerate(lead_positions(leads, lead_names)):
        left, right = axes[row]
        left.plot(times, array[:, position], color=INK, linewidth=0.9, label="as recorded")
        left.plot(times, polynomial[:, position], color=DISTURBED, linewidth=2.0, label="polynomial trend")
        right.plot(times, rest[:, position], color=PALETTE[0], linewidth=0.9, label="detrended")
        right.axhline(0.0, color="#999999", linewidth=0.8, zorder=1)
        left.set_ylabel(f"{lead_names[position]} (mV)")
        for ax in (left, right):
            light_grid(ax)
            ax.set_xlim(0, len(array) / rate)
    for ax in axes[-1]:
        ax.set_xlabel("time (s)")
        ax.set_xticks(paper.second_ticks(0.0, len(array) / rate))
    for ax in axes[0]:
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.1)
    figure.suptitle(title or "Baseline wander and its removal")
    return figure


@styled
def plot_scaling(
    scaled: Mapping[str, np.ndarray],
    sampling_rate: float = 100,
    leads: Sequence[str] = ("II", "V2", "V6"),
    lead_names: Sequence[str] = LEADS,
    units: Mapping[str, str] | None = None,
    title: str | None = None,
) -> Figure:
    """The same ECG under several scaling rules: a row for each rule, a column for each lead.

    A row has one vertical axis, so that it shows whether a rule keeps the voltage differences among leads.

    Args:
        scaled: (time, lead) arrays by the rule's name; the detrended ECG in mV may be one of them.
        units: unit of each rule's numbers, for the vertical axis; default "scaled".
    """
    rate, items = as_rate(sampling_rate), as_named(scaled, "scaled")
    arrays = {rule: as_signals(value, lead_names, f"scaled[{rule!r}]") for rule, value in items.items()}
    units = dict(units or {})
    figure = new_figure(height=0.9 + 1.35 * len(arrays))
    axes = figure.subplots(len(arrays), len(leads), sharex=True, sharey="row", squeeze=False)
    for row, (rule, array) in enumerate(arrays.items()):
        for column, position in enumerate(lead_positions(leads, lead_names)):
            ax = axes[row, column]
            ax.plot(
                np.arange(len(array)) / rate,
                array[:, position],
                color=PALETTE[row % len(PALETTE)],
                linewidth=0.9,
            )
            ax.axhline(0.0, color="#999999", linewidth=0.8, zorder=1)
            ax.set_xlim(0, len(array) / rate)
            light_grid(ax)
            if row == 0:
                ax.set_title(f"lead {lead_names[position]}")
        axes[row, 0].set_ylabel(f"{rule}\n({units.get(rule, 'scaled')})")
    for ax in axes[-1]:
        ax.set_xlabel("time (s)")
    figure.suptitle(title or "The same ECG under each scaling rule")
    return figure


@styled
def plot_augmentations(
    augmented: Mapping[str, np.ndarray],
    original,
    sampling_rate: float = 100,
    leads: Sequence[str] = ("II", "V2"),
    lead_names: Sequence[str] = LEADS,
    span: tuple[float, float] = (0.0, 5.0),
    unit: str = "mV",
    title: str | None = None,
) -> Figure:
    """Each augmentation over the original: a row for each, a column for each lead.

    Args:
        augmented: (time, lead) arrays by name, for instance each augmentation alone and all of them together.
        original: (time, lead), what they were made from.
        span: (start, stop) in seconds that is shown, so that small changes can be seen.
        unit: of both.
    """
    rate, base = as_rate(sampling_rate), as_signals(original, lead_names, "original")
    items = {
        key: same_shape(value, base, f"augmented[{key!r}]", "original")
        for key, value in as_named(augmented, "augmented").items()
    }
    times = np.arange(len(base)) / rate
    figure = new_figure(height=1.0 + 1.15 * len(items))
    axes = figure.subplots(len(items), len(leads), sharex=True, sharey="col", squeeze=False)
    for row, (key, array) in enumerate(items.items()):
        for column, position in enumerate(lead_positions(leads, lead_names)):
            ax = axes[row, column]
            ax.plot(times, base[:, position], color="#8f8f8f", linewidth=1.6, label="original")
            ax.plot(times, array[:, position], color=DISTURBED, linewidth=0.9, label="augmented")
            ax.set_xlim(span[0], min(span[1], len(base) / rate))
            light_grid(ax)
            ax.set_title(f"{key}, lead {lead_names[position]}", loc="left", fontsize=9.5, pad=3)
        axes[row, 0].set_ylabel(unit)
    for ax in axes[-1]:
        ax.set_xlabel("time (s)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    figure.suptitle(title or "Augmentations over the original", x=0.01, ha="left")
    return figure


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
