"""`predict`, `explain`: ask a trained model about recordings in files."""

import csv
import json
import sys
import warnings
from pathlib import Path

from signalcam.commands import add_command

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
    _add_reading_options(parser)

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
    parser.add_argument("--class", dest="which", default="0", help="name or index of the class (0)")
    _add_reading_options(parser)


def _add_reading_options(parser):
    group = parser.add_argument_group("reading", "what the files do not say, and which repairs are allowed")
    group.add_argument("--source-rate", type=float, help="sampling rate of CSV files, in Hz")
    group.add_argument("--unit", help="unit of files that state none: mV, uV or V")
    group.add_argument("--resample", action="store_true", help="convert recordings of another rate")
    group.add_argument(
        "--length",
        choices=("error", "crop", "pad", "window"),
        default="error",
        help="for another duration: refuse, take the start, fill up, or cut into windows (error)",
    )
    group.add_argument("--derive", action="store_true", help="compute III, aVR, aVL, aVF from I and II")
    group.add_argument("--drop-extra", action="store_true", help="leave out leads beyond the 12")
    group.add_argument("--no-check", action="store_true", help="do not compare WFDB checksums")


def open_model(name):
    """Return a deployable model: one of the pretrained by name, else the one in a `.keras` file."""
    from signalcam.deployment import load_model
    from signalcam.pretrained import PRETRAINED, load_pretrained

    return load_pretrained(name) if name in PRETRAINED else load_model(name)


def predict(arguments):
    """Read, check and predict recording by recording, in batches, so that memory does not grow."""
    from signalcam.deployment import settings_of
    from signalcam.records import find_recordings

    model = open_model(arguments.model)
    settings = settings_of(model)
    write = {"table": _write_table, "json": _write_json, "csv": _write_csv}[arguments.format]()
    next(write)
    failed, waiting = 0, []
    for path in find_recordings(arguments.recordings):
        try:
            waiting += [(path, piece) for piece in _read(path, settings, arguments)]
        except (ValueError, OSError) as error:
            failed += 1
            print(f"{path}: {error}", file=sys.stderr)
        if len(waiting) >= BATCH:
            _answer(model, settings, waiting, write)
            waiting = []
    if waiting:
        _answer(model, settings, waiting, write)
    write.close()
    if failed:
        print(f"{failed} recordings could not be read; their reasons stand above.", file=sys.stderr)
    return int(failed > 0)


def _read(path, settings, arguments):
    from signalcam.records import RecordWarning, read_recording

    with warnings.catch_warnings():
        # What these say stands in the quality notes of the row.
        warnings.simplefilter("ignore", RecordWarning)
        return read_recording(
            path,
            sampling_rate=settings.sampling_rate,
            duration=settings.n_times / settings.sampling_rate,
            unit=arguments.unit,
            source_rate=arguments.source_rate,
            resample=arguments.resample,
            length=arguments.length,
            derive=arguments.derive,
            drop_extra=arguments.drop_extra,
            check=not arguments.no_check,
        )


def _outputs(model, pieces):
    import numpy as np

    from signalcam import deployment

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # flat leads stand in the quality notes
        return deployment.predict(
            model,
            np.stack([piece.signals for piece in pieces]),
            padded=np.stack([piece.padded for piece in pieces]),
        )


def _answer(model, settings, waiting, write):
    """Send one row for each recording and class to the writer."""
    probabilities = _outputs(model, [piece for _, piece in waiting])["probability"]
    for (path, piece), row in zip(waiting, probabilities, strict=True):
        for position, (name, probability) in enumerate(zip(settings.class_names, row, strict=True)):
            values = (
                str(path),
                round(float(piece.start), 3),
                name,
                round(float(probability), 4),
                _call(settings, position, probability),
                "; ".join(piece.quality.notes),
            )
            write.send(dict(zip(COLUMNS, values, strict=True)))


def _call(settings, position, probability):
    positive = probability >= settings.threshold[position]
    return settings.calls[int(positive)] if len(settings.class_names) == 1 else ("no", "yes")[int(positive)]


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
    """Draw the map of one recording; of its first window where it is cut into windows."""
    from signalcam import plotting
    from signalcam.deployment import class_index, settings_of
    from signalcam.report import record_page

    if arguments.output.suffix not in (".png", ".html"):
        raise ValueError(f"--output must end in .png or .html; got {arguments.output.name!r}.")
    model = open_model(arguments.model)
    settings = settings_of(model)
    which = class_index(settings, int(arguments.which) if arguments.which.isdigit() else arguments.which)
    piece = _read(arguments.recording, settings, arguments)[0]
    outputs = {name: value[0] for name, value in _outputs(model, [piece]).items()}
    probability = float(outputs["probability"][which])
    call = _call(settings, which, probability)
    if arguments.output.suffix == ".html":
        page = record_page(piece.signals, _page_facts(piece, outputs, settings), settings.sampling_rate)
        arguments.output.write_text(page, encoding="utf-8")
    else:
        figure = plotting.plot_map(
            piece.signals,
            outputs["evidence"][:, which],
            outputs["heatmap"][:, which],
            settings.sampling_rate,
            class_name=settings.class_names[which],
            probability=probability,
            call=call,
            name=piece.name,
            padded=piece.padded,
        )
        plotting.save_figure(figure, arguments.output)
    print(f"{piece.name}: P({settings.class_names[which]}) = {probability:.3f}, {call}; {arguments.output}")
    return 0
