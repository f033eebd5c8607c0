"""Loading all records of a table: equal to wfdb bit for bit and aligned, or refused with a reason."""

import errno
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_set import write_record, write_small_set

from signalcam.data.ptbxl import open_dataset
from signalcam.data.signals import _Request, load_signals
from signalcam.errors import MissingRecordsError, RecordError
from signalcam.leads import LEADS

QUIET = {"progress": False, "cache": False}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return write_small_set(tmp_path_factory.mktemp("small") / "set", n_records=8)


@pytest.fixture
def small(template, tmp_path):
    """A folder to spoil."""
    return Path(shutil.copytree(template, tmp_path / "ptb-xl"))


def record(folder, ecg_id, suffix=""):
    return folder / f"records100/00000/{ecg_id:05d}_lr{suffix}"


def by_wfdb(dataset, rate=100):
    """The same array from wfdb, record by record."""
    column = {100: "filename_lr", 500: "filename_hr"}[rate]
    signals = []
    for name in dataset.table[column]:
        physical, fields = wfdb.rdsamp(str(dataset.folder / name))
        order = [[lead.upper() for lead in fields["sig_name"]].index(lead.upper()) for lead in LEADS]
        signals.append(physical[:, order].astype(np.float32))
    return np.stack(signals)


def edit_header(path, old, new, count=-1):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


def assert_same_bits(found, expected):
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_array_equal(np.ascontiguousarray(found).view(np.int32), expected.view(np.int32))


def test_signals_are_those_of_wfdb_bit_for_bit(small):
    dataset = open_dataset(small)
    assert_same_bits(load_signals(dataset, **QUIET), by_wfdb(dataset))
    assert_same_bits(load_signals(dataset, progress=False), by_wfdb(dataset))


def test_signals_at_500_hz_are_those_of_wfdb(tmp_path):
    dataset = open_dataset(write_small_set(tmp_path / "set", n_records=2, rates=(100, 500)))
    found = load_signals(dataset, sampling_rate=500, **QUIET)
    assert found.shape == (2, 5000, 12)
    assert_same_bits(found, by_wfdb(dataset, 500))


@pytest.mark.parametrize("rate", [100, 500])
def test_real_signals_are_those_of_wfdb_bit_for_bit(real_dataset, rate):
    some = real_dataset.table.head(64).iloc[::4]
    found = load_signals(real_dataset, some.index, rate, **QUIET)
    assert_same_bits(found, by_wfdb(replace(real_dataset, table=some), rate))
    limb = found[..., :6].astype(np.float64)
    # Each lead is rounded to 1 uV, so the identity holds to 2 uV.
    np.testing.assert_allclose(limb[..., 3], -(limb[..., 0] + limb[..., 1]) / 2, atol=0.0021)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1000.0(0)/mV", "1000.0(7)/mV"),
        ("1000.0(0)/mV", "333.3(0)/mV"),
        ("1000.0(0)/mV", "1234.567(-12)/mV"),
        ("1000.0(0)/mV", "200/mV"),
    ],
)
def test_other_gains_and_baselines_are_those_of_wfdb(small, old, new):
    edit_header(record(small, 3, ".hea"), old, new)
    edit_header(record(small, 4, ".hea"), old, new, 1)
    dataset = open_dataset(small)
    assert_same_bits(load_signals(dataset, **QUIET), by_wfdb(dataset))


@pytest.mark.parametrize("fmt", ["24", "32", "212", "80"])
def test_other_formats_are_read_through_wfdb(small, fmt):
    samples = np.random.default_rng(1).integers(-120, 120, (1000, 12))
    keys = {
        "fs": 100,
        "units": ["mV"] * 12,
        "sig_name": list(LEADS),
        "adc_gain": [1000.0] * 12,
        "baseline": [0] * 12,
    }
    wfdb.wrsamp("00003_lr", d_signal=samples, fmt=[fmt] * 12, write_dir=str(record(small, 3).parent), **keys)
    dataset = open_dataset(small)
    assert_same_bits(load_signals(dataset, **QUIET), by_wfdb(dataset))


