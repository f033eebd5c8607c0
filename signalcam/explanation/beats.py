"""Where in the beat is the evidence? Maps aligned to the R peaks, averaged, and divided among the waves.

The waves' limits are a ruler from the R peak and the RR interval, not a delineation: of 100 recordings whose
waves cardiologists marked it names the part with a kappa of 0.88 (`benchmarks/wave_boundaries.py`). And a
cell of the default network sees 1.02 s: a map can be no sharper.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.signal import resample_poly
from tqdm.auto import tqdm
from wfdb import processing

PARTS = ("P-PQ", "QRS", "ST-T", "TP")
QRS_HALF = 0.04  # s on either side of the R peak
P_START = 0.20  # s before the R peak
# s from the R peak to the end of T at an RR of 1 s; grows with its root (Bazett, Heart 7:353, 1920)
T_END = 0.38
P_SHARE = 0.5  # of what moves before QRS, that all beats have in common: less, and there is no P wave
OUTSIDE = -1
XQRS_RATE = 200  # Hz; below, XQRS takes more T waves for beats


def find_r_peaks(
    signals: ArrayLike, sampling_rate: int = 100, progress: str | None = None
) -> list[np.ndarray]:
    """Find the R peaks of records, by XQRS on the speed of the heart vector, all leads together.

    Args:
        signals, sampling_rate: (record, time, lead), in mV or scaled per lead; in Hz.
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
        peaks, before, after: from `find_r_peaks`; samples before the peak, and from it on.

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


def find_p_waves(signals: ArrayLike, peaks: list[np.ndarray], sampling_rate: int = 100) -> np.ndarray:
    """Tell the records with a P wave at its place before the QRS complexes: bool (record,).

    A P wave looks alike before every beat, the waves of atrial fibrillation do not: so the mean over beats
    keeps at least `P_SHARE` of the energy. True with fewer than three whole beats, where nothing is known.

    Args:
        signals, peaks, sampling_rate: as in `find_r_peaks`, and its result.
    """
    signals = np.asarray(signals, dtype=np.float64)
    before, after = round(P_START * sampling_rate), -round((QRS_HALF + 0.01) * sampling_rate)
    there = np.ones(len(signals), dtype=bool)
    for row, found in enumerate(peaks):
        pieces = cut_beats(signals[row], found, before, after)
        pieces = pieces - pieces.mean(axis=1, keepdims=True)
        if len(pieces) > 2:
            there[row] = (pieces.mean(axis=0) ** 2).sum() >= P_SHARE * (pieces**2).sum() / len(pieces)
    return there


def beat_parts(
    peaks: list[np.ndarray], n_times: int, sampling_rate: int = 100, p_waves: ArrayLike | None = None
) -> np.ndarray:
    """Assign each sample of records to a part of the beat: int8 (record, time), positions in `PARTS`.

    From the R peak: QRS within 0.04 s; P-PQ, the P wave and what lies between it and QRS, from 0.20 s before;
    ST-T from QRS to 0.38 s times the root of the RR interval in seconds; TP the rest. Where parts overlap,
    QRS goes before P-PQ before ST-T. Before the first P-PQ and after the place of the next behind the last
    beat, the part is not known, -1; nor is any with fewer than two beats.

    Args:
        peaks, n_times, sampling_rate: as in `find_p_waves`, and the samples of a record.
        p_waves: bool (record,), from `find_p_waves`, False where the place of P-PQ belongs to TP; None where
            all have one.
    """
    parts = np.full((len(peaks), n_times), OUTSIDE, dtype=np.int8)
    p_waves = np.ones(len(peaks), dtype=bool) if p_waves is None else p_waves
    p_start, qrs = round(P_START * sampling_rate), round(QRS_HALF * sampling_rate)
    for row, found, p_wave in zip(parts, peaks, p_waves, strict=True):
        if len(found) < 2:
            continue
        intervals = np.append(np.diff(found), np.median(np.diff(found)))
        row[max(found[0] - p_start, 0) : int(found[-1] + intervals[-1] - p_start)] = PARTS.index("TP")
        t_ends = found + T_END * np.sqrt(intervals / sampling_rate) * sampling_rate
        spans = [("ST-T", found, t_ends), ("P-PQ", found - p_start, found)][: 1 + bool(p_wave)]
        for part, *limits in [*spans, ("QRS", found - qrs, found + qrs + 1)]:
            for start, stop in np.maximum(np.round(limits), 0).astype(int).T:
                row[start:stop] = PARTS.index(part)
    return parts


def part_shares(relevance: ArrayLike, parts: ArrayLike, names: Sequence[str] = PARTS) -> pd.DataFrame:
    """Divide the positive evidence of each record among the parts of the beat.

    Args:
        relevance: (record, time); negative values are left out.
        parts, names: (record, time), positions in `names`, -1 where it is not known; as from `beat_parts`.

    Returns:
        DataFrame, one row a record: `names` (shares of the evidence, sum 1) and ``time_QRS`` and so on (of
        the time, as a map without knowledge would give); NaN without evidence or known part.
    """
    positive = np.maximum(np.asarray(relevance, dtype=np.float64), 0)
    member = np.asarray(parts)[:, None] == np.arange(len(names))[:, None]  # (record, part, time)
    evidence, time = (member * positive[:, None]).sum(axis=2), member.sum(axis=2)
    there = evidence.sum(axis=1, keepdims=True) > 0
    both = (evidence, time)
    rows = [part / np.where(there, part.sum(axis=1, keepdims=True), np.nan) for part in both]
    return pd.DataFrame(np.hstack(rows), columns=[*names, *(f"time_{name}" for name in names)])
