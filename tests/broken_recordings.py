"""Recordings broken in ten ways, and what is to be said about each."""

import numpy as np
from recording_files import write_csv, write_wfdb


def write_broken(folder, number=0):
    """Write one broken recording of each of ten kinds; give a part of the expected reason by path."""
    rng = np.random.default_rng(number)
    signals = rng.normal(scale=0.2, size=(1000, 12))

    def wfdb(kind, values=signals, **options):
        return write_wfdb(folder, values, name=f"{kind}{number}", **options)

    reasons = {}
    path = wfdb("truncated")
    data = path.with_suffix(".dat")
    data.write_bytes(data.read_bytes()[:-1])
    reasons[path] = "24,000 bytes"
    path = wfdb("flipped")
    data = path.with_suffix(".dat")
    values = bytearray(data.read_bytes())
    values[700] ^= 8
    data.write_bytes(values)
    reasons[path] = "checksum"
    path = wfdb("headless")
    path.unlink()
    reasons[path.with_suffix(".dat")] = "headless"
    path = wfdb("page")
    path.write_text("<!DOCTYPE html><html><body>Please log in</body></html>")
    reasons[path] = "Record page"
    reasons[wfdb("gainless", gain="0/mV")] = "uncalibrated"
    reasons[wfdb("fast", rate=500)] = "expected 100 Hz, found 500 Hz"
    reasons[wfdb("short", signals[:500])] = "too short"
    reasons[write_csv(folder / f"rateless{number}.csv", signals)] = "no sampling rate"
    path = folder / f"xml{number}.xml"
    path.write_text("<AnnotatedECG/>")
    reasons[path] = "Record xml"
    path = folder / f"junk{number}.edf"
    path.write_bytes(rng.bytes(500))
    reasons[path] = "Record junk"
    return reasons
