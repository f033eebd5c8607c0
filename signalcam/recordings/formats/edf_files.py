"""One recording from an EDF, EDF+ or BDF file, through `edfio`.

`edfio` mends some defects (a file too short, a signal without calibration) with a warning, here a refusal.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from signalcam.leads import agreed_scale


def read_edf(path: Path, unit: str | None, wanted: Callable) -> tuple[np.ndarray, list[str], float]:
    """All samples of an EDF file, or of a BDF file by its suffix, without gaps and at one rate.

    Args, Returns: as in `readers.read_file`. Raises: all sorts of errors, on damaged files.
    """
    import edfio

    read = edfio.read_bdf if path.suffix.lower() == ".bdf" else edfio.read_edf
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
        columns = []
        for signal in signals:
            if not signal.digital_min < signal.digital_max:
                raise ValueError(f"signal {signal.label!r} is uncalibrated: its digital range is empty")
            scale = agreed_scale(signal.physical_dimension, unit, f"signal {signal.label!r}")
            columns.append((signal.data * scale).astype(np.float32))
        return np.stack(columns, axis=1), [signal.label for signal in signals], float(rates.pop())
