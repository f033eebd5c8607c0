"""One recording from an EDF, EDF+ or BDF file, through `edfio`.

`edfio` mends some defects with a warning (a file shorter than its header says, a signal without calibration);
here each of those warnings is a refusal.
"""

import os
import warnings
from collections.abc import Callable

import numpy as np

from signalcam.errors import RecordError
from signalcam.leads import agreed_scale

# What edfio raises on damaged files, and the warnings that are turned into errors.
_EDF_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    NameError,
    AttributeError,
    OSError,
    Warning,
)


def read_edf(
    path: str | os.PathLike, name: str, unit: str | None, wanted: Callable[[str], bool]
) -> tuple[np.ndarray, list[str], float]:
    """All samples of an EDF file, or of a BDF file by its suffix.

    Args:
        path: the file.
        name: record name for messages.
        unit: unit of the signals for which the file states no physical dimension.
        wanted: tells of a signal's label whether to keep the signal.

    Returns:
        float32 (time, lead) in mV, the labels, the rate in Hz.

    Raises:
        RecordError: `edfio` is not installed; the file is damaged, has gaps, or signals of different rates;
            the cause is chained.
    """
    try:
        import edfio
    except ImportError as error:
        raise RecordError(
            f"Record {name}: reading EDF needs edfio: pip install signalcam[formats]"
        ) from error
    read = edfio.read_bdf if str(path).lower().endswith(".bdf") else edfio.read_edf
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return _convert(read(os.fspath(path)), unit, wanted)
    except _EDF_ERRORS as error:
        raise RecordError(f"Record {name}: cannot read {path} as EDF: {error}. Export it again.") from error


def _convert(edf, unit: str | None, wanted: Callable[[str], bool]) -> tuple[np.ndarray, list[str], float]:
    if "+D" in edf.reserved:
        raise ValueError("it is discontinuous (EDF+D), with gaps in time")
    signals = [signal for signal in edf.signals if wanted(signal.label)]
    if not signals:
        raise ValueError("it holds no signals that are leads")
    rates = {signal.sampling_frequency for signal in signals}
    if len(rates) != 1:
        each = ", ".join(f"{signal.label} {signal.sampling_frequency:g} Hz" for signal in signals)
        raise ValueError(f"its signals have different rates ({each}); expected one rate")
    columns = []
    for signal in signals:
        if not signal.digital_min < signal.digital_max:
            raise ValueError(f"signal {signal.label!r} is uncalibrated: its digital range is empty")
        scale = agreed_scale(signal.physical_dimension, unit, f"signal {signal.label!r}")
        columns.append((signal.data * scale).astype(np.float32))
    return np.stack(columns, axis=1), [signal.label for signal in signals], float(rates.pop())
