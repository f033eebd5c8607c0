"""One recording from a table of text: a header row with lead names, one column a lead, one row a sample.

Commas, semicolons, tabs or bars separate the columns; a point is the decimal mark. A column of times or
sample numbers is checked against the rate and left out. Neither rate nor unit is ever guessed.
"""

import csv
import os
import re
import warnings
from collections.abc import Callable

import numpy as np

from signalcam.errors import RecordError
from signalcam.leads import agreed_scale, canonical_lead

_MAX_LINE = 100_000
_WITH_UNIT = re.compile(r"(.*?)\s*[(\[]\s*([^)\]]*?)\s*[)\]]\s*")
# Names of columns that count samples or tell the time, and the steps a second that they may have.
_TIME_COLUMNS = {
    "seconds": {"time_s", "t_s", "time_sec", "seconds", "second", "sec", "s"},
    "milliseconds": {"time_ms", "t_ms", "milliseconds", "ms"},
    "samples": {"sample", "samples", "index", "frame", "n", "", "unnamed: 0"},
    "any": {"time", "t", "timestamp"},
}
_STEPS_PER_SECOND = {"seconds": (1,), "milliseconds": (1000,), "any": (1, 1000, 1_000_000)}


def read_csv(
    path: str | os.PathLike,
    name: str,
    unit: str | None,
    source_rate: float | None,
    wanted: Callable[[str], bool],
) -> tuple[np.ndarray, list[str], float]:
    """All samples of a CSV file.

    Args:
        path: the file, UTF-8.
        name: record name for messages.
        unit: unit of the columns whose header states none, as in "V1 (uV)".
        source_rate: sampling rate of the file in Hz.
        wanted: tells of a column's name whether to keep the column.

    Returns:
        float32 (time, lead) in mV, the column names, the rate.

    Raises:
        RecordError: rate or unit are open, or the file is no such table; the cause is chained.
    """
    try:
        return _read(path, unit, source_rate, wanted)
    except (ValueError, csv.Error) as error:
        raise RecordError(f"Record {name}: cannot read {path} as a CSV table of leads: {error}") from error


def _read(path, unit, source_rate, wanted):
    n_before, delimiter, columns = _read_header_row(path)
    if source_rate is None:
        raise ValueError("a CSV file states no sampling rate: give source_rate=... in Hz (--source-rate).")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="loadtxt: input contained no data")
        with open(path, encoding="utf-8-sig") as file:
            table = np.loadtxt(
                file, delimiter=delimiter, skiprows=n_before, comments=None, quotechar='"', ndmin=2
            )
    if not table.size:
        raise ValueError("the table has a header row but no samples.")
    if table.shape[1] != len(columns):
        raise ValueError(f"the header row names {len(columns)} columns, the rows have {table.shape[1]}.")
    names, kept, scales = [], [], []
    for position, column in enumerate(columns):
        lead, stated = _split_unit(column)
        kind = _time_kind(column)
        if kind is not None:
            _check_times(table[:, position], column, kind, source_rate)
        elif wanted(lead):
            names.append(lead)
            kept.append(position)
            scales.append(agreed_scale(stated, unit, f"column {column[:40]!r}"))
    return (table[:, kept] * scales).astype(np.float32), names, float(source_rate)


def _read_header_row(path) -> tuple[int, str, list[str]]:
    """Number of lines up to and with the header row, the delimiter, and the column names."""
    with open(path, encoding="utf-8-sig") as file:
        n_lines, line = 1, file.readline(_MAX_LINE)
        while line.startswith("#"):
            n_lines, line = n_lines + 1, file.readline(_MAX_LINE)
    if not line.strip():
        raise ValueError("expected a header row with lead names, found an empty line.")
    if line.lstrip().startswith("<"):
        raise ValueError("expected a header row with lead names, found HTML or XML.")
    candidates = [next(csv.reader([line.rstrip("\r\n")], delimiter=mark), []) for mark in ",;\t|"]
    known = [sum(_is_lead(_split_unit(column)[0]) for column in columns) for columns in candidates]
    if not max(known):
        raise ValueError(f"expected a header row with lead names such as I,II,...,V6, found {line[:80]!r}.")
    best = known.index(max(known))
    return n_lines, ",;\t|"[best], [column.strip() for column in candidates[best]]


def _split_unit(column: str) -> tuple[str, str | None]:
    match = _WITH_UNIT.fullmatch(column)
    return (match[1], match[2]) if match else (column, None)


def _is_lead(name: str) -> bool:
    try:
        canonical_lead(name)
    except ValueError:
        return False
    return True


def _time_kind(column: str) -> str | None:
    key = re.sub(r"[\s(\[]+", "_", column.strip().lower()).rstrip(")]")
    return next((kind for kind, names in _TIME_COLUMNS.items() if key in names), None)


def _check_times(times: np.ndarray, column: str, kind: str, rate: float) -> None:
    """Refuse a time column that does not step evenly, or not at the rate given."""
    steps = np.diff(times)
    if not steps.size:
        return
    allowed = [scale / rate for scale in _STEPS_PER_SECOND.get(kind, ())]
    if kind in ("samples", "any"):
        allowed.append(1.0)
    mean = float(steps.mean())
    # Times are often rounded, so that single steps vary by less than one; a gap is a step of two.
    fits = any(
        abs(mean - step) < 0.01 * step and np.abs(steps - step).max() < 0.75 * step for step in allowed
    )
    if not fits:
        raise ValueError(
            f"column {column[:40]!r} steps by {steps.min():g} to {steps.max():g}, on average {mean:g}; "
            f"expected even steps of {' or '.join(f'{step:g}' for step in allowed)} at {rate:g} Hz. Give the "
            "true source_rate, or cut the table to a span without gaps."
        )
