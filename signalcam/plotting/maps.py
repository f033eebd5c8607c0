"""Class activation maps over an ECG: one class, or every class. Their captions say how to read them."""

import textwrap
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from signalcam.leads import LEADS
from signalcam.plotting import inputs, paper, style
from signalcam.plotting.cases import Case
from signalcam.plotting.sheet import PULSE_SECONDS, lay_out, new_sheet

BACKGROUNDS = ("evidence", "heatmap")
CLASS_MARGINS = {"left": 0.95, "right": 1.15}
CLASS_PANEL = style.WIDTH - CLASS_MARGINS["left"] - CLASS_MARGINS["right"]


@style.styled
def plot_map(
    case: Case,
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    class_name: str = "ABNORMAL",
    layout: str = "12x1",
    background: str = "evidence",
) -> style.Figure:
    """Draw one record's map, to scale: the ECG over it, below it the signed evidence and the heatmap.

    Args:
        case: the record and the map of one class.
        sampling_rate, lead_names, layout: as in `plot_ecg`.
        class_name: what the evidence speaks for, where the case does not say it.
        background: what lies behind the traces: "evidence", or "heatmap" as in the paper.

    Raises: as in `plot_ecg`; ValueError, too, where the heatmap leaves [0, 1].
    """
    if background not in BACKGROUNDS:
        raise ValueError(f"background must be one of {', '.join(BACKGROUNDS)}, got {background!r}.")
    case, rate = case.checked(lead_names), inputs.as_rate(sampling_rate)
    mask, rows, class_name = case.padded, case.lead_evidence, case.class_name or class_name
    text, mark, colour = case.verdict(class_name)
    lines = [*textwrap.wrap(case.statements, 120), f"{mark}: {text}" if mark else text]
    words = _map_caption(case, class_name, len(case.signals) / rate, background)
    between = rows is not None and rows.shape[1] > len(lead_names)
    heights = [1.05, *[0.26] * between, 0.26]
    margins = {"top": 0.36 + 0.22 * len(lines), "bottom": 0.92 + 0.19 * len(words)}
    drawn = new_sheet(case.signals, rate, lead_names, layout, heights, **margins)
    figure, (above, middle, *bands), sheet = drawn
    wide, ends = case.background(rate, range(len(lead_names)))
    scale = style.EVIDENCE_COLOURS, ends, "logits per second"
    paper.draw_grid(above, sheet, plain=True)
    if background == "heatmap":
        paper.draw_band(above, case.heatmap, sheet, sheet.bottom, sheet.top, **paper.HEAT)
        scale = style.HEAT_COLOURS, paper.HEAT["norm"], "heatmap"
    else:
        paper.draw_behind(above, wide, ends, sheet)
    paper.draw_ecg(above, case.signals, sheet, mask, linewidth=1.0)
    duration = sheet.duration
    mean = paper.draw_evidence(middle, case.evidence / duration, mask, sheet)
    if case.logit is not None and not _is_logit(mean * duration, case.logit):
        line = {"color": "#7B3294", "linewidth": 1.6, "linestyle": ":", "gid": "logit"}
        middle.plot([0.0, duration], [case.logit / duration] * 2, zorder=5, **line)
        reach = max(middle.get_ylim()[1], 1.15 * abs(case.logit) / duration)
        middle.set_ylim(-reach, reach)
    paper.finish_strip(middle, sheet, "evidence\n(logits/s)", xlabel=False, upright=False)
    if between:
        values = paper.by_sample(rows[:, -1], len(mask)) / duration
        line = {"cmap": style.EVIDENCE_COLOURS, "norm": ends, "gid": "between leads"}
        paper.draw_band(bands[0], values, sheet, **line)
        paper.finish_strip(bands[0], sheet, "between\nleads", xlabel=False)
    paper.draw_band(bands[-1], case.heatmap, sheet, **paper.HEAT)
    for ax in bands:
        ax.set(ylim=(0.0, 1.0), yticks=[])
        paper.draw_padded(ax, mask, sheet)
    paper.finish_strip(bands[-1], sheet, "heatmap")
    figure.headline(case.name or f"Map for {class_name}", *lines, colour=colour)
    paper.draw_scale(figure, *scale)
    figure.caption("\n".join([*words, paper.scale_text(sheet)]))
    return figure


