"""HTML pages from templates that escape every text; one record as a page that needs nothing else."""

import base64
import functools
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import jinja2
import numpy as np
from numpy.typing import ArrayLike

from signalcam.leads import LEADS
from signalcam.plotting.cases import Case
from signalcam.plotting.maps import plot_class_maps, plot_map
from signalcam.plotting.style import Figure


def render(template: str, **values: object) -> str:
    """Fill one of the templates of this folder.

    Args:
        template: its name without `.html.j2`.
        values: what it asks for; text is escaped.

    Returns:
        The page; write it as UTF-8.
    """
    return _environment().get_template(f"{template}.html.j2").render(values)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model answers for one record, and what is known of the record.

    Attributes:
        class_names: of the model's outputs.
        probability: (class,), in [0, 1].
        evidence: (position, class), in logits.
        heatmap: (time, class), in [0, 1].
        logit: (class,), where it is known.
        predicted: one word for each class, such as ABNORMAL or yes, or none at all.
        truth: names of the classes that the record is labelled with.
        name: of the record.
        start: seconds into its file at which the record begins.
        padded: bool (time,), True where nothing was recorded; the maps may be NaN there.
        notes: sentences on the quality of the recording.
        settings: what travels with the model, by name.
        shown: index of the class of the large map, default the most probable.
    """

    class_names: Sequence[str]
    probability: ArrayLike
    evidence: np.ndarray
    heatmap: np.ndarray
    logit: ArrayLike | None = None
    predicted: Sequence[str] = ()
    truth: Sequence[str] = ()
    name: str = "ECG recording"
    start: float = 0.0
    padded: np.ndarray | None = None
    notes: Sequence[str] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    shown: int | None = None


def record_page(
    signals: np.ndarray, answer: Answer, sampling_rate: float = 100, lead_names: Sequence[str] = LEADS
) -> str:
    """Write one record's prediction and map as an HTML page.

    Args:
        signals: (time, lead) in mV, as recorded.
        answer: what the model says of it.
        sampling_rate: Hz.
        lead_names: of the signals' second axis.

    Returns:
        The page as text, with its pictures and without scripts; write it as UTF-8.

    Raises:
        ValueError: an array has the wrong shape, or a probability or heatmap leaves [0, 1].
    """
    names, n_classes = list(answer.class_names), len(answer.class_names)
    probability = np.asarray(answer.probability, float)
    if probability.shape != (n_classes,) or not np.all((probability >= 0) & (probability <= 1)):
        raise ValueError(f"probability must hold {n_classes} values in [0, 1], got {probability.tolist()}.")
    for name in ("evidence", "heatmap"):
        shape = np.shape(getattr(answer, name))
        if len(shape) != 2 or shape[1] != n_classes:
            raise ValueError(f"{name} must have {n_classes} columns, one a class, got shape {shape}.")
    if len(answer.predicted) not in (0, n_classes):
        raise ValueError(f"predicted must hold {n_classes} words, one a class, got {len(answer.predicted)}.")
    if not 0 <= (answer.shown or 0) < n_classes:
        raise ValueError(f"shown must be an index below {n_classes}, got {answer.shown}.")
    predicted = [[word] for word in answer.predicted] or [[]] * n_classes
    numbers = [[f"{value:.3f}"] for value in probability]
    if answer.logit is not None:
        numbers = [[*row, f"{logit:+.2f}"] for row, logit in zip(numbers, answer.logit, strict=True)]
    columns = ["class", "probability", *["logit"] * (answer.logit is not None)]
    return render(
        "record",
        title=answer.name,
        summary=_summary(signals, answer, sampling_rate),
        columns=columns + ["predicted"] * bool(answer.predicted),
        rows=list(zip(names, numbers, predicted, strict=True)),
        notes=answer.notes,
        pictures=_pictures(signals, answer, sampling_rate, lead_names),
        settings={name: _plain(value) for name, value in answer.settings.items()},
    )


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("signalcam.plotting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _summary(signals: np.ndarray, answer: Answer, sampling_rate: float) -> str:
    n_times, n_leads = np.shape(signals)
    start = f", from {answer.start:g} s of its file" if answer.start else ""
    padded = 0.0 if answer.padded is None else np.sum(answer.padded) / sampling_rate
    missing = f" {padded:g} s of it are padding, not recording." if padded else ""
    truth = f" Labelled: {', '.join(answer.truth)}." if answer.truth else ""
    return f"{n_times / sampling_rate:g} s at {sampling_rate:g} Hz, {n_leads} leads{start}.{missing}{truth}"


def _pictures(
    signals: np.ndarray, answer: Answer, sampling_rate: float, lead_names: Sequence[str]
) -> list[tuple[str, str]]:
    """Return pictures as PNG in base64, each with its words for who cannot see it."""
    names, probability, padded = answer.class_names, answer.probability, answer.padded
    shown = int(np.argmax(probability)) if answer.shown is None else answer.shown
    case = Case(
        signals,
        answer.evidence[:, shown],
        answer.heatmap[:, shown],
        probability[shown],
        predicted=answer.predicted[shown] if answer.predicted else None,
        logit=None if answer.logit is None else float(answer.logit[shown]),
        padded=padded,
    )
    figure = plot_map(case, sampling_rate, lead_names, names[shown])
    words = (
        f"ECG of {len(lead_names)} leads over the heatmap for {names[shown]}, probability "
        f"{probability[shown]:.3f}; below it the evidence over time and the heatmap."
    )
    pictures = [(_encoded(figure), words)]
    if len(names) > 1:
        leads = [lead for lead in ("I", "II", "V1", "V5") if lead in lead_names] or lead_names[:3]
        rest = {"truth": answer.truth, "leads": leads, "padded": padded}
        every = plot_class_maps(
            signals, answer.evidence, names, sampling_rate, lead_names, probability, **rest
        )
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
