"""The 12 leads: names, order, aliases, the identities that tie the six limb leads; and the units of voltage.

`LEADS` is the one source of lead names and lead order, that of the PTB-XL files (aVR, aVL, aVF; some figures
and pages list aVL first).
"""

import difflib
import functools
import re
import unicodedata
from collections.abc import Sequence

import numpy as np

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

ALIASES = {lead.upper(): lead for lead in LEADS} | {f"C{k}": f"V{k}" for k in range(1, 7)}
for _k, _lead in enumerate(("I", "II", "III"), 1):
    ALIASES |= dict.fromkeys((f"D{_lead}", f"D{_k}", f"L{_k}", f"LEAD{_k}"), _lead)
_MILLIVOLTS = {"v": 1e3, "mv": 1.0, "uv": 1e-3, "nv": 1e-6}
_PREFIX = re.compile(r"^(MDCECGLEAD|MDCECG|ECGLEAD|EKGLEAD|ECG|EKG|LEAD)(?=.)")


@functools.lru_cache(maxsize=512)  # a few names come again in each record
def canonical_lead(name: str) -> str:
    """Give the name in `LEADS` of a lead spelled in another common way.

    Case, blanks, dots and underscores do not matter, nor do the words "ECG", "EKG", "Lead" and "MDC_ECG_LEAD"
    in front: `"DI"`, `"MDC_ECG_LEAD_I"`, `"ECG I"` and `"i "` are lead I, `"AVR"` is aVR, `"C1"` is V1. Leads
    that are merely related are not aliases: VR (not augmented), -aVR (inverted), MLII and V3R stay unknown.

    Raises:
        ValueError: the name is unknown; the message gives near matches.
    """
    if not isinstance(name, str):
        raise ValueError(f"A lead name must be text such as 'V1', got {type(name).__name__} {name!r}.")
    # No lead has a long name, and to normalise a long row of combining marks takes quadratic time.
    short = "".join(name.split())[:64]
    key = re.sub(r"[\s._]+", "", unicodedata.normalize("NFKC", short)).upper()
    bare = _PREFIX.sub("", key)
    found = ALIASES.get(key) or ALIASES.get(bare)
    if found:
        return found
    near = dict.fromkeys(ALIASES[match] for match in difflib.get_close_matches(bare, ALIASES, 3, 0.5))
    hint = f"did you mean {' or '.join(near)}?" if near else f"expected one of {', '.join(LEADS)}."
    raise ValueError(f"Unknown lead name {name[:60]!r}: {hint} Rename it if it is that lead.")


def known_lead(name: str) -> str | None:
    """`canonical_lead` of a name; None where it is unknown."""
    try:
        return canonical_lead(name)
    except ValueError:
        return None


def wanted_leads(leads: str | Sequence[str]) -> tuple[str, ...]:
    """Lead names in their usual spelling, from a sequence or from text with commas, such as "I,avr".

    Raises:
        ValueError: there is none, or one is named twice.
    """
    parts = leads.split(",") if isinstance(leads, str) else leads
    names = tuple(known_lead(part) or str(part).strip() for part in parts)
    if not all(names) or not names or len(set(names)) < len(names):
        raise ValueError(f"leads must be different lead names, at least one, got {', '.join(names)!r}.")
    return names


def order_leads(names: Sequence[str], leads: Sequence[str] = LEADS) -> np.ndarray:
    """Positions of the 12 `LEADS` in `names`: `signals[..., order_leads(names)]` is in the order of `LEADS`.

    Args:
        names: as in a file.
        leads: those wanted where they are not the 12; names beyond the 12 must be there as they are.

    Returns:
        int64 array of shape (lead,).

    Raises:
        ValueError: leads are missing, unknown, or named twice; the message lists all of them.
    """
    found, duplicates, extra, hints = {}, [], [], []
    for position, name in enumerate(names):
        try:
            lead = name.strip() if isinstance(name, str) and name.strip() in leads else canonical_lead(name)
        except ValueError as error:
            extra.append(str(name)[:60])
            hints.append(str(error))
            continue
        if lead in found:
            duplicates.append(f"{lead} (as {str(names[found[lead]])!r} and {str(name)!r})")
        else:
            found[lead] = position
    extra = extra if tuple(leads) == LEADS else []  # whoever wants some leads takes them out of all
    missing = [lead for lead in leads if lead not in found]
    if not (missing or extra or duplicates):
        return np.array([found[lead] for lead in leads], dtype=np.int64)
    parts = [f"Expected the {len(leads)} leads {', '.join(leads)}, got {len(names)} names."]
    if missing:
        parts.append(f"Missing: {', '.join(missing)}.")
        if set(missing) <= {"III", "aVR", "aVL", "aVF"}:
            parts.append("These follow from I and II: ask for it with derive=True.")
    if extra:
        parts.append(f"Extra: {', '.join(extra[:12])}{', ...' if len(extra) > 12 else ''}.")
        parts.append(hints[0] if missing else "Leave them out, or ask for it with drop_extra=True.")
    if duplicates:
        parts.append(f"Named twice: {', '.join(duplicates)}. Keep one of each.")
    raise ValueError(" ".join(parts))