@style.styled
def plot_class_maps(
    signals: ArrayLike,
    evidence: ArrayLike,
    class_names: Sequence[str],
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    probabilities: Sequence[float] | None = None,
    truth: Sequence[str] = (),
    leads: Sequence[str] = ("I", "II", "V1", "V2", "V5"),
    name: str = "",
    padded: ArrayLike | None = None,
) -> style.Figure:
    """Draw the maps of one record: a few leads, and a strip of evidence for each class, on one scale.

    Args:
        signals, sampling_rate, lead_names, padded: as in `plot_ecg`.
        evidence: (position, class), signed; it may be NaN where padded.
        class_names, probabilities: one for each class; the latter in [0, 1].
        truth: names of the classes that the record is labelled with; written in bold.
        leads, name: which leads to draw; name of the record.

    Raises: as in `plot_ecg`.
    """
    array, table = inputs.as_signals(signals, lead_names), inputs.as_numbers(evidence, "evidence")
    if table.ndim != 2 or table.shape[1] != len(class_names):
        raise ValueError(f"evidence must have the shape (position, {len(class_names)}), got {table.shape}.")
    mask = inputs.as_mask(padded, len(array))
    array = array[:, inputs.lead_indices(leads, lead_names)]
    sheet = lay_out([array], inputs.as_rate(sampling_rate), leads)
    heights = [sheet.height(CLASS_PANEL, sheet.duration + PULSE_SECONDS)] + [0.62] * len(class_names)
    figure, axes = style.stacked_figure(heights, gap=0.1, top=0.55, bottom=1.05, **CLASS_MARGINS)
    paper.draw_grid(axes[0, 0], sheet)
    paper.draw_ecg(axes[0, 0], array, sheet, mask)
    reach = 0.0
    for k, (ax, class_name) in enumerate(zip(axes[1:, 0], class_names, strict=True)):
        cells = inputs.as_map(table[:, k], mask, "evidence")
        mean = sheet.duration * paper.draw_evidence(ax, cells / sheet.duration, mask, sheet)
        paper.finish_strip(ax, sheet, class_name, xlabel=k == len(class_names) - 1)
        ax.yaxis.label.set_fontweight("bold" if class_name in truth else "normal")
        ax.yaxis.set_label_coords(-0.055, 0.5)
        reach = max(reach, ax.get_ylim()[1])
        lines = [] if probabilities is None else [f"P = {probabilities[k]:.2f}"]
        lines += [f"{'logit' if np.all(np.isfinite(cells)) else 'mean'} {mean:+.2f}"]
        lines += ["labelled"] if class_name in truth else []
        ax.text(1.01, 0.5, "\n".join(lines), transform=ax.transAxes, va="center", fontsize=9)
    for ax in axes[1:, 0]:
        ax.set_ylim(-reach, reach)
    figure.headline(name or "Evidence for each class")
    figure.caption(
        "Evidence in logits per second, one scale for all classes: red for the class, blue against it;\n"
        "its sum over the seconds is the logit; dashed: its mean. It stands for all leads, drawn or not."
    )
    return figure


def _map_caption(case: Case, class_name: str, duration: float, background: str) -> list[str]:
    """Say what a map shows and what it does not, sentence by sentence."""
    cells, logit = case.evidence, case.logit
    total, hidden = float(np.nanmean(cells)), bool(np.isnan(cells).any())
    over = "what was recorded" if hidden else "time"
    mean = f"its mean over {over}; times {duration:g} s it is {total:+.2f}"
    if logit is not None and not _is_logit(total, logit):
        mean += f"; dotted: the logit, {logit:+.2f}" + ("" if hidden else ", which this map misses")
    elif not hidden:
        mean += ", the logit"
    lines = [f"Bars: evidence, red for {class_name}, blue against it. Dashed: {mean}."]
    if case.lead_evidence is not None and background == "evidence":
        share = f"full colour at {style.LEAD_SHARE:g} times that of the bars; all rows add up to the bars"
        lines.append(f"Colour behind a trace: the evidence of this lead alone, {share}.")
    elif background == "evidence":
        lines.append("Colour behind the traces: the same. A map has no lead axis: it stands for all leads.")
    lines.append("Heatmap: the evidence scaled to 0 to 1 within this record, with no lead axis.")
    if np.nanmax(cells) <= 0 and np.nanmin(cells) < 0:
        lines.append(f"All evidence is against {class_name} here: 1 is where it is weakest.")
    if case.padded.any():
        counted = "does not" if hidden else "too"
        lines.append(f"Hatched: not recorded; the logit counts it, the mean {counted}.")
    return [*lines, f"Signals: {case.processing}."] if case.processing else lines


def _is_logit(mean: float, logit: float) -> bool:
    """Is the mean of the evidence the logit, to what float32 allows?"""
    return abs(mean - logit) <= 1e-3 * max(1.0, abs(logit))
