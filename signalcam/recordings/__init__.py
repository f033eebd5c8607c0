"""Recordings from files and arrays, checked: in mV, leads in order, at the wanted rate and length."""

from signalcam.errors import RecordError, RecordWarning
from signalcam.recordings.checks import check_outputs, check_signals, refuse_non_finite
from signalcam.recordings.find import find_recordings
from signalcam.recordings.quality import Quality, assess
from signalcam.recordings.reading import Recording, from_array, read_recording, read_windows

__all__ = [
    "Quality", "RecordError", "RecordWarning", "Recording", "assess", "check_outputs", "check_signals",
    "find_recordings", "from_array", "read_recording", "read_windows", "refuse_non_finite",
]  # fmt: skip
