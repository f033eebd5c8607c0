"""Beyond the map over time: where in the beat the evidence lies, and which stretch of which lead counts."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from signalcam.leads import LEADS
from signalcam.plotting import inputs, paper, style
from signalcam.plotting.sheet import lay_out, new_sheet

SEGMENT_COLOURS = ("#f1f1f1", "#e3e3e3")


@style.styled
def plot_beat_average(
    times: np.ndarray,
    groups: Mapping[str, Mapping],
    segments: Mapping[str, tuple[float, float]],
    lead_names: Sequence[str] = LEADS,
    leads: Sequence[str] = ("II", "V2", "V5"),
) -> style.Figure:
    """Draw a column for each group of records: its median beat, and its mean evidence along the beat.

    Args:
        times: (time,) seconds from the R peak.
        groups: by name, for instance by superclass: `signals`, the median beat (time, lead) in mV;
            `evidence` in logits, a DataFrame with a row a time and the columns value, low, high; `count`.
        segments: (start, stop) in seconds from the R peak of P, QRS and so on; shaded and named.
        lead_names, leads: of the beats' second axis; which leads to draw.

    Raises: as in `plot_ecg`.
    """
    indices = inputs.lead_indices(leads, lead_names)
    beats = {}
    for name, group in groups.items():
        beats[name] = inputs.as_signals(group["signals"], lead_names, f"signals of {name}")[:, indices]
    figure = style.new_figure(height=4.6)
    axes = figure.subplots(2, len(groups), sharex=True, sharey="row", squeeze=False, height_ratios=(1.5, 1))
    offsets = lay_out(list(beats.values()), 1 / max(np.diff(times).min(), 1e-6), leads).offsets
    named = {"ha": "center", "va": "top", "fontsize": 8}
    for (upper, lower), (name, group) in zip(axes.T, groups.items(), strict=True):
        for lead, trace in zip(leads, (beats[name] + offsets).T, strict=True):
            upper.plot(times, trace, color=style.INK, linewidth=1.2, gid=f"lead {lead}")
        upper.set_title(f"{name}\n{group['count']:,} beats")
        value, low, high = (group["evidence"][column].to_numpy(float) for column in ("value", "low", "high"))
        lower.fill_between(times, low, high, color="#bdbdbd", alpha=0.6, linewidth=0, zorder=2)
        for colour, part in ((style.TOWARDS, value > 0), (style.AGAINST, value < 0)):
            line = {"color": colour, "alpha": 0.35, "linewidth": 0, "zorder": 2}
            lower.fill_between(times, 0.0, value, where=part, interpolate=True, **line)
        lower.plot(times, value, color=style.INK, linewidth=1.4, zorder=3, gid="evidence")
        lower.axhline(0.0, color="#555555", linewidth=0.8)
        for number, (segment, (start, stop)) in enumerate(segments.items()):
            for ax in (upper, lower):
                ax.axvspan(start, stop, color=SEGMENT_COLOURS[number % 2], linewidth=0, zorder=0)
            upper.text((start + stop) / 2, 0.99, segment, transform=upper.get_xaxis_transform(), **named)
        for ax in (upper, lower):
            ax.axvline(0.0, color="#9a9a9a", linewidth=0.8, linestyle=(0, (3, 2)))
    axes[0, 0].set_yticks(offsets, list(leads))
    traces = [beat + offsets for beat in beats.values()]
    low, high = np.nanmin(traces), np.nanmax(traces)
    axes[0, 0].set(ylabel="median beat\n(lines: 1 mV apart)", ylim=(low - 0.2, high + 0.5))
    for ax in axes[0]:
        for level in np.arange(np.ceil(low), np.floor(high) + 1):
            ax.axhline(level, color="#dddddd", linewidth=0.5, zorder=0.5)
    axes[1, 0].set(ylabel="mean evidence\n(logits)", xlim=(times[0], times[-1]))
    figure.supxlabel("time from the R peak (s)", fontsize=10)
    figure.suptitle("Where in the beat the evidence lies")
    return figure


@style.styled
def plot_lead_time(
    relevance: ArrayLike,
    signals: ArrayLike,
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    class_name: str = "ABNORMAL",
    name: str = "",
) -> style.Figure:
    """Draw every lead over its own relevance by occlusion, with its mean below its name.

    Args:
        relevance: (time, lead), in logits, signed: positive speaks for the class.
        signals, sampling_rate, lead_names: as in `plot_ecg`.
        class_name, name: what the relevance speaks for; name of the record.
    """
    array, rate = inputs.as_signals(signals, lead_names), inputs.as_rate(sampling_rate)
    values = inputs.same_shape(relevance, array, "relevance")
    limits = style.symmetric_limits(values)
    figure, (ax,), sheet = new_sheet(array, rate, lead_names, top=0.5, bottom=0.95)
    paper.draw_behind(ax, values, limits, sheet, gid="relevance")
    paper.draw_ecg(ax, array, sheet, xlabel=True)
    named = [f"{lead}\n{mean:+.2f}" for lead, mean in zip(lead_names, values.mean(axis=0), strict=True)]
    ax.set_yticks(sheet.offsets, named, fontsize=9)
    paper.draw_scale(figure, style.EVIDENCE_COLOURS, limits, "logits", bottom=0.25)
    figure.headline(name or "Relevance of each lead over time (occlusion)")
    words = f"Found by occlusion: red speaks for {class_name}, blue against it; below each name, its mean.\n"
    figure.caption(words + paper.scale_text(sheet))
    return figure
