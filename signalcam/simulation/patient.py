"""A simulated patient: the person, the shape of their heart's beats, and when it beats in a record."""

from dataclasses import dataclass

import numpy as np

from signalcam.simulation.heart import DOWER, P_WAVES, QRS_WAVES, T_WAVES, WAVE, WAVES, Beats

# vector x, y, z in mV; centre, rise and fall in s after the R peak at a heart rate of 60 a minute
_TYPICAL = {
    "p_right": (0.040, 0.075, -0.050, -0.150, 0.018, 0.016),
    "p_left": (0.055, 0.045, 0.045, -0.122, 0.017, 0.018),
    "septum": (-0.15, -0.05, -0.30, -0.021, 0.0075, 0.0075),
    "apex": (1.25, 0.66, 0.05, 0.000, 0.0088, 0.0085),
    "base": (0.30, -0.02, 0.98, 0.0165, 0.0088, 0.0095),
    "terminal": (-0.25, -0.14, 0.15, 0.034, 0.008, 0.009),
    "notch_1": (0.0, 0.0, 0.0, -0.008, 0.006, 0.006),
    "notch_2": (0.0, 0.0, 0.0, 0.024, 0.006, 0.006),
    "junction": (0.015, 0.010, -0.025, 0.075, 0.025, 0.045),
    "ramp": (0.070, 0.035, -0.075, 0.190, 0.055, 0.050),
    "t": (0.270, 0.155, -0.210, 0.275, 0.052, 0.036),
    "u": (0.010, 0.010, -0.020, 0.450, 0.045, 0.045),
}
LEAD_IN = 1.6  # s before and after the record in which beats are placed too, for the waves that reach into it


@dataclass(frozen=True)
class Subject:
    """The person and the circumstances of a record."""

    seed: int | tuple[int, ...] = 0  # of the heart, and of how a disease shows in it; one for all records
    age: float = 55.0  # years
    sex: int = 0  # 0 male, 1 female, as in PTB-XL
    heart_rate: float = 70.0  # beats a minute, the mean
    variability: float = 1.0  # of the heart rate in sinus rhythm; 1 is usual at rest
    fibrillation: bool = False  # of the atria
    premature: str | None = None  # "PVC" or "PAC", of which `n_premature` come
    n_premature: int = 0
    noise: float = 1.0  # 0 for none, 1 is usual
    voltage: float = 1.0  # factor of QRS
    early_repolarisation: float = 0.0  # 0 for none; at 1 the J point lies 0.1 to 0.2 mV higher in V2 to V5
    t_size: float = 1.0  # factor of T


