"""The gate: what a model may see, what is done by request only, and what is refused."""

import os
import re
import subprocess
import sys
import tracemalloc
import warnings
from functools import partial

import numpy as np
import pytest
from recording_files import write_csv, write_edf, write_wfdb

from signalcam.leads import LEADS
from signalcam.recordings import (
    RecordError,
    RecordWarning,
    check_outputs,
    check_signals,
    checks,
    find_recordings,
    from_array,
    read_recording,
    read_windows,
    reading,
    refuse_non_finite,
)
from signalcam.recordings.formats import readers, wfdb_files
from signalcam.recordings.formats.wfdb_files import read_samples
from signalcam.recordings.quality import unit_note
from signalcam.recordings.resampling import rate_ratio, rate_suspicion

EIGHT = ["I", "II", *LEADS[6:]]


@pytest.fixture(autouse=True)
def warnings_are_errors():
    """A test that expects a warning says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RecordWarning)
        yield


def long_ecg(n_times, rate=100):
    """(time, 12) in mV that obeys the limb-lead identities."""
    time = np.arange(n_times) / rate
    lead_i, lead_ii = np.sin(2 * np.pi * 1.1 * time), 0.7 * np.sin(2 * np.pi * 1.7 * time)
    limb = [
        lead_i,
        lead_ii,
        lead_ii - lead_i,
        -(lead_i + lead_ii) / 2,
        lead_i - lead_ii / 2,
        lead_ii - lead_i / 2,
    ]
    chest = [np.sin(2 * np.pi * (0.5 + 0.3 * k) * time) for k in range(6)]
    return np.stack(limb + chest, axis=1)


# The gate for arrays.


def test_good_signals_pass_unchanged_without_a_copy(ecg_like):
    assert np.shares_memory(check_signals(ecg_like), ecg_like)


@pytest.mark.bad_input(29)
def test_one_record_becomes_a_batch_of_one(ecg_like):
    assert check_signals(ecg_like[0]).shape == (1, 1000, 12)
    assert len(from_array(ecg_like[0])) == 1


@pytest.mark.bad_input(29)
@pytest.mark.parametrize("shape", [(0,), (0, 1000, 12), (4, 0, 12), (4, 1000, 0)])
def test_empty_arrays_are_refused(shape):
    with pytest.raises(ValueError, match="got an empty array"):
        check_signals(np.zeros(shape))
    with pytest.raises(ValueError, match="got an empty array"):
        from_array(np.zeros(shape))


@pytest.mark.bad_input(27)
def test_lead_before_time_looks_transposed(ecg_like):
    with pytest.raises(ValueError, match=r"\(6, 12, 1000\) looks transposed.*transpose\(0, 2, 1\)"):
        check_signals(ecg_like.transpose(0, 2, 1))
    with pytest.raises(ValueError, match=r"\(12, 1000\) looks transposed.*transpose\(1, 0\)"):
        from_array(ecg_like[0].T)


@pytest.mark.bad_input(28)
@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.astype(np.float64),
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x[:, ::-1][:, ::-1],
        lambda x: x.astype(">f4"),
        lambda x: x.tolist(),
    ],
)
def test_other_floating_point_layouts_give_the_same_float32(ecg_like, change):
    checked = check_signals(change(ecg_like))
    assert checked.dtype == np.float32
    np.testing.assert_array_equal(checked, ecg_like)


@pytest.mark.bad_input(28)
def test_read_only_array_works_and_stays_unchanged(ecg_like):
    before = ecg_like.copy()
    ecg_like.setflags(write=False)
    check_signals(ecg_like)
    from_array(ecg_like, length="crop")
    np.testing.assert_array_equal(ecg_like, before)


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ({"sampling_rate": 0}, "sampling_rate must be a number above 0, got 0"),
        ({"sampling_rate": float("nan")}, "sampling_rate must be a number above 0, got nan"),
        ({"sampling_rate": "100"}, "sampling_rate must be a number above 0, got '100'"),
        ({"duration": -10.0}, "duration must be a number above 0, got -10.0"),
        ({"duration": float("inf")}, "duration must be a number above 0, got inf"),
        ({"duration": 0.004}, "duration must hold a sample, got 0.004 s at 100 Hz"),
        ({"length": "cut"}, "length must be one of error, crop, pad, window, got 'cut'"),
    ],
)
def test_what_nobody_can_want_is_refused_for_files_and_arrays(ecg_like, tmp_path, wanted, match):
    with pytest.raises(ValueError, match=match):
        from_array(ecg_like, **wanted)
    with pytest.raises(ValueError, match=match):
        read_recording(tmp_path / "absent.csv", **wanted)


@pytest.mark.bad_input(28)
@pytest.mark.parametrize("dtype", [object, complex, bool, "U8"])
def test_object_complex_bool_and_text_are_refused(ecg_like, dtype):
    for gate in (check_signals, from_array):
        with pytest.raises(ValueError, match="real floating-point numbers in mV, got"):
            gate(ecg_like.astype(dtype))


@pytest.mark.bad_input(28)
def test_integers_are_refused_unless_a_gain_is_given(ecg_like):
    samples = np.rint(ecg_like[0] * 200).astype(np.int16)
    for gate in (check_signals, from_array):
        with pytest.raises(ValueError, match=r"got int16, which look like converter values.*gain"):
            gate(samples)
    recording = from_array(samples, gain=200)[0]
    np.testing.assert_allclose(recording.signals, samples / 200, rtol=1e-6)


@pytest.mark.bad_input(11)
@pytest.mark.parametrize("gain", [0, -1, np.nan, np.inf, [1, 2], "200"])
def test_gain_that_is_none_is_refused(gain):
    with pytest.raises(ValueError, match="gain must be"):
        from_array(np.ones((1000, 12), np.int16), gain=gain)


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="signals must be one array of numbers"):
        check_signals([[0.0] * 12, [0.0] * 11])


def test_masked_array_is_refused_where_it_masks_something(ecg_like):
    assert check_signals(np.ma.array(ecg_like)).shape == ecg_like.shape
    with pytest.raises(ValueError, match="got a masked array"):
        check_signals(np.ma.array(ecg_like, mask=ecg_like > 0.5))


@pytest.mark.bad_input(17)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_samples_name_record_lead_and_count(ecg_like, value):
    ecg_like[4, 10:13, LEADS.index("V2")] = value
    with pytest.raises(
        ValueError,
        match="signals must be finite, got NaN or infinity in record 4, lead V2: 3 of 1,000 samples",
    ):
        check_signals(ecg_like)
    with pytest.raises(
        RecordError,
        match=r"x\[4\] must be finite, got NaN or infinity in lead V2: 3 of 1,000 samples",
    ):
        from_array(ecg_like, name="x")


@pytest.mark.bad_input(17)
def test_not_finite_sample_beyond_the_first_chunk_is_found_under_its_own_number(ecg_like):
    many = np.tile(ecg_like, (100, 1, 1))
    many[555, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"record 555, lead I: 1 of 1,000"):
        check_signals(many)


@pytest.mark.bad_input(17)
def test_non_finite_samples_of_a_memory_map_are_found_block_by_block(tmp_path):
    path = tmp_path / "signals.npy"
    signals = np.lib.format.open_memmap(path, "w+", np.float32, (2000, 1000, 12))
    refuse_non_finite(signals)
    signals[700, 3, 0], signals[700, :, 4], signals[1900, 5, 5] = np.nan, np.inf, -np.inf
    tracemalloc.start()
    message = (
        "^training signals must be finite, got NaN or infinity in record 700, lead I: 1 of 1,000 samples; "
        r"lead aVL: the lead is missing, every sample \(1 more records too\)\. Leave"
    )
    with pytest.raises(RecordError, match=message):
        refuse_non_finite(np.load(path, mmap_mode="r"), "training signals")
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_number_beyond_float32_is_not_finite(ecg_like):
    huge = ecg_like.astype(np.float64)
    huge[0, 0, 0] = 1e300
    warnings.simplefilter("error")  # NumPy's own warning would come first
    with pytest.raises(ValueError, match=r"record 0, lead I: 1 of 1,000 samples\. Leave"):
        check_signals(huge)
    with pytest.raises(ValueError, match=r"in lead I: 1 of 1,000 samples\. Leave"):
        from_array(huge[0])


@pytest.mark.bad_input(17, 24)
def test_leads_that_are_not_the_twelve_are_named_by_their_number(ecg_like):
    eight = ecg_like[..., :8]
    eight[3:, :, 7] = 0
    with pytest.warns(RecordWarning, match=r"3 of 6 records have a flat lead \(first: record 3, lead 7\)"):
        check_signals(eight, n_leads=8)
    eight[2, 5, 4] = np.nan
    with pytest.raises(ValueError, match="record 2, lead 4: 1 of 1,000 samples"):
        check_signals(eight, n_leads=8)


@pytest.mark.bad_input(47)
def test_output_that_is_not_finite_is_named_with_its_record():
    outputs = {"logit": np.zeros((3, 1)), "evidence": np.zeros((3, 125, 2))}
    assert check_outputs(outputs) is outputs
    outputs["evidence"][1, 7, 0] = np.nan
    outputs["evidence"][2] = np.inf
    with pytest.raises(
        RecordError, match="evidence must be finite, .* for record 1 of 3. Look at its signals"
    ):
        check_outputs(outputs)


def test_blocks_hold_as_many_records_as_fit_and_at_least_one(monkeypatch):
    monkeypatch.setattr(checks, "_BLOCK", 40)
    for shape, starts in (((5, 10, 2), [0, 2, 4]), ((3, 50, 2), [0, 1, 2])):
        assert [start for start, _ in checks._blocks(np.zeros(shape))] == starts


def test_warning_points_to_the_line_of_the_caller(tmp_path, ecg_like):
    order = [1, 0, *range(2, 12)]
    path = write_wfdb(tmp_path, ecg_like[0], leads=[LEADS[k] for k in order])
    for call in (
        partial(check_signals, ecg_like[..., order]),
        partial(from_array, ecg_like[0][:, order]),
        partial(read_recording, path),
    ):
        with pytest.warns(RecordWarning, match="limb leads") as caught:
            call()
        assert caught[0].filename == __file__


@pytest.mark.bad_input(18)
def test_whole_lead_of_nan_is_reported_as_missing(ecg_like):
    ecg_like[2, :, 3] = np.nan
    with pytest.raises(ValueError, match=r"record 2, lead aVR: the lead is missing"):
        check_signals(ecg_like)


@pytest.mark.bad_input(37)
def test_wrong_length_or_lead_count_is_our_own_error(ecg_like):
    with pytest.raises(ValueError, match=r"signals must have 1,000 samples a record, .* got 900"):
        check_signals(ecg_like[:, :900])
    with pytest.raises(ValueError, match=r"signals must have 1,000 samples a record, .* got 1,001"):
        check_signals(np.concatenate([ecg_like, ecg_like[:, :1]], axis=1))
    with pytest.raises(ValueError, match=r"signals must have 12 leads, .* got 8 .*Give names=\[\.\.\.\]"):
        check_signals(ecg_like[..., :8])
    with pytest.raises(ValueError, match=r"shape \(record, 1000, 12\) or one record of it, got \(1000,\)"):
        check_signals(ecg_like[0, :, 0])
    assert check_signals(ecg_like[:, :900], n_times=None).shape == (6, 900, 12)


@pytest.mark.bad_input(25)
def test_named_leads_are_ordered_by_name(ecg_like, rng):
    order = rng.permutation(12)
    names = [LEADS[k] for k in order]
    found = [recording.signals for recording in from_array(ecg_like[..., order], names=names)]
    np.testing.assert_array_equal(found, ecg_like)


@pytest.mark.bad_input(24)
def test_some_leads_are_taken_out_in_their_order_and_derived_by_request(ecg_like):
    one = ecg_like[0]
    np.testing.assert_array_equal(from_array(one, leads=("V2", "I"))[0].signals, one[:, [7, 0]])
    names, three = ["I", "II", "vx"], one[:, :3]
    np.testing.assert_array_equal(from_array(three, names, leads=("vx", "II"))[0].signals, one[:, [2, 1]])
    (derived,) = from_array(three, names, leads=("aVF", "III"), derive=True)
    np.testing.assert_allclose(derived.signals, one[:, [5, 2]], atol=1e-6)
    for lead in ("aVF", "vy"):
        with pytest.raises(RecordError, match=f"Record array: .*Missing: {lead}"):
            from_array(three, names, leads=(lead,))


@pytest.mark.bad_input(28)
def test_gain_may_be_given_for_each_lead_and_counts_in_the_unit(ecg_like):
    gains = [10.0 * k for k in range(1, 13)]
    samples = np.rint(ecg_like[0] * 1000 * gains).astype(np.int32)
    (recording,) = from_array(samples, gain=gains, unit="uV")
    np.testing.assert_allclose(recording.signals, ecg_like[0], atol=1e-4)


def test_several_records_are_numbered_and_one_keeps_its_name(ecg_like):
    assert [each.name for each in from_array(ecg_like[:2], name="x")] == ["x[0]", "x[1]"]
    (one,) = from_array(ecg_like[0], name="x")
    assert (one.name, one.sampling_rate, one.start) == ("x", 100, 0)
    assert not one.signals.flags.writeable
    assert not one.padded.flags.writeable
    assert (one.signals.dtype, one.padded.dtype) == (np.float32, bool)


# What is suspect is said.


@pytest.mark.bad_input(21, 61)
@pytest.mark.parametrize(
    ("factor", "words"),
    [(1000, "look like uV.*by 0.001"), (0.001, "look like V.*by 1000"), (1e6, "look like nV")],
)
def test_amplitudes_in_another_unit_are_refused_with_the_likely_factor_unless_accepted(
    ecg_like, factor, words
):
    signals = ecg_like.copy()
    signals[4] *= factor
    said = f"must have an amplitude that a heart gives; {{}}the values {words}"
    with pytest.raises(RecordError, match="^signals " + said.format("record 4 of 6: ")):
        check_signals(signals)
    with pytest.raises(RecordError, match="^signals " + said.format("record 1 of 2: ")):
        check_signals(signals[3:5])
    with pytest.raises(RecordError, match="^Record array " + said.format("")):
        from_array(signals[4])
    np.testing.assert_array_equal(check_signals(signals, any_amplitude=True, warn=False), signals)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rounding of such numbers parts the limb leads
        (recording,) = from_array(signals[4], any_amplitude=True)
    assert any(unit_note(recording.quality.unit_factor) == note for note in recording.quality.notes)


@pytest.mark.bad_input(61)
def test_electrode_that_was_off_for_one_window_does_not_refuse_a_long_recording(ecg_like):
    long = np.concatenate([ecg_like[0] * 1000, ecg_like[1]])
    factors = [each.quality.unit_factor for each in from_array(long, length="window")]
    assert factors == [0.001, 1]


@pytest.mark.bad_input(26)
def test_unnamed_leads_in_a_suspect_order_warn_with_the_measured_error(ecg_like):
    order = [0, 1, 2, 4, 3, 5, *range(6, 12)]
    with pytest.warns(
        RecordWarning, match=r"In 6 of 6 records the limb leads do not fit .*off by up to \d\.\d\d mV"
    ):
        check_signals(ecg_like[..., order])
    with pytest.warns(RecordWarning, match=r"Record array: the limb leads do not fit together \(off by \d"):
        from_array(ecg_like[0][:, order])
    names = [LEADS[k] for k in order]
    np.testing.assert_array_equal(from_array(ecg_like[0][:, order], names=names)[0].signals, ecg_like[0])


@pytest.mark.bad_input(19)
def test_flat_lead_warns_and_can_be_left_unsaid(ecg_like):
    ecg_like[3, :, 7] = 0
    with pytest.warns(RecordWarning, match=r"1 of 6 records have a flat lead \(first: record 3, lead V2\)"):
        check_signals(ecg_like)
    check_signals(ecg_like, warn=False)
    assert from_array(ecg_like[3])[0].quality.flat == {"V2": 1.0}


# Rate.


@pytest.mark.bad_input(22)
def test_another_rate_is_refused_and_resampled_by_request():
    signals = long_ecg(5000, 500)
    with pytest.raises(RecordError, match=r"expected 100 Hz, found 500 Hz.*resample=True"):
        from_array(signals, source_rate=500)
    recording = from_array(signals, source_rate=500, resample=True)[0]
    inner = slice(50, -50)
    np.testing.assert_allclose(recording.signals[inner], long_ecg(1000)[inner], atol=0.005)


@pytest.mark.bad_input(22)
def test_resampling_takes_out_what_the_lower_rate_cannot_hold():
    signals = long_ecg(5000, 500)
    signals[:, 6:] += np.sin(2 * np.pi * 120 * np.arange(5000) / 500)[:, None]
    recording = from_array(signals, source_rate=500, resample=True)[0]
    np.testing.assert_allclose(recording.signals[50:-50], long_ecg(1000)[50:-50], atol=0.01)


@pytest.mark.bad_input(22)
def test_offset_makes_no_step_at_the_ends_when_resampled():
    signals = long_ecg(5000, 500)
    signals[:, 6] = 3.0
    recording = from_array(signals, source_rate=500, resample=True)[0]
    np.testing.assert_allclose(recording.signals[:, 6], 3.0, atol=1e-5)


@pytest.mark.bad_input(22)
def test_500_hz_data_given_as_100_hz_is_suspected():
    signals = long_ecg(5000, 500)
    with pytest.raises(
        RecordError, match=r"found 5,000 \(50 s\).*10 s at 500 Hz.*source_rate=500 and resample=True"
    ):
        from_array(signals)
    for length in ("crop", "window"):
        with pytest.warns(RecordWarning, match="taken as 100 Hz. 5,000 samples are 10 s at 500 Hz"):
            from_array(signals, length=length)


@pytest.mark.bad_input(22)
@pytest.mark.parametrize("rate", [128, 250, 257, 360, 1000, 62.5])
def test_common_rates_give_the_wanted_number_of_samples(rate):
    signals = long_ecg(int(10 * rate), rate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordWarning)
        recording = from_array(signals, source_rate=rate, resample=True)[0]
    assert recording.signals.shape == (1000, 12)
    assert np.abs(recording.signals[50:-50] - long_ecg(1000)[50:-50]).max() < 0.02


@pytest.mark.bad_input(22)
def test_rate_is_suspected_only_where_the_caller_told_it(tmp_path):
    signals = long_ecg(500)
    header = write_wfdb(tmp_path, signals)
    table = write_csv(tmp_path / "a.csv", signals, times=np.arange(500) / 100, time_name="time_s")
    options = {"duration": 1.0, "length": "crop", "unit": "mV"}
    assert len(read_recording(header, **options)) == len(read_recording(table, **options)) == 1
    with pytest.warns(RecordWarning, match="Record a: taken as 100 Hz. 500 samples are 1 s at 500 Hz"):
        read_recording(table, source_rate=100, **options)


@pytest.mark.parametrize(
    ("found", "rate"), [(5000, 500), (1280, 128), (1250, 125), (1000, None), (4999, None), (3000, None)]
)
def test_length_that_fits_another_common_rate_names_it(found, rate):
    said = rate_suspicion(found, 1000, 100)
    assert (f"{found:,} samples are 10 s at {rate} Hz" in said) if rate else said == ""
    assert rate_suspicion(1250, 10_000, 1000) == ""  # a lower rate makes no recording shorter


def test_twice_the_rate_passes_through_the_samples_and_between_them():
    warnings.simplefilter("ignore", RecordWarning)
    (recording,) = from_array(long_ecg(500, 50), source_rate=50, resample=True)
    np.testing.assert_allclose(recording.signals[50:-50], long_ecg(1000)[50:-50], atol=0.01)


def test_resampling_upwards_warns():
    with pytest.warns(
        RecordWarning, match="from 50 Hz up to 100 Hz; what lies above 25 Hz was never recorded"
    ) as caught:
        from_array(long_ecg(500, 50), source_rate=50, resample=True)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("source", "wanted", "ratio"),
    [(100, 100, (1, 1)), (500, 100, (1, 5)), (360, 100, (5, 18)), (62.5, 100, (8, 5)), (5000, 1, (1, 5000)),
     (1, 5000, (5000, 1)), (5001, 1, None), (1, 5001, None), (100.000005, 100, (1, 1)),
     (100.00002, 100, None)],
)  # fmt: skip
def test_ratio_of_rates_is_of_whole_numbers_up_to_5000(source, wanted, ratio):
    warnings.simplefilter("ignore", RecordWarning)  # upwards
    if ratio:
        found = rate_ratio(source, wanted, True, "x")
        assert (found.numerator, found.denominator) == ratio
    else:
        with pytest.raises(RecordError, match="Record x: cannot resample .* ratio of whole numbers"):
            rate_ratio(source, wanted, True, "x")


def test_rates_without_a_simple_ratio_are_refused():
    with pytest.raises(RecordError, match=r"cannot resample 500\.013 Hz"):
        from_array(long_ecg(5000, 500), source_rate=500.0131, resample=True)


# Length.


@pytest.mark.bad_input(23)
def test_too_short_or_too_long_is_refused_with_what_to_ask_for():
    with pytest.raises(
        RecordError,
        match=r"Record array: expected 1,000 samples \(10 s at 100 Hz\), found 800 \(8 s\).*length='pad'",
    ):
        from_array(long_ecg(800))
    with pytest.raises(RecordError, match=r"found 1,700 \(17 s\).*length='crop'.*length='window'"):
        from_array(long_ecg(1700))
    for length, n_times in (("pad", 1700), ("crop", 800), ("window", 800)):
        with pytest.raises(RecordError, match="expected 1,000 samples"):
            from_array(long_ecg(n_times), length=length)


@pytest.mark.bad_input(23)
def test_crop_takes_the_start():
    recording = from_array(long_ecg(1700), length="crop")[0]
    np.testing.assert_allclose(recording.signals, long_ecg(1700)[:1000], rtol=1e-6)
    assert recording.start == 0
    assert not recording.padded.any()


@pytest.mark.bad_input(23)
def test_padding_holds_the_median_and_is_marked():
    recording = from_array(long_ecg(800), length="pad")[0]
    np.testing.assert_array_equal(recording.padded, np.arange(1000) >= 800)
    assert recording.signals.dtype == np.float32
    np.testing.assert_allclose(recording.signals[:800], long_ecg(800), rtol=1e-6)
    np.testing.assert_allclose(
        recording.signals[800:], np.tile(np.median(long_ecg(800), axis=0), (200, 1)), atol=1e-6
    )
    assert recording.quality.padded == pytest.approx(0.2)
    assert recording.quality.flat == {}


@pytest.mark.bad_input(23)
@pytest.mark.parametrize(
    ("n_times", "starts"), [(1000, [0]), (2000, [0, 10]), (2300, [0, 10, 13]), (1001, [0, 0.01])]
)
def test_windows_cover_the_whole_recording(n_times, starts):
    windows = from_array(long_ecg(n_times), length="window")
    assert [window.start for window in windows] == starts
    for window in windows:
        first = round(window.start * 100)
        np.testing.assert_allclose(
            window.signals, long_ecg(n_times)[first : first + 1000], rtol=1e-6, atol=1e-9
        )


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("length", "trim"),
        ("duration", 0),
        ("duration", np.nan),
        ("sampling_rate", -100),
        ("sampling_rate", "100"),
        ("duration", 0.001),
        ("source_rate", 0),
    ],
)
def test_arguments_out_of_range_are_named(ecg_like, argument, value):
    with pytest.raises(ValueError, match=argument):
        from_array(ecg_like[0], **{argument: value})


@pytest.mark.parametrize("value", [0, -1, np.inf, np.nan])
def test_rate_of_the_source_must_be_above_zero(tmp_path, ecg_like, value):
    path = write_wfdb(tmp_path, ecg_like[0])
    for call in (
        lambda: from_array(ecg_like[0], source_rate=value),
        lambda: read_recording(path, source_rate=value),
    ):
        with pytest.raises(ValueError, match="source_rate must be above 0 Hz"):
            call()


# Leads.


@pytest.mark.bad_input(24)
def test_eight_leads_are_listed_and_the_others_derived_by_request(ecg_like):
    eight = ecg_like[0][:, [LEADS.index(lead) for lead in EIGHT]]
    with pytest.raises(RecordError, match=r"Record array: .*Missing: III, aVR, aVL, aVF.*derive=True"):
        from_array(eight, names=EIGHT)
    np.testing.assert_allclose(from_array(eight, names=EIGHT, derive=True)[0].signals, ecg_like[0], atol=1e-6)


@pytest.mark.bad_input(24)
def test_derivation_keeps_the_leads_that_are_there(ecg_like):
    eleven = np.delete(ecg_like[0], 2, axis=1)
    eleven[:, 2] += 0.05
    recording = from_array(eleven, names=[lead for lead in LEADS if lead != "III"], derive=True)[0]
    np.testing.assert_array_equal(recording.signals[:, 3], eleven[:, 2])


@pytest.mark.bad_input(24)
def test_missing_chest_lead_is_not_derived(ecg_like):
    with pytest.raises(RecordError, match=r"Missing: V6"):
        from_array(ecg_like[0][:, :11], names=LEADS[:11], derive=True)


@pytest.mark.bad_input(24)
def test_fifteen_leads_are_listed_and_dropped_by_request(ecg_like):
    fifteen = np.concatenate([ecg_like[0], ecg_like[1][:, :3]], axis=1)
    names = [*LEADS, "vx", "vy", "vz"]
    with pytest.raises(RecordError, match=r"Extra: vx, vy, vz.*drop_extra=True"):
        from_array(fifteen, names=names)
    np.testing.assert_array_equal(from_array(fifteen, names=names, drop_extra=True)[0].signals, ecg_like[0])


@pytest.mark.bad_input(25)
def test_aliases_are_known_and_duplicates_refused(ecg_like):
    names = [
        "DI",
        "MDC_ECG_LEAD_II",
        "iii",
        "AVR",
        "AVL ",
        "avf",
        "C1",
        "V2",
        "v3",
        "ECG V4",
        "Lead V5",
        "V6",
    ]
    np.testing.assert_array_equal(from_array(ecg_like[0], names=names)[0].signals, ecg_like[0])
    with pytest.raises(RecordError, match=r"Named twice: I \(as 'DI' and 'I'\)"):
        from_array(ecg_like[0], names=[*names[:11], "I"])


def test_number_of_names_must_fit_the_array(ecg_like):
    with pytest.raises(ValueError, match=r"array must have 8 leads, .* got 12"):
        from_array(ecg_like[0], names=EIGHT)


# Files through the same gate.


def test_file_and_array_give_the_same_recording(tmp_path, ecg_like):
    rounded = np.round(ecg_like[0], 3)
    recording = read_recording(write_wfdb(tmp_path, rounded))[0]
    np.testing.assert_array_equal(
        recording.signals, from_array(np.rint(rounded * 1000).astype(int), gain=1000)[0].signals
    )
    assert (recording.name, recording.sampling_rate, recording.start) == ("r1", 100, 0)
    assert recording.signals.dtype == np.float32
    assert not recording.signals.flags.writeable


@pytest.mark.bad_input(21, 61)
def test_amplitude_of_a_file_that_no_heart_gives_is_refused_unless_accepted(tmp_path, ecg_like):
    path = write_csv(tmp_path / "a.csv", np.round(ecg_like[0], 3) * 1000)
    with pytest.raises(RecordError, match="Record a must have an amplitude .*like uV.*any_amplitude=True"):
        read_recording(path, unit="mV", source_rate=100)
    warnings.simplefilter("ignore")  # rounding of such numbers parts the limb leads
    (recording,) = read_recording(path, unit="mV", source_rate=100, any_amplitude=True)
    assert recording.quality.unit_factor == pytest.approx(1e-3)


@pytest.mark.bad_input(20)
def test_lead_off_in_a_file_is_in_the_quality_report(tmp_path, ecg_like):
    ecg_like[0, 500:, 11] = 5.0
    quality = read_recording(write_wfdb(tmp_path, ecg_like[0]))[0].quality
    assert quality.notes == ["lead V6 is flat (50 % of samples)", "lead V6 is clipped (50 % of samples)"]


@pytest.mark.bad_input(26)
def test_file_whose_names_do_not_fit_its_leads_warns(tmp_path, ecg_like):
    swapped = [LEADS[k] for k in (1, 0, *range(2, 12))]
    with pytest.warns(RecordWarning, match="Record r1: the limb leads do not fit together"):
        read_recording(write_wfdb(tmp_path, ecg_like[0], leads=swapped))


# Finding recordings.


@pytest.fixture
def tree(tmp_path, ecg_like):
    (tmp_path / "b").mkdir()
    write_wfdb(tmp_path, ecg_like[0], "w2")
    write_wfdb(tmp_path / "b", ecg_like[0], "w1")
    write_csv(tmp_path / "a.csv", ecg_like[0])
    (tmp_path / "b" / "lonely.dat").write_bytes(b"")
    (tmp_path / "b" / "old.scp").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "figure.png").write_bytes(b"")
    return tmp_path


def found(patterns, tree):
    return [path.relative_to(tree).as_posix() for path in find_recordings(patterns)]


def test_folder_gives_each_recording_once_and_what_cannot_be_read(tree):
    assert found(tree, tree) == ["a.csv", "w2.hea", "b/lonely.dat", "b/old.scp", "b/w1.hea"]


def test_wildcards_and_shell_expanded_names_give_a_pair_once(tree):
    assert found(str(tree / "w*"), tree) == ["w2.hea"]
    assert found([tree / "w2.dat", tree / "w2.hea"], tree) == ["w2.hea"]
    assert found(str(tree / "w*.dat"), tree) == ["w2.dat"]
    assert sorted(found(str(tree / "**" / "*.hea"), tree)) == ["b/w1.hea", "w2.hea"]


def test_file_whose_name_looks_like_a_wildcard_is_found_by_its_name(tree):
    for name in ("ecg[1].csv", "ecg1.csv"):
        (tree / name).write_bytes(b"")
    assert found(tree / "ecg[1].csv", tree) == ["ecg[1].csv"]
    assert found(tree / "ecg[12].csv", tree) == ["ecg1.csv"]


def test_what_is_not_there_is_given_back_so_that_reading_it_says_so(tree):
    (tree / "empty").mkdir()
    missing = list(find_recordings([tree / "none.csv", tree / "none*.edf", tree / "empty"]))
    assert [path.name for path in missing] == ["none.csv", "none*.edf", "empty"]
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_recording(missing[0])
    with pytest.raises(RecordError, match="folder without recordings"):
        read_recording(missing[2])


def test_header_in_capitals_is_found_in_place_of_its_sample_file(tree):
    (tree / "w2.hea").rename(tree / "W2.HEA")
    (tree / "w2.dat").rename(tree / "W2.DAT")
    assert found(tree, tree)[:2] == ["W2.HEA", "a.csv"]
    assert found([tree / "W2.DAT", tree / "W2.HEA"], tree) == ["W2.HEA"]


def test_recordings_are_found_one_by_one(tree):
    finder = find_recordings(tree)
    assert next(finder).name == "a.csv"
    (tree / "b" / "w1.hea").unlink()
    assert "w1.hea" not in [path.name for path in finder]


# Long recordings, window by window.


@pytest.mark.bad_input(56)
@pytest.mark.parametrize("n_times", [60_000, 61_234, 200_500])
@pytest.mark.parametrize("rate", [100, 360, 1000])
def test_windows_read_part_by_part_are_those_of_the_whole(tmp_path, rate, n_times, monkeypatch):
    monkeypatch.setattr(reading, "_WINDOWS", 4)
    monkeypatch.setattr(readers, "_AT_ONCE", 1000)
    path = write_wfdb(tmp_path, long_ecg(n_times, rate), rate=rate)
    options = {"resample": True, "length": "window"}
    found = list(read_windows(path, progress=False, resample=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = from_array(read_samples(path)[0], source_rate=rate, **options)
    assert [each.start for each in found] == [each.start for each in whole]
    for one, other in zip(found, whole, strict=True):
        np.testing.assert_allclose(one.signals, other.signals, atol=2e-3 if rate != 100 else 0)


@pytest.mark.bad_input(56)
@pytest.mark.parametrize("form", ["wfdb", "edf"])
def test_memory_does_not_grow_with_the_length_of_a_recording(tmp_path, form, monkeypatch):
    pytest.importorskip("edfio")
    monkeypatch.setattr(reading, "_WINDOWS", 6)
    monkeypatch.setattr(readers, "_AT_ONCE", 1000)
    long = np.tile(np.round(long_ecg(10_000, 1000), 2), (90, 1)).astype(np.float32)
    path = write_wfdb(tmp_path, long, rate=1000)
    if form == "edf":
        path = write_edf(tmp_path / "long.edf", long * 1000, rates=1000, seconds=900)
    next(read_windows(path, resample=True, progress=False))  # what it imports takes memory once
    tracemalloc.start()
    n = sum(1 for _ in read_windows(path, resample=True, progress=False))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n == 90
    assert peak < 0.6 * long.nbytes  # of which six windows are a fifteenth, in float64 twice that


def test_progress_is_shown_by_request_where_windows_are_many(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reading, "_WINDOWS", 4)
    path = write_wfdb(tmp_path, long_ecg(500))
    for duration, progress, shown in (
        (1, True, "r1: .*0/5 .* windows"),
        (1, False, "^$"),
        (1.25, True, "^$"),
    ):
        windows = read_windows(path, duration=duration, progress=progress)
        assert [each.start for each in windows] == list(np.arange(0, 5, duration))
        said = capsys.readouterr().err
        assert re.search(shown, said)
        assert said.endswith("\r" if shown != "^$" else "")  # gone when done


@pytest.mark.bad_input(8, 56)
@pytest.mark.parametrize("block", [1000, 700, 65_536])
def test_checksum_of_a_long_recording_is_compared_before_its_first_window(
    tmp_path, ecg_like, block, monkeypatch
):
    monkeypatch.setattr(readers, "_AT_ONCE", 1000)
    monkeypatch.setattr(wfdb_files, "_BLOCK", block)
    ecg_like[..., 7] += 0.1  # or each lead's first sample would be 0
    path = write_wfdb(tmp_path, np.concatenate(ecg_like))
    assert len(list(read_windows(path))) == 6
    data = bytearray(path.with_suffix(".dat").read_bytes())
    data[-3] ^= 4
    path.with_suffix(".dat").write_bytes(data)
    with pytest.raises(RecordError, match="lead V5: the header gives checksum"):
        next(read_windows(path))
    assert len(list(read_windows(path, check=False))) == 6


@pytest.mark.bad_input(57)
def test_checks_and_quality_need_numpy_alone():
    code = (
        "import sys, signalcam.recordings; from signalcam.recordings import checks, quality;"
        "print({'tensorflow', 'keras', 'pandas', 'matplotlib', 'scipy', 'wfdb'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.bad_input(52)
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads every folder")
def test_folder_that_cannot_be_read_is_given_back(tree):
    tree_folder = tree / "closed"
    tree_folder.mkdir(mode=0)
    assert tree_folder in list(find_recordings(tree))


@pytest.mark.bad_input(52)
def test_sub_folder_whose_listing_fails_is_given_back_after_the_others(tree, monkeypatch):
    (tree / "closed").mkdir()
    listed = os.scandir

    def scandir(path):
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = list(find_recordings(tree))
    assert found[-1] == tree / "closed"
    assert len(found) > 1
