"""How good a recording is: missing, flat, clipped and noisy leads, limb leads that fit, electrodes in place.

The limits, no verdicts, were set on PTB-XL at 100 Hz, where each flags less than 1 % of the records.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from signalcam.leads import LEADS, einthoven_error
from signalcam.recordings.electrodes import electrode_notes

FLAT_RANGE = 0.01  # mV; the flattest lead of the PTB-XL sample spans 0.2 mV
FLAT_SECONDS = 1.0  # no lead of the PTB-XL sample is constant for even half of it
CLIPPED_SECONDS = 0.04  # a plateau at the highest or lowest value, at least 3 samples long
CLIPPED_FRACTION = 0.01
NOISE = 0.04  # mV, standard deviation
EINTHOVEN_ERROR = 0.1  # mV; 0.003 at most on the PTB-XL sample
# The middle lead's span in mV that is taken for another unit; on the PTB-XL sample it is between 0.5 and 4.5.
PLAUSIBLE_SPAN = (0.02, 30.0)


@dataclass(frozen=True)
class Quality:
    """What is suspect about one recording. Each dict holds the leads concerned only."""

    missing: dict[str, float]  # fraction of samples that are NaN or infinite
    flat: dict[str, float]  # fraction of samples in flat spans of a second or more; 1.0 is a dead lead
    clipped: dict[str, float]  # fraction of samples on plateaus at the lead's highest or lowest value
    noisy: dict[str, float]  # standard deviation of the noise, in mV
    einthoven_error: float  # in mV, see `signalcam.leads.einthoven_error`; NaN when limb leads are missing
    unit_factor: float = 1.0  # 1, or the factor that would bring the amplitudes to those of an ECG in mV
    padded: float = 0.0  # fraction of the time that is padding, not recording
    electrodes: str = ""  # a sentence as of `electrode_notes`; "" where they seem to be in their places

    @property
    def notes(self) -> list[str]:
        """One short sentence for each thing that is suspect; an empty list where nothing is."""
        notes = [
            f"lead {lead} is {what} ({_percent(part)} of samples)"
            for what in ("missing", "flat", "clipped")
            for lead, part in getattr(self, what).items()
        ]
        notes += [f"lead {lead} is noisy ({noise:.3f} mV)" for lead, noise in self.noisy.items()]
        if self.einthoven_error > EINTHOVEN_ERROR:
            notes += [f"limb leads do not fit together (off by {self.einthoven_error:.2f} mV): wrong order?"]
        notes += [self.electrodes] if self.electrodes else []
        if self.unit_factor != 1:
            notes.append(unit_note(self.unit_factor))
        if self.padded:
            notes.append(f"{_percent(self.padded)} of the time is padding")
        return notes


def assess(
    signals: np.ndarray, sampling_rate: float, padded: np.ndarray | None = None, leads: Sequence[str] = LEADS
) -> Quality:
    """What is suspect about one recording.

    Args:
        signals: (time, lead) in mV, leads ordered as `leads`; NaN marks missing samples.
        sampling_rate, leads: in Hz; names of the leads.
        padded: bool (time,), True where the signals are padding, which is left out.

    Raises:
        ValueError: the shape is not (time, lead), or nothing but padding.
    """
    signals = np.asarray(signals)
    fraction_padded = 0.0 if padded is None else np.count_nonzero(padded) / len(padded)
    if signals.shape[1:] != (len(leads),) or not len(signals) or fraction_padded == 1:
        raise ValueError(f"signals must be one recording of shape (time, {len(leads)}), got {signals.shape}.")
    if fraction_padded:
        signals = signals[~padded]
    # A lead's samples side by side are looked at several times as fast.
    rows = np.array(signals.T, np.float32, order="C")
    finite = np.isfinite(rows)
    missing = 1 - np.count_nonzero(finite, axis=1) / len(signals)
    fit = float(einthoven_error(rows.T)) if (known := tuple(leads) == LEADS) else np.nan
    rows[~finite] = 0
    highest, lowest = rows.max(axis=1), rows.min(axis=1)
    spans = highest - lowest
    n_still = _n_in_runs(rows[:, 1:] == rows[:, :-1], max(2, round(FLAT_SECONDS * sampling_rate) - 1))
    flat = np.where(spans < FLAT_RANGE, 1.0, n_still / len(signals))
    shortest = max(3, round(CLIPPED_SECONDS * sampling_rate))
    n_clipped = sum(_n_in_runs(rows == end[:, np.newaxis], shortest) for end in (highest, lowest))
    clipped, noise = np.where(flat == 1, 0, n_clipped / len(signals)), np.zeros(len(leads))
    # Standard deviation s of white noise, by a median, which leaves out the steep QRS complexes: its second
    # difference has the deviation s sqrt(1 + 4 + 1), and a median magnitude of 0.6745 of that.
    steps, scale = np.diff(rows, n=2), 0.6745 * np.sqrt(6)
    np.abs(steps, out=steps)
    for k in np.flatnonzero(np.count_nonzero(steps > NOISE * scale, axis=1) >= max(1, steps.shape[1] / 2)):
        noise[k] = np.median(steps[k]) / scale  # of the others the median is below the limit
    usable = missing == 0

    def by_lead(values: np.ndarray, chosen: np.ndarray) -> dict[str, float]:
        return {leads[k]: float(values[k]) for k in np.flatnonzero(chosen)}

    return Quality(
        missing=by_lead(missing, ~usable),
        flat=by_lead(flat, usable & (flat > 0)),
        clipped=by_lead(clipped, usable & (clipped >= CLIPPED_FRACTION)),
        noisy=by_lead(noise, usable & (noise > NOISE)),
        einthoven_error=fit,
        unit_factor=float(unit_factor(spans)),
        padded=fraction_padded,
        electrodes=electrode_notes(rows.T[np.newaxis], sampling_rate)[0] if known and usable.all() else "",
    )


def unit_factor(spans: np.ndarray) -> np.ndarray:
    """Power of 1000 that brings leads of these spans (highest minus lowest value) to those of an ECG in mV.

    0.001 for values in uV, 1000 for values in V, 1 for plausible ones and where all leads are flat; of the
    spans (..., lead) one factor a record.
    """
    spans = np.asarray(spans, dtype=np.float64)
    if ((spans >= PLAUSIBLE_SPAN[0]) & (spans <= PLAUSIBLE_SPAN[1])).all():
        return np.ones(spans.shape[:-1])
    usable = spans > 0
    spans = np.where(usable.any(axis=-1, keepdims=True), np.where(usable, spans, np.nan), 1.0)
    span = np.nanmedian(spans, axis=-1)
    plausible = (span >= PLAUSIBLE_SPAN[0]) & (span <= PLAUSIBLE_SPAN[1])
    return np.where(plausible, 1.0, 1000.0 ** -np.clip(np.rint(np.log10(span) / 3), -2, 2))


def unit_note(factor: float) -> str:
    """The sentence that names the likely unit; `factor` is from `unit_factor`."""
    unit = {1e-3: "uV", 1e3: "V", 1e-6: "nV"}.get(factor)
    guess = f"the values look like {unit}, not mV" if unit else "the values do not look like an ECG in mV"
    return f"{guess}: multiply by {factor:g}?"


def _n_in_runs(mask: np.ndarray, shortest: int) -> np.ndarray:
    """How often `mask` (lead, time) is True in runs of at least `shortest` in a row: (lead,)."""
    starts, length = mask, 1
    while length < shortest and starts.any():  # where runs of at least `length` start; soon nowhere
        step = min(length, shortest - length)
        starts, length = starts[:, step:] & starts[:, :-step], length + step
    n_starts = np.count_nonzero(starts, axis=1)
    n_runs = n_starts - np.count_nonzero(starts[:, 1:] & starts[:, :-1], axis=1)
    return n_starts + n_runs * (shortest - 1)


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %" if part >= 0.01 else f"{100 * part:.1g} %"
