"""Whether the electrodes sat where their names say: a network reads swapped ones as another heart.

The limits were set on the full PTB-XL, where fewer than 1 % of the records are noted, some of them rightly;
`benchmarks/electrodes.py` counts these, and how many records are found whose leads are swapped on purpose.
"""

import numpy as np

from signalcam.leads import LEADS

FALSE_ALARMS = 0.01  # so many of sound records are noted, so that fewer in a large array say nothing
ALIKE = 0.1  # mV; chest leads of one electrode differ by noise alone, those of PTB-XL by 0.6 at least
# How far a lead points (see `_pointing`): from -1, down alone, to 1, up alone.
ARM_DOWN, BOTH_DOWN, LESS_R = -0.05, -0.4, 0.2

_READ = [LEADS.index(lead) for lead in ("I", "aVR", "V1", "V6")]


def electrode_notes(signals: np.ndarray, sampling_rate: float) -> list[str]:
    """Which electrodes look swapped, with the evidence.

    - Arms: lead I points down and runs against V6, which looks from the same side (Kors, van Herpen 2001).
    - All leads inverted: I and V6 point down together.
    - Chest leads reversed: V1 points further up than V6, and V1, in place of V6, runs against aVR.
    - Chest leads alike: they are one signal.

    Args: signals (record, time, lead) in mV, finite, leads ordered as `LEADS`; their rate in Hz.
    Returns: a sentence a record; "" where nothing is suspect, a lead is flat, or there are less than 2 s.
    """
    if signals.shape[1] < max(3, 2 * sampling_rate):
        return [""] * len(signals)
    chest = signals[..., LEADS.index("V1") :]
    alike = (chest.max(axis=-1) - chest.min(axis=-1)).max(axis=-1) < ALIKE
    leads = np.ascontiguousarray(signals.swapaxes(1, 2)[:, _READ], np.float64)
    leads = _without_wander(leads, max(1, round(sampling_rate)))
    flat = np.ptp(leads, axis=-1).min(axis=-1) < ALIKE
    up = _pointing(leads)
    along = leads @ leads.swapaxes(1, 2)
    sizes = np.sqrt(np.diagonal(along, axis1=1, axis2=2)) + 1e-12
    along = along / sizes[:, :, None] / sizes[:, None]
    notes = []
    for record, ((lead_i, _, v1, v6), agree) in enumerate(zip(up.tolist(), along, strict=True)):
        (with_v6, avr_v1, avr_v6), note = (agree[0, 3], agree[1, 2], agree[1, 3]), ""
        if flat[record]:
            pass
        elif alike[record]:
            note = f"chest leads are alike (within {ALIKE:g} mV): one electrode for all of them?"
        elif v1 - v6 > LESS_R and avr_v6 > avr_v1:
            found = f"V1 points up more than V6 ({v1:+.1f}, {v6:+.1f}) and runs against aVR ({avr_v1:+.1f})"
            note = f"chest electrodes in reverse order? {found}"
        elif with_v6 < 0 and lead_i < ARM_DOWN:
            found = f"lead I points down ({lead_i:+.1f}) and runs against V6 (correlation {with_v6:+.1f})"
            note = f"arm electrodes swapped? {found}"
        elif with_v6 > 0 and lead_i + v6 < BOTH_DOWN:
            note = f"all leads inverted? Leads I and V6 both point down ({lead_i:+.1f}, {v6:+.1f})"
        notes.append(note)
    return notes


def _without_wander(leads: np.ndarray, n: int) -> np.ndarray:
    """Leads (record, lead, time) without their moving mean over `n` samples."""
    ends = np.repeat(leads[..., :1], n // 2 + 1, axis=-1), np.repeat(leads[..., -1:], n - n // 2 - 1, axis=-1)
    sums = np.cumsum(np.concatenate([ends[0], leads, ends[1]], axis=-1), axis=-1)
    means = sums[..., n:] - sums[..., :-n]
    means /= n
    return np.subtract(leads, means, out=means)


def _pointing(leads: np.ndarray) -> np.ndarray:
    """(highest + lowest) / (highest - lowest), (record, lead), without one sample in 200 at either end."""
    n_out = leads.shape[-1] // 200
    ends = np.partition(leads, (n_out, leads.shape[-1] - 1 - n_out), axis=-1)
    lowest, highest = ends[..., n_out], ends[..., -1 - n_out]
    return (highest + lowest) / np.maximum(highest - lowest, 1e-12)
