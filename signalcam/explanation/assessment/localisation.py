"""Is the evidence where the lesion is? Maps against the samples that a lesion changed, in simulated records.

Four measures a record, each with its chance level, that of a map without knowledge:

- pointing game: does the largest value lie in the lesion (J. Zhang et al., IJCV 126:1084, 2018);
- relevance mass: share of the positive relevance that lies in it, and rank accuracy: share of the lesion's
  samples among as many largest values (L. Arras et al., Information Fusion 81:14, 2022, equations 1 and 2);
- average precision of the ranking of samples.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.ndimage import uniform_filter1d

from signalcam.evaluation.metrics import weighted_scores

MEASURES = ("pointing", "mass", "rank", "average_precision")
SMOOTHING = 25  # samples over which maps are averaged before they are compared with lesions or each other


def span_mask(spans: pd.DataFrame, ecg_ids: Sequence[int], n_times: int = 1000) -> np.ndarray:
    """Mark the samples that a lesion changed: bool (record, time), the records in the order of `ecg_ids`.

    Args:
        spans: DataFrame with the columns ``ecg_id``, ``start``, ``stop`` (samples, stop exclusive), as from
            `signalcam.simulation.read_spans`.
        ecg_ids, n_times: the records, and their samples.
    """
    rows = pd.Index(ecg_ids).get_indexer(spans["ecg_id"])
    mask = np.zeros((len(ecg_ids), n_times), dtype=bool)
    for row, start, stop in zip(rows, spans["start"], spans["stop"], strict=True):
        if row >= 0:
            mask[row, max(int(start), 0) : int(stop)] = True
    return mask


def is_full_time(mask: np.ndarray, longest_gap: int = 200) -> np.ndarray:
    """Tell lesions that last from those in a part of the record: bool (record,); `mask` as in `span_mask`.

    A lesion is partial from `longest_gap` samples without it, the ends of the record included: 2 s at 100 Hz,
    longer than the pause between two beats at 30 a minute.
    """
    time = np.arange(mask.shape[1])
    last = np.maximum.accumulate(np.where(mask, time, -1), axis=1)
    return (time - last).max(axis=1) < longest_gap


def smooth(relevance: ArrayLike, window: int = SMOOTHING) -> np.ndarray:
    """Average (record, time, ...) over a moving window, so that maps of different resolution can be compared.

    Measures that rank samples would else punish a gradient for jumping from sample to sample where a CAM
    changes over 80 ms. Beyond the ends the outermost value counts.
    """
    return uniform_filter1d(np.asarray(relevance, dtype=np.float64), window, axis=1, mode="nearest")


def localise(relevance: ArrayLike, mask: ArrayLike) -> pd.DataFrame:
    """Measure how far a map points at the lesion, record by record.

    Args:
        relevance, mask: (record, time) or (record, time, lead): evidence for the class where positive; bool,
            True in the lesion.

    Returns:
        DataFrame, one row a record: `MEASURES`, `chance` (share with lesion, the chance level of
        pointing, mass and rank) and `chance_average_precision`; NaN without or with nothing but lesion.

    Raises:
        ValueError: for arrays of different shapes.
    """
    relevance, mask = np.asarray(relevance, dtype=np.float64), np.asarray(mask, dtype=bool)
    if relevance.shape != mask.shape or relevance.ndim not in (2, 3):
        wanted = "one shape (record, time) or (record, time, lead)"
        raise ValueError(f"relevance and mask must have {wanted}, got {relevance.shape} and {mask.shape}.")
    relevance, mask = (array.reshape(len(array), -1) for array in (relevance, mask))
    n_times, known = mask.shape[1], mask.any(axis=1) & ~mask.all(axis=1)
    relevance, mask = relevance[known], mask[known]
    n_lesion = mask.sum(axis=1)
    # Equal maxima share the hit; a map without any positive relevance has no mass in the lesion.
    top = relevance == relevance.max(axis=1, keepdims=True)
    positive = np.maximum(relevance, 0)
    total, inside = positive.sum(axis=1), (positive * mask).sum(axis=1)
    pairs = list(zip(relevance, mask, strict=True))
    columns = {
        "pointing": (top & mask).sum(axis=1) / top.sum(axis=1),
        "mass": np.divide(inside, total, out=np.zeros(len(total)), where=total > 0),
        "rank": [_rank_accuracy(*pair) for pair in pairs],
        "average_precision": [
            weighted_scores(lesion, found, None, ("average_precision",))[0, 0] for found, lesion in pairs
        ],
        "chance": n_lesion / n_times,
        "chance_average_precision": chance_average_precision(n_lesion, n_times),
    }
    return pd.DataFrame(columns, np.flatnonzero(known), dtype=np.float64).reindex(range(len(known)))


def chance_average_precision(n_positive: ArrayLike, n_samples: int) -> np.ndarray:
    """Compute the expected average precision of a random ranking: float64, the shape of `n_positive`.

    Of ``K`` positives among ``N``, rank ``i`` is one with the chance ``K / N``; then ``1 + (i - 1)s`` of the
    first ``i`` are, ``s = (K - 1)/(N - 1)``. Summed, with the harmonic number ``H_N``: ``s + H_N/N (1 - s)``.
    """
    share = (np.asarray(n_positive) - 1) / (n_samples - 1)
    harmonic = (1 / np.arange(1, n_samples + 1)).sum()
    return share + harmonic / n_samples * (1 - share)


def _rank_accuracy(relevance: np.ndarray, mask: np.ndarray) -> float:
    """Return the share of lesion among the largest values, as many as it has samples."""
    n_lesion = mask.sum()
    limit = np.partition(relevance, -n_lesion)[-n_lesion]
    above, equal = relevance > limit, relevance == limit
    hits = (above & mask).sum() + (n_lesion - above.sum()) * (equal & mask).sum() / equal.sum()
    return hits / n_lesion
