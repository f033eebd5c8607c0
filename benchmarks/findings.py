"""What the labels of other hospitals mean, in the words of PTB-XL; and recall by finding.

Names of SNOMED CT codes are those of the PhysioNet/CinC Challenge 2021. A finding has a superclass where
PTB-XL has a diagnostic statement for it, or where it is a change of ST or T, which is what STTC means. A
finding that suggests a diagnosis without being one (`UNDECIDED`) leaves the superclasses of its record open.
Where a reason gives numbers, they were counted in the 21,799 records of PTB-XL 1.0.3 with 1.0.1's labels.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd


class Finding(NamedTuple):
    """One finding.

    Attributes:
        name: the same for the same finding, wherever it was labelled.
        superclass: of PTB-XL; None where it has none, or where that is open.
        reason: why, in a few words.
    """

    name: str
    superclass: str | None
    reason: str


_SINUS = "rhythm; PTB-XL states NORM in all 812 records with a sinus rate and no other finding"
_RHYTHM = "rhythm; PTB-XL's {} has no superclass"
_UNKNOWN_RHYTHM = "rhythm or beat; no statement of its own in PTB-XL, which gives rhythms no superclass"
_BEATS = "form; PTB-XL's {} has no superclass"
_AXIS = "PTB-XL's table has the axis, but no statement; NORM in 27 % of its records with this one"

SNOMED = {
    "426783006": Finding("sinus rhythm", None, "rhythm; normal only where nothing else is stated"),
    "426177001": Finding("sinus bradycardia", None, _SINUS),
    "427084000": Finding("sinus tachycardia", None, _SINUS),
    "427393009": Finding("sinus arrhythmia", None, _SINUS),
    "164889003": Finding("atrial fibrillation", None, _RHYTHM.format("AFIB")),
    "164890007": Finding("atrial flutter", None, _RHYTHM.format("AFLT")),
    "713422000": Finding("atrial tachycardia", None, _RHYTHM.format("SVTAC")),
    "233897008": Finding("AV reentrant tachycardia", None, _RHYTHM.format("SVTAC")),
    "10370003": Finding("pacing rhythm", None, _RHYTHM.format("PACE")),
    "106068003": Finding("atrial rhythm", None, _RHYTHM.format("SVARR")),
    "425856008": Finding("paroxysmal ventricular tachycardia", None, _UNKNOWN_RHYTHM),
    "251187003": Finding("atrial escape beat", None, _UNKNOWN_RHYTHM),
    "13640000": Finding("fusion beats", None, _UNKNOWN_RHYTHM),
    "284470004": Finding("atrial premature beats", None, _BEATS.format("PAC")),
    "251170000": Finding("blocked atrial premature beats", None, _BEATS.format("PAC")),
    "17338001": Finding("ventricular premature beats", None, _BEATS.format("PVC")),
    "427172004": Finding("ventricular premature beats", None, _BEATS.format("PVC")),
    "39732003": Finding("left axis deviation", None, _AXIS),
    "47665007": Finding("right axis deviation", None, _AXIS),
    "61721007": Finding("rotation of the QRS loop", None, "no statement in PTB-XL"),
    "251146004": Finding("low QRS voltages", None, "form; PTB-XL's LVOLT, NORM in 43 % of its records"),
    "55827005": Finding(
        "left ventricular high voltage", None, "criterion of LVH: PTB-XL's VCLVH, HYP in 76 %"
    ),
    "251223006": Finding(
        "tall P wave", None, "criterion of right atrial overload (RAO/RAE, HYP), not its name"
    ),
    "164917005": Finding(
        "Q wave abnormality", None, "criterion of an old infarction: PTB-XL's QWAVE, MI in 80 %"
    ),
    "365413008": Finding("poor R wave progression", None, "may be an old anterior infarction; no statement"),
    "251238007": Finding("SNOMED 251238007", None, "in neither list of the Challenge"),
    "164873001": Finding("left ventricular hypertrophy", "HYP", "PTB-XL's LVH"),
    "89792004": Finding("right ventricular hypertrophy", "HYP", "PTB-XL's RVH"),
    "253352002": Finding("left atrial abnormality", "HYP", "PTB-XL's LAO/LAE"),
    "67741000119109": Finding("left atrial enlargement", "HYP", "PTB-XL's LAO/LAE"),
    "446358003": Finding("right atrial enlargement", "HYP", "PTB-XL's RAO/RAE"),
    "270492004": Finding("1st degree AV block", "CD", "PTB-XL's 1AVB"),
    "233917008": Finding("AV block", "CD", "PTB-XL's 1AVB to 3AVB"),
    "59118001": Finding("right bundle branch block", "CD", "PTB-XL's CRBBB"),
    "713427006": Finding("right bundle branch block", "CD", "PTB-XL's CRBBB"),
    "713426002": Finding("incomplete right bundle branch block", "CD", "PTB-XL's IRBBB"),
    "445118002": Finding("left anterior fascicular block", "CD", "PTB-XL's LAFB"),
    "698252002": Finding("intraventricular conduction disorder", "CD", "PTB-XL's IVCD"),
    "428750005": Finding("non-specific ST-T abnormality", "STTC", "PTB-XL's NDT and NST_"),
    "55930002": Finding("ST changes", "STTC", "PTB-XL's NST_"),
    "164930006": Finding("ST interval abnormality", "STTC", "PTB-XL's NST_"),
    "429622005": Finding("ST depression", "STTC", "change of ST; STTC in 74 % of PTB-XL's STD_"),
    "164934002": Finding("T wave abnormality", "STTC", "PTB-XL's NDT"),
    "59931005": Finding("T wave inversion", "STTC", "change of T; STTC in 66 % of PTB-XL's INVT"),
    "111975006": Finding("prolonged QT interval", "STTC", "PTB-XL's LNGQT"),
    "426434006": Finding("ischaemia", "STTC", "anterior: PTB-XL's ISCAN"),
    "425623009": Finding("ischaemia", "STTC", "lateral: PTB-XL's ISCLA"),
}

# LUDB's diagnoses, by how they begin (in lower case). The first that fits counts.
LUDB = {
    "sinus rhythm": SNOMED["426783006"],
    "sinus bradycardia": SNOMED["426177001"],
    "sinus tachycardia": SNOMED["427084000"],
    "sinus arrhythmia": SNOMED["427393009"],
    "atrial fibrillation": SNOMED["164889003"],
    "atrial flutter": SNOMED["164890007"],
    "electric axis of the heart: left axis deviation": SNOMED["39732003"],
    "electric axis of the heart: right axis deviation": SNOMED["47665007"],
    "electric axis of the heart: ": Finding("axis without deviation", None, "normal, vertical or horizontal"),
    "i degree av": SNOMED["270492004"],
    "iii degree av": Finding("3rd degree AV block", "CD", "PTB-XL's 3AVB"),
    "complete right bundle branch block": SNOMED["59118001"],
    "incomplete right bundle branch block": SNOMED["713426002"],
    "complete left bundle branch block": Finding("left bundle branch block", "CD", "PTB-XL's CLBBB"),
    "incomplete left bundle": Finding("incomplete left bundle branch block", "CD", "PTB-XL's ILBBB"),
    "left anterior hemiblock": SNOMED["445118002"],
    "non-specific intravintricular": SNOMED["698252002"],  # LUDB's spelling
    "atrial extrasystole": SNOMED["284470004"],
    "ventricular extrasystole": SNOMED["17338001"],
    "left ventricular hypertrophy": SNOMED["164873001"],
    "left ventricular overload": Finding(
        "left ventricular overload", "HYP", "LUDB has it under hypertrophies"
    ),
    "right ventricular hypertrophy": SNOMED["89792004"],
    "left atrial": SNOMED["67741000119109"],
    "right atrial": SNOMED["446358003"],
    "pacemaker presence": SNOMED["10370003"],
    "unipolar": SNOMED["10370003"],
    "bipolar": SNOMED["10370003"],
    "biventricular pacing": SNOMED["10370003"],
    "p-synchrony": SNOMED["10370003"],
    "stemi": Finding(
        "infarction with ST elevation", "MI", "an acute infarction; PTB-XL's injuries are MI, too"
    ),
    "scar formation": Finding("infarction scar", "MI", "an old infarction"),
    "ischemia": Finding("ischaemia", "STTC", "PTB-XL's ISC_"),
    "undefined ischemia/scar": Finding(
        "ischaemia, scar or NSTEMI", None, "LUDB leaves open whether STTC or MI"
    ),
    "non-specific repolarization": SNOMED["428750005"],
}
LUDB_COLUMNS = (
    "rhythms",
    "electric_axis_of_the_heart",
    "conduction_abnormalities",
    "extrasystolies",
    "hypertrophies",
    "cardiac_pacing",
    "ischemia",
    "non_specific_repolarization_abnormalities",
    "other_states",
)

# What a record may have and be normal, or have nothing but a sinus rate.
NO_FINDING = frozenset(
    {"sinus rhythm", "sinus bradycardia", "sinus tachycardia", "sinus arrhythmia", "axis without deviation"}
)
UNDECIDED = frozenset(
    {
        "left ventricular high voltage",
        "tall P wave",
        "Q wave abnormality",
        "poor R wave progression",
        "SNOMED 251238007",
        "ischaemia, scar or NSTEMI",
    }
)


def snomed_findings(codes: str) -> tuple[Finding, ...]:
    """Return the findings of SNOMED CT codes with blanks between; ValueError for one that is not known."""
    unknown = [code for code in codes.split() if code not in SNOMED]
    if unknown:
        raise ValueError(f"codes must be in SNOMED of findings.py, got {', '.join(unknown)}. Add them there.")
    return _once(SNOMED[code] for code in codes.split())


def ludb_findings(row: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return the findings of a row of LUDB's labels; ValueError for a diagnosis that is not known."""
    found = []
    for text in (part for column in LUDB_COLUMNS for part in row[column].split(" ; ") if part):
        known = [finding for start, finding in LUDB.items() if text.lower().startswith(start)]
        if not known:
            raise ValueError(f"diagnoses must begin as in LUDB of findings.py, got {text!r}. Add it there.")
        found.append(known[0])
    return _once(found)


