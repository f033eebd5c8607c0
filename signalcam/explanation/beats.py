"""Where in the beat is the evidence? Maps aligned to the R peaks, averaged, and divided among the waves.

The waves' limits are a ruler from the R peak and the RR interval, not a delineation. And a cell of the
default network sees 1.02 s: a map can be no sharper.
"""

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.signal import resample_poly
from tqdm.auto import tqdm
from wfdb import processing

PARTS = ("P", "QRS", "ST-T", "TP")
QRS_HALF = 0.06  # s on either side of the R peak
P_START = 0.24  # s before the R peak
# s from the R peak to the end of T at an RR of 1 s; grows with its root (Bazett, Heart 7:353, 1920)
QT_SCALE = 0.40
OUTSIDE = -1
XQRS_RATE = 200  # Hz; below, XQRS takes more T waves for beats


def find_r_peaks(
    signals: ArrayLike, sampling_rate: int = 100, progress: str | None = None
) -> list[np.ndarray]:
    """Find the R peaks of records, by XQRS on the speed of the heart vector, all leads together.

    Args:
        signals: (record, time, lead), in mV or scaled per lead.
        sampling_rate: in Hz.
        progress: words for a progress bar, None for no bar.

    Returns:
        The samples of the peaks, an int array a record; empty where none is found.
    """
    signals = np.asarray(signals, dtype=np.float64)
    reach = round(0.08 * sampling_rate)
    times = max(1, math.ceil(XQRS_RATE / sampling_rate))
    found = []
    for record in tqdm(signals, desc=progress, disable=progress is None, leave=False):
        finer = resample_poly(record, times, 1, axis=0, padtype="line") if times > 1 else record
        speed = np.linalg.norm(np.gradient(finer, axis=0), axis=1)
        steep = processing.xqrs_detect(speed, fs=times * sampling_rate, verbose=False) if speed.any() else ()
        size = np.linalg.norm(record - np.median(record, axis=0), axis=1)
        starts = [(max(sample - reach, 0), sample) for sample in np.asarray(steep, dtype=int) // times]
        peaks = [start + int(size[start : sample + reach + 1].argmax()) for start, sample in starts]
        found.append(np.unique(np.asarray(peaks, dtype=int)))
    return found


def cut_beats(values: ArrayLike, peaks: ArrayLike, before: int = 40, after: int = 60) -> np.ndarray:
    """Cut one record, (time, ...), into its whole beats: (beat, sample, ...), the peak at `before`."""
    values = np.asarray(values)
    peaks = np.asarray(peaks, dtype=int)
    whole = peaks[(peaks >= before) & (peaks + after <= len(values))]
    return values[whole[:, None] + np.arange(-before, after)]


def beat_average(
    relevance: np.ndarray, signals: np.ndarray, peaks: list[np.ndarray], before: int = 40, after: int = 60
) -> tuple[np.ndarray, np.ndarray]:
    """Average the map over the beats of each record, beside the record's median beat.

    Args:
        relevance, signals: (record, time) and (record, time, lead).
        peaks: from `find_r_peaks`.
        before, after: samples before the peak, and from it on.

    Returns:
        (evidence, beat): float64 (record, sample) and (record, sample, lead); NaN without a whole beat.
    """
    evidence = np.full((len(signals), before + after), np.nan)
    beat = np.full((len(signals), before + after, signals.shape[2]), np.nan)
    for row, found in enumerate(peaks):
        pieces = cut_beats(relevance[row], found, before, after)
        if len(pieces):
            evidence[row] = pieces.mean(axis=0)
            beat[row] = np.median(cut_beats(signals[row], found, before, after), axis=0)
    return evidence, beat


def beat_parts(peaks: ArrayLike, n_times: int, sampling_rate: int = 100) -> np.ndarray:
    """Assign each sample of one record to a part of the beat: int8 (time,), positions in `PARTS`.

    From the R peak: QRS within 0.06 s; P from 0.24 s before to QRS; ST-T from QRS to 0.40 s times the root
    of the RR interval in seconds; TP the rest. Where parts overlap, QRS goes before P before ST-T. Before
    the first P and after the place of the next P behind the last beat, the part is not known, -1.
    """
    parts = np.full(n_times, OUTSIDE, dtype=np.int8)
    peaks = np.asarray(peaks, dtype=int)
    if len(peaks) < 2:
        return parts
    intervals = np.append(np.diff(peaks), np.median(np.diff(peaks)))
    p_start, qrs = round(P_START * sampling_rate), round(QRS_HALF * sampling_rate)
    parts[max(peaks[0] - p_start, 0) : int(peaks[-1] + intervals[-1] - p_start)] = PARTS.index("TP")
    t_ends = peaks + QT_SCALE * np.sqrt(intervals / sampling_rate) * sampling_rate
    spans = {"ST-T": (peaks, t_ends), "P": (peaks - p_start, peaks), "QRS": (peaks - qrs, peaks + qrs + 1)}
    for part, limits in spans.items():
        for start, stop in np.maximum(np.round(limits), 0).astype(int).T:
            parts[start:stop] = PARTS.index(part)
    return parts


def part_shares(relevance: ArrayLike, peaks: list[np.ndarray], sampling_rate: int = 100) -> pd.DataFrame:
    """Divide the positive evidence of each record among the parts of the beat.

    Args:
        relevance: (record, time); negative values are left out.
        peaks, sampling_rate: as in `find_r_peaks`.

    Returns:
        DataFrame, one row a record: `PARTS` (shares of the evidence, sum 1) and ``time_P`` and so on (of the
        time, as a map without knowledge would give); NaN without evidence or with fewer than two beats.
    """
    positive = np.maximum(np.asarray(relevance, dtype=np.float64), 0)
    rows = np.full((len(positive), 2 * len(PARTS)), np.nan)
    for row, found in enumerate(peaks):
        parts = beat_parts(found, positive.shape[1], sampling_rate)
        inside = parts[parts != OUTSIDE]
        evidence = np.bincount(inside, positive[row][parts != OUTSIDE], minlength=len(PARTS))
        if len(inside) and evidence.sum() > 0:
            time = np.bincount(inside, minlength=len(PARTS)) / len(inside)
            rows[row] = np.concatenate([evidence / evidence.sum(), time])
    return pd.DataFrame(rows, columns=[*PARTS, *(f"time_{part}" for part in PARTS)])
