"""Files of each format: the same recording reads the same, and what a file leaves open is asked for."""

import builtins
import os
import shutil
import sys
import time
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from recording_files import dicom_dataset, write_csv, write_dicom, write_edf, write_wfdb

from signalcam.leads import LEADS
from signalcam.recordings import RecordError, RecordWarning, read_recording
from signalcam.recordings.formats import csv_files, dicom_files, readers

STATED = {"source_rate": 100, "unit": "mV"}


@pytest.fixture
def ecg(ecg_like):
    """(1000, 12) in mV, in whole uV."""
    return np.round(ecg_like[0], 3)


@pytest.fixture
def no_extras(monkeypatch):
    """As if neither edfio nor pydicom were installed."""
    real_import = builtins.__import__

    def without_extras(name, *args, **keys):
        if name.split(".")[0] in ("edfio", "pydicom"):
            raise ImportError(f"No module named {name!r}")
        return real_import(name, *args, **keys)

    for name in [name for name in sys.modules if name.split(".")[0] in ("edfio", "pydicom")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_extras)


@pytest.mark.bad_input(21, 25)
def test_one_recording_reads_the_same_from_every_format_with_its_leads_shuffled(tmp_path, ecg, rng):
    pytest.importorskip("edfio")
    pytest.importorskip("pydicom")
    order = rng.permutation(12)
    leads, shuffled = [LEADS[k] for k in order], ecg[:, order]
    csv_file = write_csv(tmp_path / "a.csv", shuffled * 1000, leads)
    recordings = [
        read_recording(write_wfdb(tmp_path, shuffled, leads=leads)),
        read_recording(csv_file, source_rate=100, unit="uV"),
        read_recording(write_edf(tmp_path / "a.edf", shuffled * 1000, [f"ECG {lead}" for lead in leads])),
        read_recording(write_dicom(tmp_path / "a.dcm", shuffled * 1000, leads=leads)),
    ]
    for recording in recordings:
        assert len(recording) == 1
        assert recording[0].signals.dtype == np.float32
        np.testing.assert_allclose(recording[0].signals, ecg, atol=1e-6)


# What is not read.


@pytest.mark.security
@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.zip", b"PK\x03\x04", "Unpack it first"),
        ("archive", b"PK\x03\x04", "Unpack it first"),
        ("a.csv.gz", b"\x1f\x8b", "Unpack it first"),
        ("a.pkl", b"\x80\x04", "Pickle files can run code and are never opened"),
        ("a.npy", b"\x93NUMPY", "pass the array to signalcam.recordings.from_array"),
        ("a.xlsx", b"PK\x03\x04", "Save it as CSV"),
        ("a.png", b"\x89PNG", "picture"),
        ("a.unknown", b"", "pass the array"),
    ],
)
def test_other_files_are_refused_with_what_to_do(tmp_path, name, content, match):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecordError, match=f"not read here .*{match}"):
        read_recording(path)


def test_missing_file_and_folder_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError, match="Record x: there is no file .*x.csv"):
        read_recording(tmp_path / "x.csv")
    with pytest.raises(RecordError, match="found a folder without recordings"):
        read_recording(tmp_path)
    with pytest.raises(RecordError, match="null"):
        read_recording("a\0b.csv")


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/b.csv", "b"), ("b.DAT", "b"), ("a/patient.7", "patient.7"), ("b.csv.gz", "b.csv.gz")],
)
def test_record_is_named_by_its_file_without_the_suffix_of_a_format(path, name):
    assert readers.record_name(path) == name


def test_slow_rates_are_rates_too(tmp_path, ecg):
    path = write_csv(tmp_path / "a.csv", ecg[:20])
    for rate in (1, 0.5):
        options = {"sampling_rate": rate, "duration": 20 / rate, "unit": "mV", "source_rate": rate}
        np.testing.assert_allclose(read_recording(path, **options)[0].signals, ecg[:20], atol=1e-6)


@pytest.mark.security
def test_pipe_is_refused_and_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(RecordError, match="found a pipe or device"):
        read_recording(tmp_path / "a.csv", **STATED)


# WFDB.