def _once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each name once, in the order of coming."""
    return tuple({finding.name: finding for finding in reversed(list(findings))}.values())[::-1]


def is_undecided(findings: Iterable[Finding]) -> bool:
    """Tell whether a finding leaves the record's superclasses open."""
    return any(finding.name in UNDECIDED for finding in findings)


def recall_by_finding(records: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Count, for each finding of abnormal records, how many were predicted abnormal.

    Args:
        records: source, label, findings and p, the probability of abnormal.
        threshold: predicted abnormal where p >= threshold.

    Returns:
        DataFrame of text, index finding, the most frequent first: superclass; "k of n" in each source, in
        all, and in the records where it is the only finding. Last come the records without any finding,
        where each one predicted abnormal is a false alarm.
    """
    lines = []
    for row in records.itertuples():
        found = {finding.name: finding.superclass or "" for finding in row.findings}
        found = {name: superclass for name, superclass in found.items() if name not in NO_FINDING}
        found = found or {"none, sinus rhythm" if row.label == "normal" else "none but a sinus rate": ""}
        lines += [(*item, row.source, len(found) == 1, row.p >= threshold) for item in found.items()]
    lines = pd.DataFrame(lines, columns=["finding", "superclass", "source", "alone", "predicted"])
    table = {}
    for name, part in lines.groupby("finding"):
        cells = {source: part["source"] == source for source in records["source"].unique()}
        cells |= {"all": part["source"] != "", "as the only finding": part["alone"]}
        table[name] = {"superclass": part["superclass"].iloc[0]}
        table[name] |= {column: _k_of_n(part.loc[inside, "predicted"]) for column, inside in cells.items()}
    frequency = lines["finding"].value_counts()
    order = sorted(table, key=lambda name: (name.startswith("none"), -frequency[name], name))
    return pd.DataFrame.from_dict(table, orient="index").loc[order].rename_axis("finding")


def _k_of_n(predicted: pd.Series) -> str:
    return f"{int(predicted.sum())} of {len(predicted)}" if len(predicted) else ""
