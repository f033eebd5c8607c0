"""Maps that do have a lead axis: how much each stretch of each lead counts, by occlusion or gradients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import as_rate, as_signals, same_shape
from signalcam.plotting.style import (
    AGAINST,
    TOWARDS,
    Figure,
    caption,
    evidence_colours,
    panel_width,
    stacked_figure,
    styled,
    symmetric_limits,
)

LEFT, RIGHT = 0.55, 2.05


@styled
def plot_lead_time(
    relevance,
    signals,
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    method: str = "occlusion",
    class_name: str = "ABNORMAL",
    name: str | None = None,
) -> Figure:
    """Every lead over its own relevance, and at the right the mean relevance of each lead.

    Args:
        relevance: (time, lead), signed: positive speaks for the class.
        signals: (time, lead) in mV.
        method: how the relevance was found, for the title; a CAM has no lead axis and cannot be drawn here.
        class_name: what the relevance speaks for.
        name: of the record.
    """
    array, rate = as_signals(signals, lead_names), as_rate(sampling_rate)
    values = same_shape(relevance, array, "relevance")
    if not np.all(np.isfinite(values)):
        raise ValueError(
            f"relevance holds {np.count_nonzero(~np.isfinite(values))} values that are not finite."
        )
    sheet, limits, duration = paper.lay_out([array], rate), symmetric_limits(values), len(array) / rate
    panel = panel_width(left=LEFT, right=RIGHT)
    height = sheet.height(panel, duration + paper.PULSE_SECONDS)
    figure, axes = stacked_figure([height], top=0.5, bottom=0.95, left=LEFT, right=RIGHT)
    ax = axes[0, 0]
    edges = _row_edges(sheet)
    for lead, lead_name in enumerate(lead_names):
        ax.imshow(
            values[None, :, lead],
            extent=(0.0, duration, edges[lead + 1], edges[lead]),
            aspect="auto",
            origin="lower",
            cmap=evidence_colours(),
            norm=limits,
            interpolation="nearest",
            alpha=0.85,
            zorder=0.5,
            gid=f"relevance {lead_name}",
        )
    ax.hlines(edges[1:-1], 0.0, duration, color="white", linewidth=1.0, zorder=1)
    paper.draw_pulse(ax, sheet, 0.0)
    paper.draw_leads(ax, array, sheet, rate, lead_names)
    paper.finish_paper(ax, sheet, (0.0, duration), lead_names)
    _draw_means(figure, ax, sheet, values, class_name)
    _draw_scale(figure, limits)
    total = figure.get_size_inches()[1]
    figure.suptitle(name or f"Relevance of each lead over time ({method})", y=1 - 0.12 / total, va="top")
    note = f"Found by {method}: red speaks for {class_name}, blue against it. Mark: 1 mV."
    caption(figure, note)
    return figure


def _row_edges(sheet: paper.Sheet) -> np.ndarray:
    """Boundaries between the leads' bands, mV from above to below, (n_leads + 1,)."""
    between = (sheet.offsets[1:] + sheet.offsets[:-1]) / 2
    return np.concatenate([[sheet.top], between, [sheet.bottom]])


def _draw_means(figure: Figure, beside, sheet: paper.Sheet, values: np.ndarray, class_name: str) -> None:
    box = beside.get_position()
    width = figure.get_size_inches()[0]
    left = box.x1 + 0.2 / width
    ax = figure.add_axes((left, box.y0, 1 - left - 0.2 / width, box.height), gid="means")
    means = values.mean(axis=0)
    ax.barh(sheet.offsets, means, height=0.5, color=[TOWARDS if mean > 0 else AGAINST for mean in means])
    ax.axvline(0.0, color="#555555", linewidth=0.8)
    ax.set_ylim(sheet.bottom, sheet.top)
    reach = 1.1 * (np.abs(means).max() or 1.0)
    ax.set_xlim(min(0.0, np.sign(means.min())) * reach, max(0.0, np.sign(means.max())) * reach or reach)
    ax.set_yticks([])
    ax.locator_params(axis="x", nbins=4)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("mean relevance\n(logits)")


def _draw_scale(figure: Figure, limits: Normalize) -> None:
    width, height = figure.get_size_inches()
    ax = figure.add_axes(((width - RIGHT - 1.7) / width, 0.25 / height, 1.5 / width, 0.11 / height))
    bar = figure.colorbar(ScalarMappable(limits, evidence_colours()), cax=ax, orientation="horizontal")
    bar.set_ticks([limits.vmin, 0, limits.vmax], labels=[f"{limits.vmin:.2g}", "0", f"{limits.vmax:+.2g}"])
    ax.tick_params(labelsize=8.5, length=2, pad=1)
    bar.outline.set_linewidth(0.5)
    ax.set_gid("scale")
