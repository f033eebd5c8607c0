"""Which reader a file goes to, and what to use for the formats that are not read here.

The suffix decides, else the first bytes. Nothing is unpacked, and no pickle is opened.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signalcam.errors import RecordError
from signalcam.leads import millivolts_per
from signalcam.recordings.formats.csv_files import read_csv
from signalcam.recordings.formats.dicom_files import read_dicom
from signalcam.recordings.formats.ecgdatakit_files import FORMATS, read_with_ecgdatakit
from signalcam.recordings.formats.edf_files import read_edf
from signalcam.recordings.formats.wfdb_files import check_sums, open_file, read_header, read_samples

WFDB_SAMPLES = (".dat", ".mat", ".xyz")
SUFFIXES = {
    ".hea": "wfdb", ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".edf": "edf", ".bdf": "edf",
    ".dcm": "dicom", ".dicom": "dicom",
    ".scp": "other", ".xml": "other", ".aecg": "other", ".hl7": "other", ".muse": "other",
}  # fmt: skip
_UNPACK = "Unpack it first."
_ARRAY = "Load it yourself and pass the array to signalcam.recordings.from_array."
ADVICE = {
    **dict.fromkeys((".zip", ".gz", ".tar", ".tgz", ".bz2", ".xz", ".7z", ".rar"), _UNPACK),
    **dict.fromkeys((".npy", ".npz", ".mat", ".h5", ".hdf5", ".parquet"), _ARRAY),
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), "Pickle files can run code and are never opened."),
    **dict.fromkeys((".xls", ".xlsx", ".ods"), "Save it as CSV."),
    **dict.fromkeys((".pdf", ".png", ".jpg", ".jpeg", ".tif"), "It is a picture: export the samples."),
}
# What each reads, and what to do where it cannot.
_READERS = {
    "csv": (read_csv, "a CSV table of leads", ""),
    "edf": (read_edf, "EDF", ". Export it again."),
    "dicom": (read_dicom, "a DICOM waveform", ". Export it again, uncompressed."),
    "other": (read_with_ecgdatakit, " or ".join(FORMATS), f". {_ARRAY}"),
}
_FIRST_BYTES = {b"0       ": "edf", b"\xffBIOSEMI": "edf", b"DICM": "dicom", b"<": "other"}
_PACKED = (b"PK\x03\x04", b"\x1f\x8b")
_AT_ONCE = 1 << 19  # samples of a WFDB record; a longer one is read part by part


@dataclass(frozen=True)
class Source:
    """A recording whose samples are read when they are asked for."""

    read: Callable[[int, int], np.ndarray]  # from a sample to before another: float32 (time, lead) in mV
    n_times: int
    names: list[str]  # of the leads, as written
    rate: float  # in Hz


def open_recording(
    path: str | os.PathLike, unit: str | None, source_rate: float | None, check: bool, wanted: Callable
) -> Source:
    """Open one file, whatever its format; `wanted` tells of a lead's name whether to keep it.

    Args, Raises: as in `signalcam.recordings.read_recording`.
    """
    if source_rate is not None and not 0 < source_rate < math.inf:
        raise ValueError(f"source_rate must be above 0 Hz, got {source_rate!r}.")
    path, name = Path(path), record_name(path)
    form, path = _format(path, name)
    if form == "wfdb":
        source = _open_wfdb(path, name, unit, check, wanted)
    else:
        read, what, advice = _READERS[form]
        try:
            stated = (source_rate,) if form == "csv" else ()
            source = Source(*read(path, unit, wanted, *stated))
        except ImportError as error:
            message = f"reading {what} needs a library ({error}): pip install signalcam[formats]"
            raise RecordError(f"Record {name}: {message}") from error
        except Exception as error:  # noqa: BLE001 (libraries raise all sorts on damaged files)
            message = f"cannot read {path} as {what}: {str(error)[:300]}{advice}"
            raise RecordError(f"Record {name}: {message}") from error
    if not 0 < source.rate < math.inf:
        raise RecordError(f"Record {name}: the file states {source.rate:g} Hz. Pass the array with its rate.")
    if source_rate not in (None, source.rate):
        found = f"{source.rate:g} Hz, but source_rate={source_rate:g} was given"
        raise RecordError(f"Record {name}: the file states {found}. Leave it out.")
    return source


def record_name(path: str | os.PathLike) -> str:
    """Name of a record for messages: its file's, without a suffix that is one of a format."""
    path = Path(path)
    return path.stem if path.suffix.lower() in (*SUFFIXES, *WFDB_SAMPLES) else path.name


def header_beside(path: str | os.PathLike) -> Path | None:
    """The `.hea` or `.HEA` file of the same name as a WFDB sample file; None for other files, or without."""
    path = Path(path)
    if path.suffix.lower() not in WFDB_SAMPLES:
        return None
    return next(filter(os.path.exists, (path.with_suffix(".hea"), path.with_suffix(".HEA"))), None)


def _format(path: Path, name: str) -> tuple[str, Path]:
    """The format of a file, and the file that its reader starts from."""
    suffix = path.suffix.lower()
    if suffix == ".hea":
        return "wfdb", path
    header = header_beside(path if suffix in WFDB_SAMPLES or os.path.exists(path) else f"{path}.dat")
    if header is not None or suffix == ".dat":
        return "wfdb", header or path.with_suffix(".hea")
    with open_file(path, name) as file:
        start = file.read(132)
    if suffix in SUFFIXES:
        return SUFFIXES[suffix], path
    for mark, form in _FIRST_BYTES.items():
        if start.startswith(mark, 128 if form == "dicom" else 0):
            return form, path
    advice = ADVICE.get(suffix) or (_UNPACK if start.startswith(_PACKED) else _ARRAY)
    found = f"the format of {path.name} is not read here (read are {', '.join(SUFFIXES)})"
    raise RecordError(f"Record {name}: {found}. {advice}")


def _open_wfdb(path: Path, name: str, unit: str | None, check: bool, wanted: Callable[[str], bool]) -> Source:
    header = read_header(path, unit)
    if unit is not None and {millivolts_per(stated) for stated in header.units} != {millivolts_per(unit)}:
        found = f"its header states {', '.join(sorted(set(header.units)))}, but unit={unit!r} was given"
        raise RecordError(f"Record {name}: {found}. Leave it out.")
    kept = [k for k, lead in enumerate(header.leads) if wanted(lead)]
    columns = slice(None) if len(kept) == len(header.leads) else kept
    if at_once := header.n_times <= _AT_ONCE:
        whole = read_samples(path, check, unit, header=header)[0][:, columns]
    elif check:
        check_sums(path, header)

    def read(start: int, stop: int) -> np.ndarray:
        if at_once:
            return whole[start:stop]
        return read_samples(path, check, unit, span=(start, stop), header=header)[0][:, columns]

    return Source(read, header.n_times, [header.leads[k] for k in kept], header.sampling_rate)
