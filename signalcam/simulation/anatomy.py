"""A simulated patient: the person, and their own heart, which all of their records share."""

from dataclasses import dataclass

import numpy as np

from signalcam.simulation.heart import DOWER, P_WAVES, QRS_WAVES, T_WAVES, WAVE, WAVES, Beats

# vector x, y, z in mV; centre, rise and fall in s after the R peak at a heart rate of 60 a minute
_TYPICAL = {
    "p_right": ((0.040, 0.075, -0.050), -0.150, 0.018, 0.016),
    "p_left": ((0.055, 0.045, 0.045), -0.122, 0.017, 0.018),
    "septum": ((-0.15, -0.05, -0.30), -0.021, 0.0075, 0.0075),
    "apex": ((1.25, 0.66, 0.05), 0.000, 0.0088, 0.0085),
    "base": ((0.30, -0.02, 0.98), 0.0165, 0.0088, 0.0095),
    "terminal": ((-0.25, -0.14, 0.15), 0.034, 0.008, 0.009),
    "notch_1": ((0.0, 0.0, 0.0), -0.008, 0.006, 0.006),
    "notch_2": ((0.0, 0.0, 0.0), 0.024, 0.006, 0.006),
    "junction": ((0.015, 0.010, -0.025), 0.075, 0.025, 0.045),
    "ramp": ((0.070, 0.035, -0.075), 0.190, 0.055, 0.050),
    "t": ((0.270, 0.155, -0.210), 0.275, 0.052, 0.036),
    "u": ((0.010, 0.010, -0.020), 0.450, 0.045, 0.045),
}


@dataclass(frozen=True)
class Subject:
    """The person and the circumstances of a record.

    Attributes:
        seed: of the person's heart and of how a disease shows in it; records of one person share it.
        age: years.
        sex: 0 male, 1 female, as in PTB-XL.
        heart_rate: beats a minute, the mean.
        variability: of the heart rate in sinus rhythm; 1 is usual at rest.
        fibrillation: the atria fibrillate.
        premature: "PVC" or "PAC", of which `n_premature` come.
        noise: 0 for none, 1 is usual.
        voltage: factor of QRS.
        early_repolarisation: 0 for none; at 1 the J point lies 0.1 to 0.2 mV higher in V2 to V5.
        t_size: factor of T.
    """

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
class Anatomy:
    """vectors (wave, 3) mV, centres (wave,) and widths (wave, 2) in s, local (wave, 8), leads (8, 3)."""

    vectors: np.ndarray
    centres: np.ndarray
    widths: np.ndarray
    local: np.ndarray
    leads: np.ndarray


def draw_anatomy(rng: np.random.Generator, subject: Subject) -> Anatomy:
    """Draw a heart without a lesion from the person's random stream.

    With age the axis turns to the left and the voltage falls; women have lower QRS voltage, a lower J point
    and a longer QT (P. W. Macfarlane et al., eds., "Comprehensive Electrocardiology", 2nd edition, 2010).
    """
    age, sex, n_waves = subject.age, subject.sex, len(WAVES)
    vectors = np.array([_TYPICAL[name][0] for name in WAVES])
    centres = np.array([_TYPICAL[name][1] for name in WAVES])
    widths = np.array([_TYPICAL[name][2:] for name in WAVES])

    size = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors + rng.normal(scale=0.115, size=vectors.shape) * size
    vectors *= np.exp(rng.normal(scale=0.125, size=(n_waves, 1)))
    vectors[[WAVE["notch_1"], WAVE["notch_2"]]] = rng.normal(scale=0.09, size=(2, 3))
    voltage = np.exp(rng.normal(scale=0.22)) * (0.9 if sex else 1.05) * (1.12 - 0.0025 * age)
    vectors[QRS_WAVES] *= voltage
    vectors[T_WAVES] *= np.exp(rng.normal(scale=0.25)) * (1.15 - 0.004 * age)
    vectors[P_WAVES] *= np.exp(rng.normal(scale=0.20))
    vectors[WAVE["junction"]] *= np.exp(rng.normal(scale=0.5)) * (0.7 if sex else 1.3)

    frontal = np.deg2rad(rng.normal(loc=0.45 * (52 - age), scale=14))
    vectors = vectors @ (_rotation(frontal, 0, 1) @ _rotation(rng.normal(scale=0.18), 0, 2)).T

    centres = centres + rng.normal(scale=0.0015, size=n_waves)
    centres[QRS_WAVES] *= np.exp(rng.normal(scale=0.09))
    centres[P_WAVES] += rng.normal(loc=-0.004 + 0.0001 * (50 - age), scale=0.012)
    centres[T_WAVES] *= np.exp(rng.normal(scale=0.05)) * (1.02 if sex else 1.0)
    widths = widths * np.exp(rng.normal(scale=0.08, size=widths.shape))
    local = 1.0 + rng.normal(scale=0.10, size=(n_waves, len(DOWER)))
    leads = DOWER * (1.0 + rng.normal(scale=0.08, size=(len(DOWER), 1)))
    leads += rng.normal(scale=0.05, size=DOWER.shape)
    return Anatomy(vectors, centres, widths, local, leads)


def beats_of(anatomy: Anatomy, times: np.ndarray, rr: np.ndarray, rng: np.random.Generator) -> Beats:
    """The waves of every beat of a rhythm, `times` and `rr` (beat,) s, without a lesion.

    The time from R to T follows the heart rate as RR ** 0.4, between Fridericia's third and Bazett's half,
    with the memory of several beats that the QT interval has; the P wave comes a little earlier at low rates.
    """
    n_beats, usual = len(times), np.median(rr)
    repolarisation = np.clip(0.75 * usual + 0.25 * np.clip(rr, 0.6 * usual, 1.4 * usual), 0.33, 1.5) ** 0.4
    centres = np.repeat(anatomy.centres[None], n_beats, axis=0)
    widths = np.repeat(anatomy.widths[None], n_beats, axis=0)
    centres[:, T_WAVES] *= repolarisation[:, None]
    widths[:, T_WAVES] *= repolarisation[:, None, None]
    centres[:, P_WAVES] *= 0.8 + 0.2 * np.clip(usual, 0.4, 1.3)
    vectors = anatomy.vectors[None] * (1.0 + rng.normal(scale=0.015, size=(n_beats, len(WAVES), 1)))
    return Beats(times, rr, vectors, centres, widths, anatomy.local)


def _rotation(angle: float, first: int, second: int) -> np.ndarray:
    """Turn by `angle` rad from one axis towards another."""
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[first, second], matrix[second, first] = -np.sin(angle), np.sin(angle)
    return matrix