@pytest.mark.bad_input(25)
def test_leads_in_another_order_are_put_in_order_by_name(small):
    expected = load_signals(open_dataset(small), **QUIET)
    path = record(small, 2, ".hea")
    lines = path.read_text().splitlines()
    order = [11, 3, 0, 1, 2, 4, 5, 10, 9, 8, 7, 6]
    path.write_text("\n".join([lines[0], *(lines[1 + k] for k in order)]))
    samples = np.fromfile(record(small, 2, ".dat"), "<i2").reshape(-1, 12)[:, order]
    samples.tofile(record(small, 2, ".dat"))
    assert_same_bits(load_signals(open_dataset(small), **QUIET), expected)


def test_skip_leaves_out_nothing_where_all_is_well(template):
    dataset = open_dataset(template)
    signals, kept, reasons = load_signals(dataset, on_error="skip", **QUIET)
    assert_same_bits(signals, load_signals(dataset, **QUIET))
    assert kept.equals(dataset.table.index)
    assert reasons.empty
    assert reasons.columns.tolist() == ["ecg_id", "reason"]


def test_records_come_in_the_order_asked_for(small):
    dataset = open_dataset(small)
    everything = load_signals(dataset, **QUIET)
    assert_same_bits(load_signals(dataset, [5, 2, 5], **QUIET), everything[[4, 1, 4]])
    assert_same_bits(load_signals(dataset, pd.Index([8]), **QUIET), everything[[7]])


def test_many_blocks_come_in_order(template):
    dataset = open_dataset(template)
    everything = load_signals(dataset, **QUIET)
    rows = np.random.default_rng(0).integers(0, 8, 500)
    assert_same_bits(load_signals(dataset, dataset.table.index[rows], **QUIET), everything[rows])


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], "is empty"),
        ([1, 77, 99], "ecg_ids must be ecg_ids of the table, got 2 that .*: 77, 99"),
        ([True, False], "boolean mask"),
    ],
)
def test_ids_that_are_none_are_refused(template, ids, message):
    with pytest.raises(ValueError, match=message):
        load_signals(open_dataset(template), ids, **QUIET)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sampling_rate": 250}, "sampling_rate must be one of 100, 500 Hz, got 250"),
        ({"on_error": "ignore"}, "on_error must be one of raise, skip, got 'ignore'"),
        ({"check": "all"}, "check must be one of True, False, full, got 'all'"),
        ({"extra_bytes": "drop"}, "extra_bytes must be one of error, warn"),
    ],
)
def test_wrong_arguments_list_the_right_ones(template, arguments, message):
    with pytest.raises(ValueError, match=message):
        load_signals(open_dataset(template), **arguments, **QUIET)


@pytest.mark.bad_input(4)
def test_rate_that_is_not_there_names_the_one_that_is(small):
    with pytest.raises(FileNotFoundError, match="no records at 500 Hz in .*; there are records at 100 Hz"):
        load_signals(open_dataset(small), sampling_rate=500, **QUIET)
    (small / "records100").rename(small / "records500")
    with pytest.raises(FileNotFoundError, match="no records at 100 Hz in .*; there are records at 500 Hz"):
        load_signals(open_dataset(small), **QUIET)
    shutil.rmtree(small / "records500")
    with pytest.raises(FileNotFoundError, match="there are records at no rate at all. Fetch them"):
        load_signals(open_dataset(small), **QUIET)


@pytest.mark.bad_input(5)
def test_missing_files_are_counted_and_the_first_five_named_and_skip_keeps_all_aligned(small):
    dataset = open_dataset(small)
    everything = load_signals(dataset, **QUIET)
    for ecg_id in (1, 2, 4, 5, 7):
        record(small, ecg_id, ".dat").unlink()
    record(small, 8, ".hea").unlink()
    with pytest.raises(
        MissingRecordsError, match="6 of 8 records have no .* ecg_id 1, 2, 4, 5, 7 and 1 more"
    ) as caught:
        load_signals(dataset, **QUIET)
    assert isinstance(caught.value, FileNotFoundError)
    assert isinstance(caught.value, RecordError)
    for cache in (False, True, True):
        signals, kept, reasons = load_signals(dataset, on_error="skip", progress=False, cache=cache)
        assert kept.tolist() == [3, 6]
        assert_same_bits(signals, everything[[2, 5]])
        assert reasons["ecg_id"].tolist() == [1, 2, 4, 5, 7, 8]
        assert reasons["reason"].str.contains("no .hea or no .dat file").all()