def draw_rhythm(
    rng: np.random.Generator, duration: float, subject: Subject, breathing: float, phase: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the R peaks of a record of `duration` s.

    In sinus rhythm RR varies with the breath (respiratory sinus arrhythmia, 0.2 to 0.3 Hz) and with blood
    pressure (Mayer waves, about 0.1 Hz), the two peaks of McSharry 2003, and by chance.

    Returns:
        (beat,) each: R peaks and the interval before each, in s; "normal", "PAC" or "PVC".
    """
    mean = 60.0 / subject.heart_rate
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
    return times, rr, forms


def draw_beats(
    person: np.random.Generator, rng: np.random.Generator, subject: Subject, times: np.ndarray, rr: np.ndarray
) -> tuple[Beats, np.ndarray]:
    """Draw the beats of a heart without a lesion, and how the person's leads see it, (8, 3).

    With age the axis turns to the left and the voltage falls; women have lower QRS voltage, a lower J point
    and a longer QT (P. W. Macfarlane et al., eds., "Comprehensive Electrocardiology", 2nd edition, 2010).
    The time from R to T follows the heart rate as RR ** 0.4, between Fridericia's third and Bazett's half,
    with the memory of several beats that the QT interval has; the P wave comes a little earlier at low rates.
    `person` is the random stream of the person's heart, `rng` that of what changes from beat to beat.
    """
    age, sex, n_waves = subject.age, subject.sex, len(WAVES)
    typical = np.array([_TYPICAL[name] for name in WAVES])
    vectors, centres, widths = typical[:, :3], typical[:, 3], typical[:, 4:]

    size = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors + person.normal(scale=0.115, size=vectors.shape) * size
    vectors *= np.exp(person.normal(scale=0.125, size=(n_waves, 1)))
    vectors[[WAVE["notch_1"], WAVE["notch_2"]]] = person.normal(scale=0.09, size=(2, 3))
    voltage = np.exp(person.normal(scale=0.22)) * (0.9 if sex else 1.05) * (1.12 - 0.0025 * age)
    vectors[QRS_WAVES] *= voltage
    vectors[T_WAVES] *= np.exp(person.normal(scale=0.25)) * (1.15 - 0.004 * age)
    vectors[P_WAVES] *= np.exp(person.normal(scale=0.20))
    vectors[WAVE["junction"]] *= np.exp(person.normal(scale=0.5)) * (0.7 if sex else 1.3)

    frontal = np.deg2rad(person.normal(loc=0.45 * (52 - age), scale=14))
    vectors = vectors @ (_rotation(frontal, 0, 1) @ _rotation(person.normal(scale=0.18), 0, 2)).T

    centres = centres + person.normal(scale=0.0015, size=n_waves)
    centres[QRS_WAVES] *= np.exp(person.normal(scale=0.09))
    centres[P_WAVES] += person.normal(loc=-0.004 + 0.0001 * (50 - age), scale=0.012)
    centres[T_WAVES] *= np.exp(person.normal(scale=0.05)) * (1.02 if sex else 1.0)
    widths = widths * np.exp(person.normal(scale=0.08, size=widths.shape))
    local = 1.0 + person.normal(scale=0.10, size=(n_waves, len(DOWER)))
    leads = DOWER * (1.0 + person.normal(scale=0.08, size=(len(DOWER), 1)))
    leads += person.normal(scale=0.05, size=DOWER.shape)

    n_beats, usual = len(rr), np.median(rr)
    repolarisation = np.clip(0.75 * usual + 0.25 * np.clip(rr, 0.6 * usual, 1.4 * usual), 0.33, 1.5) ** 0.4
    centres, widths = (np.repeat(each[None], n_beats, axis=0) for each in (centres, widths))
    centres[:, T_WAVES] *= repolarisation[:, None]
    widths[:, T_WAVES] *= repolarisation[:, None, None]
    centres[:, P_WAVES] *= 0.8 + 0.2 * np.clip(usual, 0.4, 1.3)
    vectors = vectors[None] * (1.0 + rng.normal(scale=0.015, size=(n_beats, n_waves, 1)))
    return Beats(times, rr, vectors, centres, widths, local), leads


def place_ectopics(beats: Beats, forms: np.ndarray, rng: np.random.Generator) -> None:
    """Give premature beats their own shape: another P wave, or none and a wide QRS with T against it."""
    atrial, ventricular = (forms == "PAC").astype(float), (forms == "PVC").astype(float)
    direction = rng.normal(size=3)
    direction *= rng.uniform(0.9, 1.6) / np.linalg.norm(direction)
    side = rng.normal(scale=0.35, size=3)
    beats.scale(P_WAVES, 1.0 + atrial * (rng.uniform(-0.6, 0.9) - 1.0))
    if ventricular.any():
        beats.scale(slice(None), 1.0 - ventricular)
        beats.add_wave(direction, 0.0, (0.024, 0.026), ventricular)
        beats.add_wave(0.5 * direction + side, 0.045, (0.022, 0.026), ventricular)
        beats.add_wave(-0.35 * direction, 0.29, (0.065, 0.045), ventricular)


def f_waves(rng: np.random.Generator, n_times: int, sampling_rate: float) -> np.ndarray:
    """The f waves of atrial fibrillation: (time, 3) mV, of 5 to 8 Hz and wandering size, largest in V1."""
    time = np.arange(n_times) / sampling_rate
    wander = np.cumsum(rng.normal(scale=1.2, size=n_times)) / sampling_rate
    phase = 2 * np.pi * (rng.uniform(5.0, 7.5) * time + wander) + rng.uniform(0, 2 * np.pi)
    size = rng.uniform(0.015, 0.07) * (1.0 + 0.35 * np.sin(2 * np.pi * 0.35 * time + rng.uniform(0, 6)))
    wave = size * (np.sin(phase) + 0.4 * np.sin(2 * phase + 1.0))
    direction = np.array([-0.25, 0.45, -0.85]) + rng.normal(scale=0.2, size=3)
    turned = size * np.sin(0.87 * phase + 2.0)
    return wave[:, None] * direction + 0.5 * turned[:, None] * np.roll(direction, 1)


def _rotation(angle: float, first: int, second: int) -> np.ndarray:
    """Turn by `angle` rad from one axis towards another."""
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
    return matrix
