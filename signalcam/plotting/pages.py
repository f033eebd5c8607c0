"""HTML pages from templates that escape every text; one record as a page that needs nothing else."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jinja2
import numpy as np
from numpy.typing import ArrayLike

from signalcam.leads import LEADS
from signalcam.plotting.cases import Case
from signalcam.plotting.maps import plot_class_maps, plot_map
from signalcam.plotting.style import Figure

LINES = dict.fromkeys(("trim_blocks", "lstrip_blocks", "keep_trailing_newline"), True)
PAGES = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, **LINES)
PAGES.loader = jinja2.PackageLoader("signalcam.plotting")


def render(template: str, **values: object) -> str:
    """Fill one of the templates of this folder, given without `.html.j2`; text in the values is escaped."""
    return PAGES.get_template(f"{template}.html.j2").render(values)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model answers for one record, and what is known of the record.

    Attributes:
        signals: (time, lead) in mV, as recorded.
        class_names: of the model's outputs.
        probability, logit: (class,); the first in [0, 1].
        evidence, heatmap: (position, class), in logits; (time, class), in [0, 1].
        predicted: one word for each class, such as ABNORMAL or yes.
        shown: index of the class of the large map.
        name, start: of the record; seconds into its file at which it begins.
        padded: bool (time,), True where nothing was recorded; the maps may be NaN there.
        notes, settings: sentences on the quality of the recording; what travels with the model, by name.
    """

    signals: np.ndarray
    class_names: Sequence[str]
    probability: ArrayLike
    logit: ArrayLike
    evidence: np.ndarray
    heatmap: np.ndarray
    predicted: Sequence[str]
    shown: int
    name: str
    start: float
    padded: np.ndarray
    notes: Sequence[str]
    settings: Mapping[str, object]

    def case(self, name: str = "") -> Case:
        """Return the record with the map of the class that is shown."""
        of_class = self.evidence[:, self.shown], self.heatmap[:, self.shown], self.probability[self.shown]
        known = {"predicted": self.predicted[self.shown], "logit": float(self.logit[self.shown])}
        return Case(self.signals, *of_class, **known, name=name, padded=self.padded)


def record_page(answer: Answer, sampling_rate: float = 100, lead_names: Sequence[str] = LEADS) -> str:
    """Write one record's prediction and map as an HTML page.

    Args:
        answer: the record and what the model says of it.
        sampling_rate, lead_names: as in `plot_ecg`.

    Returns:
        The page as text, with its pictures and without scripts; write it as UTF-8.

    Raises:
        ValueError: an array has the wrong shape, or a probability or heatmap leaves [0, 1].
    """
    n_classes, probability = len(answer.class_names), np.asarray(answer.probability, float)
    if probability.shape != (n_classes,) or not np.all((probability >= 0) & (probability <= 1)):
        raise ValueError(f"probability must hold {n_classes} values in [0, 1], got {probability.tolist()}.")
    for name in ("logit", "evidence", "heatmap", "predicted"):
        shape = np.shape(getattr(answer, name))
        if shape[-1:] != (n_classes,):
            raise ValueError(f"{name} must have one value a class, {n_classes}, got shape {shape}.")
    if not 0 <= answer.shown < n_classes:
        raise ValueError(f"shown must be an index below {n_classes}, got {answer.shown}.")
    n_times, n_leads = np.shape(answer.signals)
    start = f", from {answer.start:g} s of its file" if answer.start else ""
    padded = np.sum(answer.padded) / sampling_rate
    missing = f" {padded:g} s of it are padding, not recording." if padded else ""
    seconds = f"{n_times / sampling_rate:g} s at {sampling_rate:g} Hz"
    return render(
        "record",
        title=answer.name,
        summary=f"{seconds}, {n_leads} leads{start}.{missing}",
        rows=zip(answer.class_names, probability, answer.logit, answer.predicted, strict=True),
        notes=answer.notes,
        pictures=_pictures(answer, sampling_rate, lead_names),
        settings={name: _plain(value) for name, value in answer.settings.items()},
    )


def _pictures(answer: Answer, sampling_rate: float, lead_names: Sequence[str]) -> list[tuple[str, str]]:
    """Return pictures as PNG in base64, each with its words for who cannot see it."""
    names, probability, shown = answer.class_names, answer.probability, answer.shown
    figure = plot_map(answer.case(), sampling_rate, lead_names, names[shown])
    words = (
        f"ECG of {len(lead_names)} leads over the heatmap for {names[shown]}, probability "
        f"{probability[shown]:.3f}; below it the evidence over time and the heatmap."
    )
    pictures = [(_encoded(figure), words)]
    if len(names) > 1:
        leads = [lead for lead in ("I", "II", "V1", "V5") if lead in lead_names] or lead_names[:3]
        record = (answer.signals, answer.evidence, names, sampling_rate, lead_names, probability)
        every = plot_class_maps(*record, leads=leads, padded=answer.padded)
        pictures.append((_encoded(every), f"Evidence over time for each class: {', '.join(names)}."))
    return pictures


def _encoded(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    return "not stated" if value in ("", None) else str(value)
