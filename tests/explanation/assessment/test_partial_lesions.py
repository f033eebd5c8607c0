"""The lesions of `benchmarks/partial_lesions.py`: there for a part of the time, and known."""

from pathlib import Path

import numpy as np

from signalcam.explanation.assessment.localisation import span_mask
from signalcam.leads import LEADS

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


def test_partial_lesions_are_partial_and_repeat_with_the_seed(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from partial_lesions import partial_lesions

    signals, spans, superclasses = partial_lesions(4, seed=5, progress=False)
    assert signals.shape == (4, 1000, 12)
    lesions = span_mask(spans, range(4))
    assert lesions.any(axis=1).all()
    for mask in lesions:
        assert np.ptp(np.flatnonzero(mask)) < 700
    by_lead = span_mask(spans, range(4), lead_names=LEADS)
    np.testing.assert_array_equal(by_lead.any(axis=2), lesions)
    assert by_lead.sum(axis=2).max() < 12
    classes = spans.groupby("ecg_id")["superclass"].first()
    assert all(superclasses.loc[row, name] for row, name in classes.items())
    np.testing.assert_array_equal(signals, partial_lesions(4, seed=5, progress=False)[0])
