"""Where in the beat: R peaks against simulated truth, alignment and shares worked by hand."""

import numpy as np
import pytest

from signalcam.explanation.beats import (
    OUTSIDE,
    PARTS,
    beat_average,
    beat_parts,
    cut_beats,
    find_p_waves,
    find_r_peaks,
    part_shares,
)
from signalcam.simulation import Lesion, Subject, simulate_record


@pytest.fixture(scope="module")
def records():
    lesions = [
        [],
        [],
        [Lesion("CLBBB", 0.9)],
        [Lesion("AMI", 0.9)],
        [Lesion("LVH", 0.9)],
        [Lesion("NDT", 0.9)],
    ]
    return [
        simulate_record(lesion, Subject(seed=k, heart_rate=50 + 10 * k), seed=k)
        for k, lesion in enumerate(lesions)
    ]


def test_r_peaks_are_those_simulated(records):
    found = find_r_peaks(np.stack([record.signals for record in records]))
    for record, peaks in zip(records, found, strict=True):
        truth = record.r_peaks * 100
        inside = truth[(truth > 50) & (truth < 950)]
        distance = np.abs(inside[:, None] - peaks).min(axis=1)
        assert (distance <= 8).mean() > 0.9
        assert abs(len(peaks) - len(truth)) <= 1


def test_r_peaks_do_not_depend_on_the_unit(records):
    signals = records[0].signals[None]
    np.testing.assert_array_equal(find_r_peaks(signals)[0], find_r_peaks(signals * 37)[0])


def test_flat_record_has_no_peaks_and_gives_nan_not_an_error():
    flat = np.zeros((1, 1000, 12))
    peaks = find_r_peaks(flat)
    assert len(peaks[0]) == 0
    evidence, beat = beat_average(np.ones((1, 1000)), flat, peaks)
    assert np.isnan(evidence).all()
    assert np.isnan(beat).all()
    assert part_shares(np.ones((1, 1000)), beat_parts(peaks, 1000)).isna().all(axis=None)


def test_beats_are_cut_around_the_peak_and_only_whole_ones():
    values = np.arange(20)
    np.testing.assert_array_equal(cut_beats(values, [1, 5, 18], before=2, after=3), [[3, 4, 5, 6, 7]])
    assert cut_beats(values[:, None], [], 2, 3).shape == (0, 5, 1)


def test_average_of_aligned_beats_is_mean_evidence_and_median_signal():
    relevance = np.zeros((1, 30))
    signals = np.zeros((1, 30, 1))
    for peak, height in zip((5, 15, 25), (1, 2, 6), strict=True):
        relevance[0, peak] = height
        signals[0, peak] = height
    evidence, beat = beat_average(relevance, signals, [np.array([5, 15, 25])], before=2, after=3)
    np.testing.assert_allclose(evidence, [[0, 0, 3, 0, 0]])
    np.testing.assert_allclose(beat[0, :, 0], [0, 0, 2, 0, 0])


def test_parts_of_a_beat_at_sixty_a_minute_are_where_the_ruler_says():
    parts = beat_parts([np.array([100, 200, 300])], 500)[0]
    names = np.array([*PARTS, "?"])[parts]
    assert (names[:80] == "?").all()
    assert (names[80:96] == "P-PQ").all()
    assert (names[96:105] == "QRS").all()
    assert (names[105:138] == "ST-T").all()
    assert (names[138:180] == "TP").all()
    assert names[300] == "QRS"
    assert (names[338:380] == "TP").all()
    assert (names[380:] == "?").all()


def test_without_a_p_wave_its_place_belongs_to_tp():
    with_p, without = beat_parts([np.array([100, 200, 300])] * 2, 500, p_waves=[True, False])
    changed = with_p != without
    assert set(np.array(PARTS)[with_p[changed]]) == {"P-PQ"}
    assert set(np.array(PARTS)[without[changed]]) == {"TP"}
    assert "P-PQ" not in np.array(PARTS)[without[without != OUTSIDE]]


def test_p_waves_are_found_in_sinus_rhythm_and_not_in_fibrillation():
    sinus, fibrillation = (
        [simulate_record([], Subject(seed=k, fibrillation=irregular), seed=k) for k in range(6)]
        for irregular in (False, True)
    )
    for records, expected in ((sinus, True), (fibrillation, False)):
        signals = np.stack([record.signals for record in records])
        peaks = [np.round(record.r_peaks * 100).astype(int) for record in records]
        assert (find_p_waves(signals, peaks) == expected).mean() > 0.8
    assert find_p_waves(signals[:1], [np.array([500])]).all()


def test_shares_of_named_parts_are_those_worked_by_hand():
    shares = part_shares([[1, 2, -5, 3, 9], [0, -1, 0, 0, 4]], [[0, 0, 1, 1, -1]] * 2, ("a", "b"))
    np.testing.assert_allclose(shares.loc[0], [0.5, 0.5, 0.5, 0.5])
    assert shares.loc[1].isna().all()
    assert list(shares.columns) == ["a", "b", "time_a", "time_b"]


def test_parts_at_a_fast_rate_leave_no_tp_and_one_beat_is_not_enough():
    fast = beat_parts([np.arange(10, 1000, 40)], 1000)[0]
    assert PARTS.index("TP") not in fast[50:900]
    assert (beat_parts([np.array([500])], 1000) == OUTSIDE).all()


def test_shares_of_constant_evidence_are_the_shares_of_time_and_negative_counts_nothing():
    peaks = [np.arange(100, 1000, 100)] * 2
    parts = beat_parts(peaks, 1000)
    relevance = np.ones((2, 1000))
    relevance[1] = np.where(parts[1] == PARTS.index("QRS"), 2.0, -1.0)
    shares = part_shares(relevance, parts)
    np.testing.assert_allclose(shares.loc[0, list(PARTS)], shares.loc[0, [f"time_{part}" for part in PARTS]])
    np.testing.assert_allclose(shares.loc[1, list(PARTS)], [0, 1, 0, 0])
    np.testing.assert_allclose(shares[list(PARTS)].sum(axis=1), 1)
