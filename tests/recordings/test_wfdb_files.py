"""WFDB records: equal to wfdb where the file is right, refused where it is not."""

import os
import re
import signal as os_signal
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import wfdb
from recording_files import write_wfdb

from signalcam.errors import RecordError
from signalcam.leads import LEADS
from signalcam.recordings.formats.wfdb_files import parse_header, read_header, read_samples


@pytest.fixture
def header(tmp_path, ecg_like):
    """A whole record of 1,000 samples."""
    return write_wfdb(tmp_path, ecg_like[0])


def edited(header, pattern, replacement, count=1):
    """The record with its header's text changed."""
    text, n_changed = re.subn(pattern, replacement, header.read_text(), count=count, flags=re.MULTILINE)
    assert n_changed
    header.write_text(text)
    return header


def as_wfdb(header):
    return wfdb.rdsamp(str(header.with_suffix("")))[0].astype(np.float32)


def test_samples_are_bit_equal_to_wfdb(header):
    signals, parsed = read_samples(header)
    assert signals.dtype == np.float32
    assert signals.tobytes() == as_wfdb(header).tobytes()
    assert parsed.leads == LEADS
    assert (parsed.sampling_rate, parsed.n_times, len(parsed.leads)) == (100, 1000, 12)


@pytest.mark.parametrize("gain", ["204.8(-17)/mV", "1000/mV", "3.33e2(5)/mV"])
def test_gain_and_baseline_are_applied_as_wfdb_does(header, gain):
    edited(header, r" 1000\.0\(0\)/mV", f" {gain}", count=0)
    assert read_samples(header)[0].tobytes() == as_wfdb(header).tobytes()


def test_each_lead_has_its_own_gain_and_baseline(header):
    whole = read_samples(header)[0]
    edited(header, r"1000\.0\(0\)/mV(.* aVF)$", r"500(20)/mV\1")
    whole[:, 5] = (whole[:, 5] * 1000 - 20) / 500
    np.testing.assert_allclose(read_samples(header)[0], whole, atol=1e-6)


def test_adc_zero_stands_for_a_baseline_that_is_not_given(header):
    edited(header, r"1000\.0\(0\)/mV 16 0 ", "1000/mV 16 512 ", count=0)
    assert read_samples(header)[0].tobytes() == as_wfdb(header).tobytes()


def test_leads_in_two_files_and_bytes_before_the_samples_are_read_as_wfdb_does(tmp_path, ecg_like):
    samples = np.rint(ecg_like[0] * 1000).astype("<i2")
    (tmp_path / "a.mat").write_bytes(b"\x01" * 24 + samples[:, :7].tobytes())
    samples[:, 7:].tofile(tmp_path / "a.xyz")
    sums = samples.astype(np.int64).sum(axis=0) % 65536
    lines = ["a 12 500/1 1000 12:00:00 01/02/2020"]
    lines += [f"a.mat 16+24 1000/mV 16 0 0 {sums[k]} 0 {LEADS[k]}" for k in range(7)]
    lines += [f"a.xyz 16 1000/mV 16 0 0 {sums[k]} 0 {LEADS[k]}" for k in range(7, 12)]
    header = tmp_path / "a.hea"
    header.write_text("\n".join([*lines, "# Age: 74"]))
    signals, parsed = read_samples(header)
    assert parsed.sampling_rate == 500
    assert signals.tobytes() == as_wfdb(header).tobytes()


@pytest.mark.parametrize("fmt", ["80", "212", "24", "32"])
def test_other_formats_go_through_wfdb(tmp_path, ecg_like, fmt):
    scale = 20.0 if fmt == "80" else 200.0
    samples = np.clip(np.rint(ecg_like[0] * scale), -126, 126).astype(np.int64)
    calibration = {"units": ["mV"] * 12, "adc_gain": [scale] * 12, "baseline": [0] * 12}
    keys = {"sig_name": list(LEADS), "fmt": [fmt] * 12, "write_dir": str(tmp_path), **calibration}
    wfdb.wrsamp("b", 100, d_signal=samples, **keys)
    signals, _ = read_samples(tmp_path / "b.hea")
    assert signals.tobytes() == as_wfdb(tmp_path / "b.hea").tobytes()
    np.testing.assert_allclose(signals, samples / scale, rtol=1e-6)


