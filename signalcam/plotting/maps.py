"""Class activation maps over an ECG: one class, or every class.

The evidence is drawn as signed bars about 0, for it can be added up (its mean is the logit); the heatmap,
which is relative to its own record, as a colour behind all leads alike, for a map has no lead axis.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.cases import Case
from signalcam.plotting.inputs import as_map, as_mask, as_numbers, as_rate, as_signals, lead_indices
from signalcam.plotting.style import WIDTH, Figure, panel_width, stacked_figure, styled, symmetric_limits

LEFT = 0.9
CLASS_MARGINS = {"left": 0.95, "right": 1.15}


@styled
def plot_map(
    case: Case, sampling_rate: float = 100, lead_names: Sequence[str] = LEADS, class_name: str = "ABNORMAL"
) -> Figure:
    """Draw one record's map: the ECG over the heatmap, below it the signed evidence and the heatmap.

    Args:
        case: the record and the map of one class.
        sampling_rate, lead_names: as in `plot_ecg`.
        class_name: what the evidence speaks for.

    Raises:
        ValueError: an array has the wrong shape, or the heatmap leaves [0, 1].
    """
    case, rate = case.checked(lead_names), as_rate(sampling_rate)
    array, mask, cells = case.signals, case.padded, case.evidence
    duration, limits = len(array) / rate, symmetric_limits(cells)
    sheet, panel = paper.lay_out([array], rate), panel_width(left=LEFT)
    height = sheet.height(panel, duration + paper.PULSE_SECONDS)
    words = _map_caption(case, class_name, paper.scale_text(sheet))
    bottom = 0.79 + 0.165 * len(words.split("\n"))
    figure, axes = stacked_figure([height, 1.05, 0.26], gap=(0.1, 0.12), top=0.78, bottom=bottom, left=LEFT)
    above, middle, below = axes[:, 0]

    paper.draw_grid(above, sheet, duration, panel, plain=True)
    paper.draw_heat(above, case.heatmap, rate, sheet.bottom, sheet.top)
    paper.draw_ecg(above, array, sheet, rate, lead_names, mask, linewidth=1.0)
    mean = paper.draw_evidence(middle, cells, mask, rate, limits)
    if case.logit is not None:
        if not _is_logit(mean, case.logit):
            style = {"color": "#7B3294", "linewidth": 1.6, "linestyle": ":", "gid": "logit"}
            middle.plot([0.0, duration], [case.logit, case.logit], zorder=5, **style)
        reach = 1.15 * max(limits.vmax, abs(case.logit))
        middle.set_ylim(-reach, reach)
    paper.finish_strip(middle, duration, "evidence\n(logits)", xlabel=False, upright=False)
    paper.draw_heat(below, case.heatmap, rate, 0.0, 1.0)
    below.set(ylim=(0.0, 1.0), yticks=[])
    paper.draw_padded(below, mask, rate)
    paper.finish_strip(below, duration, "heatmap")

    figure.headline(case.name or f"Map for {class_name}")
    text, mark, colour = case.verdict(class_name)
    style = {"ha": "center", "va": "top", "color": colour, "fontsize": 10.5}
    figure.text(0.5, 1 - 0.42 / figure.get_size_inches()[1], f"{mark}: {text}" if mark else text, **style)
    paper.draw_heat_legend(figure, WIDTH - 0.2, bottom - 0.46)
    figure.caption(words)
    return figure


@styled
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
) -> Figure:
    """Draw the maps of one record: a few leads, and a strip of evidence for each class, on one scale.

    Args:
        signals: (time, lead) in mV.
        evidence: (position, class), signed.
        class_names, probabilities: one for each class; the latter in [0, 1].
        sampling_rate, lead_names, padded: as in `plot_ecg`; evidence may be NaN where padded.
        truth: names of the classes that the record is labelled with; written in bold.
        leads, name: which leads to draw; name of the record.

    Raises: as in `plot_ecg`.
    """
    array, table = as_signals(signals, lead_names), as_numbers(evidence, "evidence")
    if table.ndim != 2 or table.shape[1] != len(class_names):
        raise ValueError(f"evidence must have the shape (position, {len(class_names)}), got {table.shape}.")
    mask, rate, duration = as_mask(padded, len(array)), as_rate(sampling_rate), len(array) / sampling_rate
    array, limits = array[:, lead_indices(leads, lead_names)], symmetric_limits(table)
    sheet, panel = paper.lay_out([array], rate), panel_width(**CLASS_MARGINS)
    heights = [sheet.height(panel, duration + paper.PULSE_SECONDS)] + [0.62] * len(class_names)
    figure, axes = stacked_figure(heights, gap=0.1, top=0.55, bottom=1.05, **CLASS_MARGINS)
    paper.draw_grid(axes[0, 0], sheet, duration, panel)
    paper.draw_ecg(axes[0, 0], array, sheet, rate, leads, mask)
    for k, (ax, class_name) in enumerate(zip(axes[1:, 0], class_names, strict=True)):
        cells = as_map(table[:, k], mask, "evidence")
        mean = paper.draw_evidence(ax, cells, mask, rate, limits)
        paper.finish_strip(ax, duration, class_name, xlabel=k == len(class_names) - 1)
        ax.yaxis.label.set_fontweight("bold" if class_name in truth else "normal")
        ax.yaxis.set_label_coords(-0.055, 0.5)
        lines = [] if probabilities is None else [f"P = {probabilities[k]:.2f}"]
        lines += [f"{'logit' if np.all(np.isfinite(cells)) else 'mean'} {mean:+.2f}"]
        lines += ["labelled"] if class_name in truth else []
        ax.text(1.01, 0.5, "\n".join(lines), transform=ax.transAxes, va="center", fontsize=9)
    figure.headline(name or "Evidence for each class")
    figure.caption(
        "Evidence in logits, one scale for all classes: red for the class, blue against it;\n"
        "dashed: its mean, the logit. A map has no lead axis: it stands for all 12 leads, drawn here or not."
    )
    return figure


def _map_caption(case: Case, class_name: str, scale: str) -> str:
    """Say what a map shows, what it does not, and what a square means, a line for each."""
    cells, logit = case.evidence, case.logit
    mean, hidden = float(np.nanmean(cells)), bool(np.isnan(cells).any())
    total = f"its mean over {'what was recorded' if hidden else 'time'}, {mean:+.2f}"
    if logit is not None and not _is_logit(mean, logit):
        total += f"; dotted: the logit, {logit:+.2f}" + ("" if hidden else ", which this map misses")
    elif not hidden:
        total += ", is the logit"
    lines = [
        f"Bars: evidence, red for {class_name}, blue against it. Dashed: {total}.",
        "Colour: heatmap, the evidence scaled to 0 to 1 within this record. A map has no lead axis:",
        "the same colour stands for all leads.",
        scale,
    ]
    if np.nanmax(cells) <= 0 and np.nanmin(cells) < 0:
        lines[2] += f" All evidence is against {class_name} here: 1 is where it is weakest."
    if case.padded.any():
        counted = "does not" if hidden else "too"
        lines.append(f"Hatched: not recorded; the logit counts it, the mean {counted}.")
    return "\n".join(lines)


def _is_logit(mean: float, logit: float) -> bool:
    """Is the mean of the evidence the logit, to what float32 allows?"""
    return abs(mean - logit) <= 1e-3 * max(1.0, abs(logit))
