"""An ECG on paper-like axes, and what is done to it before a model sees it."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import as_mask, as_rate, as_signals, lead_indices, same_shape
from signalcam.plotting.style import (
    INK,
    PALETTE,
    Figure,
    light_grid,
    new_figure,
    panel_width,
    stacked_figure,
    styled,
)

DISTURBED = "#C44E00"
SHOWN_SECONDS = 5.0  # of an augmented ECG, so that small changes can be seen


@styled
def plot_ecg(
    signals: ArrayLike,
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    title: str = "",
    padded: ArrayLike | None = None,
) -> Figure:
    """Draw one ECG on paper-like axes: seconds, mV, squares of 0.2 s and 0.5 mV, names of the leads.

    Args:
        signals: (time, lead) in mV.
        sampling_rate: Hz.
        lead_names: of the signals' second axis.
        title: of the figure.
        padded: bool (time,), True where nothing was recorded; these samples are hatched.

    Raises:
        ValueError: an argument has the wrong shape.
    """
    array, rate = as_signals(signals, lead_names), as_rate(sampling_rate)
    panel, duration = panel_width(), len(array) / rate
    width = duration + paper.PULSE_SECONDS
    row_height = 0.2 * width * paper.LARGE_MILLIVOLT / (panel * paper.LARGE_SECONDS)
    sheet = paper.lay_out([array], rate, row_height)
    figure, axes = stacked_figure([sheet.height(panel, width)], top=0.15 + 0.32 * bool(title), bottom=0.8)
    ax = axes[0, 0]
    paper.draw_grid(ax, sheet, duration, panel)
    paper.draw_ecg(ax, array, sheet, rate, lead_names, as_mask(padded, len(array)), xlabel=True)
    if title:
        figure.headline(title)
    figure.caption(paper.scale_text(sheet))
    return figure


@styled
def plot_trend(
    raw: ArrayLike,
    trend: ArrayLike,
    detrended: ArrayLike,
    sampling_rate: float = 100,
    leads: Sequence[str] = ("II", "V2", "V5"),
    title: str = "Baseline wander and its removal",
) -> Figure:
    """Draw each lead with its baseline wander at the left, and without it at the right.

    Args:
        raw, trend, detrended: (time, lead) in mV: as recorded, the polynomial, and their difference.
        sampling_rate, leads: Hz; which leads to draw, one row each.
        title: of the figure.

    Raises:
        ValueError: an array of another shape, an unknown lead.
    """
    array, rate = as_signals(raw, LEADS, "raw"), as_rate(sampling_rate)
    polynomial = same_shape(trend, array, "trend", "raw")
    rest = same_shape(detrended, array, "detrended", "raw")
    times = np.arange(len(array)) / rate
    figure = new_figure(height=0.9 + 1.5 * len(leads))
    axes = figure.subplots(len(leads), 2, sharex=True, sharey="row", squeeze=False)
    for (left, right), lead in zip(axes, lead_indices(leads, LEADS), strict=True):
        left.plot(times, array[:, lead], color=INK, linewidth=0.9, label="as recorded")
        left.plot(times, polynomial[:, lead], color=DISTURBED, linewidth=2.0, label="polynomial trend")
        right.plot(times, rest[:, lead], color=PALETTE[0], linewidth=0.9, label="detrended")
        right.axhline(0.0, color="#999999", linewidth=0.8, zorder=1)
        left.set_ylabel(f"{LEADS[lead]} (mV)")
    for ax in axes[-1]:
        ax.set_xticks(paper.second_ticks(len(array) / rate))
    for ax in axes[0]:
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.1)
    return _finish(figure, axes, len(array) / rate, title)


@styled
def plot_scaling(
    scaled: Mapping[str, ArrayLike],
    sampling_rate: float = 100,
    leads: Sequence[str] = ("II", "V2", "V6"),
    units: Mapping[str, str] | None = None,
) -> Figure:
    """Draw the same ECG under several scaling rules: a row for each, on one vertical axis, a column a lead.

    Args:
        scaled: (time, lead) arrays by the rule's name; the detrended ECG in mV may be one of them.
        sampling_rate, leads: as in `plot_trend`.
        units: unit of each rule's numbers, for the vertical axis; default "scaled".

    Raises: as in `plot_trend`.
    """
    rate, indices = as_rate(sampling_rate), lead_indices(leads, LEADS)
    figure = new_figure(height=0.9 + 1.35 * len(scaled))
    axes = figure.subplots(len(scaled), len(leads), sharex=True, sharey="row", squeeze=False)
    for row, (rule, values) in enumerate(scaled.items()):
        array = as_signals(values, LEADS, f"scaled[{rule!r}]")
        colour, times = PALETTE[row % len(PALETTE)], np.arange(len(array)) / rate
        for ax, lead in zip(axes[row], indices, strict=True):
            ax.plot(times, array[:, lead], color=colour, linewidth=0.9)
            ax.axhline(0.0, color="#999999", linewidth=0.8, zorder=1)
        axes[row, 0].set_ylabel(f"{rule}\n({(units or {}).get(rule, 'scaled')})")
    for ax, lead in zip(axes[0], leads, strict=True):
        ax.set_title(f"lead {lead}")
    return _finish(figure, axes, len(array) / rate, "The same ECG under each scaling rule")


@styled
def plot_augmentations(
    augmented: Mapping[str, ArrayLike],
    original: ArrayLike,
    sampling_rate: float = 100,
    leads: Sequence[str] = ("II", "V2"),
    unit: str = "mV",
) -> Figure:
    """Draw each augmentation over the original: a row for each, a column for each lead.

    Args:
        augmented, original: (time, lead) arrays by name, and what they were made from.
        sampling_rate, leads, unit: as in `plot_trend`; unit of all arrays.

    Raises: as in `plot_trend`.
    """
    rate, base = as_rate(sampling_rate), as_signals(original, LEADS, "original")
    times, indices = np.arange(len(base)) / rate, lead_indices(leads, LEADS)
    figure = new_figure(height=1.0 + 1.15 * len(augmented))
    axes = figure.subplots(len(augmented), len(leads), sharex=True, sharey="col", squeeze=False)
    for row, (name, values) in zip(axes, augmented.items(), strict=True):
        array = same_shape(values, base, f"augmented[{name!r}]", "original")
        for ax, lead in zip(row, indices, strict=True):
            ax.plot(times, base[:, lead], color="#8f8f8f", linewidth=1.6, label="original")
            ax.plot(times, array[:, lead], color=DISTURBED, linewidth=0.9, label="augmented")
            ax.set_title(f"{name}, lead {LEADS[lead]}", loc="left", fontsize=9.5, pad=3)
    figure.supylabel(unit, fontsize=10)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    seconds = min(SHOWN_SECONDS, len(base) / rate)
    return _finish(figure, axes, seconds, "Augmentations over the original", x=0.01, ha="left")


def _finish(figure: Figure, axes: np.ndarray, seconds: float, title: str, **place: object) -> Figure:
    for ax in axes.flat:
        ax.set_xlim(0.0, seconds)
        light_grid(ax)
    for ax in axes[-1]:
        ax.set_xlabel("time (s)")
    figure.suptitle(title, **place)
    return figure
