"""What a disease does to the waves of a beat: a function for each group of statements, with a graded weight.

Every function changes the beats in place, by a weight for each (0 leaves the beat as it is, 1 is the full
picture) and the lesion's own random stream. Criteria: "AHA/ACCF/HRS recommendations for the standardization
and interpretation of the electrocardiogram", III to VI, Circulation 119:e235-e270, 2009.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from signalcam.simulation.heart import P_WAVES, QRS_WAVES, T_WAVES, WAVE, Beats

Rng = np.random.Generator
Vector = tuple[float, float, float]

# Where a wall of the left ventricle lies as seen from its centre, in Frank's axes.
_INFERIOR, _ANTEROSEPTAL, _LATERAL = (0.0, 1.0, 0.2), (-0.25, 0.0, -1.0), (1.0, -0.25, 0.1)
_ANTERIOR, _ANTEROLATERAL, _INFEROLATERAL = (0.25, 0.0, -0.97), (0.75, 0.0, -0.65), (0.65, 0.75, 0.2)


@dataclass(frozen=True)
class Lesion:
    """One abnormality of a record; ValueError for an unknown statement, or a severity outside 0 to 1."""

    statement: str  # SCP-ECG code, a key of `CHANGES`
    severity: float  # 0 (none) to 1 (the full picture)
    start: float = -np.inf  # s; beats with their R peak from `start` and before `stop` show it
    stop: float = np.inf
    gradual: bool = False  # it comes and goes over about 2 s, as ischaemia does, not from beat to beat

    def __post_init__(self) -> None:
        if self.statement not in CHANGES:
            raise ValueError(f"statement must be one of {', '.join(CHANGES)}, got {self.statement!r}.")
        if not 0.0 <= self.severity <= 1.0:
            raise ValueError(f"severity of {self.statement} must be 0 to 1, got {self.severity}.")

    def weights(self, times: np.ndarray) -> np.ndarray:
        """The weight of each beat whose R peak is at `times` s."""
        inside = ((times >= self.start) & (times < self.stop)).astype(float)
        if self.gradual:
            inside *= np.clip((times - self.start) / 2.0, 0.25, 1.0)
            inside *= np.clip((self.stop - times) / 2.0, 0.25, 1.0)
        return self.severity * inside


def _local(rng: Rng) -> np.ndarray:
    return 1.0 + rng.normal(scale=0.15, size=8)


def _towards(wall: Vector, rng: Rng, spread: float = 0.12) -> np.ndarray:
    vector = np.asarray(wall) + rng.normal(scale=spread, size=3)
    return vector / np.linalg.norm(vector)


def _infarction(beats: Beats, weight: np.ndarray, rng: Rng, wall: Vector) -> None:
    """Q waves point away from the dead wall; injury lifts ST towards it; in healing T points away from it.

    The stage is drawn: fresh (ST, tall T), healing (Q, ST, inverted T), old (Q, T recovered or inverted).
    """
    direction = _towards(wall, rng)
    stage = rng.choice(3, p=(0.15, 0.35, 0.5))
    q = (0.12, 0.55, 0.6)[stage] * rng.uniform(0.75, 1.25)
    elevation = (0.26, 0.16, 0.04)[stage] * rng.uniform(0.7, 1.3)
    inversion = (-0.08, 0.40, 0.28)[stage] * rng.uniform(0.5, 1.3)
    t = beats.centres[:, WAVE["t"]]
    local = _local(rng)
    beats.add_wave(-q * direction, -0.020 + rng.normal(scale=0.003), (0.011, 0.014), weight, local)
    beats.scale([WAVE["apex"]], 1.0 - 0.35 * weight[:, None] * np.abs(direction) * min(q / 0.5, 1.0))
    beats.add_wave(elevation * direction, 0.45 * t, (0.22 * t.mean(), 0.26 * t.mean()), weight, local)
    beats.add_wave(-inversion * direction, t, (0.05, 0.042), weight, local)


def _ischaemia(beats: Beats, weight: np.ndarray, rng: Rng, wall: Vector) -> None:
    """ST falls away from the wall, level or sloping down; T turns flat, then over."""
    direction = _towards(wall, rng)
    t = beats.centres[:, WAVE["t"]]
    depression, inversion = rng.uniform(0.12, 0.24), rng.uniform(0.25, 0.55)
    local = _local(rng)
    beats.add_wave(-depression * direction, 0.45 * t, (0.25 * t.mean(), 0.28 * t.mean()), weight, local)
    beats.add_wave(-inversion * direction, t, (0.052, 0.042), weight, local)


def _t_abnormality(beats: Beats, weight: np.ndarray, rng: Rng) -> None:
    """T waves become low, flat, or slightly inverted, without a territory."""
    beats.scale(T_WAVES, 1.0 - rng.uniform(0.85, 1.45) * weight)
    beats.move([WAVE["t"]], rng.normal(scale=0.05, size=3), weight)


def _st_change(beats: Beats, weight: np.ndarray, rng: Rng) -> None:
    """ST lies a little low, away from the main direction of the left ventricle, and T is lower."""
    direction = _towards((0.8, 0.55, -0.1), rng, 0.2)
    t = beats.centres[:, WAVE["t"]]
    beats.add_wave(-rng.uniform(0.10, 0.17) * direction, 0.42 * t, (0.04, 0.06), weight, _local(rng))
    beats.scale(T_WAVES, 1.0 - rng.uniform(0.3, 0.6) * weight)


def _digitalis(beats: Beats, weight: np.ndarray, rng: Rng) -> None:
    """Sagging ST, low T, short QT."""
    direction = _towards((0.8, 0.5, 0.0), rng)
    sag, centre = -rng.uniform(0.12, 0.2) * direction, 0.55 * beats.centres[:, WAVE["t"]]
    beats.add_wave(sag, centre, (0.055, 0.045), weight, _local(rng))
    beats.scale(T_WAVES, 1.0 - 0.5 * weight)
    beats.delay([WAVE["t"]], -0.03 * weight)


def _long_qt(beats: Beats, weight: np.ndarray, rng: Rng) -> None:
    """T comes late and is broader."""
    beats.stretch([WAVE["t"], WAVE["ramp"]], 1.0 + rng.uniform(0.22, 0.34) * weight, about=0.0)


def _left_bundle_block(beats: Beats, weight: np.ndarray, rng: Rng) -> None:
    """The septum from the right, the left ventricle late and slowly: wide R on the left, ST-T against it."""
    size = rng.uniform(0.85, 1.2)
    beats.blend("septum", np.array([0.22, 0.05, 0.18]) * size, weight)
    beats.blend("apex", np.array([0.75, 0.25, 0.55]) * size, weight)
    beats.blend("base", np.array([0.60, 0.05, 1.15]) * size, weight)
    beats.blend("terminal", np.array([0.35, -0.05, 0.30]) * size, weight)
    beats.stretch(QRS_WAVES, 1.0 + rng.uniform(0.6, 0.85) * weight)
    opposite = np.array([-0.27, -0.06, -0.33]) * size * rng.uniform(0.8, 1.2)
    beats.blend("ramp", 0.45 * opposite, weight)
    beats.blend("t", opposite, weight)
    beats.delay(T_WAVES, 0.03 * weight)


def _right_bundle_block(beats: Beats, weight: np.ndarray, rng: Rng, completeness: float) -> None:
    """The right ventricle comes last: R' in V1, broad S in I and V6, T against it in V1."""
    size = completeness * rng.uniform(0.75, 1.25)
    late = np.array([-0.45, -0.02, -0.55]) * size + rng.normal(scale=0.05, size=3)
    width = 0.011 + 0.010 * completeness
    centre = 0.046 + 0.026 * completeness + rng.normal(scale=0.003)
    beats.scale([WAVE["terminal"]], 1.0 - weight)
    beats.add_wave(late, centre, (width, 1.15 * width), weight, _local(rng))
    beats.move([WAVE["t"]], np.array([0.08, 0.0, 0.22]) * size, weight)


