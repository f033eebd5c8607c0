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