def test_wfdb_record_is_found_by_any_of_its_files_or_its_name(tmp_path, ecg):
    header = write_wfdb(tmp_path, ecg)
    for path in (header, header.with_suffix(".dat"), header.with_suffix(""), str(header)):
        assert read_recording(path)[0].name == "r1"
    header.rename(header.with_suffix(".HEA"))
    for path in (header.with_suffix(".HEA"), header.with_suffix(".dat"), header.with_suffix("")):
        assert read_recording(path)[0].name == "r1"


@pytest.mark.bad_input(5)
def test_sample_file_without_its_header_names_the_header(tmp_path, ecg):
    header = write_wfdb(tmp_path, ecg)
    header.unlink()
    with pytest.raises(FileNotFoundError, match=r"no file .*r1\.hea"):
        read_recording(header.with_suffix(".dat"))


@pytest.mark.bad_input(8)
def test_check_can_be_switched_off_for_checksums(tmp_path, ecg):
    header = write_wfdb(tmp_path, ecg)
    data = bytearray(header.with_suffix(".dat").read_bytes())
    data[30] ^= 1
    header.with_suffix(".dat").write_bytes(data)
    with pytest.raises(RecordError, match="checksum"):
        read_recording(header)
    assert len(read_recording(header, check=False)) == 1


@pytest.mark.bad_input(18)
def test_missing_lead_is_reported_with_and_without_checks(tmp_path, ecg):
    ecg[:, 9] = -32.768
    header = write_wfdb(tmp_path, ecg)
    with pytest.raises(RecordError, match="Record r1: missing lead V4"):
        read_recording(header)
    with pytest.raises(
        RecordError, match="Record r1 must be finite, got NaN or infinity in lead V4: the lead is missing"
    ):
        read_recording(header, check=False)


@pytest.mark.bad_input(21, 22)
def test_unit_or_rate_that_contradicts_the_file_is_refused(tmp_path, ecg):
    header = write_wfdb(tmp_path, ecg)
    with pytest.raises(RecordError, match="states mV, but unit='uV' was given"):
        read_recording(header, unit="uV")
    with pytest.raises(RecordError, match="states 100 Hz, but source_rate=500 was given"):
        read_recording(header, source_rate=500)
    assert read_recording(header, **STATED)


# CSV.


@pytest.mark.bad_input(22)
def test_csv_without_a_rate_asks_for_it(tmp_path, ecg):
    with pytest.raises(RecordError, match=r"Record a: .*states no sampling rate: give source_rate"):
        read_recording(write_csv(tmp_path / "a.csv", ecg), unit="mV")


@pytest.mark.bad_input(21)
def test_csv_without_a_unit_asks_for_it_and_takes_it_from_its_header(tmp_path, ecg):
    with pytest.raises(RecordError, match=r"column 'I' states no unit.*give unit='mV' or unit='uV'"):
        read_recording(write_csv(tmp_path / "a.csv", ecg), source_rate=100)
    path = write_csv(tmp_path / "b.csv", ecg * 1000, [f"{lead} [\u00b5V]" for lead in LEADS])
    np.testing.assert_allclose(read_recording(path, source_rate=100)[0].signals, ecg, atol=1e-6)
    with pytest.raises(RecordError, match="states the unit .V, but unit='mV' was given"):
        read_recording(path, **STATED)
    with pytest.raises(RecordError, match="'parsec' is not a known voltage"):
        read_recording(write_csv(tmp_path / "c.csv", ecg), source_rate=100, unit="parsec")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_csv_delimiters_byte_order_mark_quotes_and_comments_are_read(tmp_path, ecg, mark):
    path = write_csv(tmp_path / "a.csv", ecg, [f'"{lead}"' for lead in LEADS], mark)
    path.write_text("\ufeff# my recorder\n" + path.read_text(), encoding="utf-8", newline="\r\n")
    np.testing.assert_allclose(read_recording(path, **STATED)[0].signals, ecg, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "scale"),
    [("time", 0.01), ("Time (s)", 0.01), ("time_ms", 10), ("t", 10), ("index", 1), ("", 1), ("sample", 1)],
)
def test_csv_time_column_is_checked_and_left_out(tmp_path, ecg, name, scale):
    path = write_csv(tmp_path / "a.csv", ecg, times=5 + scale * np.arange(1000), time_name=name)
    np.testing.assert_allclose(read_recording(path, **STATED)[0].signals, ecg, atol=1e-6)


