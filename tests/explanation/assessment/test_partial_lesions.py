"""The lesions of `benchmarks/partial_lesions.py`: there for a part of the time, and known."""

from pathlib import Path

import numpy as np
from explanation_models import small_model

from signalcam.deployment.deployable import Settings, build_deployable
from signalcam.preprocessing.scaling import Scaler

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


def test_partial_lesions_are_partial_and_repeat_with_the_seed(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from partial_lesions import partial_lesions, partial_records

    model = build_deployable(small_model(filters=(2, 2, 3, 4)), Scaler("record"), Settings(threshold=(0.3,)))
    signals, lesions, superclasses = partial_lesions(4, seed=5, progress=False)
    assert signals.shape == (4, 1000, 12)
    assert lesions.any(axis=1).all()
    for mask in lesions:
        assert np.ptp(np.flatnonzero(mask)) < 700
    np.testing.assert_array_equal(signals, partial_lesions(4, seed=5, progress=False)[0])
    records = partial_records(model, 4, seed=5, progress=False)
    np.testing.assert_array_equal(records.lesions, lesions)
    assert records.superclasses.equals(superclasses)