def _fascicular_block(beats: Beats, weight: np.ndarray, rng: Rng, to_left: bool) -> None:
    """QRS ends in the wall of the half that fails: the axis turns up to the left, or down to the right."""
    main = np.sum(beats.vectors[:, [WAVE["apex"], WAVE["base"]], :2], axis=1)
    axis = np.arctan2(main[:, 1], main[:, 0])
    goal = np.deg2rad(rng.uniform(-65, -48) if to_left else rng.uniform(100, 125))
    side = np.array([-0.03, 0.18, 0.0]) if to_left else np.array([0.1, -0.2, 0.0])
    beats.move([WAVE["septum"]], side, weight)
    beats.turn([WAVE["apex"], WAVE["base"], WAVE["terminal"]], (goal - axis) * weight)
    beats.stretch(QRS_WAVES, 1.0 + 0.12 * weight)


def _slow_ventricles(beats: Beats, weight: np.ndarray, rng: Rng) -> None:
    """QRS is wide and notched without the pattern of a bundle."""
    beats.stretch(QRS_WAVES, 1.0 + rng.uniform(0.4, 0.65) * weight)
    beats.move([WAVE["notch_1"]], rng.normal(scale=0.15, size=3), weight)
    beats.move([WAVE["notch_2"]], rng.normal(scale=0.22, size=3), weight)


