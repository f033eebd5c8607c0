"""Explanation by taking away: how far the logit falls without a stretch of time, a lead, or both.

M. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2. What
stands in for a piece of signal that is taken away matters, so it has a name:

- ``median`` of the lead over this record, after detrending about the isoelectric line (a silent heart);
- ``zero``: 0, in scaled units the training mean of the lead;
- ``mean`` of the lead over this record; of a detrended record that is zero in mV;
- ``linear``: a line between the samples beside the gap (constant at the ends of the record). It adds no edge,
  but a gap that begins or ends within a QRS gets a wave that was not there;
- ``noise``: Gaussian noise with the mean and standard deviation of the lead in this record.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from signalcam.explanation.network import AnyModel, as_network, check_scaled, logit_function

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
    if replacement in ("median", "mean"):
        fill = getattr(np, replacement)(signals, axis=1, keepdims=True)
    elif replacement == "zero":
        fill = np.float32(0)
    elif replacement == "linear":
        fill = _line(signals, mask)
    elif replacement == "noise":
        noise = np.random.default_rng(seed).standard_normal(signals.shape, dtype=np.float32)
        fill = signals.mean(axis=1, keepdims=True) + signals.std(axis=1, keepdims=True) * noise
    else:
        raise ValueError(f"replacement must be one of {', '.join(REPLACEMENTS)}, got {replacement!r}.")
    return np.where(mask, fill, signals)


def occlude_time_and_leads(
    model: AnyModel,
    signals: ArrayLike,
    class_index: int = 0,
    window: int = 50,
    stride: int = 25,
    groups: Sequence[slice] | None = None,
    **options: object,
) -> np.ndarray:
    """Measure the fall of the logit when a window of one lead is replaced.

    Args:
        model, signals, class_index: as in `explain`.
        window, stride: in samples; by default 39 forward passes for each lead.
        groups: of leads that are replaced together; None for each lead by itself.
        **options: replacement and seed, as in `replace`.

    Returns:
        float32 (record, time, group): at each sample the mean fall over the windows that hold it; positive
        where the window spoke for the class.

    Raises:
        ValueError: for windows, a replacement, a class or signals that do not fit.
    """
    network = as_network(model)
    signals = check_scaled(network, signals)
    n_times, n_leads = signals.shape[1:]
    if not 1 <= stride <= window <= n_times:
        wanted = f"1 <= stride <= window <= {n_times} samples"
        raise ValueError(f"window and stride must obey {wanted}, got window={window}, stride={stride}.")
    to_logit = logit_function(network, class_index)
    whole = to_logit(signals)
    groups = groups or [slice(lead, lead + 1) for lead in range(n_leads)]
    total, count = np.zeros((len(signals), n_times, len(groups))), np.zeros((n_times, 1))
    starts = [*range(0, n_times - window, stride), n_times - window]  # the last one ends at the last sample
    for start in starts:
        part = slice(start, start + window)
        mask = np.zeros(signals.shape[:2], dtype=bool)
        mask[:, part] = True
        replaced = replace(signals, mask, **options)
        count[part] += 1
        for position, leads in enumerate(groups):
            changed = signals.copy()
            changed[:, part, leads] = replaced[:, part, leads]
            total[:, part, position] += (whole - to_logit(changed))[:, None]
    return (total / count).astype(np.float32)


def occlude_time(model: AnyModel, signals: ArrayLike, class_index: int = 0, **options: object) -> np.ndarray:
    """Measure the fall of the logit when a window is replaced in all leads: float32 (record, time).

    Args, Raises: as in `occlude_time_and_leads`.
    """
    return occlude_time_and_leads(model, signals, class_index, groups=[slice(None)], **options)[..., 0]


def occlude_leads(model: AnyModel, signals: ArrayLike, class_index: int = 0, **options: object) -> np.ndarray:
    """Measure the fall of the logit when one whole lead is replaced: float32 (record, lead).

    Limb leads depend on each other (II = I + III), so a record without one of them is one that no heart
    makes: read the result as what the model uses, not as where the heart differs.

    Args, Raises: as in `occlude_time_and_leads`; the options are those of `replace`.
    """
    network = as_network(model)
    signals = check_scaled(network, signals)
    to_logit = logit_function(network, class_index)
    whole, falls = to_logit(signals), []
    for lead in range(signals.shape[2]):
        mask = np.zeros(signals.shape, dtype=bool)
        mask[..., lead] = True
        falls.append(whole - to_logit(replace(signals, mask, **options)))
    return np.stack(falls, axis=1)


def _line(signals: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Draw the lines between the kept samples on both sides of each gap."""
    n_records, n_times, n_leads = signals.shape
    gaps = np.where(mask, np.nan, signals).swapaxes(0, 1).reshape(n_times, -1)
    lines = pd.DataFrame(gaps).interpolate(limit_direction="both").to_numpy()
    lines = lines.reshape(n_times, n_records, n_leads).swapaxes(0, 1)
    return np.where(np.isnan(lines), signals.mean(axis=1, keepdims=True), lines)