@pytest.mark.parametrize(("fmt", "dtype", "offset"), [("61", ">i2", 0), ("160", "<u2", 32768)])
def test_other_byte_orders_and_offset_samples_are_read(header, fmt, dtype, offset):
    whole = read_samples(header)[0]
    samples = np.fromfile(header.with_suffix(".dat"), "<i2").astype(np.int64)
    (samples + offset).astype(dtype).tofile(header.with_suffix(".dat"))
    edited(header, r"\.dat 16", f".dat {fmt}", count=0)
    np.testing.assert_array_equal(read_samples(header)[0], whole)


@pytest.mark.parametrize("n_more", [1, 3])
def test_packed_file_may_be_filled_up_to_a_group_of_samples(tmp_path, n_more):
    keys = {"units": ["mV"], "adc_gain": [100.0], "baseline": [0], "sig_name": ["I"], "fmt": ["212"]}
    wfdb.wrsamp("b", 100, d_signal=np.arange(-20, 20)[:, np.newaxis], write_dir=str(tmp_path), **keys)
    with open(tmp_path / "b.dat", "ab") as file:
        file.write(bytes(n_more))
    np.testing.assert_allclose(read_samples(tmp_path / "b.hea")[0][:, 0], np.arange(-20, 20) / 100, rtol=1e-6)


@pytest.mark.bad_input(6)
@pytest.mark.parametrize("n_bytes", [17_998, 17_999, 18_004])
def test_packed_file_of_another_size_is_refused(header, n_bytes):
    edited(header, r"\.dat 16", ".dat 212", count=0)
    os.truncate(header.with_suffix(".dat"), n_bytes)
    with pytest.raises(RecordError, match=rf"expected 18,000 bytes .*found {n_bytes:,}"):
        read_samples(header)


@pytest.mark.bad_input(18)
@pytest.mark.parametrize(
    ("fmt", "lowest"), [("80", -128), ("212", -2048), ("24", -(2**23)), ("32", -(2**31))]
)
def test_lowest_value_of_a_format_marks_a_missing_sample_and_the_next_does_not(tmp_path, fmt, lowest):
    samples = np.full((20, 2), lowest + 1)
    samples[3, 1] = lowest
    keys = {"units": ["mV"] * 2, "adc_gain": [100.0] * 2, "baseline": [0] * 2, "sig_name": ["I", "II"]}
    wfdb.wrsamp("b", 100, d_signal=samples, fmt=[fmt] * 2, write_dir=str(tmp_path), **keys)
    with pytest.raises(RecordError, match=r"marks samples as missing in lead II \(1\)"):
        read_samples(tmp_path / "b.hea")
    missing = np.isnan(read_samples(tmp_path / "b.hea", check=False)[0])
    assert np.argwhere(missing).tolist() == [[3, 1]]


@pytest.mark.bad_input(56)
@pytest.mark.parametrize("fmt", ["16", "212"])
def test_span_is_read_as_from_the_whole_and_its_missing_samples_refused(tmp_path, rng, fmt):
    samples = rng.integers(-1000, 1000, (40, 2))
    samples[30, 1] = -32768 if fmt == "16" else -2048
    keys = {"units": ["mV"] * 2, "adc_gain": [100.0] * 2, "baseline": [0] * 2, "sig_name": ["I", "II"]}
    wfdb.wrsamp("b", 100, d_signal=samples, fmt=[fmt] * 2, write_dir=str(tmp_path), **keys)
    signals, header = read_samples(tmp_path / "b.hea", span=(6, 14))
    np.testing.assert_allclose(signals, samples[6:14] / 100, rtol=1e-6)
    assert header.n_times == 40
    with pytest.raises(RecordError, match=r"missing in lead II \(1\)"):
        read_samples(tmp_path / "b.hea", span=(6, 31))


def test_leads_of_other_formats_in_two_files_are_read_as_wfdb_does(tmp_path, rng):
    samples = rng.integers(-100, 100, (40, 3)).astype(np.int8)
    (samples[:, :2].astype(int) + 128).astype(np.uint8).tofile(tmp_path / "a.dat")
    (samples[:, 2].astype(int) + 128).astype(np.uint8).tofile(tmp_path / "b.dat")
    sums = samples.astype(np.int64).sum(axis=0) % 65536
    files = ["a.dat", "a.dat", "b.dat"]
    lines = [f"{file} 80 100/mV 8 0 0 {sums[k]} 0 {LEADS[k]}" for k, file in enumerate(files)]
    (tmp_path / "r.hea").write_text("\n".join(["r 3 100 40", *lines]))
    np.testing.assert_allclose(read_samples(tmp_path / "r.hea")[0], samples / 100, rtol=1e-6)


