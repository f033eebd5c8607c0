"""Do methods agree with each other, and does a map stay when the signal hardly changes?

D. Alvarez-Melis and T. Jaakkola, "On the Robustness of Interpretability Methods", 2018: like inputs should
get like explanations. Here they differ by noise, or by a shift in time, which a map should follow.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from signalcam.explanation.assessment.localisation import SMOOTHING, smooth
from signalcam.explanation.methods import MapMaker
from signalcam.explanation.network import AnyModel, as_network

# Samples at both ends that see an end of the record: more than a cell of the default networks sees to a side.
MARGIN = 160


def rank_correlation(first: ArrayLike, second: ArrayLike, smoothing: int = SMOOTHING) -> np.ndarray:
    """Correlate the ranks of two maps, (record, time), record by record (Spearman): float64 (record,).

    Both are averaged over `smoothing` samples before. NaN where either is constant.
    """
    return (_unit_ranks(first, smoothing) * _unit_ranks(second, smoothing)).sum(axis=1)


def agreement(maps: dict[str, np.ndarray], smoothing: int = SMOOTHING) -> pd.DataFrame:
    """Average the `rank_correlation` of each method's maps with each other's: DataFrame (method, method)."""
    ranks = np.stack([_unit_ranks(values, smoothing) for values in maps.values()], axis=1)
    each = np.ma.masked_invalid(ranks @ ranks.swapaxes(1, 2))  # (record, method, method)
    return pd.DataFrame(each.mean(axis=0).filled(np.nan), list(maps), list(maps))


def noise_stability(
    model: AnyModel,
    signals: ArrayLike,
    make: MapMaker,
    levels: Sequence[float] = (0.01, 0.03, 0.1, 0.3),
    seed: int = 0,
) -> pd.DataFrame:
    """Add noise to the signals and correlate the maps (`rank_correlation`) with those of the clean signals.

    Args:
        model, signals, make: as in `weight_randomisation`.
        levels, seed: standard deviations of the noise, shares of the record's own in each lead; and its seed.

    Returns:
        DataFrame, one row a record, columns (method, noise).
    """
    model, signals = as_network(model), np.asarray(signals)
    noise = np.random.default_rng((seed, 1)).standard_normal(signals.shape, dtype=np.float32)
    noise *= signals.std(axis=1, keepdims=True)
    clean, found = make(model, signals), {}
    for level in levels:
        for name, maps in make(model, signals + np.float32(level) * noise).items():
            found[name, level] = rank_correlation(clean[name], maps)
    return pd.DataFrame(found).rename_axis(columns=("method", "noise"))


def shift_stability(
    model: AnyModel, signals: ArrayLike, make: MapMaker, shifts: Sequence[int] = (1, 2, 4, 8, 16)
) -> pd.DataFrame:
    """Shift the signals in time, shift the maps back, and correlate them with those of the signals unshifted.

    A network that pools by 2 three times can only follow shifts by a multiple of 8 samples exactly.

    Args: as in `noise_stability`; shifts in samples.

    Returns:
        DataFrame, one row a record, columns (method, shift): `rank_correlation` without smoothing.
    """
    model, signals = as_network(model), np.asarray(signals)
    still, found = make(model, signals), {}
    for shift in shifts:
        inside = slice(MARGIN, signals.shape[1] - MARGIN - shift)
        for name, maps in make(model, np.roll(signals, shift, axis=1)).items():
            back = np.roll(maps, -shift, axis=1)
            found[name, shift] = rank_correlation(still[name][:, inside], back[:, inside], 1)
    return pd.DataFrame(found).rename_axis(columns=("method", "shift"))


def _unit_ranks(maps: ArrayLike, smoothing: int) -> np.ndarray:
    """Rank the smoothed samples of each record: centred, of length 1, NaN for a constant map."""
    ranks = rankdata(smooth(maps, smoothing) if smoothing > 1 else maps, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    return ranks / np.where(length > 0, length, np.nan)
