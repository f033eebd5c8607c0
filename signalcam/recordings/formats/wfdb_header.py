"""The header of one WFDB record (https://physionet.org/physiotools/wag/header-5.htm), parsed strictly.

Where the format has a default that may be wrong for the recording (gain 200, unit mV, rate 250 Hz), a header
that leaves it open is refused. Sample files are plain names, so that a header cannot point out of its folder.
"""

import functools
import math
import os
import re
from dataclasses import dataclass

from signalcam.errors import RecordError
from signalcam.leads import millivolts_per

# Bytes a sample takes in each storage format that is read.
BYTES_PER_SAMPLE = {16: 2, 24: 3, 32: 4, 61: 2, 80: 1, 160: 2, 212: 1.5}
_GAIN_BOUNDS = (1e-9, 1e15)  # outside, a header is damaged, and float32 could overflow
# The lengths are bounded, and no digit can match in two ways: a line of a million digits is refused at once.
_NUMBER = r"(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?"
_RATE = re.compile(rf"({_NUMBER})(?:/{_NUMBER}(?:\([+-]?{_NUMBER}\))?)?", re.ASCII)
_FORMAT = re.compile(r"(\d{1,3})(?:x(\d{1,6}))?(?::(\d{1,9}))?(?:\+(\d{1,9}))?", re.ASCII)
_GAIN = re.compile(rf"([+-]?{_NUMBER})(?:\(([+-]?\d{{1,10}})\))?(?:/(\S+))?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,10}", re.ASCII)
_COUNT = re.compile(r"\d{1,15}", re.ASCII)
# Resolution, converter zero, first sample, checksum, block size; the outer two cannot be negative.
_TAIL = re.compile(" ".join(part.pattern for part in (_COUNT, *(_INTEGER,) * 3, _COUNT)), re.ASCII)
# "-" is standard input and "~" no file in this format; these marks lead out of the folder.
_PATH_MARKS = re.compile(r"[/\\:\0]")
_LINE_END, _BLANKS = re.compile(r"[\r\n]+"), re.compile(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says. The tuples have one entry per lead, in file order."""

    name: str
    sampling_rate: float  # in Hz
    n_times: int
    leads: tuple[str, ...]  # as written
    files: tuple[str, ...]  # plain names beside the header
    formats: tuple[int, ...]  # storage, such as 16
    offsets: tuple[int, ...]  # bytes before the first sample
    gains: tuple[float, ...]  # converter units per physical unit, above 0
    baselines: tuple[int, ...]  # converter value of physical zero
    units: tuple[str, ...]  # as written, a voltage
    checksums: tuple[int, ...]  # sum of the samples modulo 65536, by some writers a signed number


def parse_header(text: str, name: str, unit: str | None = None) -> Header:
    """Read the text of a single-segment `.hea` file, of a record of this name without suffix.

    Args, Raises: as in `signalcam.recordings.formats.wfdb_files.read_samples`; the cause is chained.
    """
    try:
        return _parse(text, name, unit)
    except ValueError as error:
        message = f"Record {name}: cannot use its header: {error} Fetch the .hea file again or mend it."
        raise RecordError(message) from error


def _parse(text: str, name: str, unit: str | None) -> Header:
    # Not splitlines(), which ends a line at U+2028 and the like, too.
    lines = [line for line in _LINE_END.split(text) if line.strip() and not line.startswith("#")]
    if not lines:
        raise ValueError("expected a record line, found an empty file.")
    if lines[0].lstrip().startswith("<"):
        raise ValueError("expected a WFDB record line, found HTML or XML (a failed download?).")
    line, fields = lines[0], _fields(lines[0])
    if "/" in fields[0]:
        raise ValueError("it is a multi-segment record: use wfdb.rdrecord and pass the array.")
    # The PhysioNet/CinC Challenges' files begin with "E00271.mat", the name of their sample file.
    if os.path.basename(name) not in (fields[0], fields[0].removesuffix(".mat")):
        raise ValueError(f"it is the header of record {fields[0][:60]!r}.")
    if len(fields) < 4:
        raise ValueError(f"expected 'name leads rate samples', found {line[:80]!r}.")
    rate = _RATE.fullmatch(fields[2])
    if not (_COUNT.fullmatch(fields[1]) and rate and _COUNT.fullmatch(fields[3])):
        raise ValueError(f"expected 'name leads rate samples' in numbers, found {line[:80]!r}.")
    n_leads, sampling_rate, n_times = int(fields[1]), float(rate[1]), int(fields[3])
    if not (n_leads and n_times and 0 < sampling_rate < math.inf):
        raise ValueError(f"leads, rate and samples must be above 0, found {line[:80]!r}.")
    if len(lines) != n_leads + 1:
        raise ValueError(f"expected {n_leads} lead lines as the record line says, found {len(lines) - 1}.")
    leads = []
    for number, line in enumerate(lines[1:], start=1):
        try:
            leads.append(_parse_lead_line(line, unit))
        except ValueError as error:
            raise ValueError(f"lead line {number} {line[:80]!r}: {error}") from error
    return Header(name, sampling_rate, n_times, *zip(*leads, strict=True))


def _fields(line: str) -> list[str]:
    # Blanks and tabs part fields, and not the form feeds and the like that str.split would take, too.
    return line.split(None, 8) if line.isprintable() else _BLANKS.split(line.strip(" \t"), 8)


def _parse_lead_line(line: str, unit: str | None) -> tuple:
    fields = _fields(line)
    if len(fields) < 3:
        raise ValueError("expected file, format and gain; a lead without a gain is uncalibrated.")
    layout = _parse_layout(*fields[:3], fields[4] if len(fields) > 4 else "0", unit)
    if len(fields) < 9 or not (lead := fields[8].rstrip()):
        raise ValueError("the lead has no name. Add it at the end of the line, or pass the array with names.")
    if not lead.isprintable():
        raise ValueError(f"the lead's name {lead[:20]!r} holds control characters.")
    if _TAIL.fullmatch(found := " ".join(fields[3:8])) is None:
        raise ValueError(f"expected whole numbers, found {found[:80]!r}.")
    return lead, *layout, int(fields[6])


# The leads of a record share these fields, and so do the records of a data set but for the file.
@functools.lru_cache(maxsize=64)
def _parse_layout(file: str, fmt: str, scale: str, zero: str, unit: str | None) -> tuple:
    if file in ("-", "~", ".", "..") or _PATH_MARKS.search(file):
        raise ValueError(f"the sample file must be a plain name beside the header, found {file[:60]!r}.")
    form = _FORMAT.fullmatch(fmt)
    if form is None or int(form[1]) not in BYTES_PER_SAMPLE:
        known = ", ".join(map(str, BYTES_PER_SAMPLE))
        raise ValueError(f"storage format {fmt[:20]!r} is not read here (only {known}): use wfdb.rdrecord.")
    if int(form[2] or 1) != 1 or int(form[3] or 0) != 0:
        raise ValueError(f"format {fmt[:20]!r} has several samples a frame, or a skew: use wfdb.rdrecord.")
    match = _GAIN.fullmatch(scale)
    if match is None:
        raise ValueError(f"expected a gain such as 1000(0)/mV, found {scale[:40]!r}.")
    gain, baseline, stated = float(match[1]), match[2], match[3] or unit
    if not _GAIN_BOUNDS[0] <= gain <= _GAIN_BOUNDS[1]:
        raise ValueError(f"the gain {match[1][:20]} leaves the lead uncalibrated; expected one such as 1000.")
    if stated is None:
        raise ValueError(f"the unit is missing after gain {match[1]}, it is uncalibrated: give unit='mV'.")
    millivolts_per(stated)
    if baseline is None:
        # The converter's zero stands for it, by the format's definition.
        baseline = zero if _INTEGER.fullmatch(zero) else 0
    return file, int(form[1]), int(form[4] or 0), gain, int(baseline), stated