def choose_leads(
    signals: np.ndarray, leads: Sequence[str] = LEADS, names: Sequence[str] = LEADS
) -> np.ndarray:
    """Some leads of signals (..., lead), copied; as they are where their `names` have that order already."""
    order = order_leads(names, leads)
    return signals if order.tolist() == list(range(len(names))) else signals[..., order]


def derive_limb_leads(lead_i: np.ndarray, lead_ii: np.ndarray) -> tuple[np.ndarray, ...]:
    """Leads III, aVR, aVL and aVF from leads I and II, by Einthoven's law and Goldberger's definitions.

    Args, Returns: two arrays of one shape (else a ValueError) and unit; four new ones of that shape and unit.
    """
    lead_i, lead_ii = np.asarray(lead_i), np.asarray(lead_ii)
    if lead_i.shape != lead_ii.shape:
        found = f"{lead_i.shape} and {lead_ii.shape}"
        raise ValueError(f"Leads I and II must have one shape, got {found}: cut one of them.")
    return lead_ii - lead_i, -(lead_i + lead_ii) / 2, lead_i - lead_ii / 2, lead_ii - lead_i / 2


def einthoven_error(signals: np.ndarray) -> np.ndarray:
    """How far each record is from the identities of its six limb leads, in the unit of the signals.

    The largest magnitude over time of II - I - III (Einthoven), aVR + aVL + aVF, and of aVR, aVL, aVF against
    what I and II give (Goldberger). Rounding in the file leaves a few uV, leads in a wrong order hundreds.

    Args:
        signals: (record, time, lead) or (time, lead), leads ordered as `LEADS` (the first six are read).

    Returns:
        float64 array of shape (record,), or () for one record. NaN where a limb lead holds NaN.

    Raises:
        ValueError: fewer than six leads, or no samples.
    """
    signals = np.asarray(signals)
    if signals.ndim not in (2, 3) or signals.shape[-1] < 6 or signals.shape[-2] == 0:
        wanted = "(record, time, lead) or (time, lead) with the limb leads first"
        raise ValueError(f"signals must be {wanted}, got shape {signals.shape}.")
    lead_i, lead_ii, *others = (signals[..., k].astype(np.float64) for k in range(6))
    derived = derive_limb_leads(lead_i, lead_ii)
    residuals = [lead - wanted for lead, wanted in zip(others, derived, strict=True)]
    residuals.append(sum(others[1:]))
    return np.max([np.abs(residual).max(axis=-1) for residual in residuals], axis=0)


def millivolts_per(unit: str) -> float:
    """How many mV one "V", "mV", "uV" (or with a mu) or "nV" is, in any case; ValueError for other units."""
    if isinstance(unit, str):
        # The micro sign and the Greek letter mu are two characters that look alike.
        key = unit.strip().replace("\u00b5", "u").replace("\u03bc", "u").lower()
        if key in _MILLIVOLTS:
            return _MILLIVOLTS[key]
    raise ValueError(f"Unit {str(unit)[:20]!r} is not a known voltage: expected one of V, mV, uV, nV.")


def agreed_scale(stated: str | None, given: str | None, what: str) -> float:
    """How many mV one unit of a file's values is.

    Args:
        stated: unit in the file, or None or blank where it states none.
        given: unit by the caller, or None; it fills in, it never overrules.
        what: the lead or column, for messages.

    Raises:
        ValueError: neither says the unit, they contradict, or it is no voltage.
    """
    stated = (stated or "").strip()
    if not stated and given is None:
        raise ValueError(f"{what} states no unit, so it is uncalibrated: give unit='mV' or unit='uV'.")
    scale = millivolts_per(stated or given)
    if given is not None and millivolts_per(given) != scale:
        raise ValueError(f"{what} states the unit {stated}, but unit={given!r} was given. Leave unit out.")
    return scale
