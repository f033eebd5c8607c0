"""Localisation against known lesions: hand-worked cases, chance, other implementations."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from signalcam.explanation.assessment.localisation import (
    MEASURES,
    chance_average_precision,
    is_full_time,
    localise,
    smooth,
    span_mask,
)


def test_spans_mark_their_samples_stop_exclusive():
    spans = pd.DataFrame({"ecg_id": [7, 7, 3, 99], "start": [0, 6, -2, 0], "stop": [2, 12, 1, 5]})
    np.testing.assert_array_equal(
        span_mask(spans, [3, 5, 7], n_times=8).astype(int),
        [[1, 0, 0, 0, 0, 0, 0, 0], [0] * 8, [1, 1, 0, 0, 0, 0, 1, 1]],
    )


def test_time_and_leads_are_measured_together():
    relevance = np.array([[[4.0, 2.0], [3.0, -1.0]]])
    mask = np.array([[[True, False], [False, True]]])
    pd.testing.assert_frame_equal(
        localise(relevance, mask), localise(relevance.reshape(1, 4), mask.reshape(1, 4))
    )


def test_lesions_in_each_beat_last_and_one_beat_is_partial():
    mask = np.zeros((4, 1000), bool)
    mask[0, 40::80] = True
    mask[1, 300:420] = True
    mask[2, :850] = True
    mask[2, 850:] = False
    assert is_full_time(mask).tolist() == [True, False, True, False]


def test_hand_worked_measures():
    relevance = np.array([[4.0, 2.0, 3.0, -1.0]])
    mask = np.array([[True, False, False, True]])
    row = localise(relevance, mask).iloc[0]
    assert row["pointing"] == 1
    assert row["mass"] == pytest.approx(4 / 9)
    assert row["rank"] == pytest.approx(0.5)
    assert row["average_precision"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 4)
    assert row["chance"] == 0.5


def test_ties_share_the_credit():
    flat = localise(np.ones((1, 10)), np.arange(10)[None] < 3).iloc[0]
    for measure in MEASURES:
        assert flat[measure] == pytest.approx(0.3), measure


def test_a_map_that_is_the_lesion_is_perfect_and_its_negative_is_worst():
    mask = np.random.default_rng(0).random((3, 100)) < 0.3
    np.testing.assert_allclose(localise(mask.astype(float), mask)[list(MEASURES)], 1)
    np.testing.assert_allclose(localise(-mask.astype(float), mask)[["pointing", "mass", "rank"]], 0)


def test_records_with_no_lesion_or_nothing_else_are_not_available():
    mask = np.array([[False] * 4, [True] * 4, [True, False, False, False]])
    assert localise(np.ones((3, 4)), mask).isna().all(axis=1).tolist() == [True, True, False]


def test_chance_is_what_random_maps_reach(rng):
    mask = np.zeros((4000, 50), bool)
    mask[:, 10:17] = True
    table = localise(rng.normal(size=mask.shape), mask).mean()
    assert table["pointing"] == pytest.approx(0.14, abs=0.02)
    assert table["mass"] == pytest.approx(0.14, abs=0.01)
    assert table["rank"] == pytest.approx(0.14, abs=0.01)
    assert table["average_precision"] == pytest.approx(table["chance_average_precision"], abs=0.01)
    assert chance_average_precision(1, 3) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def test_average_precision_equals_scikit_learn_with_and_without_ties(rng):
    mask = rng.random((20, 200)) < 0.2
    relevance = rng.normal(size=mask.shape).round(1)
    expected = [average_precision_score(m, r) for m, r in zip(mask, relevance, strict=True)]
    np.testing.assert_allclose(localise(relevance, mask)["average_precision"], expected)


def test_measures_equal_those_of_quantus(rng):
    quantus = pytest.importorskip("quantus", reason="needs pip install -e .[quantus]", exc_type=ImportError)
    mask = np.zeros((6, 1, 200), bool)
    mask[:, :, 60:90] = True
    relevance = rng.random((6, 1, 200))
    ours = localise(relevance[:, 0], mask[:, 0])
    theirs = {
        "pointing": quantus.PointingGame,
        "mass": quantus.RelevanceMassAccuracy,
        "rank": quantus.RelevanceRankAccuracy,
    }
    for measure, metric in theirs.items():
        scores = metric(abs=False, normalise=False, disable_warnings=True)(
            model=None,
            x_batch=np.zeros_like(relevance),
            y_batch=np.zeros(6, int),
            a_batch=relevance,
            s_batch=mask,
            channel_first=True,
        )
        np.testing.assert_allclose(ours[measure], np.ravel(scores).astype(float), err_msg=measure)


def test_smoothing_is_a_moving_average_that_keeps_constants_and_the_centre():
    peak = np.zeros((1, 11))
    peak[0, 5] = 3
    np.testing.assert_allclose(smooth(peak, 3), [[0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0]])
    np.testing.assert_allclose(smooth(np.ones((2, 11)), 4), 1)
    np.testing.assert_array_equal(smooth(peak, 1), peak)


def test_shapes_that_differ_are_refused():
    with pytest.raises(
        ValueError, match=r"one shape \(record, time\) or \(record, time, lead\), got \(2, 5\) and \(2, 6\)"
    ):
        localise(np.zeros((2, 5)), np.zeros((2, 6)))


@pytest.mark.parametrize(("gap", "lasts"), [(199, True), (200, False)])
@pytest.mark.parametrize("start", [0, 300, None])
def test_lesion_is_partial_from_two_seconds_without_it_wherever_they_are(gap, lasts, start):
    mask = np.ones((1, 1000), dtype=bool)
    start = 1000 - gap if start is None else start
    mask[0, start : start + gap] = False
    assert is_full_time(mask).tolist() == [lasts]