@pytest.mark.bad_input(9)
@pytest.mark.parametrize(
    ("layouts", "match"),
    [
        (["a.dat 16", "a.dat 61"], r"leads in .*a\.dat differ in format: use wfdb\.rdrecord"),
        (["a.dat 16", "a.dat 16+2"], r"leads in .*a\.dat differ in format: use wfdb\.rdrecord"),
        (["a.dat 16", "b.dat 16", "a.dat 16"], "leads of one sample file do not follow each other"),
    ],
)
def test_leads_of_one_file_must_be_alike_and_together(tmp_path, layouts, match):
    for file in ("a.dat", "b.dat"):
        (tmp_path / file).write_bytes(bytes(20))
    lines = [f"{layout} 100/mV 16 0 0 0 0 {lead}" for layout, lead in zip(layouts, LEADS, strict=False)]
    (tmp_path / "r.hea").write_text("\n".join([f"r {len(lines)} 100 10", *lines]))
    with pytest.raises(RecordError, match=f"Record r: {match}"):
        read_samples(tmp_path / "r.hea")


@pytest.mark.bad_input(6)
def test_what_wfdb_cannot_decode_is_a_record_error(header, monkeypatch):
    edited(header, r"\.dat 16", ".dat 61", count=0)
    for found in (ValueError("of its own"), np.zeros((999, 12), int), None):
        record = SimpleNamespace(d_signal=found)

        def rdrecord(*args, found=found, record=record, **keys):
            if isinstance(found, ValueError):
                raise found
            return record

        monkeypatch.setattr(wfdb, "rdrecord", rdrecord)
        with pytest.raises(
            RecordError, match=r"Record r1: wfdb (cannot decode .*r1\.dat: of its|decoded another)"
        ):
            read_samples(header)


@pytest.mark.bad_input(21)
@pytest.mark.parametrize(("unit", "factor"), [("uV", 1e-3), ("\u00b5V", 1e-3), ("V", 1e3), ("mV", 1)])
def test_units_of_the_header_are_converted_to_millivolts(header, ecg_like, unit, factor):
    edited(header, "/mV", f"/{unit}", count=0)
    np.testing.assert_allclose(
        read_samples(header)[0], np.round(ecg_like[0], 3) * factor, rtol=1e-5, atol=1e-9
    )


@pytest.mark.bad_input(6)
@pytest.mark.parametrize("kept", [12_000, 23_999, 0])
def test_truncated_file_names_record_expected_and_found_bytes(header, kept):
    os.truncate(header.with_suffix(".dat"), kept)
    with pytest.raises(RecordError, match=rf"Record r1: expected 24,000 bytes .*found {kept:,}\..*truncated"):
        read_samples(header)


@pytest.mark.bad_input(7)
def test_over_long_file_is_refused_and_read_with_a_warning_by_request(header):
    whole = read_samples(header)[0]
    with header.with_suffix(".dat").open("ab") as file:
        file.write(b"\0\0")
    with pytest.raises(RecordError, match=r"expected 24,000 bytes .*found 24,002\..*extra_bytes='warn'"):
        read_samples(header)
    with pytest.warns(UserWarning, match="The first 24,000 are used") as caught:
        signals, _ = read_samples(header, extra_bytes="warn")
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(signals, whole)


@pytest.mark.bad_input(8)
def test_flipped_bit_names_record_and_lead_and_can_be_switched_off(header):
    data = bytearray(header.with_suffix(".dat").read_bytes())
    data[24 * 100 + 2 * LEADS.index("aVF")] ^= 1
    header.with_suffix(".dat").write_bytes(data)
    with pytest.raises(RecordError, match=r"Record r1, lead aVF: .*checksum \d+.*found \d+.*check=False"):
        read_samples(header)
    assert read_samples(header, check=False)[0].shape == (1000, 12)


