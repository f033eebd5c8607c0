"""Class activation maps over an ECG: one class, or every class.

A map has no lead axis: one value stands for all 12 leads at that time, so the same colour lies behind all
of them. The evidence is drawn as signed bars about 0, the heatmap as a colour: the first can be added up
(its mean is the logit), the second is relative to its own record.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import (
    as_evidence,
    as_heatmap,
    as_mask,
    as_numbers,
    as_rate,
    as_signals,
    lead_positions,
)
from signalcam.plotting.strips import (
    draw_evidence,
    draw_heat_strip,
    finish_strip,
    heat_legend,
    is_logit,
    verdict,
)
from signalcam.plotting.style import (
    WIDTH,
    Figure,
    caption,
    panel_width,
    stacked_figure,
    styled,
    symmetric_limits,
)

LEFT = 0.9
CLASS_MARGINS = {"left": 0.95, "right": 1.15}


@styled
def plot_map(
    signals,
    evidence,
    heatmap,
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    class_name: str = "ABNORMAL",
    probability: float | None = None,
    call: str | None = None,
    truth: str | None = None,
    logit: float | None = None,
    name: str | None = None,
    padded=None,
    leads: Sequence[str] | None = None,
) -> Figure:
    """One record's map: its ECG over the heatmap, below it the signed evidence and the heatmap as strips.

    Args:
        signals: (time, lead) in mV.
        evidence: (cell,) of one class, signed; its mean is marked.
        heatmap: (time,) of the same class, in [0, 1].
        sampling_rate: Hz.
        class_name: what the evidence speaks for.
        probability: of that class, in [0, 1].
        call, truth: what the model says and what is so; where both are given, the title says right or wrong.
        logit: of the class, where it is known; the figure says so when the evidence does not sum to it.
        name: of the record.
        padded: (time,) bool, True where nothing was recorded; evidence and heatmap may be NaN there.
        leads: which leads to draw, default all.

    Raises:
        ValueError: an argument has the wrong shape, or the heatmap leaves [0, 1].
    """
    array, rate = as_signals(signals, lead_names), as_rate(sampling_rate)
    mask, duration = as_mask(padded, len(array)), len(array) / rate
    cells, heat = as_evidence(evidence, mask), as_heatmap(heatmap, mask)
    names = list(leads or lead_names)
    array = array[:, lead_positions(names, lead_names)]
    sheet, panel = paper.lay_out([array], rate), panel_width(left=LEFT)
    height = sheet.height(panel, duration + paper.PULSE_SECONDS)
    words = _map_caption(cells, logit, class_name, mask.any(), paper.scale_text(sheet))
    bottom = 0.79 + 0.165 * len(words.split("\n"))
    figure, axes = stacked_figure([height, 1.05, 0.26], gap=(0.1, 0.12), top=0.78, bottom=bottom, left=LEFT)
    above, middle, below = axes[:, 0]

    _draw_above(above, array, names, sheet, rate, mask, heat)
    draw_evidence(middle, cells, duration, symmetric_limits(cells), logit, mask)
    finish_strip(middle, duration, "evidence\n(logits)", xlabel=False, rotation=90)
    draw_heat_strip(below, heat, rate, mask)
    finish_strip(below, duration, "heatmap", xlabel=True)

    total = figure.get_size_inches()[1]
    text, mark, colour = verdict(class_name, probability, call, truth)
    figure.suptitle(name or f"Map for {class_name}", y=1 - 0.12 / total, va="top")
    text = f"{mark}: {text}" if mark else text
    figure.text(0.5, 1 - 0.42 / total, text, ha="center", va="top", color=colour, fontsize=10.5)
    heat_legend(figure, WIDTH - 0.2, bottom - 0.46)
    caption(figure, words)
    return figure


@styled
def plot_class_maps(
    signals,
    evidence,
    class_names: Sequence[str],
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    probabilities: Sequence[float] | None = None,
    truth: Sequence[str] = (),
    leads: Sequence[str] = ("I", "II", "V1", "V2", "V5"),
    name: str | None = None,
    padded=None,
) -> Figure:
    """A map for each class of one record: a few leads, and below a strip of signed evidence for every class.

    All strips have one scale, so that classes can be compared.

    Args:
        signals: (time, lead) in mV.
        evidence: (cell, class), signed.
        class_names: one for each class.
        probabilities: (class,), in [0, 1].
        truth: names of the classes that the record is labelled with; written in bold.
        leads: which leads to draw.
        name: of the record.
        padded: (time,) bool, True where nothing was recorded.
    """
    array, rate = as_signals(signals, lead_names), as_rate(sampling_rate)
    table = as_numbers(evidence, "evidence")
    if table.ndim != 2 or table.shape[1] != len(class_names):
        raise ValueError(f"evidence must have the shape (cell, {len(class_names)}), got {table.shape}.")
    if probabilities is not None and len(probabilities) != len(class_names):
        raise ValueError(f"probabilities must hold {len(class_names)} values, got {len(probabilities)}.")
    mask, duration = as_mask(padded, len(array)), len(array) / rate
    array, limits = array[:, lead_positions(leads, lead_names)], symmetric_limits(table)
    sheet, panel = paper.lay_out([array], rate), panel_width(**CLASS_MARGINS)
    heights = [sheet.height(panel, duration + paper.PULSE_SECONDS)] + [0.62] * len(class_names)
    figure, axes = stacked_figure(heights, gap=0.1, top=0.55, bottom=1.05, **CLASS_MARGINS)
    above, strips = axes[0, 0], axes[1:, 0]
    _draw_above(above, array, leads, sheet, rate, mask)
    for k, (ax, class_name) in enumerate(zip(strips, class_names, strict=True)):
        cells = as_evidence(table[:, k], mask)
        mean = draw_evidence(ax, cells, duration, limits, padded=mask)
        finish_strip(ax, duration, class_name, xlabel=k == len(strips) - 1)
        ax.yaxis.label.set_fontweight("bold" if class_name in truth else "normal")
        ax.yaxis.set_label_coords(-0.055, 0.5)
        lines = [] if probabilities is None else [f"P = {probabilities[k]:.2f}"]
        lines += [f"{'logit' if np.all(np.isfinite(cells)) else 'mean'} {mean:+.2f}"] + ["labelled"] * (
            class_name in truth
        )
        ax.text(1.01, 0.5, "\n".join(lines), transform=ax.transAxes, va="center", fontsize=9)
    figure.suptitle(name or "Evidence for each class", y=1 - 0.12 / figure.get_size_inches()[1], va="top")
    caption(
        figure,
        "Evidence in logits, one scale for all classes: red for the class, blue against it;\n"
        "dashed: its mean, the logit. A map has no lead axis: it stands for all 12 leads, drawn here or not.",
    )
    return figure


def _draw_above(axes, array: np.ndarray, names, sheet: paper.Sheet, rate: float, mask, heat=None) -> None:
    """The ECG above the strips, on paper or over its heatmap."""
    whole = (0.0, len(array) / rate)
    width = axes.get_position().width * axes.figure.get_size_inches()[0]
    paper.draw_grid(axes, sheet, whole, width, paper=heat is None)
    if heat is not None:
        paper.draw_heat(axes, heat, rate, sheet.bottom, sheet.top)
    paper.draw_pulse(axes, sheet, 0.0)
    paper.draw_leads(axes, array, sheet, rate, names, linewidth=0.9 if heat is None else 1.0)
    paper.draw_padded(axes, mask, rate)
    paper.finish_paper(axes, sheet, whole, names, xlabel=False)


def _map_caption(cells: np.ndarray, logit: float | None, class_name: str, padded: bool, scale: str) -> str:
    """What a map shows, what it does not, and what a square means, a line for each."""
    mean, hidden = float(np.nanmean(cells)), bool(np.isnan(cells).any())
    missed = logit is not None and not is_logit(mean, logit)
    total = f"its mean over {'what was recorded' if hidden else 'time'}, {mean:+.2f}"
    if missed:
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
    if padded:
        lines.append(
            f"Hatched: not recorded; the logit counts it, the mean {'does not' if hidden else 'too'}."
        )
    return "\n".join(lines)
