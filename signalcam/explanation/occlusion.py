"""Explanation by taking away: how far the logit falls without a stretch of time, a lead, or both.

M. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2.
"""

import numpy as np
from numpy.typing import ArrayLike

from signalcam.explanation.network import AnyModel, as_network, check_scaled, logit_function
from signalcam.explanation.perturbation import replace


def occlude_time(model: AnyModel, signals: ArrayLike, class_index: int = 0, **options: object) -> np.ndarray:
    """Measure the fall of the logit when a window of time is replaced in all leads.

    Args:
        model, signals, class_index: as in `explain`.
        **options: window and stride, in samples (50, 25); replacement, what takes the window's place
            (`perturbation.REPLACEMENTS`; "median"), and seed of "noise" (0).

    Returns:
        float32 (record, time): at each sample the mean fall over the windows that hold it; positive where
        the window spoke for the class.

    Raises:
        ValueError: for windows, a replacement, a class or signals that do not fit.
    """
    return _occlude_windows(model, signals, class_index, each_lead=False, **options)[..., 0]


def occlude_time_and_leads(
    model: AnyModel, signals: ArrayLike, class_index: int = 0, **options: object
) -> np.ndarray:
    """Measure the fall of the logit when a window of one lead is replaced: float32 (record, time, lead).

    Takes as many forward passes a record as there are windows times leads (468 by default).

    Args, Raises: as in `occlude_time`.
    """
    return _occlude_windows(model, signals, class_index, each_lead=True, **options)


def occlude_leads(
    model: AnyModel, signals: ArrayLike, class_index: int = 0, replacement: str = "median", seed: int = 0
) -> np.ndarray:
    """Measure the fall of the logit when one whole lead is replaced: float32 (record, lead).

    Limb leads depend on each other (II = I + III), so a record without one of them is one that no heart
    makes: read the result as what the model uses, not as where the heart differs.

    Args, Raises: as in `occlude_time`.
    """
    network = as_network(model)
    signals = check_scaled(network, signals)
    to_logit = logit_function(network, class_index)
    whole, falls = to_logit(signals), []
    for lead in range(signals.shape[2]):
        mask = np.zeros(signals.shape, dtype=bool)
        mask[..., lead] = True
        falls.append(whole - to_logit(replace(signals, mask, replacement, seed)))
    return np.stack(falls, axis=1)


def _occlude_windows(
    model: AnyModel,
    signals: ArrayLike,
    class_index: int,
    each_lead: bool,
    window: int = 50,
    stride: int = 25,
    replacement: str = "median",
    seed: int = 0,
) -> np.ndarray:
    """Return the mean fall at each sample, float32 (record, time, lead), or (record, time, 1)."""
    network = as_network(model)
    signals = check_scaled(network, signals)
    n_times, n_leads = signals.shape[1:]
    if not 1 <= stride <= window <= n_times:
        wanted = f"1 <= stride <= window <= {n_times} samples"
        raise ValueError(f"window and stride must obey {wanted}, got window={window}, stride={stride}.")
    to_logit = logit_function(network, class_index)
    whole = to_logit(signals)
    groups = [slice(lead, lead + 1) for lead in range(n_leads)] if each_lead else [slice(None)]
    total, count = np.zeros((len(signals), n_times, len(groups))), np.zeros((n_times, 1))
    starts = [*range(0, n_times - window, stride), n_times - window]  # the last one ends at the last sample
    for start in starts:
        part = slice(start, start + window)
        mask = np.zeros(signals.shape[:2], dtype=bool)
        mask[:, part] = True
        replaced = replace(signals, mask, replacement, seed)
        count[part] += 1
        for position, leads in enumerate(groups):
            changed = signals.copy()
            changed[:, part, leads] = replaced[:, part, leads]
            total[:, part, position] += (whole - to_logit(changed))[:, None]
    return (total / count).astype(np.float32)
