"""Explanation by taking away: how far the logit falls without a stretch of time, a lead, or a stretch of
one lead.

M. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2.
The only explanation here that speaks of single leads without a gradient; a CAM has no lead axis.
"""

import numpy as np
from tqdm.auto import tqdm

from signalcam.explanation.network import BATCH_SIZE, as_network, check_scaled, logit_function
from signalcam.explanation.perturbation import replace


def occlude_time(
    model,
    signals,
    class_index=0,
    window=50,
    stride=25,
    replacement="median",
    seed=0,
    batch_size=BATCH_SIZE,
    progress=None,
):
    """Measure the fall of the logit when a window of time is replaced in all leads.

    Args:
        model: classifier from scaled signals to probabilities.
        signals: scaled signals, (record, time, lead).
        class_index: the class explained.
        window: length of the window, in samples.
        stride: step from window to window, in samples.
        replacement: what takes the window's place (`replacement.REPLACEMENTS`).
        seed: seed of the replacement "noise".
        batch_size: records a forward pass.
        progress: words for a progress bar, None for no bar.

    Returns:
        float32 (record, time): at each sample the mean fall over the windows that hold it; positive where
        the window spoke for the class.
    """
    network = as_network(model)
    signals = check_scaled(network, signals)
    to_logit = logit_function(network, class_index, batch_size)
    whole = to_logit(signals)
    total = np.zeros(signals.shape[:2], dtype=np.float64)
    count = np.zeros(signals.shape[1])
    windows = _windows(signals.shape[1], window, stride)
    for part in tqdm(windows, desc=progress, disable=progress is None, leave=False):
        mask = np.zeros(signals.shape[:2], dtype=bool)
        mask[:, part] = True
        total[:, part] += (whole - to_logit(replace(signals, mask, replacement, seed)))[:, None]
        count[part] += 1
    return (total / count).astype(np.float32)


def occlude_leads(model, signals, class_index=0, replacement="median", seed=0, batch_size=BATCH_SIZE):
    """Measure the fall of the logit when one whole lead is replaced: how far the decision rests on each lead.

    Limb leads depend on each other (II = I + III), so a record without one of them is one that no heart
    makes: read the result as what the model uses, not as where the heart differs.

    Args:
        model, signals, class_index, seed, batch_size: as in `occlude_time`.
        replacement: what takes the lead's place, by default its own median: a silent lead. "linear" has no
            samples to hold on to and is the lead's mean.

    Returns:
        float32 (record, lead).
    """
    network = as_network(model)
    signals = check_scaled(network, signals)
    to_logit = logit_function(network, class_index, batch_size)
    whole = to_logit(signals)
    falls = []
    for lead in range(signals.shape[2]):
        mask = np.zeros(signals.shape, dtype=bool)
        mask[..., lead] = True
        falls.append(whole - to_logit(replace(signals, mask, replacement, seed)))
    return np.stack(falls, axis=1)


def occlude_time_and_leads(
    model,
    signals,
    class_index=0,
    window=50,
    stride=25,
    replacement="median",
    seed=0,
    batch_size=BATCH_SIZE,
    progress=None,
):
    """Measure the fall of the logit when a window of one lead is replaced.

    Takes as many forward passes a record as there are windows times leads (468 by default).

    Args:
        As in `occlude_time`.

    Returns:
        float32 (record, time, lead).
    """
    network = as_network(model)
    signals = check_scaled(network, signals)
    to_logit = logit_function(network, class_index, batch_size)
    whole = to_logit(signals)
    total = np.zeros(signals.shape, dtype=np.float64)
    count = np.zeros((signals.shape[1], 1))
    windows = _windows(signals.shape[1], window, stride)
    for part in tqdm(windows, desc=progress, disable=progress is None, leave=False):
        mask = np.zeros(signals.shape[:2], dtype=bool)
        mask[:, part] = True
        replaced = replace(signals, mask, replacement, seed)
        count[part] += 1
        for lead in range(signals.shape[2]):
            changed = signals.copy()
            changed[:, part, lead] = replaced[:, part, lead]
            total[:, part, lead] += (whole - to_logit(changed))[:, None]
    return (total / count).astype(np.float32)


def _windows(n_times, window, stride):
    """List the windows as slices; the last one ends at the last sample."""
    if not 1 <= stride <= window <= n_times:
        raise ValueError(
            f"window and stride must obey 1 <= stride <= window <= {n_times} samples; got window={window}, "
            f"stride={stride}."
        )
    starts = [*range(0, n_times - window, stride), n_times - window]
    return [slice(start, start + window) for start in starts]
