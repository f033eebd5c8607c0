"""The quality report: each kind of defect is found, with its size, and a clean recording has none."""

import warnings

import numpy as np
import pytest

from signalcam.leads import LEADS
from signalcam.recordings.quality import assess, unit_factor, unit_note


@pytest.fixture
def clean(ecg_like, rng):
    """(1000, 12) in mV: smooth, with the little noise that keeps neighbouring samples apart."""
    return ecg_like[0] + 1e-4 * rng.normal(size=ecg_like[0].shape)


def test_clean_recording_has_no_notes(clean):
    quality = assess(clean, 100)
    assert quality.notes == []
    assert quality.einthoven_error < 0.01
    assert quality.unit_factor == 1


@pytest.mark.bad_input(19)
def test_dead_lead_is_flat_all_the_time_and_not_called_clipped(clean):
    clean[:, LEADS.index("V2")] = 0.3
    quality = assess(clean, 100)
    assert quality.flat == {"V2": 1.0}
    assert quality.clipped == {}
    assert quality.notes == ["lead V2 is flat (100 % of samples)"]


@pytest.mark.bad_input(19)
def test_lead_that_only_rounds_up_and_down_is_flat(clean, rng):
    clean[:, 7] = 0.005 * rng.integers(0, 2, 1000)
    assert assess(clean, 100).flat == {"V2": 1.0}


@pytest.mark.bad_input(20)
def test_lead_off_for_some_time_is_flagged_with_the_fraction_of_samples(clean):
    clean[600:850, 8] = clean[600, 8]
    quality = assess(clean, 100)
    assert list(quality.flat) == ["V3"]
    assert quality.flat["V3"] == pytest.approx(0.25, abs=0.002)
    assert quality.notes == ["lead V3 is flat (25 % of samples)"]


@pytest.mark.bad_input(20)
def test_short_still_spans_are_no_defect(clean):
    clean[300:390, 8] = clean[300, 8]
    assert assess(clean, 100).flat == {}


@pytest.mark.bad_input(20)
@pytest.mark.parametrize(
    ("rate", "n", "flagged"), [(100, 99, {}), (100, 100, {"V3": 0.099}), (1, 3, {"V3": 0.002})]
)
def test_lead_is_flat_from_a_second_of_equal_samples_on(clean, rate, n, flagged):
    clean[300 : 300 + n, 8] = clean[300, 8]
    assert assess(clean, rate).flat == flagged


@pytest.mark.bad_input(20)
@pytest.mark.parametrize(
    ("rate", "n", "flagged"),
    [(100, 3, False), (100, 4, True), (50, 2, False), (50, 3, True), (500, 19, False), (500, 20, True)],
)
def test_plateau_of_three_samples_and_of_40_ms_is_clipped(clean, rate, n, flagged):
    for start in range(0, 1000, 40):
        clean[start : start + n, 6] = 9.0
    assert list(assess(clean, rate).clipped) == ["V1"] * flagged


@pytest.mark.bad_input(20)
@pytest.mark.parametrize(("n", "flagged"), [(9, {}), (10, {"V1": 0.01})])
def test_clipping_is_flagged_from_one_sample_in_a_hundred_on(clean, n, flagged):
    clean[500 : 500 + n, 6] = 9.0
    assert assess(clean, 100).clipped == flagged


@pytest.mark.bad_input(20)
@pytest.mark.parametrize("sign", [1, -1])
def test_clipping_at_a_limit_is_flagged_with_the_fraction_of_samples(clean, sign):
    lead = np.sin(2 * np.pi * np.arange(1000) / 100)
    clean[:, 6] = sign * np.minimum(lead, 0.8)
    expected = float((lead >= 0.8).mean())
    assert assess(clean, 100).clipped == {"V1": pytest.approx(expected)}


def test_single_peaks_are_no_clipping(clean):
    clean[::100, 6] = 3.0
    clean[1::100, 6] = 3.0
    assert assess(clean, 100).clipped == {}


def test_noise_is_measured_and_named_above_its_limit(clean, rng):
    clean[:, 10] += rng.normal(scale=0.1, size=1000)
    quality = assess(clean, 100)
    assert list(quality.noisy) == ["V5"]
    assert quality.noisy["V5"] == pytest.approx(0.1, rel=0.1)
    assert quality.notes == [f"lead V5 is noisy ({quality.noisy['V5']:.3f} mV)"]


def test_missing_samples_are_counted_and_the_lead_is_not_judged_otherwise(clean):
    clean[:, 4] = np.nan
    clean[:100, 9] = np.inf
    quality = assess(clean, 100)
    assert quality.missing == {"aVL": 1.0, "V4": pytest.approx(0.1)}
    assert (quality.flat, quality.clipped) == ({}, {})
    assert np.isnan(quality.einthoven_error)
    assert quality.notes[0] == "lead aVL is missing (100 % of samples)"


