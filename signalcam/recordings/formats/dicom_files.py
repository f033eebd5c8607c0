"""One recording from a DICOM waveform object (12-lead ECG, general ECG), through `pydicom`.

Read is the first group of channels that is an original recording, no median beat; a warning says where there
are several. Disconnected channels are missing leads; samples skewed in time are refused. A value is sample x
sensitivity x correction factor + baseline (DICOM PS3.3, C.10.9; lead codes: PS3.16, CID 3001).
"""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from signalcam.errors import RecordWarning
from signalcam.leads import LEADS, agreed_scale, known_lead

# ISO/IEEE 11073-10101 and SCP-ECG number the leads alike: "2:1" and "5.6.3-9-1" are lead I.
_LEAD_NUMBERS = dict(zip((1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), LEADS, strict=True))
_LEAD_CODE = re.compile(r"(?:2:|5\.6\.3-9-)(\d{1,3})")
_LINEAR_SAMPLES = ("SB", "UB", "SS", "US", "SL", "UL")
_UNUSABLE = {"DISCONNECTED", "INVALID", "UNCALIBRATED", "TEST DATA"}  # channel states, C.10.9.1.4.4
_DEFLATED = "1.2.840.10008.1.2.1.99"


def read_dicom(path: Path, unit: str | None, wanted: Callable) -> tuple:
    """Read the first original waveform group; samples marked as padding are NaN.

    Args: as in `readers.open_recording`. Returns: what `Source` holds. Raises: all sorts, on damaged files.
    """
    import pydicom
    from pydicom.waveforms import multiplex_array

    # Deflated files could unpack to any size, and reading unpacks them at once.
    if pydicom.filereader.read_file_meta_info(path).get("TransferSyntaxUID") == _DEFLATED:
        raise ValueError("it is deflated")
    dataset = pydicom.dcmread(path)
    groups = dataset.get("WaveformSequence")
    if not groups:
        raise ValueError("it holds no waveform (is it an image?)")
    if not dataset.file_meta.TransferSyntaxUID.is_little_endian:
        raise ValueError("its byte order is big-endian")
    original = [k for k, group in enumerate(groups) if group.get("WaveformOriginality") == "ORIGINAL"]
    index = original[0] if original else 0
    if len(original) > 1:
        found = f"of {len(original)} groups of channels that are original"
        message = f"{path.name}: {found}, the first is taken as the recording."
        warnings.warn(message, RecordWarning, stacklevel=2)
    group, channels = groups[index], groups[index].ChannelDefinitionSequence
    if group.WaveformSampleInterpretation not in _LINEAR_SAMPLES:
        raise ValueError(f"its samples are stored as {group.WaveformSampleInterpretation}, not linearly")
    n_values = int(group.NumberOfWaveformSamples) * int(group.NumberOfWaveformChannels)
    expected, found = n_values * int(group.WaveformBitsAllocated) // 8, len(group.WaveformData)
    # An odd number of bytes is filled up to an even one.
    if not 0 < expected <= found <= expected + 1:
        raise ValueError(f"expected {expected:,} bytes of samples, found {found:,}")
    samples = multiplex_array(dataset, index, as_raw=True)
    if len(channels) != samples.shape[1]:
        raise ValueError(f"expected {samples.shape[1]} channel definitions, found {len(channels)}")
    names, columns = [], []
    for channel, column in zip(channels, samples.T, strict=True):
        label = _channel_name(channel)
        if wanted(label):
            names.append(label)
            columns.append(_calibrate(column, channel, group, label, unit))
    if not columns:
        raise ValueError("it holds no channels that are leads")
    signals = np.stack(columns, axis=1)
    return lambda start, stop: signals[start:stop], len(signals), names, float(group.SamplingFrequency)


def _channel_name(channel: Any) -> str:
    """The lead by its code, else the code's meaning or the channel's label as written."""
    source = (channel.get("ChannelSourceSequence") or [{}])[0]
    code, meaning = str(source.get("CodeValue", "")), str(source.get("CodeMeaning", ""))
    match = _LEAD_CODE.fullmatch(code)
    coded = _LEAD_NUMBERS.get(int(match[1])) if match else None
    written = meaning.partition("(")[0].strip() or str(channel.get("ChannelLabel", "")) or code
    if coded is not None and known_lead(written) not in (None, coded):
        raise ValueError(f"channel code {code} is lead {coded}, but its meaning is {meaning[:40]!r}")
    return coded or written


def _calibrate(column: np.ndarray, channel: Any, group: Any, label: str, unit: str | None) -> np.ndarray:
    if any(float(channel.get(skew) or 0) for skew in ("ChannelTimeSkew", "ChannelSampleSkew")):
        raise ValueError(f"channel {label} is skewed in time against the others")
    states = channel.get("ChannelStatus") or ()
    if _UNUSABLE & set([states] if isinstance(states, str) else states):
        return np.full(len(column), np.nan, np.float32)
    sensitivity = channel.get("ChannelSensitivity")
    if not sensitivity:
        raise ValueError(f"channel {label} states no sensitivity, so it is uncalibrated")
    units = channel.get("ChannelSensitivityUnitsSequence")
    scale = agreed_scale(str(units[0].CodeValue) if units else None, unit, f"channel {label}")
    correction = channel.get("ChannelSensitivityCorrectionFactor")
    factor = float(sensitivity) * float(1 if correction is None else correction)
    values = column * factor + float(channel.get("ChannelBaseline") or 0)
    padding = group.get("WaveformPaddingValue")
    if padding is not None:
        mark = np.frombuffer(padding, column.dtype, 1)[0] if isinstance(padding, bytes) else padding
        values[column == mark] = np.nan
    return (values * scale).astype(np.float32)
