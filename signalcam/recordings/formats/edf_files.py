"""One recording from an EDF, EDF+ or BDF file, through `edfio`.

`edfio` mends some defects (a file too short, a signal without calibration) with a warning, here a refusal.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from signalcam.leads import agreed_scale


def read_edf(path: Path, unit: str | None, wanted: Callable) -> tuple:
    """Open an EDF file, or a BDF file by its first byte, without gaps and at one rate.

    Args: as in `readers.open_recording`. Returns: what `Source` holds. Raises: all sorts, on damaged files.
    """
    import edfio

    read = edfio.read_bdf if 255 in np.fromfile(path, np.uint8, count=1) else edfio.read_edf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        edf = read(str(path))
        if "+D" in edf.reserved:
            raise ValueError("it is discontinuous (EDF+D), with gaps in time")
        signals = [signal for signal in edf.signals if wanted(signal.label)]
        if not signals:
            raise ValueError("it holds no signals that are leads")
        rates = {signal.sampling_frequency for signal in signals}
        if len(rates) != 1:
            each = ", ".join(f"{signal.label} {signal.sampling_frequency:g} Hz" for signal in signals)
            raise ValueError(f"its signals have different rates ({each}); expected one rate")
        rate, scales = float(rates.pop()), []
        for signal in signals:
            if not signal.digital_min < signal.digital_max or signal.physical_min == signal.physical_max:
                raise ValueError(f"signal {signal.label!r} is uncalibrated: its range is empty")
            scales.append(agreed_scale(signal.physical_dimension, unit, f"signal {signal.label!r}"))

    def read(start: int, stop: int) -> np.ndarray:
        parts = [signal.get_data_slice(start / rate, stop / rate) for signal in signals]
        return (np.stack(parts, axis=1) * scales).astype(np.float32)

    n_times = edf.num_data_records * signals[0].samples_per_data_record
    return read, n_times, [signal.label for signal in signals], rate