@pytest.mark.bad_input(22)
def test_csv_time_column_of_another_rate_or_with_a_gap_is_refused(tmp_path, ecg):
    path = write_csv(tmp_path / "a.csv", ecg, times=np.arange(1000) / 500)
    with pytest.raises(
        RecordError, match=r"column 'time' steps by 0.002 .*expected even steps of 0.01 .*at 100 Hz"
    ):
        read_recording(path, **STATED)
    times = np.arange(1000) / 100
    times[600:] += 0.01
    path = write_csv(tmp_path / "b.csv", ecg, times=times)
    with pytest.raises(RecordError, match="without gaps"):
        read_recording(path, **STATED)


@pytest.mark.bad_input(62)
@pytest.mark.parametrize(
    ("shift", "stretch", "refused"),
    [
        (0.0074, 1, False),
        (0.0076, 1, True),
        (0, 1.009, False),
        (0, 1.011, True),
        (0, 0.991, False),
        (0, 0.989, True),
    ],
)
def test_times_may_be_rounded_by_three_quarters_of_a_step_and_off_by_a_percent(
    tmp_path, ecg, shift, stretch, refused
):
    times = np.arange(1000) * 0.01 * stretch
    times[500] += shift
    path = write_csv(tmp_path / "a.csv", ecg, times=times)
    if refused:
        with pytest.raises(RecordError, match="column 'time' steps by .* Give the true source_rate"):
            read_recording(path, **STATED)
    else:
        assert len(read_recording(path, **STATED)) == 1


@pytest.mark.parametrize(
    ("column", "name", "unit"),
    [("V1", "V1", None), (" V1 (uV) ", "V1", "uV"), ("V1 [mV]", "V1", "mV"), ("V1 (a) [ V ]", "V1 (a)", "V"),
     ("V1 (uV", "V1 (uV", None), ("V1)", "V1)", None), ("(uV)", "", "uV")],
)  # fmt: skip
def test_unit_stands_in_the_last_brackets_of_a_column(column, name, unit):
    assert csv_files._split_unit(column) == (name, unit)


@pytest.mark.bad_input(62)
def test_rate_by_a_column_of_times_is_a_whole_number_where_times_are_rounded():
    for step, rate in ((0.00278, 360), (0.016, 62.5), (0.4, 2.5), (0.01, 100)):
        times = np.arange(5)[:, np.newaxis] * step
        assert csv_files._stated_rate(times, ["time_s"]) == pytest.approx(rate)
    for times in ([[0.0]], [[0.2], [0.1]]):
        with pytest.raises(ValueError, match="states no sampling rate"):
            csv_files._stated_rate(np.array(times), ["time_s"])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "found an empty line"),
        ("\n\n", "found an empty line"),
        ("<html></html>", "HTML or XML"),
        ("0.1,0.2,0.3\n0.1,0.2,0.3\n", "expected a header row with lead names"),
        ("I,II\n", "no samples"),
        ("I,II\n1,2\n1\n", "columns changed from 2 to 1"),
        ("I,II\n1,2,3\n", "names 2 columns, the rows have 3"),
        ("I,II\n1,2#3\n", "could not convert string '2#3'"),
        ("I,II\n1,abc\n", "could not convert string 'abc'"),
        ("I,II\n1,2\n1, \n", "row 2 of samples, column 'II', is empty: a missing sample"),
        ("I;II\n0,1;0,2\n0,1;0.2\n", "row 2 of samples mixes decimal commas and points"),
        ("I;II\n0,1;0,2\n0.1;0.2\n", "row 2 of samples mixes decimal commas and points"),
        ("I;II\n1.000,5;2\n", "row 1 of samples mixes decimal commas and points"),
        ("I,II\n" + "1,2\n" * 1000, "Missing: III, aVR, aVL, aVF, V1"),
        ("I,I\n" + "1,2\n" * 1000, "Named twice: I"),
    ],
)
def test_malformed_csv_is_a_record_error_with_its_cause(tmp_path, text, match):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(RecordError, match=match) as caught:
        read_recording(path, **STATED)
    assert "Record a" in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.bad_input(62)