def test_negative_checksums_are_read_modulo_65536(header):
    text = header.read_text()
    header.write_text(
        re.sub(r" (\d+) 0 (\S+)$", lambda m: f" {int(m[1]) - 65536} 0 {m[2]}", text, flags=re.M)
    )
    assert read_samples(header)[0].shape == (1000, 12)


@pytest.mark.bad_input(9)
@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "empty file"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "HTML or XML"),
        (bytes(range(128, 256)), "binary data"),
        (b"r1 12 100\n", "expected 'name leads rate samples'"),
        (b"r1 12 100 1000\n", "expected 12 lead lines .* found 0"),
        (b"r1 1 100 1000\n" + b"r1.dat 16 1000/mV 16 0 0 0 0 I\n" * 2, "expected 1 lead lines .* found 2"),
        (b"r1 0 100 1000\n", "above 0"),
        (b"r1 1 0 1000\nr1.dat 16 1000/mV 16 0 0 0 0 I", "above 0"),
        (b"r1 1 -5 1000\nr1.dat 16 1000/mV 16 0 0 0 0 I", "in numbers"),
        (b"r2 1 100 1000\nr1.dat 16 1000/mV 16 0 0 0 0 I", "header of record 'r2'"),
        (b"r1/2 1 100 1000\n", "multi-segment"),
        (b"r1 1 100 1000\nr1.dat 16 1000/mV 16 0 0 0 0", "lead has no name"),
        (b"r1 1 100 1000\nr1.dat 16 1000/mV 16 0 0 0 0 \x0c", "lead has no name"),
        (b"r1 1 100 1000\nr1.dat 16 1000/mV 16 0 zero 0 0 I", "whole numbers, found '16 0 zero 0 0'"),
        (b"r1 1 100 1000\nr1.dat 516 1000/mV 16 0 0 0 0 I", "format '516' is not read"),
        (b"r1 1 100 1000\nr1.dat 16x4 1000/mV 16 0 0 0 0 I", "several samples a frame"),
        (b"r1 1 100 1000\nr1.dat 16:3 1000/mV 16 0 0 0 0 I", "'16:3' has several .* or a skew"),
        (b"r1 1 100 1000\nr1.dat", "expected file, format and gain"),
    ],
)
def test_malformed_header_is_a_record_error_with_its_cause(header, content, match):
    header.write_bytes(content)
    with pytest.raises(RecordError, match=match) as caught:
        read_samples(header)
    assert "Record r1" in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.bad_input(9)
def test_sample_file_under_a_headers_name_is_refused_by_its_size(header):
    header.write_bytes(bytes(2_000_000))
    with pytest.raises(RecordError, match="expected a header of some kB, found 2,000,000 bytes"):
        read_samples(header)


@pytest.mark.bad_input(10)
@pytest.mark.parametrize("n_times", [10**9, 10**15 - 1])
def test_huge_claimed_length_is_refused_before_anything_is_allocated(header, n_times):
    edited(header, r"^r1 12 100 1000", f"r1 12 100 {n_times}")
    with pytest.raises(RecordError, match=r"expected [\d,]+ bytes .*found 24,000"):
        read_samples(header)


@pytest.mark.bad_input(10)
def test_numbers_of_absurd_length_are_refused(header):
    edited(header, r"^r1 12 100 1000", f"r1 12 100 {'9' * 5000}")
    with pytest.raises(RecordError, match="in numbers"):
        read_samples(header)


@pytest.mark.bad_input(11)
@pytest.mark.parametrize(
    "gain", ["0/mV", "0(0)/mV", "-5/mV", "1e-300/mV", "1e300/mV", "/mV", "mV", "200(x)/mV", "nan/mV"]
)
def test_gain_that_is_none_leaves_the_lead_uncalibrated(header, gain):
    edited(header, r"1000\.0\(0\)/mV", gain)
    with pytest.raises(RecordError, match=r"lead line 1 .*(uncalibrated|expected a gain)"):
        read_samples(header)


@pytest.mark.bad_input(11)
@pytest.mark.parametrize("gain", ["9e-10", "2e15"])
def test_gain_far_from_any_converter_is_refused_and_a_small_or_large_one_read(header, gain):
    edited(header, r"1000\.0\(0\)/mV", f"{gain}/mV")
    with pytest.raises(RecordError, match=f"the gain {gain} leaves the lead uncalibrated"):
        read_samples(header)
    parsed = parse_header(
        "r 2 100 7\nr.dat 16x1:0+4 1e-9/mV 16 0 1 2 0 I\nr.dat 16 1e15/uV 16 0 1 2 0 II", "r"
    )
    assert (parsed.gains, parsed.offsets, parsed.formats) == ((1e-9, 1e15), (4, 0), (16, 16))


