"""The lesions of `benchmarks/partial_lesions.py`: there for a part of the time, and known."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from partial_lesions import lead_mask, partial_lesions  # noqa: E402

from signalcam.explanation.assessment.localisation import span_mask  # noqa: E402
from signalcam.leads import LEADS  # noqa: E402


def test_partial_lesions_are_partial_and_repeat_with_the_seed():
    signals, spans, superclasses = partial_lesions(4, seed=5, progress=False)
    assert signals.shape == (4, 1000, 12)
    lesions = span_mask(spans, range(4))
    assert lesions.any(axis=1).all()
    for mask in lesions:
        assert np.ptp(np.flatnonzero(mask)) < 700
    by_lead = lead_mask(spans, range(4), LEADS)
    np.testing.assert_array_equal(by_lead.any(axis=2), lesions)
    assert by_lead.sum(axis=2).max() < 12
    classes = spans.groupby("ecg_id")["superclass"].first()
    assert all(superclasses.loc[row, name] for row, name in classes.items())
    np.testing.assert_array_equal(signals, partial_lesions(4, seed=5, progress=False)[0])


def test_leads_changed_by_half_of_the_largest_change_at_least_are_marked():
    spans = pd.DataFrame(
        {"ecg_id": [1, 1], "start": [0, 2], "stop": [2, 4], "I": [0.4, 0.1], "V1": [0.19, 0.05]}
    )
    mask = lead_mask(spans, [1], ("V1", "I"), n_times=5)
    np.testing.assert_array_equal(mask[0].astype(int), [[0, 1], [0, 1], [1, 1], [1, 1], [0, 0]])
