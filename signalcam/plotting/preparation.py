"""What is done to an ECG before a model sees it: detrended, scaled, augmented."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import as_rate, as_signals, lead_indices, same_shape
from signalcam.plotting.style import INK, PALETTE, Figure, light_grid, new_figure, styled

DISTURBED = "#C44E00"
SHOWN_SECONDS = 5.0  # of an augmented ECG, so that small changes can be seen


@styled
def plot_trend(
    raw: ArrayLike,
    trend: ArrayLike,
    detrended: ArrayLike,
    sampling_rate: float = 100,
    leads: Sequence[str] = ("II", "V2", "V5"),
    lead_names: Sequence[str] = LEADS,
    title: str = "Baseline wander and its removal",
) -> Figure:
    """Draw each lead with its baseline wander at the left, and without it at the right.

    Args:
        raw, trend, detrended: (time, lead) in mV: as recorded, the polynomial, and their difference.
        sampling_rate: Hz.
        leads: which leads to draw, one row each.
        lead_names: of the second axis.
        title: of the figure.

    Raises:
        ValueError: an array of another shape, an unknown lead.
    """
    array, rate = as_signals(raw, lead_names, "raw"), as_rate(sampling_rate)
    polynomial = same_shape(trend, array, "trend", "raw")
    rest = same_shape(detrended, array, "detrended", "raw")
    times = np.arange(len(array)) / rate
    figure = new_figure(height=0.9 + 1.5 * len(leads))
    axes = figure.subplots(len(leads), 2, sharex=True, sharey="row", squeeze=False)
    for (left, right), lead in zip(axes, lead_indices(leads, lead_names), strict=True):
        left.plot(times, array[:, lead], color=INK, linewidth=0.9, label="as recorded")
        left.plot(times, polynomial[:, lead], color=DISTURBED, linewidth=2.0, label="polynomial trend")
        right.plot(times, rest[:, lead], color=PALETTE[0], linewidth=0.9, label="detrended")
        right.axhline(0.0, color="#999999", linewidth=0.8, zorder=1)
        left.set_ylabel(f"{lead_names[lead]} (mV)")
        for ax in (left, right):
            light_grid(ax)
            ax.set_xlim(0, len(array) / rate)
    for ax in axes[-1]:
        ax.set_xticks(paper.second_ticks(0.0, len(array) / rate))
    for ax in axes[0]:
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.1)
    return _finish(figure, axes, title)


@styled
def plot_scaling(
    scaled: Mapping[str, ArrayLike],
    sampling_rate: float = 100,
    leads: Sequence[str] = ("II", "V2", "V6"),
    lead_names: Sequence[str] = LEADS,
    units: Mapping[str, str] | None = None,
) -> Figure:
    """Draw the same ECG under several scaling rules: a row for each rule, a column for each lead.

    A row has one vertical axis, so that it shows whether a rule keeps the voltage differences among leads.

    Args:
        scaled: (time, lead) arrays by the rule's name; the detrended ECG in mV may be one of them.
        sampling_rate: Hz.
        leads: which leads to draw.
        lead_names: of the second axis.
        units: unit of each rule's numbers, for the vertical axis; default "scaled".

    Raises:
        ValueError: an array of another shape, an unknown lead.
    """
    rate, indices = as_rate(sampling_rate), lead_indices(leads, lead_names)
    figure = new_figure(height=0.9 + 1.35 * len(scaled))
    axes = figure.subplots(len(scaled), len(leads), sharex=True, sharey="row", squeeze=False)
    for row, (rule, values) in enumerate(scaled.items()):
        array = as_signals(values, lead_names, f"scaled[{rule!r}]")
        colour, times = PALETTE[row % len(PALETTE)], np.arange(len(array)) / rate
        for ax, lead in zip(axes[row], indices, strict=True):
            ax.plot(times, array[:, lead], color=colour, linewidth=0.9)
            ax.axhline(0.0, color="#999999", linewidth=0.8, zorder=1)
            ax.set_xlim(0, len(array) / rate)
            light_grid(ax)
        axes[row, 0].set_ylabel(f"{rule}\n({(units or {}).get(rule, 'scaled')})")
    for ax, lead in zip(axes[0], leads, strict=True):
        ax.set_title(f"lead {lead}")
    return _finish(figure, axes, "The same ECG under each scaling rule")


@styled
def plot_augmentations(
    augmented: Mapping[str, ArrayLike],
    original: ArrayLike,
    sampling_rate: float = 100,
    leads: Sequence[str] = ("II", "V2"),
    lead_names: Sequence[str] = LEADS,
    unit: str = "mV",
) -> Figure:
    """Draw each augmentation over the original: a row for each, a column for each lead.

    Args:
        augmented: (time, lead) arrays by name, for instance each augmentation alone and all of them together.
        original: (time, lead), what they were made from.
        sampling_rate: Hz.
        leads: which leads to draw.
        lead_names: of the second axis.
        unit: of both.

    Raises:
        ValueError: an array of another shape, an unknown lead.
    """
    rate, base = as_rate(sampling_rate), as_signals(original, lead_names, "original")
    times, indices = np.arange(len(base)) / rate, lead_indices(leads, lead_names)
    figure = new_figure(height=1.0 + 1.15 * len(augmented))
    axes = figure.subplots(len(augmented), len(leads), sharex=True, sharey="col", squeeze=False)
    for row, (name, values) in zip(axes, augmented.items(), strict=True):
        array = same_shape(values, base, f"augmented[{name!r}]", "original")
        for ax, lead in zip(row, indices, strict=True):
            ax.plot(times, base[:, lead], color="#8f8f8f", linewidth=1.6, label="original")
            ax.plot(times, array[:, lead], color=DISTURBED, linewidth=0.9, label="augmented")
            ax.set_xlim(0.0, min(SHOWN_SECONDS, len(base) / rate))
            light_grid(ax)
            ax.set_title(f"{name}, lead {lead_names[lead]}", loc="left", fontsize=9.5, pad=3)
    figure.supylabel(unit, fontsize=10)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return _finish(figure, axes, "Augmentations over the original", x=0.01, ha="left")


def _finish(figure: Figure, axes: Sequence[Sequence[Axes]], title: str, **place: object) -> Figure:
    for ax in axes[-1]:
        ax.set_xlabel("time (s)")
    figure.suptitle(title, **place)
    return figure