@pytest.mark.bad_input(11)
def test_missing_gain_leaves_the_lead_uncalibrated(header):
    edited(header, r"^r1\.dat 16 .*$", "r1.dat 16")
    with pytest.raises(RecordError, match="without a gain is uncalibrated"):
        read_samples(header)


@pytest.mark.bad_input(11)
def test_missing_unit_is_asked_for_and_taken_from_the_caller(header):
    whole = read_samples(header)[0]
    edited(header, "/mV", "", count=0)
    with pytest.raises(RecordError, match="unit is missing .*uncalibrated: give unit='mV'"):
        read_samples(header)
    np.testing.assert_array_equal(read_samples(header, unit="mV")[0], whole)


@pytest.mark.bad_input(11)
def test_unit_that_is_no_voltage_is_refused(header):
    edited(header, "/mV", "/mmHg")
    with pytest.raises(RecordError, match="'mmHg' is not a known voltage"):
        read_samples(header)


@pytest.mark.bad_input(18)
def test_lead_of_missing_marks_is_reported_as_a_missing_lead(tmp_path, ecg_like):
    ecg_like[0, :, 8] = -32.768
    header = write_wfdb(tmp_path, ecg_like[0])
    with pytest.raises(RecordError, match=r"Record r1: missing lead V3: .*all 1,000 samples as missing"):
        read_samples(header)
    signals, _ = read_samples(header, check=False)
    assert np.isnan(signals[:, 8]).all()
    assert np.isfinite(np.delete(signals, 8, axis=1)).all()


@pytest.mark.bad_input(17)
def test_some_missing_marks_are_counted_by_lead(tmp_path, ecg_like):
    ecg_like[0, 5:8, 0] = ecg_like[0, 9, 7] = -32.768
    with pytest.raises(RecordError, match=r"missing in lead I \(3\), V2 \(1\)\."):
        read_samples(write_wfdb(tmp_path, ecg_like[0]))


@pytest.mark.security
@pytest.mark.parametrize(
    "file", ["../r1.dat", "/etc/passwd", "a\\b.dat", "C:r1.dat", "..", ".", "-", "~", "sub/r1.dat"]
)
def test_header_cannot_point_out_of_its_folder(header, file):
    edited(header, r"^r1\.dat", file.replace("\\", r"\\"), count=0)
    with pytest.raises(RecordError, match="plain name beside the header"):
        read_samples(header)


@pytest.mark.security
def test_pipe_in_place_of_a_file_is_refused_and_does_not_hang(header):
    header.with_suffix(".dat").unlink()
    os.mkfifo(header.with_suffix(".dat"))
    os_signal.alarm(10)
    try:
        with pytest.raises(RecordError, match="found a pipe or device"):
            read_samples(header)
    finally:
        os_signal.alarm(0)


@pytest.mark.bad_input(5)
@pytest.mark.parametrize("suffix", [".hea", ".dat"])
def test_missing_file_is_named(header, suffix):
    header.with_suffix(suffix).unlink()
    with pytest.raises(FileNotFoundError, match=rf"Record r1: there is no file .*r1\{suffix}"):
        read_samples(header)


def test_folder_in_place_of_the_header_is_refused(tmp_path):
    (tmp_path / "r1.hea").mkdir()
    with pytest.raises(RecordError, match="found a folder"):
        read_header(tmp_path / "r1.hea")


def test_comments_blank_lines_and_spaces_in_lead_names_are_read():
    lines = ["# made by hand", "", "r 2 250.5 7 ", "", "r.dat 16 200(3)/uV 16 0 1 2 0 lead one"]
    lines += ["r.dat 16 5/mV 0 9 -1 -2 0 V1\r", "#"]
    header = parse_header("\n".join(lines), "folder/r")
    assert header.leads == ("lead one", "V1")
    assert (header.baselines, header.gains, header.units) == ((3, 9), (200.0, 5.0), ("uV", "mV"))
    assert (header.sampling_rate, header.n_times) == (250.5, 7)
    assert header.checksums == (2, -2)


