"""What stands in for a piece of signal that is taken away; what a model makes of the rest depends on it.

- ``median``: the lead's median over this record, which after detrending is about the isoelectric line: the
  heart is silent for a while. The default;
- ``zero``: 0, in scaled units the training mean of the lead;
- ``mean``: the mean of the lead over this record; of a detrended record that is zero in mV;
- ``linear``: a straight line between the samples beside the gap (held constant at the ends of the record).
  It adds no edge, but where a gap begins or ends within a QRS it draws a wave that was not there;
- ``noise``: Gaussian noise with the mean and standard deviation of the lead in this record.
"""

import numpy as np
from numpy.typing import ArrayLike

REPLACEMENTS = ("median", "zero", "mean", "linear", "noise")


def replace(signals: ArrayLike, mask: ArrayLike, replacement: str = "median", seed: int = 0) -> np.ndarray:
    """Return the signals with the masked samples replaced, float32; the given array is not changed.

    Args:
        signals: (record, time, lead).
        mask: bool (record, time) for all leads alike, or (record, time, lead).
        replacement: one of `REPLACEMENTS`. With a whole lead masked, "linear" takes the mean.
        seed: of the noise, which is the same whatever the mask.

    Raises:
        ValueError: for an unknown replacement or a mask of another shape.
    """
    signals = np.asarray(signals, dtype=np.float32)
    mask = np.asarray(mask, dtype=bool)
    if mask.shape == signals.shape[:2]:
        mask = mask[..., None]
    if mask.ndim != 3 or mask.shape[:2] != signals.shape[:2] or mask.shape[2] not in (1, signals.shape[2]):
        wanted = f"the shape {signals.shape} of signals, or lack its last axis"
        raise ValueError(f"mask must have {wanted}, got {mask.shape}.")
    if replacement == "median":
        fill = np.median(signals, axis=1, keepdims=True)
    elif replacement == "zero":
        fill = np.float32(0)
    elif replacement == "mean":
        fill = signals.mean(axis=1, keepdims=True)
    elif replacement == "linear":
        fill = _line(signals, mask)
    elif replacement == "noise":
        noise = np.random.default_rng(seed).standard_normal(signals.shape, dtype=np.float32)
        fill = signals.mean(axis=1, keepdims=True) + signals.std(axis=1, keepdims=True) * noise
    else:
        raise ValueError(f"replacement must be one of {', '.join(REPLACEMENTS)}, got {replacement!r}.")
    return np.where(mask, fill, signals)


def _line(signals: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Draw the lines between the kept samples on both sides of each gap."""
    n_times = signals.shape[1]
    time = np.arange(n_times)[None, :, None]
    before = np.maximum.accumulate(np.where(mask, -1, time), axis=1)
    after = np.flip(np.minimum.accumulate(np.flip(np.where(mask, n_times, time), axis=1), axis=1), axis=1)
    before, after = np.where(before < 0, after, before), np.where(after >= n_times, before, after)
    empty = before >= n_times
    before, after = np.where(empty, 0, before), np.where(empty, 0, after)
    part = (time - before) / np.maximum(after - before, 1)
    left = np.take_along_axis(signals, before, axis=1)
    right = np.take_along_axis(signals, after, axis=1)
    line = left + (right - left) * part.astype(np.float32)
    return np.where(empty, signals.mean(axis=1, keepdims=True), line)
