"""One record with its map and what is known of the answer; several of them beside each other."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import as_heatmap, as_map, as_mask, as_rate, as_signals, lead_indices
from signalcam.plotting.style import INK, WIDTH, Figure, stacked_figure, styled, symmetric_limits

RIGHT, WRONG = "#1B7837", "#B2182B"


@dataclass(frozen=True, eq=False)
class Case:
    """One record, the map of one class, and where they are known the answer and the truth.

    Attributes:
        signals: (time, lead) in mV.
        evidence, heatmap: (position,), in logits, signed; (time,), in [0, 1].
        probability, logit: of the class; figures say so where the evidence does not sum to the logit.
        predicted, truth: names of classes; where both are given, figures say right or wrong.
        name: of the record.
        padded: bool (time,), True where nothing was recorded; evidence and heatmap may be NaN there.
    """

    signals: ArrayLike
    evidence: ArrayLike
    heatmap: ArrayLike
    probability: float | None = None
    predicted: str | None = None
    truth: str | None = None
    logit: float | None = None
    name: str = ""
    padded: ArrayLike | None = None

    def checked(self, lead_names: Sequence[str] = LEADS) -> Self:
        """Return a copy with float64 arrays and a mask; ValueError for a wrong shape or value."""
        signals = as_signals(self.signals, lead_names)
        mask = as_mask(self.padded, len(signals))
        evidence, heatmap = as_map(self.evidence, mask, "evidence"), as_heatmap(self.heatmap, mask)
        return replace(self, signals=signals, padded=mask, evidence=evidence, heatmap=heatmap)

    def verdict(self, class_name: str = "") -> tuple[str, str, str]:
        """Return what the model makes of it, a mark such as `✗ wrong` ("" if unknown), and a colour."""
        of_class = f"({class_name})" if class_name else ""
        parts = [] if self.probability is None else [f"P{of_class} = {float(self.probability):.3f}"]
        parts += [] if self.predicted is None else [f"called {self.predicted}"]
        parts += [] if self.truth is None else [f"truth {self.truth}"]
        text = ", ".join(parts)
        if self.predicted is None or self.truth is None:
            return text, "", INK
        right = str(self.predicted) == str(self.truth)
        return (text, "✓ right", RIGHT) if right else (text, "✗ wrong", WRONG)


def typical_records(y: np.ndarray, p: np.ndarray, threshold: float = 0.5) -> dict[str, int]:
    """Pick one record of each outcome, right and wrong: the one with the median probability.

    Args:
        y, p: labels, 0 or 1, and probabilities, (record,).
        threshold: from which on a record is predicted abnormal.

    Returns:
        Index of the record by a name such as "abnormal, predicted normal", for outcomes that occur.
    """
    y, p, names, found = np.asarray(y), np.asarray(p), ("normal", "abnormal"), {}
    for truth, predicted in itertools.product((1, 0), repeat=2):
        indices = np.flatnonzero((y == truth) & ((p >= threshold) == predicted))
        if len(indices):
            typical = indices[np.argsort(p[indices])[len(indices) // 2]]
            found[f"{names[truth]}, predicted {names[predicted]}"] = int(typical)
    return found


@styled
def plot_cases(
    cases: Sequence[Case],
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    leads: Sequence[str] = ("II", "V2", "V5"),
    class_name: str = "ABNORMAL",
) -> Figure:
    """Draw several records in two columns: a few leads over the heatmap, the signed evidence below.

    Args:
        cases: the records, each with the map of the same class.
        leads: which leads to draw.
        sampling_rate, lead_names, class_name: as in `plot_map`.

    Raises:
        ValueError: no case, or an array of a wrong shape.
    """
    if not cases:
        raise ValueError("cases must hold at least one record, got none.")
    rate, columns = as_rate(sampling_rate), 2 if len(cases) > 1 else 1
    n_rows = -(-len(cases) // columns)
    heights, gaps = [0.36 * len(leads) + 0.2, 0.5] * n_rows, ([0.05, 0.82] * n_rows)[:-1]
    figure, axes = stacked_figure(heights, columns, gap=gaps, top=0.9, bottom=1.22)
    pairs = [axes[2 * row : 2 * row + 2, column] for row in range(n_rows) for column in range(columns)]
    indices = lead_indices(leads, lead_names)
    for (above, below), case in zip(pairs, (case.checked(lead_names) for case in cases), strict=False):
        array = case.signals[:, indices]
        sheet = paper.lay_out([array], rate, row_height=1.5)
        paper.draw_heat(above, case.heatmap, rate, sheet.bottom, sheet.top)
        paper.draw_ecg(above, array, sheet, rate, leads, case.padded, linewidth=0.8)
        above.tick_params(axis="x", length=0)
        paper.draw_evidence(below, case.evidence, case.padded, rate, symmetric_limits(case.evidence))
        paper.finish_strip(below, len(array) / rate, "")
        text, mark, colour = case.verdict()
        first = ": ".join(part for part in (case.name, mark) if part)
        title = "\n".join(line for line in (first, text) if line)
        above.set_title(title, loc="left", color=colour, fontsize=9, pad=4, linespacing=1.25)
    for ax in itertools.chain(*pairs[len(cases) :]):
        ax.set_visible(False)
    figure.headline("Maps of single records")
    paper.draw_heat_legend(figure, WIDTH - 0.2, 0.3)
    figure.caption(
        f"P: probability of {class_name}. Bars: evidence in logits, red for {class_name}, blue against it;\n"
        "dashed: its mean, the logit. Colour: heatmap, scaled to 0 to 1 within each record,\n"
        "the same for all leads, for a map has no lead axis. Mark before the first lead: 1 mV."
    )
    return figure