def test_nothing_is_said_about_a_whole_record(header):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_samples(header)


def test_records_of_the_real_sample_are_bit_equal_to_wfdb(real_folder):
    headers = sorted(real_folder.glob("records*00/*/*.hea"))
    for header in headers[:: len(headers) // 12]:
        assert read_samples(header)[0].tobytes() == as_wfdb(header).tobytes(), header.name


# Headers as they are found elsewhere.


@pytest.mark.parametrize(
    "comment", ["# Größe".encode("latin-1"), "# a\u2028b\x85c".encode(), b"#\xff\xfe\x00"]
)
@pytest.mark.bad_input(58)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_comments_in_any_encoding_and_other_line_ends_are_read(header, comment, end):
    whole = read_samples(header)[0]
    header.write_bytes(end.join([comment, *header.read_bytes().splitlines(), b"", comment]) + end)
    np.testing.assert_array_equal(read_samples(header)[0], whole)


@pytest.mark.bad_input(58)
@pytest.mark.parametrize("space", ["\t", "\t \t", "\x0b", "\x0c", "\x1f", "\x85", "\xa0", "\u2028"])
def test_tabs_part_fields_as_blanks_do_and_no_other_white_space_does(space):
    text = f" r 1 100 7\n r.dat{space}16 1000/mV 16 0 0 0 0{space}I "
    if space.strip("\t "):
        with pytest.raises(RecordError, match="Record r: cannot use its header: lead line 1"):
            parse_header(text, "r")
    else:
        header = parse_header(text.replace("r 1 ", f"r{space}1{space}"), "r")
        assert (header.leads, header.files, header.formats) == (("I",), ("r.dat",), (16,))


@pytest.mark.bad_input(58)
@pytest.mark.parametrize("name", ["I\ta", "I\x1fa", "\x0cI"])
def test_lead_name_with_control_characters_is_refused(name):
    with pytest.raises(RecordError, match="lead line 1 .*: the lead's name '.*' holds control"):
        parse_header(f"r 1 100 7\nr.dat 16 1000/mV 16 0 0 0 0 {name}", "r")


def test_bytes_that_are_no_text_are_refused_outside_comments(header):
    header.write_bytes(header.read_bytes() + b"\xff\xfe\n")
    with pytest.raises(RecordError, match="Record r1: expected text .*found binary data"):
        read_samples(header)


@pytest.mark.bad_input(58)
def test_record_line_may_name_the_sample_file_of_a_challenge(header):
    whole = read_samples(header)[0]
    edited(header, r"^r1 12", "r1.mat 12")
    signals, parsed = read_samples(header)
    assert parsed.name == "r1"
    np.testing.assert_array_equal(signals, whole)


def test_record_whose_own_name_ends_like_a_sample_file_is_read():
    text = "r1.mat 1 100 7\nr1.mat 16 1000/mV 16 0 0 0 0 I"
    assert parse_header(text, "r1.mat").name == "r1.mat"
    with pytest.raises(RecordError, match="Record r: .* header of record 'r1.mat'"):
        parse_header(text, "r")


@pytest.mark.bad_input(9)
def test_record_line_with_another_name_and_the_suffix_is_refused(header):
    edited(header, r"^r1 12", "r2.mat 12")
    with pytest.raises(RecordError, match="header of record 'r2.mat'"):
        read_samples(header)


@pytest.mark.bad_input(58)
def test_header_with_its_suffix_in_capitals_is_read(header):
    whole = read_samples(header)[0]
    signals, parsed = read_samples(header.rename(header.with_suffix(".HEA")))
    assert parsed.name == "r1"
    np.testing.assert_array_equal(signals, whole)


@pytest.mark.bad_input(9, 10)
@pytest.mark.parametrize("pattern", [r"^r1 12 100", r"1000\.0\(0\)/mV", r"\.dat 16 "])
@pytest.mark.parametrize("long", [part * 400_000 + "x" for part in ("9", "9.", "x", "+", "(")])
def test_a_field_of_any_length_is_refused_at_once(header, pattern, long):
    before = {"^": f"r1 12 {long}", "1": long, "\\": f".dat {long} "}[pattern[0]]
    edited(header, pattern, before)
    start = time.process_time()  # other processes take time by the clock
    with pytest.raises(RecordError, match="Record r1"):
        read_samples(header)
    assert time.process_time() - start < 1
