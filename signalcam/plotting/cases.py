"""One record with its map and what is known of the answer; several of them beside each other."""

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from matplotlib.colors import Normalize
from numpy.typing import ArrayLike

from signalcam.leads import LEADS
from signalcam.plotting import inputs, paper, style
from signalcam.plotting.sheet import lay_out

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
        class_name: what the evidence speaks for, where records of several classes are drawn together.
        statements: what is known of the record, in words.
        processing: what was done to the signals before they are drawn, in words.
        lead_evidence: (position, row), in logits: a row a lead, and perhaps a last one of what only the leads
            together show; where it is there, each trace lies over its own evidence.
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
    class_name: str = ""
    statements: str = ""
    processing: str = ""
    lead_evidence: ArrayLike | None = None

    def checked(self, lead_names: Sequence[str] = LEADS) -> Self:
        """Return a copy with float64 arrays and a mask; ValueError for a wrong shape or value."""
        signals = inputs.as_signals(self.signals, lead_names)
        mask = inputs.as_mask(self.padded, len(signals))
        evidence, rows = inputs.as_map(self.evidence, mask, "evidence"), self.lead_evidence
        rows = None if rows is None else inputs.as_lead_map(rows, evidence, len(lead_names))
        maps = {"evidence": evidence, "heatmap": inputs.as_heatmap(self.heatmap, mask), "lead_evidence": rows}
        return replace(self, signals=signals, padded=mask, **maps)

    def background(self, sampling_rate: float, leads: Sequence[int]) -> tuple[np.ndarray, Normalize]:
        """Return what lies behind leads, logits per second, (time,) or (time, lead), and its limits."""
        values, limits, n_times = self.evidence, style.EVIDENCE, len(self.signals)
        if self.lead_evidence is not None:
            values, limits = self.lead_evidence[:, leads], style.BY_LEAD
        return paper.by_sample(values, n_times) * sampling_rate / n_times, limits

    def verdict(self, class_name: str = "") -> tuple[str, str, str]:
        """Return what the model makes of it, a mark such as `✗ wrong` ("" if unknown), and a colour."""
        class_name = self.class_name or class_name
        about = f"P({class_name}) = " if class_name else "P = ", "predicted ", "truth "
        probability = None if self.probability is None else f"{float(self.probability):.3f}"
        found = zip(about, (probability, self.predicted, self.truth), strict=True)
        text = ", ".join(f"{word}{value}" for word, value in found if value is not None)
        if self.predicted is None or self.truth is None:
            return text, "", style.INK
        return text, *(("✓ right", RIGHT) if self.predicted == self.truth else ("✗ wrong", WRONG))


def typical_records(y: np.ndarray, p: np.ndarray, threshold: float = 0.5) -> dict[str, int]:
    """Pick one record of each outcome that occurs, right and wrong: the one with the median probability.

    Args:
        y, p: labels, 0 or 1, and probabilities, (record,).
        threshold: from which on a record is predicted abnormal.

    Returns: index of the record by a name such as "abnormal, predicted normal".
    """
    y, p, names, found = np.asarray(y), np.asarray(p), ("normal", "abnormal"), {}
    for truth, predicted in itertools.product((1, 0), repeat=2):
        indices = np.flatnonzero((y == truth) & ((p >= threshold) == predicted))
        if len(indices):
            typical = indices[np.argsort(p[indices])[len(indices) // 2]]
            found[f"{names[truth]}, predicted {names[predicted]}"] = int(typical)
    return found


@style.styled
def plot_cases(
    cases: Sequence[Case],
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    leads: Sequence[str] = ("II", "V2", "V5"),
    class_name: str = "ABNORMAL",
    title: str = "Maps of single records",
) -> style.Figure:
    """Draw several records in two columns: a few leads over the signed evidence, and it as bars below.

    Args:
        cases: the records, each with the map of its `class_name`, or all of the same class.
        leads: which leads to draw.
        sampling_rate, lead_names, class_name: as in `plot_map`.
        title: of the figure.

    Raises: as in `plot_ecg`; ValueError for no case, too.
    """
    if not cases:
        raise ValueError("cases must hold at least one record, got none.")
    rate, columns = inputs.as_rate(sampling_rate), 2 if len(cases) > 1 else 1
    n_rows, worded = -(-len(cases) // columns), any(case.statements for case in cases)
    top = 0.9 + 0.17 * worded
    heights, gaps = [0.36 * len(leads) + 0.2, 0.5] * n_rows, ([0.05, top - 0.08] * n_rows)[:-1]
    figure, axes = style.stacked_figure(heights, columns, gap=gaps, top=top, bottom=1.05)
    pairs = [axes[2 * row : 2 * row + 2, column] for row in range(n_rows) for column in range(columns)]
    indices = inputs.lead_indices(leads, lead_names)
    for (above, below), case in zip(pairs, (case.checked(lead_names) for case in cases), strict=False):
        array = case.signals[:, indices]
        sheet = lay_out([array], rate, leads, row_height=1.5)
        paper.draw_behind(above, *case.background(rate, indices), sheet)
        paper.draw_ecg(above, array, sheet, case.padded, linewidth=0.8)
        above.tick_params(axis="x", length=0)
        paper.draw_evidence(below, case.evidence / sheet.duration, case.padded, sheet)
        paper.finish_strip(below, sheet, "")
        text, mark, colour = case.verdict()
        first = ": ".join(part for part in (case.name, mark) if part)
        words = textwrap.shorten(case.statements, 56, placeholder=" ...")
        title_lines = "\n".join(line for line in (first, words, text) if line)
        above.set_title(title_lines, loc="left", color=colour, fontsize=9, pad=4, linespacing=1.25)
    for ax in itertools.chain(*pairs[len(cases) :]):
        ax.set_visible(False)
    figure.headline(title)
    paper.draw_scale(figure, style.EVIDENCE_COLOURS, style.EVIDENCE, "logits per second", width=1.2)
    of_class = "the class" if any(case.class_name for case in cases) else class_name
    figure.caption(
        f"P: probability of {of_class}. Colour and bars: evidence, red for {of_class}, blue against it,\n"
        "on one scale for all records. Its sum over the seconds is the logit; dashed: its mean.\n"
        "Mark before the first lead: 1 mV."
    )
    return figure
