"""A map as an animation: the ECG sweeps by over its map, and the evidence adds up to the logit."""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from signalcam.leads import LEADS
from signalcam.plotting import inputs, paper, style
from signalcam.plotting.cases import RIGHT, WRONG, Case
from signalcam.plotting.sheet import lay_out

FORMATS = (".gif", ".webp")


def save_animation(
    cases: Sequence[Case],
    path: str | Path,
    sampling_rate: float = 100,
    lead_names: Sequence[str] = LEADS,
    class_name: str = "ABNORMAL",
    n_pictures: int = 40,
    seconds: float = 6.0,
    hold: float = 2.0,
    width: int = 864,
) -> Path:
    """Write an animation of one record or of several after each other. The same records give the same bytes.

    Args:
        cases, sampling_rate, lead_names, class_name: as in `plot_cases`; with all leads.
        path: file to write, .gif or .webp; its folder is made if it is not there.
        n_pictures, seconds, hold: of each record: pictures, the time they take, how long the last one stays.
        width: of the pictures, pixels.

    Raises:
        ValueError: no case, an array of a wrong shape, or another ending.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"path must end in {' or '.join(FORMATS)}, got {path.name!r}.")
    if not cases:
        raise ValueError("cases must hold at least one record, got none.")
    rate, dpi, pictures = inputs.as_rate(sampling_rate), width / style.WIDTH, []
    for case in cases:
        checked = case.checked(lead_names)
        pictures += _pictures(checked, rate, lead_names, class_name, n_pictures, dpi)
    if path.suffix.lower() == ".gif":
        palette = _palette()
        pictures = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    times = ([round(1000 * seconds / n_pictures)] * (n_pictures - 1) + [round(1000 * hold)]) * len(cases)
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=times, loop=0)
    return path


def _pictures(
    case: Case,
    rate: float,
    lead_names: Sequence[str],
    class_name: str,
    n_pictures: int,
    dpi: float,
) -> Iterator[Image.Image]:
    """Yield the record as it sweeps by, the last picture with what the model makes of the whole."""
    with style.matplotlib.rc_context(style.STYLE):
        heights, margins = [4.3, 0.8, 0.8], {"left": 0.95, "top": 1.0, "bottom": 0.85}
        figure, axes = style.stacked_figure(heights, gap=0.12, **margins)
        ecg, bars, sums = axes[:, 0]
        figure.set_dpi(dpi)
        duration = len(case.signals) / rate
        sheet = lay_out([case.signals], rate, lead_names)
        background = case.background(rate, range(len(lead_names)))
        paper.draw_behind(ecg, *background, sheet)
        paper.draw_ecg(ecg, case.signals, sheet, case.padded)
        paper.draw_evidence(bars, case.evidence / duration, case.padded, sheet)
        paper.finish_strip(bars, sheet, "evidence\n(logits/s)", xlabel=False, upright=False)
        total = np.r_[0.0, np.cumsum(np.nan_to_num(case.evidence)) / len(case.evidence)]
        times = np.linspace(0.0, duration, len(total))
        sums.plot(times, total, color=style.INK, gid="sum")
        sums.axhline(0.0, color="#555555", linewidth=0.8)
        reach = max(5.0, 1.1 * float(np.abs(total).max()))
        sums.set_ylim(-reach, reach)
        paper.finish_strip(sums, sheet, "its sum\n(logits)", upright=False)
        for ax in (bars, sums):
            ax.yaxis.set_label_coords(-0.055, 0.5)
        covers = [ax.axvspan(0.0, duration, facecolor="white", linewidth=0, zorder=6) for ax in axes[:, 0]]
        text, mark, colour = case.verdict(class_name)
        of_class = case.class_name or class_name
        figure.headline(case.name, textwrap.shorten(case.statements, 110, placeholder=" ..."), " ")
        said, canvas = figure.texts[-1], FigureCanvasAgg(figure)
        full = f"full colour at {background[1].vmax:g} logit/s"
        figure.caption(f"Red speaks for {of_class}, blue against it, {full}.")
        for moment in np.linspace(0.0, duration, n_pictures + 1)[1:]:
            for cover in covers:
                cover.set_x(moment)
                cover.set_width(duration - moment)
            so_far = float(np.interp(moment, times, total))
            said.set_text(f"so far: logit {so_far:+.2f}, P({of_class}) = {1 / (1 + np.exp(-so_far)):.2f}")
            if moment == duration and case.probability is not None:
                said.set(text=f"{mark}: {text}" if mark else text, color=colour)
            canvas.draw()
            yield Image.fromarray(np.array(canvas.buffer_rgba())[..., :3])


def _palette() -> Image.Image:
    """Return the colours of every picture, so that what stays the same between two costs nothing."""
    coloured = [
        *style.EVIDENCE_COLOURS(np.linspace(0, 1, 200))[:, :3],
        *np.linspace([0.0] * 3, [1.0] * 3, 32),
    ]
    named = [style.matplotlib.colors.to_rgb(colour) for colour in (RIGHT, WRONG)]
    palette = Image.new("P", (1, 1))
    palette.putpalette((255 * np.array([*coloured, *named])).round().astype(np.uint8).ravel().tolist())
    return palette
