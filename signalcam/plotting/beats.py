"""Where in the beat the evidence lies: the median beat above, the mean evidence about the R peak below."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import as_signals, lead_indices
from signalcam.plotting.style import AGAINST, INK, TOWARDS, Figure, new_figure, styled

SEGMENT_COLOURS = ("#f1f1f1", "#e3e3e3")


@styled
def plot_beat_average(
    times: np.ndarray,
    beats: Mapping[str, np.ndarray],
    evidence: Mapping[str, np.ndarray],
    intervals: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    counts: Mapping[str, int] | None = None,
    segments: Mapping[str, tuple[float, float]] | None = None,
    lead_names: Sequence[str] = LEADS,
    leads: Sequence[str] = ("II", "V2", "V5"),
) -> Figure:
    """Draw a column for each group of records: its median beat, and its mean evidence along the beat.

    Args:
        times: (time,) seconds from the R peak.
        beats: median beat (time, lead) in mV by group, for instance by superclass.
        evidence: mean evidence (time,) in logits by the same names, signed.
        intervals: (low, high), each (time,), of the evidence, by the same names.
        counts: beats behind each column, for the titles.
        segments: (start, stop) in seconds from the R peak of P, QRS and so on; shaded and named.
        lead_names: of the beats' second axis.
        leads: which leads to draw.

    Raises:
        ValueError: the groups of beats and evidence differ, an array has the wrong shape.
    """
    if list(beats) != list(evidence):
        raise ValueError(f"evidence must use the names of beats, {list(beats)}, got {list(evidence)}.")
    indices = lead_indices(leads, lead_names)
    arrays = {
        key: as_signals(value, lead_names, f"beats[{key!r}]")[:, indices] for key, value in beats.items()
    }
    figure = new_figure(height=4.6)
    axes = figure.subplots(2, len(beats), sharex=True, sharey="row", squeeze=False, height_ratios=(1.5, 1))
    offsets = paper.lay_out(list(arrays.values()), 1 / max(np.diff(times).min(), 1e-6)).offsets
    for (upper, lower), (key, array) in zip(axes.T, arrays.items(), strict=True):
        for lead, trace in zip(leads, (array + offsets).T, strict=True):
            upper.plot(times, trace, color=INK, linewidth=1.2, gid=f"lead {lead}")
        count = f"\n{counts[key]:,} beats" if counts and key in counts else ""
        upper.set_title(f"{key}{count}")
        _draw_curve(lower, times, np.asarray(evidence[key]), (intervals or {}).get(key))
        for ax in (upper, lower):
            _shade(ax, segments or {}, named=ax is upper)
            ax.axvline(0.0, color="#9a9a9a", linewidth=0.8, linestyle=(0, (3, 2)))
    axes[0, 0].set_yticks(offsets, list(leads))
    axes[0, 0].set_ylabel("median beat (lines: 1 mV apart)")
    _draw_millivolts(axes[0], [array + offsets for array in arrays.values()])
    axes[1, 0].set(ylabel="mean evidence\n(logits)", xlim=(times[0], times[-1]))
    figure.supxlabel("time from the R peak (s)", fontsize=10)
    figure.suptitle("Where in the beat the evidence lies")
    return figure


def _draw_curve(ax: Axes, times: np.ndarray, curve: np.ndarray, interval: tuple | None) -> None:
    if interval is not None:
        ax.fill_between(times, *interval, color="#bdbdbd", alpha=0.6, linewidth=0, zorder=2)
    for colour, part in ((TOWARDS, curve > 0), (AGAINST, curve < 0)):
        style = {"color": colour, "alpha": 0.35, "linewidth": 0, "zorder": 2}
        ax.fill_between(times, 0.0, curve, where=part, interpolate=True, **style)
    ax.plot(times, curve, color=INK, linewidth=1.4, zorder=3, gid="evidence")
    ax.axhline(0.0, color="#555555", linewidth=0.8)


def _shade(ax: Axes, segments: Mapping[str, tuple[float, float]], named: bool) -> None:
    place = {"transform": ax.get_xaxis_transform(), "ha": "center", "va": "top", "fontsize": 8}
    for number, (name, (start, stop)) in enumerate(segments.items()):
        ax.axvspan(start, stop, color=SEGMENT_COLOURS[number % 2], linewidth=0, zorder=0)
        if named:
            ax.text((start + stop) / 2, 0.99, name, **place)


def _draw_millivolts(axes: Sequence[Axes], traces: Sequence[np.ndarray]) -> None:
    low, high = np.nanmin(traces), np.nanmax(traces)
    axes[0].set_ylim(low - 0.2, high + 0.5)
    for ax in axes:
        for level in np.arange(np.ceil(low), np.floor(high) + 1):
            ax.axhline(level, color="#dddddd", linewidth=0.5, zorder=0.5)
