"""When the heart beats: sinus rhythm with its variability, atrial fibrillation, and premature beats."""

from dataclasses import dataclass

import numpy as np

from signalcam.simulation.anatomy import Subject
from signalcam.simulation.heart import P_WAVES, Beats

LEAD_IN = 1.6  # s before and after the record in which beats are placed too, for the waves that reach into it


@dataclass(frozen=True)
class Rhythm:
    """R peaks and the interval before each in s, "normal", "PAC" or "PVC"; the breath in Hz and rad."""

    times: np.ndarray
    rr: np.ndarray
    forms: np.ndarray
    breathing: float
    phase: float


def draw_rhythm(rng: np.random.Generator, duration: float, subject: Subject) -> Rhythm:
    """Draw the R peaks of a record of `duration` s.

    In sinus rhythm RR varies with the breath (respiratory sinus arrhythmia, 0.2 to 0.3 Hz) and with blood
    pressure (Mayer waves, about 0.1 Hz), the two peaks of McSharry 2003, and by chance.
    """
    mean = 60.0 / subject.heart_rate
    breathing, phase = rng.uniform(0.19, 0.31), rng.uniform(0, 2 * np.pi)
    mayer, swing = rng.uniform(0.08, 0.12), rng.uniform(0.4, 1.6)
    times, now = [], -LEAD_IN - mean * rng.random()
    while now < duration + LEAD_IN:
        times.append(now)
        if subject.fibrillation:
            step = mean * np.exp(rng.normal(scale=0.19))
        else:
            breath = 0.022 * swing * np.sin(2 * np.pi * breathing * now + phase)
            pressure = 0.016 * np.sin(2 * np.pi * mayer * now + 2 * phase)
            step = mean * (1.0 + subject.variability * (breath + pressure + rng.normal(scale=0.006)))
        now += max(step, 0.3)
    times = np.array(times)
    rr = np.diff(times, prepend=times[0] - mean)
    forms = np.full(len(times), "normal", dtype=object)
    if subject.premature and subject.n_premature:
        inside = np.flatnonzero((times > 0.8) & (times < duration - 0.8))[::2]
        chosen = rng.choice(inside, size=min(subject.n_premature, len(inside)), replace=False)
        forms[chosen] = subject.premature
        earlier = (0.28, 0.4) if subject.premature == "PVC" else (0.2, 0.3)
        times[chosen] -= rr[chosen] * rng.uniform(*earlier)
    rr = np.maximum(np.diff(times, prepend=times[0] - mean), 0.28)
    return Rhythm(times, rr, forms, breathing, phase)


def place_ectopics(beats: Beats, rhythm: Rhythm, rng: np.random.Generator) -> Beats:
    """The beats with the premature ones in their own shape.

    A ventricular one has no P wave, a wide QRS of its own direction and a T wave against it; an atrial one
    has another P wave.
    """
    atrial = (rhythm.forms == "PAC").astype(float)
    ventricular = (rhythm.forms == "PVC").astype(float)
    direction = rng.normal(size=3)
    direction *= rng.uniform(0.9, 1.6) / np.linalg.norm(direction)
    side = rng.normal(scale=0.35, size=3)
    focus = rng.uniform(-0.6, 0.9)
    if ventricular.any():
        beats = beats.scaled(slice(None), 1.0 - ventricular)
        beats = beats.with_wave(direction, 0.0, (0.024, 0.026), ventricular)
        beats = beats.with_wave(0.5 * direction + side, 0.045, (0.022, 0.026), ventricular)
        beats = beats.with_wave(-0.35 * direction, 0.29, (0.065, 0.045), ventricular)
    if atrial.any():
        beats = beats.scaled(P_WAVES, 1.0 + atrial * (focus - 1.0))
    return beats


def fibrillation_waves(rng: np.random.Generator, n_times: int, sampling_rate: float) -> np.ndarray:
    """The atria in fibrillation: (time, 3) mV, waves of 5 to 8 Hz and wandering size, largest in V1."""
    time = np.arange(n_times) / sampling_rate
    wander = np.cumsum(rng.normal(scale=1.2, size=n_times)) / sampling_rate
    phase = 2 * np.pi * (rng.uniform(5.0, 7.5) * time + wander) + rng.uniform(0, 2 * np.pi)
    size = rng.uniform(0.015, 0.07) * (1.0 + 0.35 * np.sin(2 * np.pi * 0.35 * time + rng.uniform(0, 6)))
    wave = size * (np.sin(phase) + 0.4 * np.sin(2 * phase + 1.0))
    direction = np.array([-0.25, 0.45, -0.85]) + rng.normal(scale=0.2, size=3)
    turned = size * np.sin(0.87 * phase + 2.0)
    return wave[:, None] * direction + 0.5 * turned[:, None] * np.roll(direction, 1)
