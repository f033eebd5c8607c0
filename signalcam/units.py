"""Voltage units, and how many mV each is: the one table for all file formats and arrays."""

_MILLIVOLTS = {"v": 1e3, "mv": 1.0, "uv": 1e-3, "nv": 1e-6}


def millivolts_per(unit: str) -> float:
    """How many mV one `unit` is: 1e3 for "V", 1 for "mV", 1e-3 for "uV" (or with a mu), 1e-6 for "nV".

    Raises:
        ValueError: the unit is unknown or no voltage.
    """
    if isinstance(unit, str):
        # The micro sign and the Greek letter mu are two characters that look alike.
        key = unit.strip().replace("\u00b5", "u").replace("\u03bc", "u").lower()
        if key in _MILLIVOLTS:
            return _MILLIVOLTS[key]
    raise ValueError(f"Unit {str(unit)[:20]!r} is not a known voltage: expected one of V, mV, uV, nV.")


def agreed_scale(stated: str | None, given: str | None, what: str) -> float:
    """How many mV one unit of a file's values is, from what the file states and what the caller says.

    Args:
        stated: unit in the file, or None or blank where it states none.
        given: unit by the caller, or None; it fills in, it never overrules.
        what: the lead or column, for messages.

    Raises:
        ValueError: neither says the unit, they contradict, or it is no voltage.
    """
    stated = stated.strip() if stated else None
    if stated is None and given is None:
        raise ValueError(f"{what} states no unit, so it is uncalibrated: give unit='mV' or unit='uV'.")
    if stated is None:
        return millivolts_per(given)
    scale = millivolts_per(stated)
    if given is not None and millivolts_per(given) != scale:
        raise ValueError(f"{what} states the unit {stated}, but unit={given!r} was given. Leave unit out.")
    return scale
