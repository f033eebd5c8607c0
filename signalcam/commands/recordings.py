"""`predict`, `explain`: ask a trained model about recordings in files."""

import argparse
import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from signalcam.commands import add_command, open_model
from signalcam.commands.reading import add_reading_options, read, shown

COLUMNS = ("file", "start_s", "class", "probability", "predicted", "notes")
BATCH = 64
MODEL = "a .keras, .tflite or .onnx file, or the name of a pretrained model"


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands to the parser."""
    about = "print the probability, what is predicted and quality notes for each recording"
    example = "python -m signalcam predict normal-abnormal recordings/ more/*.csv --unit mV --source-rate 100"
    parser = add_command(commands, "predict", predict, about, example)
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("--keras", action="store_true", help="answer with Keras, also where LiteRT could")
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="files, folders or wildcards")
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    add_reading_options(parser)

    about = "draw a 12-lead ECG with its map"
    example = "python -m signalcam explain normal-abnormal ecg.hea --output map.png"
    parser = add_command(commands, "explain", explain, about, example)
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("--keras", action="store_true", help="answer with Keras, also where LiteRT could")
    parser.add_argument("recording", metavar="RECORDING")
    parser.add_argument("--output", type=Path, required=True, help=".png for the figure, .html for a page")
    parser.add_argument("--class", dest="which", help="name or index of the class (the most probable one)")
    parser.add_argument("--window", type=int, default=1, help="which window, with --length window (1)")
    add_reading_options(parser)


def predict(arguments: argparse.Namespace) -> int:
    """Print a row for each recording, window and class; status 1 where a recording could not be read."""
    model = open_model(arguments.model, lite=not arguments.keras)
    counts = Counter()
    write = {"table": _write_table, "json": _write_json, "csv": _write_csv}[arguments.format]
    write(_rows(model, arguments, counts))
    if counts["failed"]:
        share = f"{counts['failed']:,} of {counts['found']:,}"
        print(f"{share} recordings could not be read, see above.", file=sys.stderr)
    return int(counts["failed"] > 0)


@dataclass(frozen=True, eq=False)
class Answered:
    """One recording, or a window of it, with the answer of the model; or why there is none.

    Attributes:
        path: of the file.
        error: why it could not be answered; None where it could.
        recording, notes, outputs: what was read, notes on its quality, and what `predict` gives for it.
    """

    path: str | os.PathLike
    error: str | None = None
    recording: Any = None
    notes: tuple[str, ...] = ()
    outputs: dict | None = None


def answer(
    model: Any, paths: Iterable[str | os.PathLike], arguments: argparse.Namespace
) -> Iterator[Answered]:
    """Answer recordings one after the other, in batches, so that memory does not grow.

    Args:
        model: as for `predict`.
        paths: of recordings.
        arguments: of the command, with its reading options.

    Yields:
        `Answered`: those that cannot be read at once, the others in the order of the paths.
    """
    from signalcam.deployment import settings_of
    from signalcam.errors import RecordError

    settings, waiting = settings_of(model), []
    for path in paths:
        try:
            waiting += [Answered(path, None, *found) for found in read(path, settings, arguments)]
        except RecordError as error:
            yield Answered(path, str(error))
        if len(waiting) >= BATCH:
            yield from _batch(model, waiting)
            waiting = []
    yield from _batch(model, waiting)


def outputs_of(model: Any, pieces: list) -> dict:
    """Predict recordings that were read; what is suspect about them stands in their quality notes."""
    import numpy as np

    from signalcam.deployment import predict as predict_signals

    signals, padded = (np.stack([getattr(piece, name) for piece in pieces]) for name in ("signals", "padded"))
    return predict_signals(model, signals, padded=padded if padded.any() else None, warn=False)


def _batch(model: Any, waiting: list[Answered]) -> Iterator[Answered]:
    try:
        outputs = outputs_of(model, [one.recording for one in waiting]) if waiting else {}
    except ValueError as error:
        if len(waiting) == 1:
            yield Answered(waiting[0].path, str(error))
        else:  # one that cannot be answered does not take the others with it
            for one in waiting:
                yield from _batch(model, [one])
        return
    for k, one in enumerate(waiting):
        yield replace(one, outputs={name: values[k] for name, values in outputs.items()})


def _rows(model: Any, arguments: argparse.Namespace, counts: Counter) -> Iterator[dict]:
    """A row for each recording, window and class; recordings without an answer go to standard error."""
    from signalcam.deployment import settings_of
    from signalcam.recordings import find_recordings

    def counted() -> Iterator[Path]:
        for path in find_recordings(arguments.recordings):
            counts["found"] += 1
            yield path

    settings = settings_of(model)
    for one in answer(model, counted(), arguments):
        if one.error is not None:
            counts["failed"] += 1
            print(f"{shown(one.path)}: {one.error}", file=sys.stderr)
            continue
        p, start = one.outputs["probability"], round(float(one.recording.start), 3)
        for name, probability, word in zip(settings.class_names, p, _predicted(settings, p), strict=True):
            values = (shown(one.path), start, name, round(float(probability), 6), word, "; ".join(one.notes))
            yield dict(zip(COLUMNS, values, strict=True))


def _predicted(settings: Any, probabilities: Any) -> list[str]:
    """What the model predicts at its thresholds: one text for each class."""
    words = settings.predicted_names if len(settings.class_names) == 1 else ("no", "yes")
    return [words[int(p >= limit)] for p, limit in zip(probabilities, settings.threshold, strict=True)]


def _write_table(rows: Iterator[dict]) -> None:
    print(f"{'file':<40} {'start':>7} {'class':<10} {'P':>6} {'predicted':<10} notes")
    line = "{file:<40} {start_s:>5.1f} s {class:<10} {probability:>6.3f} {predicted:<10} {notes}"
    for row in rows:
        print(line.format(**row), flush=True)


def _write_csv(rows: Iterator[dict]) -> None:
    writer = csv.DictWriter(sys.stdout, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)


def _write_json(rows: Iterator[dict]) -> None:
    """Write a JSON array, one object a line, so that it can be streamed."""
    separator = "["
    try:
        for row in rows:
            print(separator + json.dumps(row), end="", flush=True)
            separator = ",\n"
    finally:
        print("[]" if separator == "[" else "]")


def explain(arguments: argparse.Namespace) -> int:
    """Draw the map of one recording, or of one window of it."""
    if arguments.output.suffix.lower() not in (".png", ".html"):
        raise ValueError(f"--output must end in .png or .html, got {arguments.output.name!r}.")
    model = open_model(arguments.model, lite=not arguments.keras)
    from signalcam import plotting
    from signalcam.deployment import class_index, settings_of

    settings = settings_of(model)
    pieces = read(arguments.recording, settings, arguments)
    if not 1 <= arguments.window <= len(pieces):
        raise ValueError(f"--window must be from 1 to {len(pieces)}, got {arguments.window}.")
    piece, notes = pieces[arguments.window - 1]
    outputs = {name: value[0] for name, value in outputs_of(model, [piece]).items()}
    outputs.pop("embedding", None)
    which = arguments.which or int(outputs["probability"].argmax())
    which = class_index(settings, int(which) if str(which).isdecimal() else which)
    predicted = _predicted(settings, outputs["probability"])
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    axes, class_name = (settings.sampling_rate, settings.lead_names), settings.class_names[which]
    if arguments.output.suffix.lower() == ".html":
        facts = {"padded": piece.padded, "notes": notes, "settings": asdict(settings)}
        about = {"predicted": predicted, "shown": which, "name": piece.name, "start": piece.start}
        answer = plotting.Answer(piece.signals, settings.class_names, **outputs, **about, **facts)
        arguments.output.write_text(plotting.record_page(answer, *axes), encoding="utf-8")
    else:  # needs Matplotlib alone
        maps = (outputs[name][..., which] for name in ("evidence", "heatmap", "probability"))
        known = {"predicted": predicted[which], "logit": float(outputs["logit"][which])}
        name = f"{piece.name}, from {piece.start:g} s" if piece.start else piece.name
        case = plotting.Case(piece.signals, *maps, **known, name=name, padded=piece.padded)
        plotting.save_figure(plotting.plot_map(case, *axes, class_name), arguments.output)
    answered = f"P({class_name}) = {outputs['probability'][which]:.3f}, {predicted[which]}"
    window = f", window {arguments.window} of {len(pieces)}" if len(pieces) > 1 else ""
    notes = [f"note: {note}" for note in notes]
    print(f"{piece.name}{window}: {answered}", *notes, f"written: {arguments.output}", sep="\n")
    return 0
