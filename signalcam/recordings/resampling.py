"""Bring a recording to the wanted rate and length, by request only; else an error says what to ask for."""

import warnings
from fractions import Fraction

import numpy as np

from signalcam.errors import RecordError, RecordWarning

LENGTHS = ("error", "crop", "pad", "window")
# Rates that recorders use. Those that turn 10 s into a round number of seconds at 100 Hz (200, 300, 400 Hz)
# are left out: recordings of 20, 30 and 40 s are common.
_COMMON_RATES = (125, 128, 250, 256, 257, 360, 500, 512, 1000, 2000)


def rate_ratio(source_rate: float, wanted: float, resample: bool, name: str) -> Fraction | int:
    """The `wanted` rate over the source's, both in Hz.

    Raises: RecordError where they differ and resampling was not asked for, or have no simple ratio.
    """
    if source_rate == wanted:
        return 1
    if not resample:
        found = f"expected {wanted:g} Hz, found {source_rate:g} Hz"
        raise RecordError(f"Record {name}: {found}. Ask for conversion with resample=True.")
    ratio = Fraction(wanted / source_rate).limit_denominator(5000)
    if not ratio or abs(float(ratio) * source_rate / wanted - 1) > 1e-7 or ratio.numerator > 5000:
        rates = f"{source_rate:g} Hz to {wanted:g} Hz: expected a ratio of whole numbers up to 5,000"
        raise RecordError(f"Record {name}: cannot resample {rates}. Resample it yourself and pass the array.")
    if source_rate < wanted:
        rates = f"from {source_rate:g} Hz up to {wanted:g} Hz; what lies above {source_rate / 2:g} Hz"
        warnings.warn(f"Record {name}: resampled {rates} was never recorded.", RecordWarning, stacklevel=5)
    return ratio


def to_rate(signals: np.ndarray, ratio: Fraction | int) -> np.ndarray:
    """Signals (time, lead) at `ratio` times their rate, anti-aliased; float32 if resampled.

    `scipy.signal.resample_poly` with its Kaiser-windowed FIR filter of zero phase; a line through the first
    and last sample is taken off and put back, so that an offset makes no step at the ends.
    """
    if ratio == 1:
        return signals
    from scipy.signal import resample_poly  # slow to import, and not needed at the wanted rate

    signals = signals.astype(np.float64)
    signals = resample_poly(signals, ratio.numerator, ratio.denominator, axis=0, padtype="line")
    return signals.astype(np.float32)


def cut(
    signals: np.ndarray, n_times: int, length: str, sampling_rate: float, name: str
) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Pieces of `n_times` samples of (time, lead), by one of `LENGTHS`, as in `read_recording`.

    Returns: (first sample, signals (n_times, lead), padded (n_times,) bool) of each.
    Raises: RecordError where the length needs another request than the one given.
    """
    found = len(signals)
    padded, starts = np.zeros(n_times, dtype=bool), []
    if found == n_times or (found > n_times and length == "crop"):
        starts = [0]
    elif found > n_times and length == "window":
        starts = [*range(0, found - n_times, n_times), found - n_times]
    elif found < n_times and length == "pad":
        filling = np.broadcast_to(np.median(signals, axis=0), (n_times - found, signals.shape[1]))
        signals = np.concatenate([signals, filling])
        padded, starts = np.arange(n_times) >= found, [0]
    if starts:
        return [(start, signals[start : start + n_times], padded) for start in starts]
    if found < n_times:
        advice = "It is too short: fill it up with length='pad'; the padding is left out of the heatmap."
    else:
        advice = "It is too long: ask for length='crop' (its start) or length='window' (all of it)."
        advice += rate_suspicion(found, n_times, sampling_rate)
    wanted = f"expected {n_times:,} samples ({n_times / sampling_rate:g} s at {sampling_rate:g} Hz)"
    raise RecordError(f"Record {name}: {wanted}, found {found:,} ({found / sampling_rate:g} s). {advice}")


def rate_suspicion(found: int, n_times: int, sampling_rate: float) -> str:
    """A sentence where `found` samples, taken at `sampling_rate`, fit another common rate exactly, or ""."""
    duration = n_times / sampling_rate
    for rate in _COMMON_RATES:
        if rate > sampling_rate and found == round(rate * duration):
            advice = f"if that is its rate, give source_rate={rate} and resample=True"
            return f" {found:,} samples are {duration:g} s at {rate} Hz: {advice}."
    return ""
