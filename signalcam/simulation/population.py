"""Who is in the simulated set: patients, records, diagnoses, severity and folds, in PTB-XL's proportions."""

from dataclasses import dataclass

import numpy as np

from signalcam.simulation.lesions import Lesion
from signalcam.simulation.patient import Subject
from signalcam.simulation.record import random_stream

# Records of PTB-XL 1.0.3 by the set of their superclasses; their sums are the published counts of each
# superclass (NORM 9,514, MI 5,469, STTC 5,235, CD 4,898, HYP 2,649) to within a few records.
COMBINATIONS = {
    ("NORM",): 9071, ("MI",): 2530, ("STTC",): 2398, ("CD",): 1707, ("HYP",): 535, (): 411,
    ("MI", "CD"): 1299, ("STTC", "HYP"): 781, ("MI", "STTC"): 599, ("STTC", "CD"): 471, ("NORM", "CD"): 407,
    ("CD", "HYP"): 300, ("MI", "HYP"): 183, ("NORM", "STTC"): 28, ("NORM", "HYP"): 3,
    ("MI", "STTC", "HYP"): 361, ("MI", "STTC", "CD"): 222, ("STTC", "CD", "HYP"): 211,
    ("MI", "CD", "HYP"): 117, ("NORM", "STTC", "CD"): 5, ("MI", "STTC", "CD", "HYP"): 157,
}  # fmt: skip
RECORDS_PER_PATIENT = 21799 / 18869
N_FOLDS = 10