@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_decimal_commas_are_read(tmp_path, ecg, mark):
    path = write_csv(tmp_path / "a.csv", ecg, mark=mark)
    path.write_text(path.read_text().replace(".", ","))
    np.testing.assert_allclose(read_recording(path, **STATED)[0].signals, ecg, atol=1e-6)


@pytest.mark.bad_input(62)
@pytest.mark.parametrize(
    ("name", "scale"), [("time", 1), ("time (s)", 1), ("seconds", 1), ("time_ms", 1000), ("ms", 1000)]
)
@pytest.mark.parametrize("rate", [100, 500, 360])
def test_column_of_times_gives_the_rate(tmp_path, ecg, name, scale, rate):
    times = np.round(np.arange(1000) * scale / rate, 4)
    path = write_csv(tmp_path / "a.csv", ecg, times=times, time_name=name)
    options = {"sampling_rate": rate, "duration": 1000 / rate, "unit": "mV"}
    (recording,) = read_recording(path, **options)
    np.testing.assert_allclose(recording.signals, ecg, atol=1e-6)


@pytest.mark.bad_input(62)
@pytest.mark.parametrize(("name", "step"), [("time", 2), ("t", 0.5), ("sample", 1), ("index", 0.01)])
def test_column_of_unclear_times_does_not_give_the_rate(tmp_path, ecg, name, step):
    path = write_csv(tmp_path / "a.csv", ecg, times=np.arange(1000) * step, time_name=name)
    with pytest.raises(RecordError, match="states no sampling rate"):
        read_recording(path, unit="mV")


