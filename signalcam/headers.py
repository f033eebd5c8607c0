"""The header of a WFDB record, parsed strictly: what it does not say is not guessed.

`wfdb` reads on in silence where a header is wrong: gain 0 or a missing gain become 200, a missing unit becomes mV, a
missing rate 250 Hz. A voltage that is wrong by a constant factor still looks like an ECG, so all of these are refused
here. Layout of the file: https://physionet.org/physiotools/wag/header-5.htm.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from signalcam.errors import RecordError

# Millivolts in one unit. Both micro signs are in use, U+00B5 and U+03BC.
MILLIVOLTS = {"mV": 1.0, "uV": 1e-3, "\u00b5V": 1e-3, "\u03bcV": 1e-3, "V": 1e3, "nV": 1e-6}

# Bytes; an ordinary header has under 2,000, but comments may be long.
_LARGEST_HEADER = 1_000_000
_NUMBER = r"[-+]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})(?:[eE][-+]?\d{1,3})?"
_RECORD_LINE = re.compile(
    r"(?P<name>[-\w]{1,200})(?:/(?P<segments>\d{1,9}))?"
    r"[ \t]+(?P<n_leads>\d{1,9})"
    rf"(?:[ \t]+(?P<rate>{_NUMBER})(?:/{_NUMBER}(?:\({_NUMBER}\))?)?"
    r"(?:[ \t]+(?P<n_times>\d{1,18})(?:[ \t].*)?)?)?",
    re.ASCII,
)
_SIGNAL_LINE = re.compile(
    r"(?P<file>\S{1,300})"
    r"[ \t]+(?P<format>\d{1,4})(?:x(?P<per_frame>\d{1,9}))?(?::(?P<skew>\d{1,9}))?(?:\+(?P<offset>\d{1,18}))?"
    rf"(?:[ \t]+(?P<gain>{_NUMBER})(?:\((?P<baseline>[-+]?\d{{1,15}})\))?(?:/(?P<unit>\S{{1,50}}))?"
    r"(?:[ \t]+(?P<resolution>\d{1,9})(?:[ \t]+(?P<zero>[-+]?\d{1,15})(?:[ \t]+(?P<first>[-+]?\d{1,15})"
    r"(?:[ \t]+(?P<checksum>[-+]?\d{1,15})(?:[ \t]+(?P<block>\d{1,9})(?:[ \t]+(?P<lead>.+))?)?)?)?)?)?)?"
)


@dataclass(frozen=True, slots=True)
class Channel:
    """One signal of a record, as its header line describes it. Millivolts are (sample - baseline) / gain * unit."""

    file_name: str
    format: int
    samples_per_frame: int
    skew: int
    byte_offset: int
    gain: float | None
    baseline: int
    unit: str | None
    first_sample: int | None
    checksum: int | None
    lead: str


@dataclass(frozen=True, slots=True)
class Header:
    """A record's header: its name, rate in Hz, number of samples per lead (None when it is not said), channels."""

    name: str
    sampling_rate: float
    n_times: int | None
    channels: tuple[Channel, ...]

    @property
    def leads(self) -> tuple[str, ...]:
        return tuple(channel.lead for channel in self.channels)


def read_header(path: str | Path) -> Header:
    """Read and parse a `.hea` file.

    Raises:
        FileNotFoundError: it is not there.
        RecordError: it is no header of a single-segment record, or leaves out what turns samples into mV; the cause is
            chained.
    """
    with open(path, "rb") as file:
        data = file.read(_LARGEST_HEADER + 1)
    return parse_header(data, str(path))


def parse_header(data: bytes, source: str) -> Header:
    """Parse the bytes of a `.hea` file; `source` names it in the error. See `read_header`."""
    try:
        return _parse(data)
    except ValueError as error:
        raise RecordError(
            f"{source} is not a usable WFDB header: {error} Fetch or export the record again, or leave it out."
        ) from error


def _parse(data: bytes) -> Header:
    if not data.strip():
        raise ValueError("it is empty.")
    if len(data) > _LARGEST_HEADER:
        raise ValueError(f"it has more than {_LARGEST_HEADER:,} bytes.")
    if b"\0" in data:
        raise ValueError("it holds binary data.")
    lines = [line.strip() for line in data.decode("utf-8").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise ValueError("it holds comments only.")
    found = _RECORD_LINE.fullmatch(lines[0])
    if not found:
        raise ValueError(f"its first line should be 'name leads rate samples', it is {lines[0][:60]!r}.")
    if found["segments"]:
        raise ValueError("it describes a record of several segments; read it with wfdb and give the array.")
    if not found["rate"] or not 0 < float(found["rate"]) < 1e9:
        raise ValueError(f"the sampling rate is missing or impossible in its first line {lines[0][:60]!r}.")
    n_leads = int(found["n_leads"])
    if n_leads != len(lines) - 1 or not n_leads:
        raise ValueError(f"it announces {n_leads:,} leads and has lines for {len(lines) - 1:,}.")
    channels = tuple(_parse_channel(line) for line in lines[1:])
    return Header(found["name"], float(found["rate"]), int(found["n_times"] or 0) or None, channels)


def _parse_channel(line: str) -> Channel:
    found = _SIGNAL_LINE.fullmatch(line)
    if not found:
        raise ValueError(
            f"the line {line[:80]!r} is not 'file format gain(baseline)/unit resolution zero first checksum block lead'."
        )
    name = found["file"]
    if "/" in name or "\\" in name or name in (".", "..", "~", "-"):
        raise ValueError(f"the signal file {name[:60]!r} must be a plain file name beside the header.")
    text_gain, unit, lead = found["gain"], found["unit"], found["lead"] or ""
    gain = float(text_gain) if text_gain else 0.0
    if gain == 0 or abs(gain) == float("inf"):
        raise ValueError(f"lead {lead or '?'} is uncalibrated: its gain is {text_gain or 'missing'}.")
    if unit not in MILLIVOLTS:
        said = f"its unit {unit!r} is none of {', '.join(MILLIVOLTS)}" if unit else "its unit is missing"
        raise ValueError(f"lead {lead or '?'} is uncalibrated: {said}.")
    zero = int(found["zero"] or 0)
    return Channel(
        file_name=name,
        format=int(found["format"]),
        samples_per_frame=int(found["per_frame"] or 1),
        skew=int(found["skew"] or 0),
        byte_offset=int(found["offset"] or 0),
        gain=gain,
        baseline=zero if found["baseline"] is None else int(found["baseline"]),
        unit=unit,
        first_sample=None if found["first"] is None else int(found["first"]),
        checksum=None if found["checksum"] is None else int(found["checksum"]),
        lead=lead,
    )