def test_fraction_below_a_percent_is_noted_with_one_digit(clean):
    clean[5:9, 4] = np.nan
    assert assess(clean, 100).notes[0] == "lead aVL is missing (0.4 % of samples)"


def test_second_difference_of_three_samples_gives_their_noise(clean):
    clean[:3, 10] = [0, 0.1, 0]  # a second difference of -0.2; white noise has 0.6745 sqrt(6) times its own
    noisy = assess(clean[:3], 100).noisy
    assert noisy["V5"] == pytest.approx(0.2 / (0.6745 * np.sqrt(6)), abs=1e-3)


def test_of_other_leads_neither_identities_nor_electrodes_are_judged(clean):
    eight = [LEADS[k] for k in (0, 1, *range(6, 12))]
    quality = assess(-clean[:, :8], 100, leads=eight)
    assert np.isnan(quality.einthoven_error)
    assert (quality.electrodes, quality.notes) == ("", [])


@pytest.mark.bad_input(26)
def test_swapped_limb_leads_are_noted_with_the_measured_error(clean):
    quality = assess(clean[:, [1, 0, *range(2, 12)]], 100)
    assert quality.einthoven_error > 0.1
    assert f"off by {quality.einthoven_error:.2f} mV" in quality.notes[0]
    clean[:, 7] = 0
    notes = assess(clean[:, [1, 0, *range(2, 12)]], 100).notes
    assert [note[:7] for note in notes] == ["lead V2", "limb le"]


@pytest.mark.bad_input(21)
@pytest.mark.parametrize(
    ("factor", "likely"), [(1000, 1e-3), (1e-3, 1e3), (1e6, 1e-6), (1, 1), (3, 1), (0.3, 1)]
)
def test_amplitudes_of_another_unit_give_the_factor_to_millivolts(clean, factor, likely):
    assert assess(clean * factor, 100).unit_factor == pytest.approx(likely)


@pytest.mark.bad_input(21)
def test_note_on_the_unit_names_unit_and_factor(clean):
    assert "the values look like uV, not mV: multiply by 0.001?" in assess(clean * 1000, 100).notes
    assert unit_note(1e6) == "the values do not look like an ECG in mV: multiply by 1e+06?"


@pytest.mark.bad_input(21)
def test_unit_is_told_although_each_lead_misses_a_sample(clean):
    clean[np.arange(12), np.arange(12)] = np.nan
    assert assess(clean * 1000, 100).unit_factor == pytest.approx(1e-3)


@pytest.mark.bad_input(61)
@pytest.mark.parametrize(
    ("span", "factor"),
    [(1e-12, 1e6), (0.0199, 1e3), (0.02, 1), (30, 1), (31.6, 1), (31.7, 1e-3), (np.inf, 1e-6)],
)
def test_limits_of_the_middle_leads_span(span, factor):
    spans = np.array([0, 0, 1e-13, span, 1e9])
    assert unit_factor(spans) == pytest.approx(factor)
    np.testing.assert_allclose(unit_factor([spans, np.ones(5), np.zeros(5)]), [factor, 1, 1])


def test_unit_of_flat_leads_only_is_left_alone():
    assert unit_factor(np.zeros(12)) == 1


def test_padding_is_left_out_and_noted(clean):
    padded = np.arange(1000) >= 700
    clean[700:] = 99
    quality = assess(clean, 100, padded)
    assert quality.notes == ["30 % of the time is padding"]


def test_signals_are_not_changed_and_may_be_read_only(clean):
    before = clean.copy()
    clean.setflags(write=False)
    assess(clean, 100)
    np.testing.assert_array_equal(clean, before)


@pytest.mark.parametrize("n_times", [1, 2, 3])
def test_a_few_samples_are_enough(clean, n_times):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = assess(clean[:n_times], 100)
    assert found.missing == {}
    assert found.unit_factor == 1


@pytest.mark.parametrize("shape", [(0, 12), (1000, 8), (12,)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"shape \(time, 12\)"):
        assess(np.zeros(shape), 100)


def test_nothing_but_padding_is_refused(clean):
    with pytest.raises(ValueError, match=r"shape \(time, 12\)"):
        assess(clean, 100, padded=np.ones(1000, bool))


def test_few_records_of_the_real_sample_are_flagged(real_folder):
    from signalcam.recordings.formats.wfdb_files import read_samples

    headers = sorted(real_folder.glob("records100/*/*.hea"))[::20]
    flagged = [bool(assess(read_samples(header)[0], 100).notes) for header in headers]
    assert np.mean(flagged) < 0.05
