"""Read recordings for a model, with the options of a command."""

import argparse
import os
import re
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signalcam.data import LabelledRecords
    from signalcam.deployment import Settings
    from signalcam.recordings import Recording

OPTIONS = ("unit", "source_rate", "resample", "length", "derive", "drop_extra", "any_amplitude")


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add what `read` needs to know to the parser of a command."""
    group = parser.add_argument_group("reading", "what the files do not say, and which repairs are allowed")
    group.add_argument("--source-rate", type=float, help="sampling rate of CSV files, in Hz")
    group.add_argument("--unit", help="unit of files that state none: mV, uV or V")
    group.add_argument("--resample", action="store_true", help="convert recordings of another rate")
    length = "for another duration: refuse, take the start, fill up, or cut into windows (error)"
    choices = ("error", "crop", "pad", "window")
    group.add_argument("--length", choices=choices, default="error", help=length)
    group.add_argument("--derive", action="store_true", help="compute III, aVR, aVL, aVF from I and II")
    group.add_argument("--drop-extra", action="store_true", help="leave out leads beyond the 12")
    group.add_argument("--any-amplitude", action="store_true", help="accept what no heart gives")
    group.add_argument("--no-check", action="store_true", help="do not compare WFDB checksums")


def add_labelled_options(parser: argparse.ArgumentParser) -> None:
    """Add what `load_labelled` needs to know to the parser of a command."""
    group = parser.add_argument_group("recordings of your own", "in any format that predict reads")
    group.add_argument("--recordings", metavar="FOLDER", help="that they are in")
    table = "columns file, and label or one of 0 and 1 a class; patient, fold, age, sex where known"
    group.add_argument("--labels", metavar="CSV", help=table)
    group.add_argument("--seed", type=int, default=0, help="of the folds, where the table has none (0)")
    add_reading_options(parser)


def read_labelled(arguments: argparse.Namespace, settings: Any, **how: Any) -> "LabelledRecords":
    """Read what the options name, for a model where settings are given; tell of what was left out."""
    from signalcam.data import load_labelled

    if not (arguments.recordings and arguments.labels):
        raise ValueError("--recordings and --labels must be given both, or neither. Add the other one.")
    how |= _how(arguments, settings) | {"seed": arguments.seed}
    records = load_labelled(arguments.recordings, arguments.labels, **how)
    for file, reason in records.skipped.items():
        print(f"{shown(file)}: {_as_options(reason)}", file=sys.stderr)
    print(records.source)
    return records


def read(
    path: str | os.PathLike, settings: "Settings", arguments: argparse.Namespace
) -> Iterator[tuple["Recording", list[str]]]:
    """Read a recording for a model, or window after window of it, each with the notes on its quality.

    RecordError, whatever fails, in the words of the command's options.
    """
    from signalcam.recordings import RecordError, RecordWarning, read_windows

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RecordWarning)
        try:
            for piece in read_windows(path, **_how(arguments, settings)):
                # What the other warnings tell stands in the quality notes.
                said = [str(item.message) for item in caught if "taken as" in str(item.message)]
                yield piece, [*said, *piece.quality.notes]
        except Exception as error:  # noqa: BLE001 (whatever one file raises, the others are answered)
            raise RecordError(_as_options(str(error) or repr(error))) from error


def _how(arguments: argparse.Namespace, settings: "Settings | None") -> dict[str, Any]:
    """The arguments of `read_recording`: from the options, and from what a model needs."""
    how = {name: getattr(arguments, name) for name in OPTIONS} | {"check": not arguments.no_check}
    if settings is None:
        return how
    rate, duration = settings.sampling_rate, settings.n_times / settings.sampling_rate
    return how | {"sampling_rate": rate, "duration": duration, "leads": settings.lead_names}


def _as_options(text: str) -> str:
    """Write what a message asks for, such as resample=True, as the option of the command."""
    text = text.replace(" (--source-rate)", "").replace("check=False", "--no-check")
    pattern = rf"\b({'|'.join(OPTIONS)})=(?:True|'?([\w.]+)'?)"
    return re.sub(pattern, lambda m: f"--{m[1].replace('_', '-')} {m[2] or ''}".strip(), text)


def shown(path: str | os.PathLike) -> str:
    """A path or message as text that can be printed: control characters escaped, what is no text marked."""
    text = os.fsencode(path).decode("utf-8", "replace")
    return "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in text)
