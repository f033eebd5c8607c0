"""What is done to an ECG before a model sees it: detrended, scaled, augmented."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import as_named, as_rate, as_signals, lead_positions, same_shape
from signalcam.plotting.style import INK, PALETTE, Figure, light_grid, new_figure, styled

DISTURBED = "#C44E00"


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
    for ax in axes[-1]:
        ax.set_xlabel("time (s)")
    figure.supylabel(unit, fontsize=10)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    figure.suptitle(title or "Augmentations over the original", x=0.01, ha="left")
    return figure
