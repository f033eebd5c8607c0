"""`predict`: ask a trained model about recordings in files."""

import argparse
import csv
import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

from signalcam.commands import add_command, open_model
from signalcam.commands.reading import add_reading_options, read, shown

COLUMNS = ("file", "start_s", "class", "probability", "predicted", "notes")
BATCH = 64


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    about = "print the probability, what is predicted and quality notes for each recording"
    example = "python -m signalcam predict normal-abnormal recordings/ more/*.csv --unit mV --source-rate 100"
    parser = add_command(commands, "predict", predict, about, example)
    parser.add_argument("model", metavar="MODEL", help="a .keras file, or the name of a pretrained model")
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="files, folders or wildcards")
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    add_reading_options(parser)


def predict(arguments: argparse.Namespace) -> int:
    """Print a row for each recording, window and class; status 1 where a recording could not be read."""
    model = open_model(arguments.model)
    counts = Counter()
    write = {"table": _write_table, "json": _write_json, "csv": _write_csv}[arguments.format]
    write(_answers(model, arguments, counts))
    if counts["failed"]:
        share = f"{counts['failed']:,} of {counts['found']:,}"
        print(f"{share} recordings could not be read, see above.", file=sys.stderr)
    return int(counts["failed"] > 0)


def _answers(model: Any, arguments: argparse.Namespace, counts: Counter) -> Iterator[dict]:
    """Read, check and predict recording by recording, in batches, so that memory does not grow."""
    from signalcam.deployment import settings_of
    from signalcam.errors import RecordError
    from signalcam.recordings.find import find_recordings

    settings = settings_of(model)
    waiting = []
    for path in find_recordings(arguments.recordings):
        counts["found"] += 1
        try:
            waiting += [(path, piece, notes) for piece, notes in read(path, settings, arguments)]
        except RecordError as error:
            counts["failed"] += 1
            print(f"{shown(path)}: {error}", file=sys.stderr)
        if len(waiting) >= BATCH:
            yield from _batch(model, settings, waiting)
            waiting = []
    if waiting:
        yield from _batch(model, settings, waiting)


def _batch(model: Any, settings: Any, waiting: list[tuple]) -> Iterator[dict]:
    probabilities = outputs_of(model, [piece for _, piece, _ in waiting])["probability"]
    for (path, piece, notes), p in zip(waiting, probabilities, strict=True):
        predicted, start = predicted_words(settings, p), round(float(piece.start), 3)
        for name, probability, word in zip(settings.class_names, p, predicted, strict=True):
            values = (shown(path), start, name, round(float(probability), 6), word, "; ".join(notes))
            yield dict(zip(COLUMNS, values, strict=True))


def outputs_of(model: Any, pieces: list) -> dict:
    """Return what the model gives for recordings or windows, stacked by name."""
    import numpy as np

    from signalcam.deployment import predict

    signals, padded = (np.stack([getattr(piece, name) for piece in pieces]) for name in ("signals", "padded"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # flat leads stand in the quality notes
        return predict(model, signals, padded=padded)


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