@pytest.mark.bad_input(6)
@pytest.mark.parametrize("size", [0, 1, 12_000, 23_999])
def test_truncated_file_names_record_expected_and_found_bytes(small, size):
    path = record(small, 6, ".dat")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(RecordError, match=rf"00006_lr.*expected 24,000 bytes.*found {size:,}"):
        load_signals(open_dataset(small), **QUIET)


@pytest.mark.bad_input(7)
def test_file_longer_than_its_header_says_is_an_error_and_a_warning_by_request(small):
    dataset = open_dataset(small)
    expected = load_signals(dataset, **QUIET)
    with open(record(small, 6, ".dat"), "ab") as file:
        file.write(b"ab")
    with pytest.raises(RecordError, match="00006_lr.*expected 24,000 bytes.*found 24,002"):
        load_signals(dataset, **QUIET)
    with pytest.warns(UserWarning, match="00006_lr.*found 24,002"):
        found = load_signals(dataset, extra_bytes="warn", **QUIET)
    assert_same_bits(found, expected)


@pytest.mark.bad_input(8)
def test_flipped_byte_names_record_and_lead_and_the_check_can_be_switched_off(small):
    path = record(small, 4, ".dat")
    data = bytearray(path.read_bytes())
    data[24 * 500 + 2 * 7] ^= 1  # time 500, lead V2
    path.write_bytes(data)
    dataset = open_dataset(small)
    with pytest.raises(RecordError, match="00004_lr, lead V2: the header gives checksum"):
        load_signals(dataset, **QUIET)
    assert_same_bits(load_signals(dataset, check=False, **QUIET), by_wfdb(dataset))


@pytest.mark.bad_input(8)
def test_flipped_byte_is_found_although_a_cache_of_the_whole_file_is_there(small):
    dataset = open_dataset(small)
    load_signals(dataset, progress=False)
    path = record(small, 4, ".dat")
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    with pytest.raises(RecordError, match="00004_lr, lead I"):
        load_signals(dataset, progress=False)


@pytest.mark.bad_input(9)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"# only a comment\n",
        b"<!DOCTYPE html><html><body>404</body></html>",
        b"\x00\xff\xfe\x80" * 100,
        b"00003_lr 12 100 1000\n" + b"00003_lr.dat 16 1000.0(0)/mV 16 0 1 1 0 I\n" * 11,
        b"00003_lr 12 100 1000\n" + b"00003_lr.dat 16 1000.0(0)/mV 16 0 1 1 0 I\n" * 13,
        b"00003_lr twelve 100 1000\n",
    ],
)
def test_header_that_is_none_is_a_record_error_with_its_cause(small, content):
    record(small, 3, ".hea").write_bytes(content)
    with pytest.raises(RecordError, match="00003_lr") as caught:
        load_signals(open_dataset(small), **QUIET)
    assert caught.value.__cause__ is not None
    _, kept, reasons = load_signals(open_dataset(small), on_error="skip", **QUIET)
    assert kept.tolist() == [1, 2, 4, 5, 6, 7, 8]
    assert reasons["ecg_id"].tolist() == [3]


@pytest.mark.bad_input(10)
def test_huge_length_is_refused_by_the_size_of_the_file(small):
    edit_header(record(small, 3, ".hea"), "12 100 1000\n", "12 100 900000000000\n")
    with pytest.raises(RecordError, match="expected 21,600,000,000,000 bytes.*found 24,000"):
        load_signals(open_dataset(small), **QUIET)


@pytest.mark.bad_input(11)
@pytest.mark.parametrize("gain", ["0(0)/mV", "1000.0(0)", "(0)/mV", "/mV"])
def test_missing_gain_or_unit_is_never_a_silent_200(small, gain):
    edit_header(record(small, 3, ".hea"), "1000.0(0)/mV", gain, 1)
    with pytest.raises(RecordError, match="00003_lr"):
        load_signals(open_dataset(small), **QUIET)


