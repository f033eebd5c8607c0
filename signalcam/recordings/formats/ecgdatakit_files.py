"""One recording from SCP-ECG, HL7 aECG, MUSE XML or Philips XML, through `ecgdatakit`.

It parses XML through defusedxml and xmltodict, which refuse entities, and runs no code from a file. What it
merely warns about (a wrong checksum, counts without unit, a second rhythm, a rounded rate) is refused here.
"""

import base64
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from signalcam.leads import agreed_scale

FORMATS = ("SCP-ECG", "HL7 aECG", "GE MUSE XML", "Philips Sierra XML")
_LARGEST = 16_000_000  # bytes; 12 leads of 10 s take 0.03 to 1.5 million. Such a file is read in one go.
_DELAYS = ("start_sample", "LeadTimeOffset")
_HARMLESS = "(Additional median|.*representative beat|.*<repbeats>|Unrecognised sequences)"


def read_with_ecgdatakit(path: Path, unit: str | None, wanted: Callable) -> tuple:
    """All rhythm leads of one file; median beats are left out.

    Args: as in `open_recording`. Returns: what `Source` holds. Raises: all sorts of errors, on damaged files.
    """
    from ecgdatakit.parsing.parser import FileParser

    if path.stat().st_size > _LARGEST:
        raise ValueError(f"it must have at most {_LARGEST:,} bytes, got {path.stat().st_size:,}")
    found = FileParser.detect_format(path)
    if found is None or found["name"] not in FORMATS:
        raise ValueError(f"expected {', '.join(FORMATS)}, found {found['name'] if found else 'none of them'}")
    if found["name"] == FORMATS[3]:
        _refuse_bomb(path.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", _HARMLESS)
        record = found["parser_class"]().parse(path)
    names, columns, shapes = [], [], set()
    for lead in record.leads:
        name = re.sub(r"_\d+$", "", lead.label)  # the library numbers names that come twice: "II", "II_2"
        if wanted(name):
            scale = agreed_scale(lead.resolution_unit, unit, f"lead {name}")
            if not (np.isfinite(lead.resolution) and lead.resolution > 0):
                raise ValueError(f"lead {name} is uncalibrated: its resolution is {lead.resolution}")
            # An electrode that was off is a missing lead.
            off = np.nan if "LeadOff" in lead.annotations else 0.0
            names.append(name)
            columns.append((lead.samples * lead.resolution + lead.offset) * scale + off)
            shapes.add((len(lead.samples), lead.sampling_rate, *map(lead.annotations.get, _DELAYS)))
    if len(shapes) != 1:
        found = "; ".join(map(str, sorted(shapes, key=str))) or "none"
        raise ValueError(f"expected leads of one length, rate and start, found {found}")
    signals = np.stack(columns, axis=1).astype(np.float32)
    return lambda start, stop: signals[start:stop], len(signals), names, float(shapes.pop()[1])


def _refuse_bomb(document: bytes) -> None:
    """Refuse Philips's compression where a little unpacks to very much, as LZW can 600-fold."""
    for text in re.findall(rb">([A-Za-z0-9+/=\s]{1000,})<", document.replace(b"\0", b"")):
        data, unpacked = base64.b64decode(text), 0
        while len(data) > 8 and unpacked <= _LARGEST:  # a chunk a lead: its size, then codes of 10 bits
            size = 8 + max(1, int.from_bytes(data[:4], "little", signed=True))
            bits = np.unpackbits(np.frombuffer(data[8:size], np.uint8))
            codes = bits[: len(bits) // 10 * 10].reshape(-1, 10) @ (1 << np.arange(9, -1, -1))
            lengths, last = [1] * 256, 0
            for code in codes.tolist():
                length = lengths[code] if code < len(lengths) else last + 1
                if last and len(lengths) < 1024:
                    lengths.append(last + 1)
                unpacked, last = unpacked + length, length
            data = data[size:]
        if unpacked > _LARGEST:
            raise ValueError(f"it must unpack to at most {_LARGEST:,} bytes, got more")
