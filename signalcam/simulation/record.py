"""One simulated record of a heart, a rhythm, lesions and noise, and the same one without each lesion."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from signalcam.simulation.heart import P_WAVES, QRS_WAVES, WAVE, all_leads, render
from signalcam.simulation.lesions import CHANGES, Lesion
from signalcam.simulation.noise import draw_noise
from signalcam.simulation.patient import Subject, draw_beats, draw_rhythm, f_waves, place_ectopics

_ANATOMY, _RHYTHM, _BEATS, _NOISE, _LESION = range(5)


@dataclass(frozen=True)
class SimulatedRecord:
    """A record and its truth."""

    counts: np.ndarray  # (time, 12) int16, uV, leads as `signalcam.leads.LEADS`
    lesions: tuple[Lesion, ...]  # what is wrong with it
    without: tuple[np.ndarray, ...]  # for each lesion, the counts of the same record without it
    axis: float  # the mean frontal axis of QRS in degrees
    sampling_rate: float  # Hz
    r_peaks: np.ndarray  # (beat,) s, the beats inside the record

    @property
    def signals(self) -> np.ndarray:
        """(time, lead) float32 mV, leads as `signalcam.leads.LEADS`."""
        return (self.counts / 1000.0).astype(np.float32)

    def spans(self, lesion: int) -> np.ndarray:
        """(span, 2) int64: first sample, and the one after the last, of each run that a lesion changes."""
        changed = np.any(self.counts != self.without[lesion], axis=1).astype(np.int8)
        return np.flatnonzero(np.diff(changed, prepend=0, append=0)).reshape(-1, 2)

    def lead_changes(self, lesion: int) -> np.ndarray:
        """(span, 12) float64 mV: how far a lesion changes each lead, root mean square over each span."""
        change = (self.counts.astype(np.float64) - self.without[lesion]) / 1000.0
        squares = [np.mean(change[start:stop] ** 2, axis=0) for start, stop in self.spans(lesion)]
        return np.sqrt(np.reshape(squares, (-1, change.shape[1])))


def simulate_record(
    lesions: Sequence[Lesion] = (),
    subject: Subject | None = None,
    seed: int | Sequence[int] = 0,
    n_times: int = 1000,
    sampling_rate: float = 100.0,
) -> SimulatedRecord:
    """Simulate a 12-lead ECG at rest, and the same one without each of its lesions.

    Rhythm, noise and each lesion draw from streams of their own, so that leaving a lesion out changes nothing
    but what the lesion does.

    Args:
        lesions: abnormalities, applied in this order; their statements differ.
        subject: the person and the circumstances; a man of 55 in sinus rhythm by default.
        seed: of this record.
        n_times, sampling_rate: samples, 2 or more; Hz.

    Raises:
        ValueError: a statement named twice, or too few samples.
    """
    if len({lesion.statement for lesion in lesions}) < len(lesions):
        found = ", ".join(lesion.statement for lesion in lesions)
        raise ValueError(f"lesions must be named once each, got {found}. Leave the repeated one out.")
    if n_times < 2 or sampling_rate <= 0:
        raise ValueError(f"n_times must be 2 or more at a rate above 0, got {n_times} at {sampling_rate} Hz.")
    subject = Subject() if subject is None else subject
    duration = n_times / sampling_rate
    rng = random_stream(seed, _RHYTHM)
    breathing, phase = rng.uniform(0.19, 0.31), rng.uniform(0, 2 * np.pi)
    times, rr, forms = draw_rhythm(rng, duration, subject, breathing, phase)
    rng = random_stream(seed, _BEATS)
    healthy, leads = draw_beats(random_stream(subject.seed, _ANATOMY), rng, subject, times, rr)
    # Harmless variety: no P in fibrillation, voltage, size of T, and a lifted J point (early repolarisation).
    every = np.ones(len(healthy.times))
    healthy.scale(P_WAVES, every * (not subject.fibrillation))
    healthy.scale(QRS_WAVES, every * subject.voltage)
    healthy.scale([WAVE["ramp"], WAVE["t"]], every * subject.t_size)
    healthy.move([WAVE["junction"]], (0.10, 0.08, -0.12), every * subject.early_repolarisation)
    # The breath moves the heart: its size and its frontal axis swing.
    breath = rng.uniform(0.01, 0.07) * np.sin(2 * np.pi * breathing * times + phase)
    other = draw_noise(random_stream(seed, _NOISE), n_times, sampling_rate, subject.noise, breathing)
    if subject.fibrillation:
        other = other + f_waves(rng, n_times, sampling_rate) @ leads.T
    rendered = []
    # With all lesions, then without the first, without the second, and so on.
    for left_out in (None, *range(len(lesions))):
        beats = deepcopy(healthy)
        for k, lesion in enumerate(lesions):
            if k != left_out:
                stream = random_stream(subject.seed, _LESION, *map(ord, lesion.statement))
                CHANGES[lesion.statement](beats, lesion.weights(beats.times), stream)
        place_ectopics(beats, forms, random_stream(seed, _BEATS, 1))
        beats.scale(slice(None), 1.0 + breath)
        beats.turn(slice(None), 0.8 * breath)
        rendered.append(all_leads(render(beats, leads, n_times, sampling_rate) + other))
        if left_out is None:
            size = beats.widths[:, QRS_WAVES].mean(axis=2, keepdims=True)
            area = np.sum(beats.vectors[:, QRS_WAVES] * size, axis=(0, 1))
            axis = float(np.degrees(np.arctan2(area[1], area[0])))
    r_peaks = times[(times >= 0) & (times < duration)]
    return SimulatedRecord(rendered[0], tuple(lesions), tuple(rendered[1:]), axis, sampling_rate, r_peaks)


def random_stream(seed: int | Sequence[int], *key: int) -> np.random.Generator:
    """Random numbers of their own for each key, so that no draw depends on what else was drawn."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
