"""The heart as one moving vector: waves of a beat as Gaussians, summed over beats and projected on the leads.

Each wave is a Gaussian in time after the R peak (P. E. McSharry et al., IEEE Trans. Biomed. Eng. 50:289-294,
2003, equation 1), here with a direction in space (R. Sameni et al., EURASIP J. Adv. Signal Process.
2007:043407). Axes are Frank's: x to the patient's left, y to the feet, z to the back. The leads follow by the
matrix of G. E. Dower et al., Clin. Cardiol. 3:87-95, 1980.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from signalcam.leads import derive_limb_leads

WAVES = "p_right p_left septum apex base terminal notch_1 notch_2 junction ramp t u".split()
WAVE = {name: position for position, name in enumerate(WAVES)}
P_WAVES = [WAVE["p_right"], WAVE["p_left"]]
QRS_WAVES = [WAVE[name] for name in WAVES[2:8]]
T_WAVES = [WAVE["ramp"], WAVE["t"], WAVE["u"]]
QRS_ONSET = -0.035

# Rows: the independent leads. Columns: x, y, z of the heart vector.
INDEPENDENT_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
DOWER = np.array([
    [0.632, -0.235, 0.059], [0.235, 1.066, -0.132], [-0.515, 0.157, -0.917], [0.044, 0.164, -1.387],
    [0.882, 0.098, -1.277], [1.213, 0.127, -0.601], [1.125, 0.127, -0.086], [0.831, 0.076, 0.230],
])  # fmt: skip

_BEFORE, _AFTER = 0.5, 0.9  # s of a beat that are computed around its R peak
_REACH = 2.5  # standard deviations from its centre to the end of a wave


@dataclass
class Beats:
    """All waves of all beats of one record. Its methods change them in place."""

    times: np.ndarray  # (beat,) s, the R peaks; some lie outside the record
    rr: np.ndarray  # (beat,) s, the interval before each
    vectors: np.ndarray  # (beat, wave, 3) mV, along Frank's x, y, z
    centres: np.ndarray  # (beat, wave) s after the R peak
    widths: np.ndarray  # (beat, wave, 2) s, the standard deviation before and after the centre
    local: np.ndarray  # (wave, 8), what each independent lead sees of a wave relative to a pure dipole

    def scale(self, waves: ArrayLike, factor: ArrayLike) -> None:
        """Multiply the vectors of `waves` by `factor`, (beat,) or (beat, 3)."""
        self.vectors[:, waves] *= np.reshape(factor, (len(self.times), 1, -1))

    def move(self, waves: ArrayLike, vector: ArrayLike, weight: np.ndarray) -> None:
        """Add `vector` (3,) mV times `weight` (beat,) to `waves`."""
        self.vectors[:, waves] += weight[:, None, None] * np.asarray(vector)

    def blend(self, wave: str, vector: ArrayLike, weight: np.ndarray) -> None:
        """Draw one wave towards `vector` (3,) mV; it is reached where `weight` (beat,) is 1."""
        own = self.vectors[:, WAVE[wave]]
        own += weight[:, None] * (np.asarray(vector) - own)

    def delay(self, waves: ArrayLike, delay: np.ndarray) -> None:
        """Let `waves` come later by `delay` (beat,) s."""
        self.centres[:, waves] += delay[:, None]

    def stretch(self, waves: ArrayLike, factor: np.ndarray, about: float = QRS_ONSET) -> None:
        """Stretch the time of `waves` about one moment by `factor` (beat,)."""
        self.centres[:, waves] = about + (self.centres[:, waves] - about) * factor[:, None]
        self.widths[:, waves] *= factor[:, None, None]

    def turn(self, waves: ArrayLike, angle: np.ndarray) -> None:
        """Turn `waves` in the frontal plane by `angle` (beat,) rad, from left to feet."""
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        x, y = self.vectors[:, waves, 0], self.vectors[:, waves, 1]
        self.vectors[:, waves, 0], self.vectors[:, waves, 1] = cos * x - sin * y, sin * x + cos * y

    def add_wave(
        self, vector: ArrayLike, centre: ArrayLike, widths: tuple, weight: np.ndarray, local: ArrayLike = 1.0
    ) -> None:
        """Add a wave to each beat: `vector` (3,) mV times `weight` (beat,), at `centre` s after R."""
        n_beats, more = len(self.times), weight[:, None, None] * np.asarray(vector)
        self.vectors = np.concatenate([self.vectors, more], axis=1)
        self.centres = np.column_stack([self.centres, np.broadcast_to(centre, n_beats)])
        self.widths = np.concatenate([self.widths, np.broadcast_to(widths, (n_beats, 1, 2))], axis=1)
        self.local = np.vstack([self.local, np.broadcast_to(local, len(INDEPENDENT_LEADS))])


def render(beats: Beats, leads: np.ndarray, n_times: int, sampling_rate: float) -> np.ndarray:
    """The sum of all waves of all beats, by the lead matrix `leads` (8, 3): (time, 8) float64 mV.

    A wave ends `_REACH` standard deviations from its centre: the Gaussian is lowered and scaled there to fall
    from 1 to 0, so that waves, and what a lesion changes, have a beginning and an end.
    """
    before = int(round(_BEFORE * sampling_rate))
    width = before + int(round(_AFTER * sampling_rate))
    first = np.floor(beats.times * sampling_rate).astype(int) - before
    time = (first[:, None] + np.arange(width)) / sampling_rate - beats.times[:, None]
    away = time[:, None, :] - beats.centres[:, :, None]
    away /= np.where(away < 0, beats.widths[:, :, :1], beats.widths[:, :, 1:])
    end = np.exp(-0.5 * _REACH**2)
    waves = np.maximum(np.exp(-0.5 * away**2) - end, 0.0) / (1.0 - end)
    amplitudes = (beats.vectors @ leads.T) * beats.local
    potentials = np.matmul(waves.transpose(0, 2, 1), amplitudes)
    signals = np.zeros((n_times, len(leads)))
    for start, potential in zip(first, potentials, strict=True):
        inside = slice(max(start, 0), max(min(start + width, n_times), 0))
        signals[inside] += potential[inside.start - start : inside.start - start + len(signals[inside])]
    return signals


def all_leads(independent: np.ndarray) -> np.ndarray:
    """12 leads, (time, 12) int16 in uV, from the 8 independent ones, (time, 8) in mV.

    I, II and V1 to V6 are rounded; III, aVR, aVL and aVF follow from the rounded I and II, so that the
    identities of the limb leads hold to 1.5 uV.
    """
    counts = np.clip(np.rint(independent * 1000.0), -16000, 16000)
    derived = np.stack(derive_limb_leads(counts[:, 0], counts[:, 1]), axis=1)
    return np.concatenate([counts[:, :2], np.floor(derived + 0.5), counts[:, 2:]], axis=1).astype(np.int16)
