"""`predict`, `explain`: ask a trained model about recordings in files."""

import csv
import json
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

from signalcam.commands import add_command, open_model
from signalcam.commands.reading import add_reading_options, read, shown

COLUMNS = ("file", "start_s", "class", "probability", "call", "notes")
BATCH = 64


def add_commands(commands):
    """Add the commands to the parser."""
    parser = add_command(
        commands,
        "predict",
        predict,
        "print the probability, the call and quality notes for each recording",
        "python -m signalcam predict normal-abnormal recordings/ more/*.csv --unit mV --source-rate 100",
    )
    parser.add_argument("model", metavar="MODEL", help="a .keras file, or the name of a pretrained model")
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="files, folders or wildcards")
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    add_reading_options(parser)

    parser = add_command(
        commands,
        "explain",
        explain,
        "draw a 12-lead ECG with its map",
        "python -m signalcam explain normal-abnormal ecg.hea --output map.png",
    )
    parser.add_argument("model", metavar="MODEL", help="a .keras file, or the name of a pretrained model")
    parser.add_argument("recording", metavar="RECORDING")
    parser.add_argument("--output", type=Path, required=True, help=".png for the figure, .html for a page")
    parser.add_argument("--class", dest="which", help="name or index of the class (the most probable one)")
    parser.add_argument("--window", type=int, default=1, help="which window, with --length window (1)")
    add_reading_options(parser)


def predict(arguments):
    """Read, check and predict recording by recording, in batches, so that memory does not grow."""
    model = open_model(arguments.model)
    from signalcam.deployment.deployable import settings_of
    from signalcam.recordings.reading import RecordError, find_recordings

    settings = settings_of(model)
    write = {"table": _write_table, "json": _write_json, "csv": _write_csv}[arguments.format]()
    next(write)
    found, failed, waiting = 0, 0, []
    for path in find_recordings(arguments.recordings):
        found += 1
        try:
            waiting += [(path, piece, notes) for piece, notes in read(path, settings, arguments)]
        except RecordError as error:
            failed += 1
            print(f"{shown(path)}: {error}", file=sys.stderr)
        if len(waiting) >= BATCH:
            _answer(model, settings, waiting, write)
            waiting = []
    if waiting:
        _answer(model, settings, waiting, write)
    write.close()
    if failed:
        print(f"{failed:,} of {found:,} recordings could not be read, see above.", file=sys.stderr)
    return int(failed > 0)


def _outputs(model, pieces):
    import numpy as np

    from signalcam.deployment import deployable as deployment

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # flat leads stand in the quality notes
        return deployment.predict(
            model,
            np.stack([piece.signals for piece in pieces]),
            padded=np.stack([piece.padded for piece in pieces]),
        )


def _answer(model, settings, waiting, write):
    """Send one row for each recording, window and class to the writer."""
    probabilities = _outputs(model, [piece for _, piece, _ in waiting])["probability"]
    for (path, piece, notes), row in zip(waiting, probabilities, strict=True):
        calls = _calls(settings, row)
        for name, probability, call in zip(settings.class_names, row, calls, strict=True):
            start, rounded = round(float(piece.start), 3), round(float(probability), 6)
            values = (shown(path), start, name, rounded, call, "; ".join(notes))
            write.send(dict(zip(COLUMNS, values, strict=True)))


def _calls(settings, probabilities):
    """What the model calls a recording at its thresholds: one text for each class."""
    words = settings.calls if len(settings.class_names) == 1 else ("no", "yes")
    return [words[int(p >= limit)] for p, limit in zip(probabilities, settings.threshold, strict=True)]


def _write_table():
    print(f"{'file':<40} {'start':>7} {'class':<10} {'P':>6} {'call':<10} notes")
    while True:
        row = yield
        print(
            f"{row['file']:<40} {row['start_s']:>5.1f} s {row['class']:<10} {row['probability']:>6.3f} "
            f"{row['call']:<10} {row['notes']}",
            flush=True,
        )


def _write_csv():
    writer = csv.DictWriter(sys.stdout, COLUMNS)
    writer.writeheader()
    while True:
        row = yield
        writer.writerow(row)


def _write_json():
    """Write a JSON array, one object a line, so that it can be streamed."""
    separator = "["
    try:
        while True:
            row = yield
            print(separator + json.dumps(row), end="", flush=True)
            separator = ",\n"
    finally:
        print("[]" if separator == "[" else "]")


def explain(arguments):
    """Draw the map of one recording, or of one window of it."""
    if arguments.output.suffix.lower() not in (".png", ".html"):
        raise ValueError(f"--output must end in .png or .html; got {arguments.output.name!r}.")
    model = open_model(arguments.model)
    from signalcam.deployment.deployable import settings_of

    settings = settings_of(model)
    pieces = read(arguments.recording, settings, arguments)
    if not 1 <= arguments.window <= len(pieces):
        raise ValueError(f"--window must be from 1 to {len(pieces)}; got {arguments.window}.")
    piece, notes = pieces[arguments.window - 1]
    outputs = {name: value[0] for name, value in _outputs(model, [piece]).items()}
    which = _which_class(settings, arguments.which, outputs["probability"])
    calls = _calls(settings, outputs["probability"])
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    draw = _write_page if arguments.output.suffix.lower() == ".html" else _write_figure
    draw(arguments.output, piece, notes, outputs, settings, which, calls)
    probability = outputs["probability"][which]
    window = f", window {arguments.window} of {len(pieces)}" if len(pieces) > 1 else ""
    print(f"{piece.name}{window}: P({settings.class_names[which]}) = {probability:.3f}, {calls[which]}")
    for note in notes:
        print(f"note: {note}")
    print(f"written: {arguments.output}")
    return 0


def _which_class(settings, which, probabilities):
    from signalcam.deployment.deployable import class_index

    if which is None:
        return int(probabilities.argmax())
    return class_index(settings, int(which) if which.isdecimal() else which)


def _write_figure(path, piece, notes, outputs, settings, which, calls):
    from signalcam import plotting

    case = plotting.Case(
        piece.signals,
        outputs["evidence"][:, which],
        outputs["heatmap"][:, which],
        probability=float(outputs["probability"][which]),
        predicted=calls[which],
        logit=float(outputs["logit"][which]),
        name=f"{piece.name}, from {piece.start:g} s" if piece.start else piece.name,
        padded=piece.padded,
    )
    class_name = settings.class_names[which]
    figure = plotting.plot_map(case, settings.sampling_rate, settings.lead_names, class_name)
    plotting.save_figure(figure, path)


def _write_page(path, piece, notes, outputs, settings, which, calls):
    from signalcam.plotting import Answer, record_page

    answer = Answer(
        settings.class_names,
        **outputs,
        predicted=calls,
        name=piece.name,
        start=piece.start,
        padded=piece.padded,
        notes=notes,
        settings=asdict(settings),
        shown=which,
    )
    page = record_page(piece.signals, answer, settings.sampling_rate, settings.lead_names)
    path.write_text(page, encoding="utf-8")