@pytest.mark.bad_input(53)
@pytest.mark.parametrize("suffix", [".csv", ".txt", ".hea", ".dat", ".edf", ".bdf", ".dcm", "", ".xyz"])
def test_a_gigabyte_of_nuls_is_answered_within_a_second_in_little_memory(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with open(path, "wb") as file:
        file.truncate(1 << 30)
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises((RecordError, FileNotFoundError), match="Record a: "):
        read_recording(path, **STATED)
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 1
    assert peak < 10e6


@pytest.mark.bad_input(17)
def test_csv_with_nan_names_lead_and_count(tmp_path, ecg):
    ecg[3:5, 10] = np.nan
    with pytest.raises(
        RecordError, match="Record a must be finite, got NaN or infinity in lead V5: 2 of 1,000 samples"
    ):
        read_recording(write_csv(tmp_path / "a.csv", ecg), **STATED)


@pytest.mark.bad_input(53)
@pytest.mark.parametrize(
    "content",
    [
        b"I(" + b" " * 2_000 + b",II\n1,2\n",
        b"I(" + b" " * 90_000 + b",II\n1,2\n",
        b"I" + "\u0301\u0323".encode() * 40_000 + b",II\n1,2\n",
        b"x," * 45_000 + b"\n",
        b"I," * 45_000 + b"\n",
        b"\0" * 20_000_000,
        b"#" * 20_000_000,
        b"#\n" * 10_000_000,
        b"I,II\n" + b"\0" * 20_000_000,
        b"I,II\n1,2\n" + b"\0" * 20_000_000,
    ],
)
def test_endless_and_absurd_tables_are_refused_at_once_in_little_memory(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    tracemalloc.start()
    start = time.process_time()  # other processes take time by the clock
    with pytest.raises(RecordError, match="Record a: ") as caught:
        read_recording(path, **STATED)
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 1
    assert peak < 10e6
    assert len(str(caught.value)) < 500


def test_binary_file_under_a_csv_name_is_a_record_error(tmp_path):
    (tmp_path / "a.csv").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(RecordError, match="Record a: cannot read"):
        read_recording(tmp_path / "a.csv", **STATED)


# EDF.


@pytest.mark.bad_input(21)
@pytest.mark.parametrize(("unit", "factor"), [("uV", 1000), ("mV", 1)])
def test_edf_physical_dimension_is_converted(tmp_path, ecg, unit, factor):
    pytest.importorskip("edfio")
    limit = 5.0 * factor
    path = write_edf(tmp_path / "a.edf", ecg * factor, unit=unit, physical_range=(-limit, limit))
    np.testing.assert_allclose(read_recording(path)[0].signals, ecg, atol=2e-4)


def test_bdf_is_read(tmp_path, ecg):
    edfio = pytest.importorskip("edfio")
    signals = [
        edfio.BdfSignal(column * 1000.0, 100, label=lead, physical_dimension="uV")
        for lead, column in zip(LEADS, ecg.astype(np.float64).T, strict=True)
    ]
    edfio.Bdf(signals).write(tmp_path / "a.bdf")
    np.testing.assert_allclose(read_recording(tmp_path / "a.bdf")[0].signals, ecg, atol=1e-5)


def test_bdf_without_its_suffix_is_told_by_its_first_bytes(tmp_path, ecg):
    edfio = pytest.importorskip("edfio")
    lead = [edfio.BdfSignal(ecg[:, 0] * 1000.0, 100, label="I", physical_dimension="uV")]
    edfio.Bdf(lead).write(tmp_path / "a.bdf")
    (tmp_path / "a.bdf").rename(tmp_path / "recording")
    (recording,) = read_recording(tmp_path / "recording", leads=("I",))
    np.testing.assert_allclose(recording.signals, ecg[:, :1], atol=1e-5)


def test_edf_without_its_suffix_is_told_by_its_first_bytes(tmp_path, ecg):
    pytest.importorskip("edfio")
    path = write_edf(tmp_path / "a.edf", ecg * 1000)
    path.rename(tmp_path / "recording")
    assert read_recording(tmp_path / "recording")[0].name == "recording"


@pytest.mark.bad_input(21)
def test_edf_without_dimension_asks_for_the_unit(tmp_path, ecg):
    pytest.importorskip("edfio")
    path = write_edf(tmp_path / "a.edf", ecg * 1000, unit="")
    with pytest.raises(RecordError, match="signal 'I' states no unit"):
        read_recording(path)
    np.testing.assert_allclose(read_recording(path, unit="uV")[0].signals, ecg, atol=1e-5)


@pytest.mark.bad_input(22)
def test_edf_signals_of_different_rates_are_refused_unless_they_are_dropped(tmp_path, ecg):
    pytest.importorskip("edfio")
    path = write_edf(tmp_path / "a.edf", ecg * 1000, rates=[100] * 11 + [50])
    with pytest.raises(RecordError, match=r"different rates \(I 100 Hz, .*V6 50 Hz\)"):
        read_recording(path)
    with_pulse = np.column_stack([ecg * 1000, ecg[:, 0]])
    path = write_edf(tmp_path / "b.edf", with_pulse, [*LEADS, "SpO2"], rates=[100] * 12 + [1])
    assert len(read_recording(path, drop_extra=True)) == 1


@pytest.mark.bad_input(24)
def test_edf_with_other_signals_lists_them(tmp_path, ecg):
    pytest.importorskip("edfio")
    path = write_edf(tmp_path / "a.edf", np.column_stack([ecg, ecg[:, 0]]) * 1000, [*LEADS, "Resp"])
    with pytest.raises(RecordError, match=r"Extra: Resp.*drop_extra=True"):
        read_recording(path)


@pytest.mark.bad_input(6)
def test_damaged_edf_is_refused_and_not_mended(tmp_path, ecg):
    pytest.importorskip("edfio")
    whole = write_edf(tmp_path / "a.edf", ecg * 1000).read_bytes()
    path = tmp_path / "b.edf"
    for damaged in (
        whole[:-1],
        whole[:-5000],
        whole[:300],
        whole[:10],
        b"",
        b"<html>" * 900,
        whole + b"\0\0",
    ):
        path.write_bytes(damaged)
        with pytest.raises(RecordError, match="Record b: cannot read .*b.edf as EDF"):
            read_recording(path)


def test_edf_with_gaps_is_refused(tmp_path, ecg):
    pytest.importorskip("edfio")
    data = bytearray(write_edf(tmp_path / "a.edf", ecg * 1000).read_bytes())
    data[192:197] = b"EDF+D"
    (tmp_path / "a.edf").write_bytes(data)
    with pytest.raises(RecordError, match="discontinuous"):
        read_recording(tmp_path / "a.edf")


@pytest.mark.bad_input(11)
def test_edf_without_calibration_is_refused(tmp_path, ecg):
    pytest.importorskip("edfio")
    whole = write_edf(tmp_path / "a.edf", ecg * 1000).read_bytes()
    start = 256 + 12 * (16 + 80 + 8)  # the physical minima; then maxima, digital minima, digital maxima
    for field in (0, 2):
        data = bytearray(whole)
        low = slice(start + 96 * field, start + 96 * field + 8)
        high = slice(start + 96 * (field + 1), start + 96 * (field + 1) + 8)
        data[low] = data[high]
        (tmp_path / "b.edf").write_bytes(data)
        with pytest.raises(RecordError, match="(?i)uncalibrated"):
            read_recording(tmp_path / "b.edf")


def test_missing_edf_library_says_how_to_install_it(tmp_path, no_extras):
    (tmp_path / "a.edf").write_bytes(b"0       ")
    with pytest.raises(
        RecordError, match=r"Record a: reading EDF needs .*edfio.*: pip install signalcam\[formats\]"
    ):
        read_recording(tmp_path / "a.edf")


# DICOM.


def test_dicom_sensitivity_baseline_and_unit_are_applied(tmp_path, ecg):
    pytest.importorskip("pydicom")
    path = write_dicom(tmp_path / "a.dcm", ecg * 1000, sensitivity="2.5", baseline="40")
    np.testing.assert_allclose(read_recording(path)[0].signals, ecg, atol=1.3e-3)


@pytest.mark.bad_input(22)
def test_dicom_example_of_a_recorder_reads_as_pydicom_converts_it():
    pydicom = pytest.importorskip("pydicom")
    from pydicom.data import get_testdata_file
    from pydicom.waveforms import multiplex_array

    path = get_testdata_file("waveform_ecg.dcm")
    with pytest.raises(RecordError, match="expected 100 Hz, found 1000 Hz"):
        read_recording(path)
    recording = read_recording(path, sampling_rate=1000)[0]
    expected = multiplex_array(pydicom.dcmread(path), 0, as_raw=False) / 1000
    np.testing.assert_allclose(recording.signals, expected, rtol=1e-6)
    assert recording.quality.einthoven_error < 0.01


@pytest.mark.bad_input(25)
@pytest.mark.parametrize(
    ("code", "meaning", "label", "name"),
    [
        ("2:1", "Lead I (Einthoven)", "x", "I"),
        ("5.6.3-9-61", "", "x", "III"),
        ("2:999", "Lead II", "", "Lead II"),
        ("x", "Lead V2 (chest (left))", "V3", "Lead V2"),
        ("x", "", "V3", "V3"),
        ("x", "", "", "x"),
        ("", "", "", ""),
    ],
)
def test_dicom_channel_is_named_by_code_else_meaning_else_label(code, meaning, label, name):
    texts = {"CodeValue": code, "CodeMeaning": meaning}
    channel = {"ChannelSourceSequence": [{key: text for key, text in texts.items() if text}]}
    assert dicom_files._channel_name(channel | ({"ChannelLabel": label} if label else {})) == name
    if code == "2:1":
        with pytest.raises(ValueError, match="channel code 2:1 is lead I, but its meaning is 'Lead II'"):
            dicom_files._channel_name(
                {"ChannelSourceSequence": [{"CodeValue": code, "CodeMeaning": "Lead II"}]}
            )


@pytest.mark.bad_input(21)
@pytest.mark.parametrize(("correction", "factor"), [(None, 1), ("1", 1), ("0.5", 0.5)])
def test_dicom_value_is_sample_times_sensitivity_times_correction_plus_baseline(correction, factor):
    unit = SimpleNamespace(CodeValue="uV")
    channel = {"ChannelSensitivity": "2", "ChannelBaseline": "10", "ChannelSensitivityUnitsSequence": [unit]}
    channel["ChannelSensitivityCorrectionFactor"] = correction
    column = np.array([0, 100, -5], np.int16)
    found = dicom_files._calibrate(column, channel, {"WaveformPaddingValue": -5}, "I", None)
    np.testing.assert_allclose(found, [0.01, 0.01 + 0.2 * factor, np.nan])
    del channel["ChannelSensitivity"]
    with pytest.raises(ValueError, match="channel I states no sensitivity"):
        dicom_files._calibrate(column, channel, {}, "I", None)


def changed_dicom(path, ecg, change):
    dataset = dicom_dataset(ecg * 1000)
    change(dataset, dataset.WaveformSequence[0], dataset.WaveformSequence[0].ChannelDefinitionSequence)
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_dicom_median_beat_group_is_not_taken_for_the_recording(tmp_path, ecg):
    pytest.importorskip("pydicom")

    def add_median_beat(dataset, group, channels):
        beat = dicom_dataset(ecg[:120] * 1000).WaveformSequence[0]
        beat.WaveformOriginality = "DERIVED"
        dataset.WaveformSequence = [beat, group]

    path = changed_dicom(tmp_path / "a.dcm", ecg, add_median_beat)
    np.testing.assert_allclose(read_recording(path)[0].signals, ecg, atol=1e-6)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("5.6.3-9-1", "Lead I (Einthoven)"),
        ("2:1", ""),
        ("", "MDC_ECG_LEAD_I"),
        ("131329", "Lead I"),
        ("", "ECG I"),
    ],
)
@pytest.mark.bad_input(25)
def test_dicom_leads_are_told_by_code_or_meaning(tmp_path, ecg, code, meaning):
    pytest.importorskip("pydicom")

    def rename(dataset, group, channels):
        source = channels[0].ChannelSourceSequence[0]
        source.CodeValue, source.CodeMeaning = code, meaning

    path = changed_dicom(tmp_path / "a.dcm", ecg, rename)
    np.testing.assert_allclose(read_recording(path)[0].signals, ecg, atol=1e-6)


