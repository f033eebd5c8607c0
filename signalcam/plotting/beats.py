"""Where in the beat the evidence lies: the median beat above, the mean evidence about the R peak below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import as_named, as_numbers, as_signals, lead_positions
from signalcam.plotting.style import (
    AGAINST,
    INK,
    TOWARDS,
    Figure,
    new_figure,
    styled,
)

SEGMENT_COLOURS = ("#f1f1f1", "#e3e3e3")


@styled
def plot_beat_average(
    times,
    beats: Mapping[str, np.ndarray],
    evidence: Mapping[str, np.ndarray],
    intervals: Mapping[str, tuple] | None = None,
    counts: Mapping[str, int] | None = None,
    segments: Mapping[str, tuple[float, float]] | None = None,
    lead_names: Sequence[str] = LEADS,
    leads: Sequence[str] = ("II", "V2", "V5"),
    title: str | None = None,
) -> Figure:
    """A column for each group of records: its median beat above, its mean evidence along the beat below.

    Args:
        times: (time,) seconds from the R peak.
        beats: median beat (time, lead) in mV by group, for instance by superclass.
        evidence: mean evidence (time,) by the same names, signed.
        intervals: (low, high), each (time,), of the evidence, by the same names.
        counts: beats behind each column, for the titles.
        segments: (start, stop) in seconds from the R peak of P, QRS and so on; shaded and named.
        leads: which leads to draw.
    """
    moments, groups = as_numbers(times, "times"), as_named(beats, "beats")
    if moments.ndim != 1 or len(moments) < 2:
        raise ValueError(f"times must be 1-D with at least 2 moments, got the shape {moments.shape}.")
    if list(groups) != list(evidence):
        raise ValueError(f"evidence must use the names of beats, {list(groups)}; got {list(evidence)}.")
    picked = lead_positions(leads, lead_names)
    arrays = {
        key: as_signals(value, lead_names, f"beats[{key!r}]")[:, picked] for key, value in groups.items()
    }
    curves = {key: as_numbers(evidence[key], f"evidence[{key!r}]") for key in groups}
    for key, curve in curves.items():
        if curve.shape != moments.shape or len(arrays[key]) != len(moments):
            raise ValueError(f"beats and evidence of {key!r} must be as long as times, {len(moments)}.")
    figure = new_figure(height=4.6)
    axes = figure.subplots(2, len(groups), sharex=True, sharey="row", squeeze=False, height_ratios=(1.5, 1))
    offsets = paper.lay_out(list(arrays.values()), 1 / max(np.diff(moments).min(), 1e-6)).offsets
    for column, key in enumerate(groups):
        upper, lower = axes[:, column]
        for lead, offset in enumerate(offsets):
            upper.plot(
                moments, arrays[key][:, lead] + offset, color=INK, linewidth=1.2, gid=f"lead {leads[lead]}"
            )
        count = f"\n{counts[key]:,} beats" if counts and key in counts else ""
        upper.set_title(f"{key}{count}")
        _draw_curve(lower, moments, curves[key], None if intervals is None else intervals.get(key))
        for ax in (upper, lower):
            _shade(ax, segments or {}, named=ax is upper)
            ax.axvline(0.0, color="#9a9a9a", linewidth=0.8, linestyle=(0, (3, 2)))
    axes[0, 0].set_yticks(offsets, list(leads))
    axes[0, 0].set_ylabel("median beat (lines: 1 mV apart)")
    _millivolt_lines(axes[0], offsets, arrays)
    axes[1, 0].set_ylabel("mean evidence\n(logits)")
    for ax in axes[1]:
        ax.set_xlim(moments[0], moments[-1])
    figure.supxlabel("time from the R peak (s)", fontsize=10)
    figure.suptitle(title or "Where in the beat the evidence lies")
    return figure


def _draw_curve(ax: Axes, times: np.ndarray, curve: np.ndarray, interval) -> None:
    if interval is not None:
        ax.fill_between(times, interval[0], interval[1], color="#bdbdbd", alpha=0.6, linewidth=0, zorder=2)
    ax.fill_between(
        times, 0.0, curve, where=curve > 0, color=TOWARDS, alpha=0.35, linewidth=0, zorder=2, interpolate=True
    )
    ax.fill_between(
        times, 0.0, curve, where=curve < 0, color=AGAINST, alpha=0.35, linewidth=0, zorder=2, interpolate=True
    )
    ax.plot(times, curve, color=INK, linewidth=1.4, zorder=3, gid="evidence")
    ax.axhline(0.0, color="#555555", linewidth=0.8)


def _shade(ax: Axes, segments: Mapping[str, tuple[float, float]], named: bool) -> None:
    for number, (name, (start, stop)) in enumerate(segments.items()):
        ax.axvspan(start, stop, color=SEGMENT_COLOURS[number % 2], linewidth=0, zorder=0)
        if named:
            ax.text(
                (start + stop) / 2,
                0.99,
                name,
                transform=ax.get_xaxis_transform(),
                ha="center",
                va="top",
                fontsize=8,
            )


def _millivolt_lines(axes: Sequence[Axes], offsets: np.ndarray, arrays: Mapping[str, np.ndarray]) -> None:
    low = min(np.nanmin(array + offsets) for array in arrays.values())
    high = max(np.nanmax(array + offsets) for array in arrays.values())
    axes[0].set_ylim(low - 0.2, high + 0.5)
    for ax in axes:
        for level in np.arange(np.ceil(low), np.floor(high) + 1):
            ax.axhline(level, color="#dddddd", linewidth=0.5, zorder=0.5)