def _slow_av_node(beats: Beats, weight: np.ndarray, rng: Rng) -> None:
    """P comes early before QRS: PR above 0.2 s, up to about 0.34 s."""
    earlier = np.minimum(rng.uniform(0.13, 0.19), np.clip(beats.rr - 0.42, 0.02, None))
    beats.delay(P_WAVES, -earlier * weight)


def _left_hypertrophy(beats: Beats, weight: np.ndarray, rng: Rng) -> None:
    """High voltage to the left and back, QRS a little wider; with strain ST and T turn away."""
    growth = np.array([1.0, 0.65, 1.15]) * rng.uniform(0.6, 0.95)
    beats.scale([WAVE["apex"], WAVE["base"]], 1.0 + weight[:, None] * growth)
    beats.stretch(QRS_WAVES, 1.0 + 0.12 * weight)
    strain = rng.uniform(0.2, 1.1) * np.clip(weight - 0.15, 0.0, None)
    direction = _towards((0.85, 0.30, 0.25), rng)
    t = beats.centres[:, WAVE["t"]]
    beats.add_wave(-0.17 * direction, 0.45 * t, (0.04, 0.05), strain, _local(rng))
    beats.add_wave(-0.48 * direction, t + 0.01, (0.055, 0.034), strain, _local(rng))


def _right_hypertrophy(beats: Beats, weight: np.ndarray, rng: Rng) -> None:
    """The right ventricle takes over: QRS to the right and front, T in V1 to V3 against it."""
    size = rng.uniform(0.8, 1.2)
    beats.scale([WAVE["base"]], 1.0 - 0.8 * weight)
    beats.move([WAVE["apex"]], np.array([-1.35, 0.25, -0.8]) * size, weight)
    beats.move([WAVE["t"]], np.array([0.12, -0.05, 0.28]) * size, weight)


def _left_atrium(beats: Beats, weight: np.ndarray, rng: Rng) -> None:
    """The left atrium is large and late: broad notched P in II, deep negative end of P in V1."""
    left = [WAVE["p_left"]]
    beats.scale(left, 1.0 + rng.uniform(1.0, 1.6) * weight)
    beats.move(left, (0.0, 0.0, 0.06), weight)
    beats.delay(left, 0.022 * weight)


def _right_atrium(beats: Beats, weight: np.ndarray, rng: Rng) -> None:
    """The right atrium is large: tall peaked P in II and V1."""
    beats.scale([WAVE["p_right"]], 1.0 + rng.uniform(1.2, 2.2) * weight)


CHANGES = {
    "IMI": partial(_infarction, wall=_INFERIOR), "ASMI": partial(_infarction, wall=_ANTEROSEPTAL),
    "AMI": partial(_infarction, wall=_ANTERIOR), "ALMI": partial(_infarction, wall=_ANTEROLATERAL),
    "LMI": partial(_infarction, wall=_LATERAL), "ILMI": partial(_infarction, wall=_INFEROLATERAL),
    "NDT": _t_abnormality, "NST_": _st_change, "ISC_": partial(_ischaemia, wall=(0.8, 0.45, -0.2)),
    "ISCAL": partial(_ischaemia, wall=_ANTEROLATERAL), "ISCIN": partial(_ischaemia, wall=_INFERIOR),
    "ISCLA": partial(_ischaemia, wall=_LATERAL), "DIG": _digitalis, "LNGQT": _long_qt,
    "CLBBB": _left_bundle_block, "CRBBB": partial(_right_bundle_block, completeness=1.0),
    "IRBBB": partial(_right_bundle_block, completeness=0.5), "LAFB": partial(_fascicular_block, to_left=True),
    "LPFB": partial(_fascicular_block, to_left=False), "IVCD": _slow_ventricles, "1AVB": _slow_av_node,
    "LVH": _left_hypertrophy, "RVH": _right_hypertrophy, "LAO/LAE": _left_atrium, "RAO/RAE": _right_atrium,
}  # fmt: skip
