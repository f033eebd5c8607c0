"""One record as one HTML page that needs nothing else: its prediction, its map, what to know about both.

The page holds its picture and its style, no script, and asks browsers to load nothing. Every text that
comes from outside is escaped.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence

import numpy as np

from signalcam.leads import LEADS
from signalcam.plotting import Figure, plot_class_maps, plot_map

DISCLAIMER = (
    "Research software, not a medical device. This page is not a diagnosis; do not use it to decide on "
    "anybody's treatment."
)
NEEDED = ("class_names", "probability", "evidence", "heatmap")
OPTIONAL = ("name", "start", "call", "truth", "logit", "padded", "notes", "settings", "shown")

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 60rem; margin:
2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0.2rem; } h2 { font-size: 1.15rem; margin: 1.8rem 0 0.4rem; }
.warning { border: 2px solid #b2182b; padding: 0.5rem 0.8rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: 0.2rem 0.9rem 0.2rem 0;
  border-bottom: 1px solid #ddd; vertical-align: top; } td.number { text-align: right; }
img { max-width: 100%; height: auto; } figure { margin: 0.5rem 0; } figcaption { color: #555; font-size:
0.9rem; }
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_READING = (
    "The model looks at the whole recording and gives one number for each class, the logit, which becomes a "
    "probability. The evidence says how much each moment adds to that number: red bars speak for the class, "
    "blue bars against it, and their mean is the logit.",
    "The heatmap is the same evidence, scaled so that the strongest moment of this recording is 1 and the "
    "weakest 0. It says where the evidence is strongest in this recording, not how strong it is: even a "
    "recording with little evidence has a 1 somewhere.",
    "One bar of the default model stands for 80 ms but sees about one second around it. The map belongs to "
    "all leads together; it does not say which lead matters.",
)


def record_page(
    signals, result: Mapping, sampling_rate: float = 100, lead_names: Sequence[str] = LEADS
) -> str:
    """Write one record's prediction and map as an HTML page.

    Args:
        signals: (time, lead) in mV, as recorded.
        result: what the model says of it. Needed: class_names (class names), probability (class,), evidence
            (cell, class), heatmap (time, class). Possible: name of the record, start (seconds into the
            recording it was cut from), call (text, or one for each class), truth (text, or names of
            classes), logit (class,), padded (time,) bool, notes (sentences on the quality of the
            recording), settings (mapping of what travels with the model), shown (index of the class of
            the large map, default the most probable).
        sampling_rate: Hz.
        lead_names: order of the leads.

    Returns:
        The page as text; write it as UTF-8.

    Raises:
        ValueError: a needed key is missing, a key is unknown, or an array has the wrong shape.
    """
    facts = _checked(result)
    name = str(facts.get("name") or "ECG recording")
    shown = int(facts.get("shown", np.argmax(facts["probability"])))
    parts = [
        f"<h1>{_text(name)}</h1>",
        f"<p>{_text(_summary(signals, facts, sampling_rate))}</p>",
        f'<p class="warning"><strong>{_text(DISCLAIMER)}</strong></p>',
        "<h2>What the model says</h2>",
        _predictions(facts),
        "<h2>Notes on the recording</h2>",
        _notes(facts.get("notes") or ()),
        "<h2>Where the evidence lies</h2>",
        *_pictures(signals, facts, sampling_rate, lead_names, shown),
        "<h2>How to read the map</h2>",
        *(f"<p>{_text(paragraph)}</p>" for paragraph in _READING),
        _settings(facts.get("settings") or {}),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_text(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(name)}: SignalCAM</title>\n<style>{_STYLE}</style>\n"
        f"</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _checked(result: Mapping) -> dict:
    """The result with probability (class,), maps with a class axis, lists of calls and of true classes."""
    missing = [key for key in NEEDED if key not in result]
    unknown = [key for key in result if key not in NEEDED + OPTIONAL]
    if missing or unknown:
        raise ValueError(
            f"result must have the keys {', '.join(NEEDED)} and may have {', '.join(OPTIONAL)}; "
            f"missing: {missing}, unknown: {unknown}."
        )
    facts = dict(result)
    names = [str(name) for name in facts["class_names"]]
    probability = np.atleast_1d(np.asarray(facts["probability"], dtype=float))
    if probability.shape != (len(names),) or not np.all((probability >= 0) & (probability <= 1)):
        raise ValueError(f"probability must hold {len(names)} values in [0, 1], got {probability.tolist()}.")
    for key in ("evidence", "heatmap"):
        array = np.asarray(facts[key], dtype=float)
        array = array[:, None] if array.ndim == 1 else array
        if array.ndim != 2 or array.shape[1] != len(names):
            raise ValueError(
                f"{key} must have a column for each of {len(names)} classes, got the shape {array.shape}."
            )
        facts[key] = array
    calls = facts.get("call")
    calls = [calls] * (calls is not None) if calls is None or isinstance(calls, str) else list(calls)
    if calls and len(calls) != len(names):
        raise ValueError(f"call must hold one text for each of {len(names)} classes, got {calls}.")
    shown = facts.get("shown", 0)
    if not 0 <= int(shown) < len(names):
        raise ValueError(f"shown must be the index of one of {names}, got {shown}.")
    truth = facts.get("truth")
    truth = () if truth is None else (truth,) if isinstance(truth, str) else tuple(truth)
    return facts | {"class_names": names, "probability": probability, "call": calls, "truth": truth}


def _summary(signals, facts: Mapping, sampling_rate: float) -> str:
    n_times, n_leads = np.shape(signals)
    start = f", from {float(facts['start']):g} s of its file" if facts.get("start") else ""
    truth = f" Labelled: {', '.join(map(str, facts['truth']))}." if facts["truth"] else ""
    padded = np.sum(facts["padded"]) / sampling_rate if facts.get("padded") is not None else 0.0
    missing = f" {padded:g} s of it are padding, not recording." if padded else ""
    return f"{n_times / sampling_rate:g} s at {sampling_rate:g} Hz, {n_leads} leads{start}.{missing}{truth}"


def _predictions(facts: Mapping) -> str:
    columns = ["class", "probability"] + ["logit"] * ("logit" in facts) + ["call"] * bool(facts["call"])
    rows = []
    for k, name in enumerate(facts["class_names"]):
        cells = [
            f'<th scope="row">{_text(name)}</th>',
            f'<td class="number">{facts["probability"][k]:.3f}</td>',
        ]
        if "logit" in facts:
            cells.append(f'<td class="number">{np.atleast_1d(facts["logit"])[k]:+.2f}</td>')
        if facts["call"]:
            cells.append(f"<td>{_text(facts['call'][k])}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    return f"<table>\n<tr>{head}</tr>\n" + "\n".join(rows) + "\n</table>"


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return "<p>Nothing suspect was found: no missing, flat, clipped or noisy lead.</p>"
    return "<ul>\n" + "\n".join(f"<li>{_text(note)}</li>" for note in notes) + "\n</ul>"


def _pictures(signals, facts: Mapping, sampling_rate: float, lead_names, shown: int) -> list[str]:
    names, probability = facts["class_names"], facts["probability"]
    figure = plot_map(
        signals,
        facts["evidence"][:, shown],
        facts["heatmap"][:, shown],
        sampling_rate,
        lead_names,
        class_name=names[shown],
        probability=probability[shown],
        call=facts["call"][shown] if facts["call"] else None,
        logit=float(np.atleast_1d(facts["logit"])[shown]) if "logit" in facts else None,
        padded=facts.get("padded"),
    )
    words = (
        f"ECG of {len(lead_names)} leads over the heatmap for {names[shown]}, probability "
        f"{probability[shown]:.3f}; below it the evidence over time and the heatmap."
    )
    pictures = [_picture(figure, words)]
    if len(names) > 1:
        every = plot_class_maps(
            signals,
            facts["evidence"],
            names,
            sampling_rate,
            lead_names,
            probability,
            facts["truth"],
            leads=[lead for lead in ("I", "II", "V1", "V5") if lead in lead_names] or lead_names[:3],
            padded=facts.get("padded"),
        )
        pictures.append(_picture(every, f"Evidence over time for each class: {', '.join(names)}."))
    return pictures


def _picture(figure: Figure, words: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<figure><img src="data:image/png;base64,{data}" alt="{_text(words)}"></figure>'


def _settings(settings: Mapping) -> str:
    if not settings:
        return ""
    rows = "\n".join(
        f'<tr><th scope="row">{_text(str(key).replace("_", " "))}</th><td>{_text(_plain(value))}</td></tr>'
        for key, value in settings.items()
    )
    return f"<h2>The model</h2>\n<table>\n{rows}\n</table>"


def _plain(value) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value)
    return "not stated" if value in ("", None) else str(value)


def _text(value) -> str:
    return html.escape(str(value), quote=True)
