"""One recording from a table of text: a header row with lead names, one column a lead, one row a sample.

Commas, semicolons, tabs or bars separate the columns; the decimal mark is a point, or a comma all through a
file that is not separated by commas. A column of times gives the rate where its unit is clear, or is checked
against the rate that is given; it is left out, as are sample numbers.
"""

import csv
import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from signalcam.leads import agreed_scale, known_lead

_MAX_LINE = 100_000  # a file of NULs or one endless line is refused before more of it is read
_MAX_COLUMNS = 1_000
_MAX_COMMENTS = 1_000
# Names of columns that tell the time, and the steps a second that these may have: one where the unit is
# clear, none of columns that count samples.
_TIME_COLUMNS = (
    ({"time_s", "t_s", "time_sec", "seconds", "second", "sec", "s"}, (1,)),
    ({"time_ms", "t_ms", "milliseconds", "ms"}, (1000,)),
    ({"sample", "samples", "index", "frame", "n", "", "unnamed: 0"}, ()),
    ({"time", "t", "timestamp"}, (1, 1000, 1_000_000)),
)


def read_csv(path: Path, unit: str | None, wanted: Callable, source_rate: float | None) -> tuple:
    """Read a CSV file in UTF-8.

    Args: as in `readers.open_recording`. Returns: what `Source` holds. Raises ValueError.
    """
    lines = _lines(path)
    delimiter, columns = _read_header_row(lines)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="loadtxt: input contained no data")
        numbers = _with_points(lines, delimiter, columns)
        table = np.loadtxt(numbers, delimiter=delimiter, comments=None, quotechar='"', ndmin=2)
    if not table.size:
        raise ValueError("the table has a header row but no samples.")
    if table.shape[1] != len(columns):
        raise ValueError(f"the header row names {len(columns)} columns, the rows have {table.shape[1]}.")
    source_rate = source_rate or _stated_rate(table, columns)
    names, kept, scales = [], [], []
    for position, column in enumerate(columns):
        lead, stated = _split_unit(column)
        clock = _clock(column)
        if clock is not None:
            _check_times(table[:, position], column, clock, source_rate)
        elif wanted(lead):
            names.append(lead)
            kept.append(position)
            scales.append(agreed_scale(stated, unit, f"column {column[:40]!r}"))
    signals = (table[:, kept] * scales).astype(np.float32)
    return lambda start, stop: signals[start:stop], len(signals), names, float(source_rate)


def _lines(path: Path) -> Iterator[str]:
    with open(path, encoding="utf-8-sig") as file:
        while line := file.readline(_MAX_LINE):
            if len(line) == _MAX_LINE:
                raise ValueError(f"expected lines under {_MAX_LINE:,} characters, found {line[:40]!r}.")
            yield line


def _with_points(lines: Iterator[str], delimiter: str, columns: list[str]) -> Iterator[str]:
    """The lines with points for decimal commas; refuse both in one file, and empty cells."""
    marks = set()
    for row, line in enumerate(lines, start=1):
        if delimiter != ",":
            marks |= {mark for mark in ",." if mark in line}
            if len(marks) == 2:
                raise ValueError(f"row {row} of samples mixes decimal commas and points. Use one of them.")
            line = line.replace(",", ".")
        cells = [cell.strip() for cell in line.split(delimiter)]
        if len(cells) == len(columns) and not all(cells):
            column = columns[cells.index("")]
            found = f"the cell in row {row} of samples, column {column[:40]!r}, is empty: a missing sample"
            raise ValueError(f"{found}. Cut the table to a span without gaps, or leave the column out.")
        yield line


def _stated_rate(table: np.ndarray, columns: list[str]) -> float:
    """The rate in Hz by a column of times whose unit is clear; "time" in steps below half is in seconds."""
    for times, column in zip(table.T, columns, strict=True):
        clock, step = _clock(column), float(np.diff(times).mean()) if len(times) > 1 else 0.0
        clear = clock and (len(clock) == 1 or step < 0.5)
        seconds = step / clock[0] if clear else 0.0
        if seconds > 0:
            # Times are often rounded; a rate that is all but a whole number is one.
            rate = 1 / seconds
            return float(round(rate)) if abs(rate - round(rate)) < 0.005 * rate else rate
    raise ValueError("a CSV file states no sampling rate: give source_rate=... in Hz (--source-rate).")


def _read_header_row(lines: Iterator[str]) -> tuple[str, list[str]]:
    """The delimiter and the column names; comment lines before them are passed over."""
    start = itertools.islice(lines, _MAX_COMMENTS)
    line = next((line for line in start if not line.startswith("#")), "")
    if not line.strip():
        raise ValueError("expected a header row with lead names, found an empty line.")
    if line.lstrip().startswith("<"):
        raise ValueError("expected a header row with lead names, found HTML or XML.")
    best, delimiter, columns = 0, "", []
    for mark in ",;\t|":
        cells = next(csv.reader([line.rstrip("\r\n")], delimiter=mark), [])
        n_leads = sum(known_lead(_split_unit(cell)[0]) is not None for cell in cells[:_MAX_COLUMNS])
        if n_leads > best:
            best, delimiter, columns = n_leads, mark, [cell.strip() for cell in cells]
    if not 0 < len(columns) <= _MAX_COLUMNS:
        raise ValueError(f"expected a header row with lead names such as I,II,...,V6, found {line[:40]!r}.")
    return delimiter, columns


def _split_unit(column: str) -> tuple[str, str | None]:
    """Name and unit of a column such as "V1 (uV)" or "V1 [uV]"; the unit is None where none is stated."""
    text = column.strip()
    start = max(text.rfind("("), text.rfind("["))
    if start < 0 or not text.endswith((")", "]")):
        return column, None
    return text[:start].rstrip(), text[start + 1 : -1].strip()


def _clock(column: str) -> tuple[int, ...] | None:
    """The steps in `_TIME_COLUMNS` of a column that tells the time, else None."""
    key = re.sub(r"[\s(\[]+", "_", column.strip().lower()).rstrip(")]")
    return next((steps for names, steps in _TIME_COLUMNS if key in names), None)


def _check_times(times: np.ndarray, column: str, clock: tuple[int, ...], rate: float) -> None:
    """Refuse a time column that does not step evenly, or not at the rate given."""
    steps = np.diff(times)
    if not steps.size:
        return
    allowed = [scale / rate for scale in clock] + ([1.0] if len(clock) != 1 else [])
    mean = float(steps.mean())
    # Times are often rounded, so that single steps vary by less than one; a gap is a step of two.
    if not any(abs(mean - s) < 0.01 * s and np.abs(steps - s).max() < 0.75 * s for s in allowed):
        found = f"steps by {steps.min():g} to {steps.max():g}, on average {mean:g}"
        expected = f"even steps of {' or '.join(f'{step:g}' for step in allowed)} at {rate:g} Hz"
        advice = "Give the true source_rate, or cut the table to a span without gaps."
        raise ValueError(f"column {column[:40]!r} {found}; expected {expected}. {advice}")