def drop(*names):
    return lambda dataset, group, channels: [delattr(channels[0], name) for name in names]


@pytest.mark.bad_input(11, 21, 51)
@pytest.mark.parametrize(
    ("change", "match"),
    [
        (drop("ChannelSensitivity"), "channel I states no sensitivity, so it is uncalibrated"),
        (drop("ChannelSensitivityUnitsSequence"), "channel I states no unit"),
        (
            lambda d, g, c: setattr(c[0].ChannelSensitivityUnitsSequence[0], "CodeValue", "mm[Hg]"),
            "not a known voltage",
        ),
        (lambda d, g, c: setattr(g, "NumberOfWaveformSamples", 10**9), "expected 24,000,000,000 bytes"),
        (
            lambda d, g, c: setattr(g, "NumberOfWaveformSamples", 500),
            "expected 12,000 bytes of samples, found 24,000",
        ),
        (lambda d, g, c: setattr(g, "WaveformSampleInterpretation", "MB"), "stored as MB, not linearly"),
        (lambda d, g, c: delattr(d, "WaveformSequence"), "holds no waveform"),
        (lambda d, g, c: delattr(g, "SamplingFrequency"), "SamplingFrequency"),
        (lambda d, g, c: setattr(c[3], "ChannelSampleSkew", "1"), "channel aVR is skewed in time"),
        (lambda d, g, c: setattr(c[3], "ChannelTimeSkew", "0.001"), "channel aVR is skewed in time"),
        (lambda d, g, c: c.pop(), "expected 12 channel definitions, found 11"),
        (
            lambda d, g, c: setattr(c[0].ChannelSourceSequence[0], "CodeMeaning", "Lead II"),
            "code 2:1 is lead I, but",
        ),
    ],
)
def test_dicom_that_leaves_something_open_is_refused(tmp_path, ecg, change, match):
    pytest.importorskip("pydicom")
    with pytest.raises(RecordError, match=f"Record a: cannot read .*{match}"):
        read_recording(changed_dicom(tmp_path / "a.dcm", ecg, change))


