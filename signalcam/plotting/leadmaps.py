"""Maps that do have a lead axis: how much each stretch of each lead counts, by occlusion or gradients."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import as_rate, as_signals, same_shape
from signalcam.plotting.strips import draw_scale
from signalcam.plotting.style import (
    AGAINST,
    EVIDENCE_COLOURS,
    TOWARDS,
    WIDTH,
    Figure,
    panel_width,
    stacked_figure,
    styled,
    symmetric_limits,
)

MARGINS = {"left": 0.55, "right": 2.05}


@styled
def plot_lead_time(
    relevance: ArrayLike,
    signals: ArrayLike,
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    method: str = "occlusion",
    class_name: str = "ABNORMAL",
    name: str = "",
) -> Figure:
    """Draw every lead over its own relevance, and at the right the mean relevance of each lead.

    Args:
        relevance: (time, lead), in logits, signed: positive speaks for the class.
        signals: (time, lead) in mV.
        sampling_rate: Hz.
        lead_names: of both second axes.
        method: how the relevance was found, for the title; a CAM has no lead axis and cannot be drawn here.
        class_name: what the relevance speaks for.
        name: of the record.

    Raises:
        ValueError: an array has the wrong shape.
    """
    array, rate = as_signals(signals, lead_names), as_rate(sampling_rate)
    values = same_shape(relevance, array, "relevance")
    sheet, limits, duration = paper.lay_out([array], rate), symmetric_limits(values), len(array) / rate
    height = sheet.height(panel_width(**MARGINS), duration + paper.PULSE_SECONDS)
    figure, axes = stacked_figure([height], top=0.5, bottom=0.95, **MARGINS)
    ax = axes[0, 0]
    between = (sheet.offsets[1:] + sheet.offsets[:-1]) / 2
    edges = [sheet.top, *between, sheet.bottom]
    colours = {"cmap": EVIDENCE_COLOURS, "norm": limits, "alpha": 0.85}
    for lead, lead_name in enumerate(lead_names):
        extent = (0.0, duration, edges[lead + 1], edges[lead])
        paper.draw_band(ax, values[:, lead], extent, gid=f"relevance {lead_name}", **colours)
    ax.hlines(between, 0.0, duration, color="white", linewidth=1.0, zorder=1)
    paper.draw_pulse(ax, sheet, 0.0)
    paper.draw_leads(ax, array, sheet, rate, lead_names)
    paper.finish_paper(ax, sheet, (0.0, duration), lead_names)
    _draw_means(figure, ax, sheet, values.mean(axis=0))
    scale = draw_scale(figure, WIDTH - MARGINS["right"] - 0.2, 0.25, 1.5, EVIDENCE_COLOURS, limits)
    scale.set_gid("scale")
    figure.headline(name or f"Relevance of each lead over time ({method})")
    figure.caption(f"Found by {method}: red speaks for {class_name}, blue against it. Mark: 1 mV.")
    return figure


def _draw_means(figure: Figure, beside: Axes, sheet: paper.Sheet, means: np.ndarray) -> None:
    """Draw a bar for each lead, at the height of its zero line."""
    box, gap = beside.get_position(), 0.2 / WIDTH
    ax = figure.add_axes((box.x1 + gap, box.y0, 1 - (box.x1 + gap) - gap, box.height), gid="means")
    ax.barh(sheet.offsets, means, height=0.5, color=[TOWARDS if mean > 0 else AGAINST for mean in means])
    ax.axvline(0.0, color="#555555", linewidth=0.8)
    ax.set_ylim(sheet.bottom, sheet.top)
    reach = 1.1 * (np.abs(means).max() or 1.0)
    ax.set_xlim(min(0.0, np.sign(means.min())) * reach, max(0.0, np.sign(means.max())) * reach or reach)
    ax.set_yticks([])
    ax.locator_params(axis="x", nbins=4)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("mean relevance\n(logits)")
