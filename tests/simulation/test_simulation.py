"""Simulated records: the identities of the leads, exact truth for lesions, the physiology of each."""

import functools

import numpy as np
import pytest
from wfdb import processing

from signalcam.leads import LEADS, einthoven_error
from signalcam.simulation import Lesion, SimulatedRecord, Subject, simulate_record
from signalcam.simulation.heart import DOWER, INDEPENDENT_LEADS, Beats, all_leads, render
from signalcam.simulation.lesions import CHANGES
from signalcam.simulation.noise import draw_noise
from signalcam.simulation.table import DIAGNOSTIC

QUIET = Subject(noise=0.0)


def healthy_signals(record):
    """The record without its first lesion, in mV."""
    return (record.without[0] / 1000).astype(np.float32)


def lead(signals, name):
    return signals[:, LEADS.index(name)]


def at(record, signals, name, start, stop):
    """Mean beat of a lead from `start` to `stop` s after R, against its level before P."""
    rate, values = record.sampling_rate, lead(signals, name)
    pieces = []
    for r in record.r_peaks[1:-1]:
        level = values[int(round((r - 0.42) * rate)) : int(round((r - 0.38) * rate))].mean()
        pieces.append(values[int(round((r + start) * rate)) : int(round((r + stop) * rate)) + 1] - level)
    length = min(map(len, pieces))
    return np.mean([piece[:length] for piece in pieces], axis=0)


@functools.cache
def person_with(statement, severity, person):
    return simulate_record([Lesion(statement, severity)], Subject(seed=person, noise=0.0), seed=person)


def effect(statement, name, start, stop, severity=1.0, n_people=6):
    """Mean over people of what a lesion adds to a lead from `start` to `stop` s after R, in mV."""
    changes = []
    for person in range(n_people):
        record = person_with(statement, severity, person)
        with_lesion = at(record, record.signals, name, start, stop).mean()
        changes.append(with_lesion - at(record, healthy_signals(record), name, start, stop).mean())
    return float(np.mean(changes))


def qrs_duration(record, signals):
    """Seconds around R in which the leads together move fast, as a share of their fastest."""
    speed = np.abs(np.diff(signals, axis=0)).sum(axis=1) * record.sampling_rate
    durations = []
    for r in record.r_peaks[1:-1]:
        start = int((r - 0.1) * record.sampling_rate)
        window = speed[start : start + int(0.3 * record.sampling_rate)]
        fast = np.flatnonzero(window > 0.12 * window.max())
        durations.append((fast[-1] - fast[0]) / record.sampling_rate)
    return np.mean(durations)


