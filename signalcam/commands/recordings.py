"""`predict`, `explain`: ask a trained model about recordings in files."""

import argparse
import csv
import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from signalcam.commands import add_command, open_model
from signalcam.commands.reading import add_reading_options, read, shown

COLUMNS = ("file", "start_s", "class", "probability", "predicted", "notes")
BATCH = 64
MAPS = ("evidence", "heatmap", "probability", "logit")
MODEL = "a .keras file, or the name of a pretrained model"


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands to the parser."""
    about = "print the probability, what is predicted and quality notes for each recording"
    example = "python -m signalcam predict normal-abnormal recordings/ more/*.csv --unit mV --source-rate 100"
    parser = add_command(commands, "predict", predict, about, example)
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="files, folders or wildcards")
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    add_reading_options(parser)

    about = "draw 12-lead ECGs with their maps"
    example = "python -m signalcam explain normal-abnormal ecg.hea --output map.png"
    parser = add_command(commands, "explain", explain, about, example)
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="files, folders or wildcards")
    output = ".png for the figure of one recording, .html for a page of one or many with the model inside"
    parser.add_argument("--output", type=Path, required=True, help=output)
    parser.add_argument("--class", dest="which", help="name or index of the class (the most probable one)")
    parser.add_argument("--window", type=int, help="which window, with --length window (.png: 1, .html: all)")
    batch = "leave out what cannot be read and say why, in a page with an index"
    parser.add_argument("--batch", action="store_true", help=f"{batch} (where there are many recordings)")
    add_reading_options(parser)

    about = "write a web page with the model inside, which answers for ECGs offline"
    example = "python -m signalcam page normal-abnormal --output signalcam.html"
    parser = add_command(commands, "page", page, about, example)
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("--output", type=Path, required=True, help=".html file to write")


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
    probabilities = _outputs(model, [piece for _, piece, _ in waiting])["probability"]
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
        return predict(model, signals, padded=padded)


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
    """Draw the map of one recording, or of one window of it; or write a page of one or many."""
    is_page = arguments.output.suffix.lower() == ".html"
    if not is_page and arguments.output.suffix.lower() != ".png":
        raise ValueError(f"--output must end in .png or .html, got {arguments.output.name!r}.")
    model = open_model(arguments.model)
    from signalcam import plotting
    from signalcam.deployment import browser_record, class_index, settings_of
    from signalcam.errors import RecordError
    from signalcam.recordings.find import find_recordings

    settings, which, found, refused = settings_of(model), arguments.which, [], {}
    if which is not None:
        which = class_index(settings, int(which) if which.isdecimal() else which)
    paths = list(find_recordings(arguments.recordings))
    batch = arguments.batch or len(paths) > 1
    if batch and not is_page:
        raise ValueError(f"--output must end in .html for many recordings, got {arguments.output.name!r}.")
    for path in paths:
        try:
            found += _windows(read(path, settings, arguments), arguments.window or int(not is_page))
        except RecordError as error:
            if not batch:
                raise
            refused[shown(path)] = str(error)
            print(f"{shown(path)}: {error}", file=sys.stderr)
    records = []
    for piece, notes, window in found:
        outputs = {name: value[0] for name, value in _outputs(model, [piece]).items()}
        probability = outputs["probability"]
        k = int(probability.argmax()) if which is None else which
        name, predicted = settings.class_names[k], _predicted(settings, probability)[k]
        answered = f"P({name}) = {probability[k]:.3f}, {predicted}"
        print(f"{piece.name}{window}: {answered}", *(f"note: {note}" for note in notes), sep="\n")
        records.append(browser_record(piece, notes, probability))
        if not is_page:
            title = f"{piece.name}, from {piece.start:g} s" if piece.start else piece.name
            maps = {part: value[..., k] for part, value in outputs.items() if part in MAPS}
            case = plotting.Case(piece.signals, **maps, predicted=predicted, name=title, padded=piece.padded)
            figure = plotting.plot_map(case, settings.sampling_rate, settings.lead_names, name)
            plotting.save_figure(figure, arguments.output)
    if is_page:
        title = f"{len(records):,} recordings" if batch else records[0]["name"]
        _write_page(arguments.output, model, title, records, refused=refused, shown=which)
    print(f"written: {arguments.output}")
    return int(bool(refused))


def _windows(pieces: list[tuple], window: int) -> list[tuple]:
    """Pieces, their notes, and words on which window each is: the one asked for, or all for 0."""
    if not 0 <= window <= len(pieces):
        raise ValueError(f"--window must be from 1 to {len(pieces)}, got {window}.")
    words = [f", window {k + 1} of {len(pieces)}" if pieces[1:] else "" for k in range(len(pieces))]
    numbered = [(*piece, word) for piece, word in zip(pieces, words, strict=True)]
    return numbered[window - 1 : window] if window else numbered


def page(arguments: argparse.Namespace) -> int:
    """Write the page with the model and a few simulated records to try."""
    if arguments.output.suffix.lower() != ".html":
        raise ValueError(f"--output must end in .html, got {arguments.output.name!r}.")
    title = f"Ask {Path(arguments.model).stem} about an ECG"
    _write_page(arguments.output, open_model(arguments.model), title)
    size = arguments.output.stat().st_size / 1e6
    print(f"{arguments.output}: {size:.2f} MB, opens offline, sends nothing.")
    return 0


def _write_page(path: Path, model: Any, title: str, records: Sequence = (), **options: Any) -> None:
    from signalcam.deployment import browser_model
    from signalcam.plotting import model_page

    text = model_page(browser_model(model), title, records, **options)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
