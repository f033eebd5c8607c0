"""One simulated record: a patient's heart, a rhythm, lesions and noise, with the same record without each lesion."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from signalcam.synthetic.anatomy import beats_of, breathe, draw_anatomy
from signalcam.synthetic.heart import P_WAVES, QRS_WAVES, Beats, all_leads, render
from signalcam.synthetic.lesions import Lesion, apply_lesion
from signalcam.synthetic.noise import draw_noise
from signalcam.synthetic.rhythm import draw_rhythm, fibrillation_waves, place_ectopics

_ANATOMY, _RHYTHM, _BEATS, _NOISE, _LESION = range(5)


@dataclass(frozen=True)
class Subject:
    """What a record is drawn from, apart from its lesions. seed fixes the person; records of one person share it."""

    seed: int | tuple[int, ...] = 0
    age: float = 55.0
    sex: int = 0
    heart_rate: float = 70.0
    variability: float = 1.0
    fibrillation: bool = False
    premature: str | None = None
    n_premature: int = 0
    noise: float = 1.0
    voltage: float = 1.0
    early_repolarisation: float = 0.0
    t_size: float = 1.0


@dataclass(frozen=True)
class SimulatedRecord:
    """A record with its truth.

    counts: (time, 12) int16 in uV. without: for each lesion the same record without it, as `counts`. axis: degrees, the mean
    frontal axis of QRS.
    """

    counts: np.ndarray
    lesions: tuple[Lesion, ...]
    without: tuple[np.ndarray, ...]
    axis: float
    sampling_rate: float = 100.0
    r_peaks: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def signals(self) -> np.ndarray:
        """(time, lead) float32 mV, leads as `signalcam.leads.LEADS`."""
        return (self.counts / 1000.0).astype(np.float32)

    def signals_without(self, lesion: int) -> np.ndarray:
        """(time, lead) float32 mV: the same record, same random stream, without the lesion at this position."""
        return (self.without[lesion] / 1000.0).astype(np.float32)

    def spans(self, lesion: int) -> np.ndarray:
        """(span, 2) int64: start and stop samples that the lesion changed, in any lead, by 1 uV or more."""
        return changed_spans(self.counts, self.without[lesion])


def simulate_record(
    lesions: Sequence[Lesion] = (),
    subject: Subject | None = None,
    seed: int | Sequence[int] = 0,
    n_times: int = 1000,
    sampling_rate: float = 100.0,
) -> SimulatedRecord:
    """Simulate a 12-lead ECG at rest, and the same one without each of its lesions.

    Rhythm, noise and each lesion draw from streams of their own, so that leaving a lesion out changes nothing but what the
    lesion does.

    Args:
        lesions: abnormalities, applied in this order; their statements differ.
        subject: the person and the circumstances; a man of 55 in sinus rhythm by default.
        seed: of this record.
        n_times: samples. sampling_rate: Hz.

    Raises:
        ValueError: an unknown statement, or one named twice, or a severity outside 0 to 1.
    """
    subject = subject or Subject()
    lesions = tuple(lesions)
    names = [lesion.statement for lesion in lesions]
    if len(set(names)) < len(names):
        raise ValueError(
            f"Each lesion may be named once, got {', '.join(names)}. Leave the repeated one out."
        )
    duration = n_times / sampling_rate
    anatomy = draw_anatomy(_stream(subject.seed, _ANATOMY), subject.age, subject.sex)
    rhythm = draw_rhythm(
        _stream(seed, _RHYTHM), duration, subject.heart_rate, subject.variability,
        subject.fibrillation, subject.premature, subject.n_premature,
    )  # fmt: skip
    rng = _stream(seed, _BEATS)
    healthy = beats_of(anatomy, rhythm.times, rhythm.rr, rng)
    healthy = _variant(healthy, subject)
    depth = rng.uniform(0.01, 0.07)
    atrial = (
        fibrillation_waves(rng, n_times, sampling_rate) @ anatomy.leads.T if subject.fibrillation else 0.0
    )
    other = atrial + draw_noise(
        _stream(seed, _NOISE), n_times, sampling_rate, subject.noise, rhythm.breathing
    )

    def beats_with(chosen: Sequence[Lesion]) -> Beats:
        beats = healthy
        for lesion in chosen:
            code = [ord(letter) for letter in lesion.statement]
            beats = apply_lesion(beats, lesion, _stream(subject.seed, _LESION, *code))
        beats = place_ectopics(beats, rhythm, _stream(seed, _BEATS, 1))
        return breathe(beats, depth, rhythm.breathing, rhythm.phase)

    def counts_of(beats: Beats) -> np.ndarray:
        return all_leads(render(beats, anatomy.leads, n_times, sampling_rate) + other)

    beats = beats_with(lesions)
    without = tuple(counts_of(beats_with(lesions[:k] + lesions[k + 1 :])) for k in range(len(lesions)))
    inside = (rhythm.times >= 0) & (rhythm.times < duration)
    return SimulatedRecord(
        counts_of(beats), lesions, without, _axis(beats), sampling_rate, rhythm.times[inside]
    )


def changed_spans(counts: np.ndarray, without: np.ndarray) -> np.ndarray:
    """Runs of samples in which two renderings (time, lead) differ in any lead: (span, 2) int64, start and stop (exclusive)."""
    changed = np.any(counts != without, axis=1).astype(np.int8)
    edges = np.flatnonzero(np.diff(changed, prepend=0, append=0))
    return edges.reshape(-1, 2)


def _variant(beats: Beats, subject: Subject) -> Beats:
    """Harmless variety: voltage, a lifted J point (early repolarisation), the size of T."""
    n_beats = len(beats.times)
    whole = np.ones(n_beats)
    if subject.fibrillation:
        beats = beats.scaled(P_WAVES, 0.0 * whole)
    beats = beats.scaled(QRS_WAVES, subject.voltage * whole).scaled([9, 10], subject.t_size * whole)
    lift = np.array([0.10, 0.08, -0.12])
    return beats.moved([8], lift, subject.early_repolarisation * whole)


def _axis(beats: Beats) -> float:
    area = np.sum(
        beats.vectors[:, QRS_WAVES] * beats.widths[:, QRS_WAVES].mean(axis=2, keepdims=True), axis=(0, 1)
    )
    return float(np.degrees(np.arctan2(area[1], area[0])))


def _stream(seed: int | Sequence[int], *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