@pytest.mark.bad_input(51)
@pytest.mark.parametrize("rate", ["0", "-100"])
def test_dicom_whose_rate_is_not_above_zero_is_refused(tmp_path, ecg, rate):
    pytest.importorskip("pydicom")
    path = changed_dicom(tmp_path / "a.dcm", ecg, lambda d, g, c: setattr(g, "SamplingFrequency", rate))
    with pytest.raises(RecordError, match=f"Record a: the file states {rate} Hz"):
        read_recording(path)


@pytest.mark.bad_input(51)
@pytest.mark.parametrize("state", ["DISCONNECTED", ["QUESTIONABLE", "INVALID"]])
def test_dicom_channel_that_was_disconnected_is_a_missing_lead(tmp_path, ecg, state):
    pytest.importorskip("pydicom")
    path = changed_dicom(tmp_path / "a.dcm", ecg, lambda d, g, c: setattr(c[7], "ChannelStatus", state))
    with pytest.raises(RecordError, match="lead V2: the lead is missing"):
        read_recording(path)
    path = changed_dicom(tmp_path / "b.dcm", ecg, lambda d, g, c: setattr(c[7], "ChannelStatus", "OK"))
    assert len(read_recording(path)) == 1


@pytest.mark.bad_input(51)
def test_dicom_with_several_original_groups_says_which_is_taken(tmp_path, ecg):
    pytest.importorskip("pydicom")
    other = dicom_dataset(ecg[:500] * 1000).WaveformSequence[0]
    path = changed_dicom(tmp_path / "a.dcm", ecg, lambda d, g, c: d.WaveformSequence.append(other))
    with pytest.warns(RecordWarning, match="of 2 groups .* the first is taken as the recording"):
        (recording,) = read_recording(path)
    np.testing.assert_allclose(recording.signals, ecg, atol=1e-6)