@pytest.mark.bad_input(21)
def test_microvolts_in_the_header_are_converted(small):
    expected = load_signals(open_dataset(small), **QUIET)
    edit_header(record(small, 3, ".hea"), "1000.0(0)/mV", "1.0(0)/uV")
    np.testing.assert_allclose(load_signals(open_dataset(small), **QUIET), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.bad_input(17)
def test_missing_samples_are_refused_with_record_lead_and_count(small, caplog):
    spoil(small, 5, slice(100, 103), 8)
    dataset = open_dataset(small)
    with pytest.raises(RecordError, match=r"00005_lr.*missing in lead V3 \(3\)"):
        load_signals(dataset, **QUIET)
    found = load_signals(dataset, check=False, **QUIET)
    assert_same_bits(found, by_wfdb(dataset))
    assert np.isnan(found).sum() == 3
    assert "00005_lr: 3 samples are missing in the file and are NaN" in caplog.text


@pytest.mark.bad_input(18)
def test_whole_lead_missing_is_reported_as_a_missing_lead(small):
    spoil(small, 5, slice(None), 1)
    with pytest.raises(RecordError, match="00005_lr: missing lead II"):
        load_signals(open_dataset(small), **QUIET)


def spoil(folder, ecg_id, times, lead):
    """Mark samples as missing, and make the checksum right again."""
    path = record(folder, ecg_id)
    samples = np.fromfile(f"{path}.dat", "<i2").reshape(-1, 12)
    samples[times, lead] = -32768
    samples.tofile(f"{path}.dat")
    lines = Path(f"{path}.hea").read_text().splitlines()
    fields = lines[1 + lead].split()
    fields[5], fields[6] = str(samples[0, lead]), str(int(samples[:, lead].sum(dtype=np.int64)) & 0xFFFF)
    lines[1 + lead] = " ".join(fields)
    Path(f"{path}.hea").write_text("\n".join(lines) + "\n")


@pytest.mark.bad_input(22, 23)
def test_record_of_another_rate_or_length_is_refused(small):
    rng = np.random.default_rng(0)
    write_record(record(small, 2), 500, rng)
    write_record(record(small, 3), 100, rng)
    edit_header(record(small, 3, ".hea"), "12 100 1000", "12 100 500")
    path = record(small, 3, ".dat")
    path.write_bytes(path.read_bytes()[:12_000])
    _, _, reasons = load_signals(open_dataset(small), on_error="skip", check=False, **QUIET)
    assert reasons["ecg_id"].tolist() == [2, 3]
    assert "expected 100 Hz, its header says 500 Hz" in reasons["reason"][0]
    assert "expected 1,000 samples a lead (10 s), its header says 500" in reasons["reason"][1]


@pytest.mark.bad_input(24)
def test_record_with_another_lead_twice_is_refused(small):
    edit_header(record(small, 3, ".hea"), " 0 V6", " 0 V5")
    with pytest.raises(RecordError, match="Record 00003_lr: .*V5"):
        load_signals(open_dataset(small), **QUIET)


@pytest.mark.security
@pytest.mark.parametrize("name", ["../00001_lr.dat", "/etc/passwd", "00001_lr.dat"])
def test_header_that_names_a_foreign_signal_file_is_refused(small, name):
    edit_header(record(small, 3, ".hea"), "00003_lr.dat", name)
    with pytest.raises(RecordError, match="00003_lr"):
        load_signals(open_dataset(small), check=False, **QUIET)


def test_header_of_another_record_is_refused(small):
    shutil.copy(record(small, 4, ".hea"), record(small, 3, ".hea"))
    with pytest.raises(RecordError, match="header of record '00004_lr'"):
        load_signals(open_dataset(small), **QUIET)


def test_nothing_readable_is_an_error_even_when_skipping(small):
    for path in small.rglob("*.dat"):
        path.write_bytes(b"")
    with pytest.raises(RecordError, match="None of the 8 records could be read. The first: .*00001_lr"):
        load_signals(open_dataset(small), on_error="skip", **QUIET)


@pytest.mark.bad_input(5)
def test_missing_files_say_how_to_get_them_or_go_on(small):
    record(small, 4, ".dat").unlink()
    record(small, 6, ".hea").unlink()
    record(small, 6, ".hea").mkdir()
    with pytest.raises(MissingRecordsError) as caught:
        load_signals(open_dataset(small), [8, 6, 4], **QUIET)
    fetch = f"`python -m signalcam download {small} --sampling-rate 100`"
    assert str(caught.value) == (
        "2 of 3 records have no .hea or no .dat file at 100 Hz: ecg_id 6, 4. "
        f'Fetch them with {fetch}, or skip them: on_error="skip".'
    )
    _, kept, reasons = load_signals(open_dataset(small), [8, 6, 4], on_error="skip", **QUIET)
    assert kept.tolist() == [8]
    assert reasons.to_dict("list") == {"ecg_id": [6, 4], "reason": ["no .hea or no .dat file"] * 2}


@pytest.mark.bad_input(5, 6)
def test_missing_and_broken_records_are_listed_in_the_order_asked_for(small):
    record(small, 5, ".dat").unlink()
    record(small, 2, ".dat").write_bytes(b"")
    dataset = open_dataset(small)
    whole = load_signals(dataset, [7, 1, 3], **QUIET)
    for cache in (False, True, True):
        signals, kept, reasons = load_signals(
            dataset, [7, 5, 1, 2, 3], on_error="skip", cache=cache, progress=False
        )
        assert_same_bits(signals, whole)
        assert kept.tolist() == [7, 1, 3]
        assert reasons["ecg_id"].tolist() == [5, 2]
        assert "expected 24,000 bytes" in reasons["reason"][1]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "Record {}: [Errno 13] Permission denied."),
        (RecordError("Record 3: its own words"), "Record 3: its own words"),
        (OSError("a library's own"), "a library's own"),
    ],
)
def test_error_of_the_system_names_the_record_and_all_say_how_to_go_on(small, monkeypatch, error, said):
    def read(path, **how):
        raise error

    monkeypatch.setattr("signalcam.data.signals.read_samples", read)
    with pytest.raises((RecordError, OSError)) as caught:  # noqa: PT011 (its whole text is compared)
        load_signals(open_dataset(small), [3, 4], **QUIET)
    assert str(caught.value) == said.format(record(small, 3))
    assert caught.value.__notes__ == ['on_error="skip" leaves such records out and lists them.']


