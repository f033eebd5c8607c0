"""`predict`: ask a trained model about recordings in files."""

import argparse
import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from signalcam.commands import add_command, open_model
from signalcam.commands.reading import add_reading_options, read, shown

COLUMNS = ("file", "start_s", "class", "probability", "predicted", "notes")
BATCH = 64
MODEL = "a .keras, .tflite or .onnx file, or the name of a pretrained model"


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    example = "normal-abnormal recordings/ more/*.csv --unit mV --source-rate 100"
    parser = add_command(commands, "predict", predict, example)
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("--keras", action="store_true", help="answer with Keras, also where LiteRT could")
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="files, folders or wildcards")
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    add_reading_options(parser)


def predict(arguments: argparse.Namespace) -> int:
    """Print the probability, what is predicted and quality notes for each recording."""
    model = open_model(arguments.model, lite=not arguments.keras)
    counts = Counter()
    write = {"table": _write_table, "json": _write_json, "csv": _write_csv}[arguments.format]
    write(_rows(model, arguments, counts))
    if counts["failed"]:
        said = "{failed:,} of {found:,} recordings could not be read, see above."
        print(said.format(**counts), file=sys.stderr)
    return int(counts["failed"] > 0)


@dataclass(frozen=True, eq=False)
class Answered:
    """One recording, or a window of it, and what `predict` gives for it; or the `error`, why it has none."""

    path: str | os.PathLike
    error: str | None = None
    recording: Any = None
    notes: tuple[str, ...] = ()
    outputs: dict | None = None


def answer(model: Any, paths: Iterable, arguments: argparse.Namespace) -> Iterator[Answered]:
    """Answer recordings by the reading options of a command, in batches, so that memory does not grow.

    Yields:
        `Answered`: those that cannot be read at once, the others in the order of the paths.
    """
    from signalcam.deployment import settings_of
    from signalcam.errors import RecordError

    settings, waiting = settings_of(model), []
    for path in paths:
        try:
            for piece, notes in read(path, settings, arguments):
                waiting.append(Answered(path, None, piece, tuple(notes)))
                if len(waiting) >= BATCH:
                    yield from _batch(model, waiting)
                    waiting = []
        except RecordError as error:
            yield Answered(path, str(error))
    yield from _batch(model, waiting)


def _batch(model: Any, waiting: list[Answered]) -> Iterator[Answered]:
    import numpy as np

    from signalcam.deployment import predict as predict_signals

    if not waiting:
        return
    pieces = [one.recording for one in waiting]
    signals, padded = (np.stack([getattr(piece, name) for piece in pieces]) for name in ("signals", "padded"))
    # What is suspect, amplitudes too, was judged when they were read, and stands in their notes.
    how = {"padded": padded if padded.any() else None, "warn": False, "any_amplitude": True}
    try:
        outputs = predict_signals(model, signals, **how)
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

    settings = settings_of(model)
    counted = (counts.update(found=1) or path for path in find_recordings(arguments.recordings))
    for one in answer(model, counted, arguments):
        if one.error is not None:
            counts["failed"] += 1
            print(f"{shown(one.path)}: {shown(one.error)}", file=sys.stderr)
            continue
        p, start = one.outputs["probability"], round(float(one.recording.start), 3)
        for name, value, word in zip(settings.class_names, p, predicted_words(settings, p), strict=True):
            cells = (shown(one.path), start, name, round(float(value), 6), word, "; ".join(one.notes))
            yield dict(zip(COLUMNS, cells, strict=True))


def predicted_words(settings: Any, probabilities: Any) -> list[str]:
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
    for row in rows:
        # A spreadsheet takes text that begins so for a formula, and runs it.
        unsafe = {name for name, cell in row.items() if str(cell).startswith(("=", "+", "-", "@"))}
        writer.writerow(row | {name: f"'{row[name]}" for name in unsafe})


def _write_json(rows: Iterator[dict]) -> None:
    """Write a JSON array, one object a line, so that it can be streamed."""
    separator = "["
    try:
        for row in rows:
            print(separator + json.dumps(row, allow_nan=False), end="", flush=True)
            separator = ",\n"
    finally:
        print("[]" if separator == "[" else "]")
