"""Maps of several records beside each other, right and wrong ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from signalcam.leads import LEADS
from signalcam.plotting import paper
from signalcam.plotting.inputs import as_evidence, as_heatmap, as_mask, as_rate, as_signals, lead_positions
from signalcam.plotting.strips import draw_evidence, finish_strip, heat_legend, verdict
from signalcam.plotting.style import WIDTH, Figure, caption, stacked_figure, styled, symmetric_limits

NEEDED = ("signals", "heatmap", "evidence")
OPTIONAL = ("probability", "call", "truth", "name", "padded")


@styled
def plot_cases(
    cases: Sequence[Mapping],
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    leads: Sequence[str] = ("II", "V2", "V5"),
    class_name: str = "ABNORMAL",
    title: str | None = None,
) -> Figure:
    """Several records in two columns: a few leads over the heatmap, the signed evidence below.

    Args:
        cases: mappings with signals (time, lead) in mV, heatmap (time,), evidence (cell,), and where they
            are known probability, call, truth, name, padded. Where call and truth are there, right or
            wrong is said.
        class_name: what the evidence speaks for.

    Raises:
        ValueError: no case, a case without a needed key or with an unknown one, an array of a wrong shape.
    """
    if not cases:
        raise ValueError("cases must hold at least one record.")
    for number, case in enumerate(cases):
        _check_keys(case, number)
    rate, columns = as_rate(sampling_rate), 2 if len(cases) > 1 else 1
    rows = -(-len(cases) // columns)
    heights, gaps = [0.36 * len(leads) + 0.2, 0.5] * rows, ([0.05, 0.82] * rows)[:-1]
    figure, axes = stacked_figure(heights, columns, gap=gaps, top=0.9, bottom=1.22)
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        pair = axes[2 * row, column], axes[2 * row + 1, column]
        if number < len(cases):
            _draw_case(pair, cases[number], rate, lead_names, leads)
        for ax in pair:
            ax.set_visible(number < len(cases))
    figure.suptitle(title or "Maps of single records", y=1 - 0.12 / figure.get_size_inches()[1], va="top")
    heat_legend(figure, WIDTH - 0.2, 0.3)
    caption(
        figure,
        f"P: probability of {class_name}. Bars: evidence in logits, red for {class_name}, blue against it;\n"
        "dashed: its mean, the logit. Colour: heatmap, scaled to 0 to 1 within each record,\n"
        "the same for all leads, for a map has no lead axis. Mark before the first lead: 1 mV.",
    )
    return figure


def _draw_case(pair, case: Mapping, rate: float, lead_names: Sequence[str], leads: Sequence[str]) -> None:
    array = as_signals(case["signals"], lead_names)
    mask, duration = as_mask(case.get("padded"), len(array)), len(array) / rate
    heat, cells = as_heatmap(case["heatmap"], mask), as_evidence(case["evidence"], mask)
    array = array[:, lead_positions(leads, lead_names)]
    above, below = pair
    sheet = paper.lay_out([array], rate, row_height=1.5)
    paper.draw_heat(above, heat, rate, sheet.bottom, sheet.top)
    paper.draw_pulse(above, sheet, 0.0)
    paper.draw_leads(above, array, sheet, rate, leads, linewidth=0.8)
    paper.draw_padded(above, mask, rate)
    paper.finish_paper(above, sheet, (0.0, duration), leads, xlabel=False)
    above.tick_params(axis="x", length=0)
    draw_evidence(below, cells, duration, symmetric_limits(cells), padded=mask)
    finish_strip(below, duration, "", xlabel=True)
    text, mark, colour = verdict("", case.get("probability"), case.get("call"), case.get("truth"))
    first = ": ".join(part for part in (str(case.get("name") or ""), mark) if part)
    title = "\n".join(line for line in (first, text) if line)
    above.set_title(title, loc="left", color=colour, fontsize=9, pad=4, linespacing=1.25)


def _check_keys(case: Mapping, number: int) -> None:
    missing = [key for key in NEEDED if key not in case]
    unknown = [key for key in case if key not in NEEDED + OPTIONAL]
    if missing or unknown:
        raise ValueError(
            f"cases[{number}] must have the keys {', '.join(NEEDED)} and may have {', '.join(OPTIONAL)}; "
            f"missing: {missing}, unknown: {unknown}."
        )