def test_header_that_does_not_fit_says_what_to_do(small):
    write_record(record(small, 2), 500, np.random.default_rng(0))
    edit_header(record(small, 3, ".hea"), " 0 V6", " 0 V5")
    edit_header(record(small, 4, ".hea"), "00004_lr.dat", "00006_lr.dat")
    edit_header(record(small, 5, ".hea"), "12 100 1000", "12 100 999")
    record(small, 5, ".dat").write_bytes(record(small, 5, ".dat").read_bytes()[:-24])
    with pytest.raises(RecordError, match="^Record 00003_lr: ") as caught:
        load_signals(open_dataset(small), [3], check=False, **QUIET)
    assert "Named twice: V5" in str(caught.value.__cause__)
    _, kept, reasons = load_signals(open_dataset(small), on_error="skip", check=False, **QUIET)
    assert kept.tolist() == [1, 6, 7, 8]
    rate, _, foreign, length = reasons["reason"]
    assert rate == (
        "Record 00002_lr: expected 100 Hz, its header says 500 Hz. "
        "Load it with that sampling_rate, or fetch it again."
    )
    assert length == (
        "Record 00005_lr: expected 1,000 samples a lead (10 s), its header says 999. "
        "Fetch it again, or leave it out."
    )
    assert foreign == "Record 00004_lr: its header names the signal file '00006_lr.dat', not 00004_lr.dat."


def test_entry_is_named_by_the_records_and_the_state_of_their_files(small, tmp_path):
    dataset, names, count = open_dataset(small), set(), iter(range(9))

    def entry(dataset=dataset, **how):
        folder = tmp_path / f"cache {next(count)}"
        load_signals(dataset, cache=folder, progress=False, **how)
        (path,) = folder.iterdir()
        names.add(path.name)
        what, rate, state = path.stem.partition("-")[2].partition("-")[0], path.stem[:10], path.stem[-32:]
        assert rate == "signals100"
        assert len(what) == len(state) == 32
        return what, state

    first = entry()
    assert entry() == first
    assert len(names) == 1
    assert entry(ecg_ids=dataset.table.index, sampling_rate=np.int64(100), check="full") == first
    assert entry(ecg_ids=dataset.table.index[::-1])[0] != first[0]
    what, state = entry(replace(dataset, version="1.0.3"))
    assert (what == first[0], state == first[1]) == (True, False)
    record(small, 1, ".hea").touch()
    what, state = entry()
    assert (what == first[0], state == first[1]) == (True, False)
    moved = Path(shutil.copytree(small, tmp_path / "moved"))
    assert entry(open_dataset(moved))[0] != first[0]


