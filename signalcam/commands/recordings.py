"""`predict`, `explain`: ask a trained model about recordings in files."""

import argparse
import csv
import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from signalcam.commands import add_command, open_model
from signalcam.commands.reading import add_reading_options, read, shown

COLUMNS = ("file", "start_s", "class", "probability", "predicted", "notes")
BATCH = 64


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands to the parser."""
    about = "print the probability, what is predicted and quality notes for each recording"
    example = "python -m signalcam predict normal-abnormal recordings/ more/*.csv --unit mV --source-rate 100"
    parser = add_command(commands, "predict", predict, about, example)
    parser.add_argument("model", metavar="MODEL", help="a .keras file, or the name of a pretrained model")
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="files, folders or wildcards")
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    add_reading_options(parser)

    about = "draw a 12-lead ECG with its map"
    example = "python -m signalcam explain normal-abnormal ecg.hea --output map.png"
    parser = add_command(commands, "explain", explain, about, example)
    parser.add_argument("model", metavar="MODEL", help="a .keras file, or the name of a pretrained model")
    parser.add_argument("recording", metavar="RECORDING")
    parser.add_argument("--output", type=Path, required=True, help=".png for the figure, .html for a page")
    parser.add_argument("--class", dest="which", help="name or index of the class (the most probable one)")
    parser.add_argument("--window", type=int, default=1, help="which window, with --length window (1)")
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
            for piece, notes in read(path, settings, arguments):
                waiting.append((path, piece, notes))
                if len(waiting) >= BATCH:
                    yield from _batch(model, settings, waiting, counts)
                    waiting = []
        except RecordError as error:
            counts["failed"] += 1
            print(f"{shown(path)}: {shown(str(error))}", file=sys.stderr)
    if waiting:
        yield from _batch(model, settings, waiting, counts)


def _batch(model: Any, settings: Any, waiting: list[tuple], counts: Counter) -> Iterator[dict]:
    try:
        probabilities = _outputs(model, [piece for _, piece, _ in waiting])["probability"]
    except ValueError as error:
        if len(waiting) > 1:  # one of them: the others are answered
            for each in waiting:
                yield from _batch(model, settings, [each], counts)
            return
        counts["failed"] += 1
        print(f"{shown(waiting[0][0])}: {shown(str(error))}", file=sys.stderr)
        return
    for (path, piece, notes), p in zip(waiting, probabilities, strict=True):
        predicted, start = _predicted(settings, p), round(float(piece.start), 3)
        for name, probability, word in zip(settings.class_names, p, predicted, strict=True):
            values = (shown(path), start, name, round(float(probability), 6), word, "; ".join(notes))
            yield dict(zip(COLUMNS, values, strict=True))


def _outputs(model: Any, pieces: list) -> dict:
    import numpy as np

    from signalcam.deployment import predict

    signals, padded = (np.stack([getattr(piece, name) for piece in pieces]) for name in ("signals", "padded"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # flat leads stand in the quality notes
        return predict(model, signals, padded=padded, any_amplitude=True)  # judged when they were read


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


def explain(arguments: argparse.Namespace) -> int:
    """Draw the map of one recording, or of one window of it."""
    if arguments.output.suffix.lower() not in (".png", ".html"):
        raise ValueError(f"--output must end in .png or .html, got {arguments.output.name!r}.")
    model = open_model(arguments.model)
    from signalcam import plotting
    from signalcam.deployment import class_index, settings_of
    from signalcam.whole_file import whole_file

    settings = settings_of(model)
    pieces = list(read(arguments.recording, settings, arguments))
    if not 1 <= arguments.window <= len(pieces):
        raise ValueError(f"--window must be from 1 to {len(pieces)}, got {arguments.window}.")
    piece, notes = pieces[arguments.window - 1]
    outputs = {name: value[0] for name, value in _outputs(model, [piece]).items()}
    which = arguments.which or int(outputs["probability"].argmax())
    which = class_index(settings, int(which) if str(which).isdecimal() else which)
    predicted = _predicted(settings, outputs["probability"])
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    answer = plotting.Answer(
        piece.signals,
        settings.class_names,
        **outputs,
        predicted=predicted,
        shown=which,
        name=piece.name,
        start=piece.start,
        padded=piece.padded,
        notes=notes,
        settings=asdict(settings),
    )
    axes, class_name = (settings.sampling_rate, settings.lead_names), settings.class_names[which]
    if arguments.output.suffix.lower() == ".html":
        with whole_file(arguments.output) as beside:
            beside.write_text(plotting.record_page(answer, *axes), encoding="utf-8")
    else:
        case = answer.case(f"{piece.name}, from {piece.start:g} s" if piece.start else piece.name)
        plotting.save_figure(plotting.plot_map(case, *axes, class_name), arguments.output)
    answered = f"P({class_name}) = {outputs['probability'][which]:.3f}, {predicted[which]}"
    window = f", window {arguments.window} of {len(pieces)}" if len(pieces) > 1 else ""
    notes = [f"note: {note}" for note in notes]
    print(f"{piece.name}{window}: {answered}", *notes, f"written: {arguments.output}", sep="\n")
    return 0