@pytest.mark.bad_input(17)
def test_dicom_padding_values_are_missing_samples(tmp_path, ecg):
    pytest.importorskip("pydicom")
    ecg[:7, 5] = -32.768

    def mark(dataset, group, channels):
        group.WaveformPaddingValue = np.array(-32768, "<i2").tobytes()
        group["WaveformPaddingValue"].VR = "OW"

    with pytest.raises(
        RecordError, match="Record a must be finite, got NaN or infinity in lead aVF: 7 of 1,000 samples"
    ):
        read_recording(changed_dicom(tmp_path / "a.dcm", ecg, mark))


@pytest.mark.bad_input(6)
def test_damaged_dicom_is_refused(tmp_path, ecg):
    pytest.importorskip("pydicom")
    whole = write_dicom(tmp_path / "a.dcm", ecg * 1000).read_bytes()
    path = tmp_path / "b.dcm"
    for damaged in (whole[:-100], whole[:3000], whole[:140], whole[:10], b"", b"<html>" * 900):
        path.write_bytes(damaged)
        with pytest.raises(RecordError, match="Record b: cannot read .*b.dcm as a DICOM waveform"):
            read_recording(path)


@pytest.mark.security
def test_deflated_dicom_is_refused_unread(tmp_path, ecg):
    pytest.importorskip("pydicom")
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    def deflate(dataset, group, channels):
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian

    with pytest.raises(RecordError, match="it is deflated"):
        read_recording(changed_dicom(tmp_path / "a.dcm", ecg, deflate))


def test_dicom_without_its_suffix_is_told_by_its_first_bytes(tmp_path, ecg):
    pytest.importorskip("pydicom")
    write_dicom(tmp_path / "a.dcm", ecg * 1000).rename(tmp_path / "recording")
    np.testing.assert_allclose(read_recording(tmp_path / "recording")[0].signals, ecg, atol=1e-6)


def test_missing_dicom_library_says_how_to_install_it(tmp_path, no_extras):
    (tmp_path / "a.dcm").write_bytes(b"\0" * 128 + b"DICM")
    with pytest.raises(
        RecordError, match=r"reading a DICOM waveform needs .*pydicom.*: pip install signalcam\[formats\]"
    ):
        read_recording(tmp_path / "a.dcm")


# The real sample.


def test_real_record_copied_to_other_formats_reads_the_same(real_folder, tmp_path):
    header = min(real_folder.glob("records100/*/*.hea"))
    for suffix in (".hea", ".dat"):
        shutil.copy(header.with_suffix(suffix), tmp_path)
    signals = read_recording(tmp_path / header.name)[0].signals
    csv_file = write_csv(tmp_path / "a.csv", signals)
    np.testing.assert_allclose(read_recording(csv_file, **STATED)[0].signals, signals, atol=1e-6)