OTHER_CHECKS = "it was read with other checks"


@pytest.mark.parametrize(
    ("about", "asked", "shape", "fits"),
    [
        ({}, {}, (3, 1000, 12), ""),
        ({}, {"check": False}, (3, 1000, 12), ""),
        ({}, {"extra_bytes": "warn"}, (3, 1000, 12), ""),
        ({"check": False}, {"check": False}, (3, 1000, 12), ""),
        ({"check": False}, {}, (3, 1000, 12), OTHER_CHECKS),
        ({"extra_bytes": "warn"}, {}, (3, 1000, 12), OTHER_CHECKS),
        ({"extra_bytes": "warn"}, {"extra_bytes": "warn"}, (3, 1000, 12), ""),
        ({"skipped": {"1": "x"}}, {"may_skip": True}, (2, 1000, 12), ""),
        ({"skipped": {"1": "x"}}, {}, (2, 1000, 12), OTHER_CHECKS),
        ({"skipped": {"1": "x"}}, {"may_skip": True, "check": False}, (2, 1000, 12), OTHER_CHECKS),
        ({"skipped": {"1": "x"}}, {"may_skip": True}, (3, 1000, 12), "its shape is (3, 1000, 12)"),
        ({"skipped": {"3": "x"}}, {"may_skip": True}, (2, 1000, 12), "its shape is (2, 1000, 12)"),
        ({}, {}, (3, 5000, 12), "its shape is (3, 5000, 12)"),
        ({}, {"sampling_rate": 500}, (3, 5000, 12), ""),
        ({}, {}, (3, 1000, 8), "its shape is (3, 1000, 8)"),
    ],
)  # fmt: skip
def test_cached_signals_do_where_they_are_what_was_asked_for(about, asked, shape, fits):
    about = {"check": True, "extra_bytes": "error", "skipped": {}} | about
    plain = {"sampling_rate": 100, "check": True, "extra_bytes": "error", "may_skip": False}
    assert _Request(["a", "b", "c"], **(plain | asked)).misfit(about, shape) == fits


def test_bar_counts_every_record_asked_for(template, capsys):
    load_signals(open_dataset(template), [1, 2, 3] * 4, cache=False)  # by default a bar is shown
    assert "12/12" in capsys.readouterr().err


def test_progress_is_shown_and_can_be_switched_off(template, capsys):
    load_signals(open_dataset(template), cache=False, progress=True)
    assert "Loading 100 Hz: 100%" in capsys.readouterr().err
    load_signals(open_dataset(template), **QUIET)
    assert not capsys.readouterr().err


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    position=st.floats(0, 1, exclude_max=True),
    length=st.integers(0, 60),
    insert=st.one_of(
        st.binary(max_size=20), st.sampled_from([b"0", b"-1", b"1e9", b"\n", b" 16 ", b"nan", b"9" * 30])
    ),
)
def test_any_header_gives_what_wfdb_gives_or_our_own_error(small, position, length, insert):
    path = record(small, 1)
    header = Path(f"{path}.hea")
    original = header.read_bytes()
    at = int(position * len(original))
    header.write_bytes(original[:at] + insert + original[at + length :])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = open_dataset(small)
            signals, _, reasons = load_signals(dataset, [1, 2], on_error="skip", **QUIET)
        if len(reasons):
            assert reasons["ecg_id"].tolist() == [1]
            assert "00001_lr" in reasons["reason"][0]
            return
        physical, fields = wfdb.rdsamp(str(path))
        factors = [{"mv": 1.0, "v": 1e3, "uv": 1e-3, "nv": 1e-6}[unit.lower()] for unit in fields["units"]]
        np.testing.assert_allclose(signals[0], physical * factors, rtol=1e-6)
    finally:
        header.write_bytes(original)