# Statements of each superclass with about their shares in PTB-XL.
_SHARES = {
    "MI": {"IMI": 0.40, "ASMI": 0.33, "ILMI": 0.08, "AMI": 0.07, "ALMI": 0.07, "LMI": 0.05},
    "STTC": {"NDT": 0.33, "NST_": 0.17, "ISC_": 0.20, "ISCAL": 0.14, "ISCIN": 0.05, "ISCLA": 0.04,
             "DIG": 0.04, "LNGQT": 0.03},
    "CD": {"LAFB": 0.30, "IRBBB": 0.20, "CRBBB": 0.11, "CLBBB": 0.11, "IVCD": 0.11, "1AVB": 0.14,
           "LPFB": 0.03},
    "HYP": {"LVH": 0.80, "LAO/LAE": 0.13, "RVH": 0.04, "RAO/RAE": 0.03},
}  # fmt: skip
SUPERCLASS_OF = {statement: name for name, shares in _SHARES.items() for statement in shares}
# What stands beside NORM is slight.
_MILD = {"CD": {"IRBBB": 0.5, "1AVB": 0.3, "LAFB": 0.2}, "STTC": {"NDT": 1.0}, "HYP": {"LVH": 1.0}}
# Shapes of the Kumaraswamy distribution of severity, which is much like a Beta distribution; its least value.
_SEVERITY, _LEAST_SEVERITY = (3.2, 0.65), 0.1
# Share of records in which a lesion is there for a part of the 10 s only.
_TRANSIENT = {
    "CLBBB": 0.25, "CRBBB": 0.2, "IVCD": 0.2, "1AVB": 0.15, "LAFB": 0.1,
    "NST_": 0.25, "ISC_": 0.3, "ISCAL": 0.3, "ISCIN": 0.3, "ISCLA": 0.3, "NDT": 0.15,
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """One record to simulate, with a lesion for each of its superclasses but NORM."""

    ecg_id: int
    patient: int
    fold: int
    superclasses: tuple[str, ...]
    lesions: tuple[Lesion, ...]
    subject: Subject
    note: str  # a harmless variant or rhythm: "AFIB", "PVC", "PAC", "LVOLT", "HVOLT" or ""


def plan_population(n_records: int, seed: int = 0) -> list[Plan]:
    """Plan the records of `write_dataset`: superclasses by quota, folds by patient, some with several."""
    if not 1 <= n_records <= 99_999:
        raise ValueError(f"n_records must be 1 to 99,999, got {n_records}.")
    rng = random_stream(seed, 100)
    sets = _quotas(n_records, rng)
    # Now and then neighbours belong to one patient.
    new = rng.random(n_records) < 1.0 / RECORDS_PER_PATIENT
    new[0] = True
    patients = np.cumsum(new) - 1
    # Any ten patients in a row are in ten folds, so that all folds have one mix.
    folds = 1 + np.concatenate([rng.permutation(N_FOLDS) for _ in range((patients[-1] + 1) // N_FOLDS + 1)])
    order = rng.permutation(n_records)
    first = np.searchsorted(patients, patients)
    return [
        _plan(seed, ecg_id, int(patients[k]), int(folds[patients[k]]), sets[k], "NORM" in sets[first[k]])
        for ecg_id, k in enumerate(order, start=1)
    ]


def _quotas(n_records: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """The superclasses of each record, by largest remainder, those with the same ones side by side."""
    names = list(COMBINATIONS)
    exact = np.array([COMBINATIONS[name] for name in names]) * n_records / sum(COMBINATIONS.values())
    counts = np.floor(exact).astype(int)
    rest = np.argsort(-(exact - counts), kind="stable")[: n_records - counts.sum()]
    counts[rest] += 1
    return [name for k in rng.permutation(len(names)) for name in [names[k]] * counts[k]]


def _plan(seed: int, ecg_id: int, patient: int, fold: int, superclasses: tuple, healthy: bool) -> Plan:
    """One record; what is the patient's own (age, sex, which statements) comes from the patient's stream."""
    person, rng = random_stream(seed, 101, patient), random_stream(seed, 102, ecg_id)
    normal = "NORM" in superclasses
    age = float(np.clip(np.round(person.normal(53 if healthy else 65, 17 if healthy else 13)), 17, 95))
    sex = int(person.random() < (0.54 if healthy else 0.43))
    chosen = {name: _choose(person, shares) for name, shares in _SHARES.items()}
    mild = {name: _choose(person, shares) for name, shares in _MILD.items()}
    # Ten patients in a row, one in each fold, have about the same rank, so that the folds are equally hard;
    # the ranks fill [0, 1) evenly, as van der Corput's sequence does.
    rank = (int(f"{patient // N_FOLDS:032b}"[::-1], 2) / 2**32 + rng.uniform(0.0, 0.15)) % 1.0
    lesions = [
        _lesion(rng, mild[name] if normal else chosen[name], normal, (rank + 0.38 * k) % 1.0)
        for k, name in enumerate(name for name in superclasses if name != "NORM")
    ]
    subject, note = _subject(rng, (seed, patient), age, sex, superclasses, lesions)
    return Plan(ecg_id, patient, fold, superclasses, tuple(lesions), subject, note)


def _choose(rng: np.random.Generator, shares: dict[str, float]) -> str:
    share = np.array(list(shares.values()))
    return str(rng.choice(list(shares), p=share / share.sum()))


def _lesion(rng: np.random.Generator, statement: str, mild: bool, rank: float) -> Lesion:
    """A lesion whose severity has the given rank in [0, 1) among all; beside NORM it is a slight one."""
    severity = (1.0 - (1.0 - rank) ** (1.0 / _SEVERITY[1])) ** (1.0 / _SEVERITY[0])
    severity = _LEAST_SEVERITY + (1.0 - _LEAST_SEVERITY) * severity
    severity = round(float(0.2 + 0.3 * severity if mild else severity), 3)
    start, length = rng.uniform(-1.0, 5.5), rng.uniform(3.0, 6.5)
    if mild or rng.random() >= _TRANSIENT.get(statement, 0.0):
        return Lesion(statement, severity)
    gradual = SUPERCLASS_OF[statement] == "STTC"
    return Lesion(statement, max(severity, 0.7), round(start, 2), round(start + length, 2), gradual)


def _subject(
    rng: np.random.Generator, person: tuple, age: float, sex: int, superclasses: tuple, lesions: list[Lesion]
) -> tuple[Subject, str]:
    """Circumstances of one record: rhythm and harmless variants. The note names the variant ("" for none)."""
    rate = float(np.clip(rng.lognormal(np.log(69 if "NORM" in superclasses else 72), 0.18), 42, 130))
    young = np.clip((60 - age) / 30, 0.1, 1.3)
    variability, noise = float(young * rng.lognormal(0, 0.35)), float(rng.lognormal(0.0, 0.45))
    values = {"heart_rate": rate, "variability": variability, "noise": noise}
    odd, note = rng.random(), ""
    needs_p = any(lesion.statement in ("1AVB", "LAO/LAE", "RAO/RAE") for lesion in lesions)
    fibrillation = odd < (0.0 if needs_p or "NORM" in superclasses else 0.08 if superclasses else 0.6)
    if fibrillation:
        note = "AFIB"
        values |= {"fibrillation": True, "heart_rate": float(np.clip(rng.normal(88, 20), 50, 150))}
    elif 0.08 <= odd < 0.12 or not superclasses:
        note = "PVC" if rng.random() < (0.5 if superclasses else 0.8) else "PAC"
        n_premature = rng.integers(1, 3) if superclasses else rng.integers(2, 5)
        values |= {"premature": note, "n_premature": int(n_premature)}
    elif 0.12 <= odd < 0.24 and sex == 0 and age < 50:
        values["early_repolarisation"] = float(rng.uniform(0.5, 1.5))
    elif 0.24 <= odd < 0.30:
        note = "LVOLT"
        values["voltage"] = float(rng.uniform(0.5, 0.7))
    elif 0.30 <= odd < 0.36 and age < 45:
        note = "HVOLT"
        values["voltage"] = float(rng.uniform(1.2, 1.5))
    elif 0.36 <= odd < 0.45:
        values["t_size"] = float(rng.uniform(0.5, 0.8))
    return Subject(seed=person, age=age, sex=sex, **values), note