class TestLeads:
    @pytest.mark.parametrize("statement", [None, "CLBBB", "IMI", "LVH"])
    def test_limb_leads_obey_einthoven_and_goldberger_to_two_microvolts(self, statement):
        lesions = [Lesion(statement, 0.8)] if statement else []
        record = simulate_record(lesions, Subject(noise=3.0, fibrillation=statement is None), seed=3)
        assert einthoven_error(record.signals) < 0.002

    def test_noise_alone_obeys_the_identities(self):
        counts = all_leads(draw_noise(np.random.default_rng(0), 1000, 100.0, level=5.0))
        assert counts.std(axis=0).min() > 5
        assert einthoven_error(counts / 1000.0) < 0.002

    def test_one_wave_is_its_vector_times_the_lead_matrix(self):
        vector = np.array([0.5, 0.3, -0.2])
        beats = Beats(
            times=np.array([1.0]), rr=np.array([1.0]), vectors=vector[None, None], centres=np.zeros((1, 1)),
            widths=np.full((1, 1, 2), 0.05), local=np.ones((1, 8)),
        )  # fmt: skip
        signals = render(beats, DOWER, n_times=200, sampling_rate=100.0)
        np.testing.assert_allclose(signals[100], DOWER @ vector, rtol=1e-12)
        edge = np.exp(-0.5 * 2.5**2)
        half = (np.exp(-0.5) - edge) / (1 - edge)
        np.testing.assert_allclose(signals[105], half * (DOWER @ vector), rtol=1e-9)
        assert not signals[:88].any()
        assert not signals[113:].any()

    def test_twelve_leads_follow_from_eight_by_hand(self):
        independent = np.array([[0.5, 0.8, -0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
        expected = [500, 800, 300, -650, 100, 550, -100, 200, 300, 400, 500, 600]
        assert all_leads(independent).tolist() == [expected]
        assert INDEPENDENT_LEADS == ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


class TestTruth:
    @pytest.mark.parametrize("statement", CHANGES)
    def test_spans_are_exactly_the_samples_a_lesion_changes(self, statement):
        record = simulate_record([Lesion(statement, 0.7)], Subject(seed=2), seed=5)
        inside = np.zeros(1000, dtype=bool)
        for start, stop in record.spans(0):
            inside[start:stop] = True
        changed = (record.signals != healthy_signals(record)).any(axis=1)
        assert inside.any()
        assert not inside.all()
        np.testing.assert_array_equal(inside, changed)

    def test_the_record_without_its_only_lesion_is_the_healthy_record(self):
        record = simulate_record([Lesion("CLBBB", 1.0)], seed=4)
        np.testing.assert_array_equal(record.without[0], simulate_record([], seed=4).counts)

    def test_without_one_of_two_lesions_the_other_stays(self):
        both = simulate_record([Lesion("IMI", 0.8), Lesion("LAFB", 0.8)], seed=4)
        only = simulate_record([Lesion("LAFB", 0.8)], seed=4)
        np.testing.assert_array_equal(both.without[0], only.counts)

    def test_a_passing_lesion_changes_its_own_beats_only(self):
        record = simulate_record([Lesion("CLBBB", 1.0, start=3.0, stop=6.0)], Subject(seed=1), seed=1)
        spans = record.spans(0)
        assert spans.min() > 260
        assert spans.max() < 690
        beats = [r for r in record.r_peaks if 3.0 <= r < 6.0]
        for r in beats:
            assert any(start <= r * 100 < stop for start, stop in spans)

    def test_a_gradual_lesion_grows_and_fades(self):
        times = np.array([2.0, 3.0, 4.0, 5.0, 7.0, 8.5, 9.0])
        weights = Lesion("ISC_", 0.8, start=3.0, stop=9.0, gradual=True).weights(times)
        np.testing.assert_allclose(weights, [0.0, 0.2, 0.4, 0.8, 0.8, 0.2, 0.0])

    def test_spans_by_hand(self):
        with_lesion, without = np.zeros((8, 12)), np.zeros((8, 12))
        with_lesion[0, 3] = with_lesion[4, 0] = with_lesion[5, 11] = 1
        record = SimulatedRecord(with_lesion, (), (without, with_lesion), 0.0, 100.0, np.zeros(0))
        assert record.spans(0).tolist() == [[0, 1], [4, 6]]
        assert record.spans(1).shape == (0, 2)
        assert record.lead_changes(1).shape == (0, 12)

    def test_lead_changes_by_hand(self):
        with_lesion, without = np.zeros((2, 4, 12), dtype=np.int16)
        with_lesion[1:3, 0], with_lesion[2, 7] = (300, 400), -200
        record = SimulatedRecord(with_lesion, (), (without,), 0.0, 100.0, np.zeros(0))
        expected = np.zeros((1, 12))
        expected[0, 0], expected[0, 7] = np.sqrt((0.09 + 0.16) / 2), np.sqrt(0.04 / 2)
        np.testing.assert_allclose(record.lead_changes(0), expected)

    def test_severity_zero_changes_nothing(self):
        for statement in CHANGES:
            assert len(simulate_record([Lesion(statement, 0.0)], seed=1).spans(0)) == 0

    @pytest.mark.parametrize("statement", CHANGES)
    def test_the_more_severe_the_larger_the_change(self, statement):
        sizes, totals = [], []
        for severity in (0.25, 0.5, 1.0):
            record = simulate_record([Lesion(statement, severity)], Subject(seed=3, noise=0.0), seed=3)
            sizes.append(np.abs(record.signals - healthy_signals(record)).max())
            totals.append(np.abs(record.signals - healthy_signals(record)).sum())
        assert totals[0] < totals[1] < totals[2]
        assert 0.05 < sizes[2] < 5.0

    def test_same_seed_same_record_and_another_seed_another(self):
        first, again, other = (simulate_record([Lesion("LVH", 0.5)], seed=seed) for seed in (8, 8, 9))
        np.testing.assert_array_equal(first.counts, again.counts)
        assert (first.counts != other.counts).mean() > 0.5

    def test_every_lesion_is_a_diagnostic_statement_and_the_other_way_round(self):
        assert set(CHANGES) | {"NORM"} == set(DIAGNOSTIC)


class TestErrors:
    def test_unknown_statement_lists_the_known_ones(self):
        with pytest.raises(ValueError, match=r"statement must be one of IMI, .*RAO/RAE, got 'FLU'"):
            simulate_record([Lesion("FLU", 0.5)])

    def test_severity_out_of_range(self):
        with pytest.raises(ValueError, match=r"severity of IMI must be 0 to 1, got 1.5"):
            simulate_record([Lesion("IMI", 1.5)])

    def test_a_lesion_named_twice(self):
        with pytest.raises(ValueError, match="named once each, got IMI, IMI. Leave the repeated one out"):
            simulate_record([Lesion("IMI", 0.5), Lesion("IMI", 0.2)])

    def test_no_samples(self):
        with pytest.raises(ValueError, match="n_times must be 2 or more"):
            simulate_record(n_times=0)


class TestPhysiology:
    """Each diagnosis by the sign a reader looks for, as the mean over several people."""

    def test_inferior_infarction_has_q_waves_and_lifted_st_in_ii_iii_and_avf(self):
        for name in ("II", "III", "aVF"):
            assert effect("IMI", name, -0.025, -0.015) < -0.2
            assert effect("IMI", name, 0.10, 0.13) > 0.03
        assert effect("IMI", "aVL", 0.10, 0.13) < 0.0

    def test_anteroseptal_infarction_shows_in_v1_to_v3_and_not_in_avf(self):
        for name in ("V1", "V2", "V3"):
            assert effect("ASMI", name, -0.025, -0.015) < -0.2
            assert effect("ASMI", name, 0.10, 0.13) > 0.03
        assert abs(effect("ASMI", "aVF", -0.025, -0.015)) < 0.15

    def test_lateral_infarction_shows_in_i_avl_and_v6(self):
        for name in ("I", "aVL", "V6"):
            assert effect("LMI", name, -0.025, -0.015) < -0.15

    @pytest.mark.parametrize("statement", ["NST_", "ISC_", "ISCAL", "DIG"])
    def test_ischaemia_lowers_st_in_v5(self, statement):
        assert effect(statement, "V5", 0.10, 0.14) < -0.06

    def test_ischaemia_turns_t_over(self):
        assert effect("ISCAL", "V5", 0.26, 0.30) < -0.2
        assert effect("NDT", "V5", 0.26, 0.30) < -0.1

    def test_long_qt_delays_t(self):
        record = simulate_record([Lesion("LNGQT", 1.0)], QUIET, seed=2)
        peaks = [
            np.argmax(at(record, signals, "V4", 0.15, 0.6)) / 100.0
            for signals in (record.signals, healthy_signals(record))
        ]
        assert 0.04 <= peaks[0] - peaks[1] <= 0.14

    @pytest.mark.parametrize("statement", ["CLBBB", "CRBBB", "IVCD"])
    def test_block_widens_qrs(self, statement):
        healthy, blocked = [], []
        for person in range(6):
            record = person_with(statement, 1.0, person)
            blocked.append(qrs_duration(record, record.signals))
            healthy.append(qrs_duration(record, healthy_signals(record)))
        assert 0.06 <= np.mean(healthy) <= 0.11
        assert 0.11 <= np.mean(blocked) <= 0.18

    def test_left_bundle_block_has_t_against_qrs(self):
        assert effect("CLBBB", "V6", 0.25, 0.30) < -0.3
        assert effect("CLBBB", "V2", 0.25, 0.30) > 0.0

    def test_right_bundle_block_ends_positive_in_v1_and_negative_in_v6(self):
        assert effect("CRBBB", "V1", 0.065, 0.08) > 0.4
        assert effect("CRBBB", "V6", 0.065, 0.08) < -0.2

    def test_fascicular_blocks_turn_the_axis(self):
        for person in range(6):
            subject = Subject(seed=person)
            assert simulate_record([Lesion("LAFB", 1.0)], subject).axis < -40
            assert -30 < simulate_record([], subject).axis < 95
            assert simulate_record([Lesion("LPFB", 1.0)], subject).axis > 85

    def test_first_degree_block_moves_p_away_from_qrs(self):
        for person in range(4):
            record = simulate_record([Lesion("1AVB", 1.0)], Subject(seed=person, noise=0.0, heart_rate=60))
            p_peaks = [
                -0.4 + np.argmax(at(record, signals, "II", -0.40, -0.08)) / 100.0
                for signals in (record.signals, healthy_signals(record))
            ]
            assert -0.38 < p_peaks[0] < -0.22
            assert -0.20 < p_peaks[1] < -0.10

    def test_left_hypertrophy_raises_the_sokolow_lyon_voltage_above_its_limit(self):
        with_lesion, without = [], []
        for person in range(8):
            record = person_with("LVH", 1.0, person)
            for values, signals in ((with_lesion, record.signals), (without, healthy_signals(record))):
                values.append(lead(signals, "V5").max() - lead(signals, "V1").min())
        assert np.median(without) < 3.5 < np.median(with_lesion)
        assert np.median(with_lesion) > 1.4 * np.median(without)

    def test_right_hypertrophy_turns_v1_positive(self):
        assert effect("RVH", "V1", -0.01, 0.01) > 0.5

    def test_atrial_enlargement_changes_the_p_wave_only(self):
        for statement in ("LAO/LAE", "RAO/RAE"):
            record = simulate_record([Lesion(statement, 1.0)], Subject(seed=1), seed=1)
            r_peaks = record.r_peaks * 100.0
            for start, stop in record.spans(0):
                after = r_peaks[r_peaks > start]
                assert stop - start < 20
                assert len(after) == 0 or after[0] - stop > 0


class TestRhythm:
    @pytest.mark.parametrize("heart_rate", [48, 70, 110])
    def test_the_rate_is_what_was_asked_for_by_an_independent_detector(self, heart_rate):
        # At 100 Hz this detector counts T waves too, on real records as well; at 250 Hz it does not.
        subject = Subject(seed=1, heart_rate=heart_rate)
        record = simulate_record(subject=subject, seed=heart_rate, sampling_rate=250, n_times=2500)
        found = processing.xqrs_detect(lead(record.signals, "V2").astype(float), fs=250, verbose=False) / 250
        assert 60.0 / np.median(np.diff(found)) == pytest.approx(heart_rate, rel=0.12)
        assert abs(len(found) - len(record.r_peaks)) <= 2

    def test_fibrillation_is_irregular_and_has_no_p(self):
        regular = simulate_record(subject=Subject(noise=0.0), seed=3)
        irregular = simulate_record(subject=Subject(noise=0.0, fibrillation=True), seed=3)
        spread = [np.std(np.diff(r.r_peaks)) / np.mean(np.diff(r.r_peaks)) for r in (regular, irregular)]
        assert spread[0] < 0.08
        assert spread[1] > 0.1

    def test_a_premature_ventricular_beat_is_wide_early_and_not_part_of_a_lesion(self):
        subject = Subject(seed=5, premature="PVC", n_premature=1)
        record = simulate_record([Lesion("LVH", 1.0)], subject, seed=2)
        gaps = np.diff(record.r_peaks)
        early = record.r_peaks[1:][np.argmin(gaps)]
        assert gaps.min() < 0.78 * np.median(gaps)
        assert not any(start <= early * 100 < stop for start, stop in record.spans(0))

    def test_other_rates_and_lengths(self):
        record = simulate_record(n_times=2500, sampling_rate=500.0, seed=1)
        assert record.signals.shape == (2500, 12)
        assert record.signals.dtype == np.float32
        assert len(record.r_peaks) in (5, 6, 7)
