"""Whatever comes, the result is right or the error is our own.

Never an IndexError, a hang, a silent wrong value, or a changed input.
"""

import warnings

import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from recording_files import write_csv, write_dicom, write_edf, write_wfdb

from signalcam.leads import LEADS, canonical_lead, order_leads
from signalcam.recordings import RecordError, RecordWarning, check_signals, from_array, read_recording
from signalcam.recordings.formats.wfdb_files import parse_header, read_samples

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
# A file of ours may be there or not, and may be read or not; nothing else may happen.
OWN_ERRORS = (RecordError, FileNotFoundError)
quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

ODD_TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=40)
HEADER_TOKENS = st.one_of(
    st.sampled_from(
        [
            "",
            "0",
            "-1",
            "1",
            "2",
            "12",
            "16",
            "212",
            "80",
            "100",
            "1e9",
            "1e999",
            "nan",
            "inf",
            "r/2",
            "../r.dat",
            "~",
        ]
        + [
            "1000/mV",
            "0/mV",
            "200(0)/uV",
            "200",
            "()",
            "/",
            "16x2",
            "16:3",
            "16+24",
            "+",
            "\u0661",
            "1_0",
            "I",
            "#",
            "\x00",
        ]
    ),
    st.integers(-(10**20), 10**20).map(str),
    ODD_TEXT,
)
SAMPLES = np.random.default_rng(3).integers(-3000, 3000, (40, 12))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("properties")


def smooth(n_times):
    """(n_times, 12) in mV, obeying the limb-lead identities."""
    time = np.arange(n_times)[:, None] / 100
    wave = np.sin(2 * np.pi * time * (0.4 + 0.2 * np.arange(12)))
    lead_i, lead_ii = wave[:, 0], wave[:, 1]
    wave[:, 2], wave[:, 3] = lead_ii - lead_i, -(lead_i + lead_ii) / 2
    wave[:, 4], wave[:, 5] = lead_i - lead_ii / 2, lead_ii - lead_i / 2
    return wave


# Lead names.


@quick
@given(ODD_TEXT)
def test_any_text_is_a_lead_or_a_value_error(name):
    try:
        lead = canonical_lead(name)
    except ValueError:
        return
    assert lead in LEADS


@quick
@given(st.lists(st.one_of(st.sampled_from(LEADS), ODD_TEXT, st.integers(), st.none()), max_size=20))
def test_any_list_of_names_is_ordered_or_refused(names):
    try:
        order = order_leads(names)
    except ValueError:
        return
    assert [canonical_lead(names[k]) for k in order] == list(LEADS)


# WFDB headers.


@pytest.mark.bad_input(9)
@quick
@given(ODD_TEXT, ODD_TEXT)
def test_any_text_as_a_header_is_refused(text, name):
    with pytest.raises(RecordError):
        parse_header(text, name)


@pytest.mark.bad_input(9, 10, 11)
@settings(quick, max_examples=100)
@given(st.data())
def test_header_with_changed_fields_is_refused_or_read_as_wfdb_reads_it(folder, data):
    path = write_wfdb(folder, SAMPLES / 1000, "h")
    lines = [line.split(" ") for line in path.read_text().splitlines()]
    for _ in range(data.draw(st.integers(1, 3))):
        line = data.draw(st.sampled_from(lines))
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(HEADER_TOKENS)
    path.write_bytes("\n".join(" ".join(line) for line in lines).encode("utf-8", "replace"))
    try:
        signals, header = read_samples(path, check=False)
    except OWN_ERRORS:
        return
    assert signals.shape == (header.n_times, len(header.leads))
    record = wfdb.rdrecord(str(path.with_suffix("")))
    to_millivolts = np.array([1e-3 if unit == "uV" else 1.0 for unit in record.units])
    np.testing.assert_array_equal(signals, (record.p_signal * to_millivolts).astype(np.float32))
    if all(name.isascii() for name in header.leads):  # wfdb loses other names
        assert list(header.leads) == [name.strip() for name in record.sig_name]
    assert header.sampling_rate == record.fs


@pytest.mark.bad_input(6, 7, 8)
@quick
@given(st.integers(0, 40 * 24 + 30), st.integers(0, 40 * 12 * 16 - 1))
def test_sample_file_with_another_size_or_any_one_flipped_bit_is_refused(folder, size, bit):
    path = write_wfdb(folder, SAMPLES / 1000, "s")
    whole = path.with_suffix(".dat").read_bytes()
    if size != len(whole):
        path.with_suffix(".dat").write_bytes((whole + bytes(100))[:size])
        with pytest.raises(RecordError, match="expected 960 bytes"):
            read_samples(path)
    flipped = bytearray(whole)
    flipped[bit // 8] ^= 1 << bit % 8
    path.with_suffix(".dat").write_bytes(flipped)
    with pytest.raises(RecordError, match="checksum"):
        read_samples(path)


# CSV tables.


@quick
@given(st.one_of(ODD_TEXT, st.lists(HEADER_TOKENS, max_size=30).map(",".join), st.binary(max_size=200)))
def test_any_content_as_csv_is_refused(folder, content):
    path = folder / "any.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
    with pytest.raises(RecordError):
        read_recording(path, source_rate=100, unit="mV")


@quick
@given(
    hnp.arrays(np.float64, (25, 12), elements=st.floats(-1e6, 1e6)),
    st.permutations(LEADS),
    st.sampled_from(",;\t|"),
    st.sampled_from(["V", "mV", "uV", "nV"]),
    st.booleans(),
)
def test_any_table_of_numbers_is_read_value_by_value(folder, table, leads, mark, unit, with_times):
    times = np.arange(25) / 100 if with_times else None
    path = folder / "table.csv"
    write_csv(path, table, leads, mark, times)
    how = {"source_rate": 100, "unit": unit, "duration": 0.25, "any_amplitude": True}
    recording = read_recording(path, **how)[0]
    factor = {"V": 1e3, "mV": 1, "uV": 1e-3, "nV": 1e-6}[unit]
    expected = table[:, [leads.index(lead) for lead in LEADS]] * factor
    np.testing.assert_allclose(recording.signals, expected, rtol=1e-6, atol=1e-30)


@quick
@given(st.integers(0, 26), st.integers(0, 12), HEADER_TOKENS)
def test_table_with_one_changed_cell_is_refused_or_differs_in_that_cell_only(folder, row, column, token):
    table = smooth(26)[:25]
    path = write_csv(folder / "cell.csv", table)
    rows = [line.split(",") for line in path.read_text().splitlines()]
    rows[min(row, 25)][min(column, 11)] = token
    path.write_bytes("\n".join(",".join(cells) for cells in rows).encode("utf-8", "replace"))
    try:
        recording = read_recording(path, source_rate=100, unit="mV", duration=0.25)[0]
    except OWN_ERRORS:
        return
    differs = np.abs(recording.signals - table) > 1e-6
    differs[min(row, 25) - 1, min(column, 11)] = False
    assert not differs.any() or min(row, 25) == 0


# Binary files of other formats.


@quick
@given(st.integers(0, 3999), st.binary(min_size=1, max_size=8), st.integers(0, 40))
@example(136, b"\x00", 1)
@pytest.mark.parametrize("kind", ["edf", "dcm"])
def test_damaged_edf_and_dicom_files_are_refused_or_read_whole(folder, kind, place, junk, cut):
    """The first 4,000 bytes are headers; damage to samples cannot be told in these formats."""
    path = folder / f"f.{kind}"
    original = folder / f"whole.{kind}"
    if not original.exists():
        pytest.importorskip("edfio" if kind == "edf" else "pydicom")
        (write_edf if kind == "edf" else write_dicom)(original, np.round(smooth(1000) * 1000))
    data = bytearray(original.read_bytes())
    data[place : place + len(junk)] = junk
    path.write_bytes(data[: len(data) - cut])
    try:
        recording = read_recording(path, length="window")[0]
    except OWN_ERRORS:
        return
    assert recording.signals.shape == (1000, 12)
    assert np.isfinite(recording.signals).all()


# Arrays.


@quick
@given(
    hnp.arrays(
        dtype=st.one_of(hnp.scalar_dtypes(), st.just(np.dtype(object))),
        shape=st.one_of(
            hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3), st.just((2, 5, 12))
        ),
    ),
    st.sampled_from([None, 5, 12]),
)
def test_any_array_is_checked_or_refused_and_stays_as_it_is(array, n_times):
    before = array.copy()
    for gate in (
        lambda x: check_signals(x, n_times),
        lambda x: from_array(x, duration=0.05, length="window"),
    ):
        try:
            passed = gate(array)
        except ValueError:
            continue
        assert array.dtype.kind == "f"
        assert array.shape[-1] == 12
        assert len(passed) == (1 if array.ndim == 2 else len(array))
    assert array.dtype == before.dtype
    assert array.shape == before.shape
    assert array.tobytes() == before.tobytes() or array.dtype == object


@quick
@given(
    hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        st.tuples(st.integers(1, 4), st.just(20), st.just(12)),
        elements=st.floats(-100, 100, width=16),
    ),
    st.permutations(range(12)),
)
def test_any_finite_signals_come_through_value_by_value(array, order):
    names = [LEADS[k] for k in order]
    np.testing.assert_array_equal(
        check_signals(array, n_times=20, any_amplitude=True), array.astype(np.float32)
    )
    recordings = from_array(array[..., order], names=names, duration=0.2, any_amplitude=True)
    np.testing.assert_array_equal([recording.signals for recording in recordings], array.astype(np.float32))


@quick
@given(
    hnp.arrays(np.float32, (2, 20, 12), elements=st.floats(-5, 5, width=32)),
    st.integers(0, 1),
    st.integers(0, 19),
    st.integers(0, 11),
    st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_any_single_sample_that_is_not_finite_is_found(array, record, time, lead, value):
    array[record, time, lead] = value
    with pytest.raises(ValueError, match=f"record {record}, lead {LEADS[lead]}: 1 of 20 samples"):
        check_signals(array, n_times=20)
    with pytest.raises(RecordError, match=rf"\[{record}\] must be .* lead {LEADS[lead]}: 1 of 20 samples"):
        from_array(array, duration=0.2)


@quick
@given(st.integers(1, 5000), st.sampled_from(["error", "crop", "pad", "window"]))
def test_any_length_gives_pieces_of_the_wanted_length_or_an_error(n_times, length):
    signals = smooth(n_times)
    try:
        pieces = from_array(signals, length=length)
    except RecordError:
        assert n_times != 1000
        return
    covered = np.zeros(n_times, dtype=bool)
    for piece in pieces:
        first, n_real = round(piece.start * 100), int((~piece.padded).sum())
        assert piece.signals.shape == (1000, 12)
        np.testing.assert_allclose(piece.signals[:n_real], signals[first : first + n_real], atol=1e-6)
        covered[first : first + n_real] = True
    assert covered.all() or length == "crop"


@quick
@given(st.integers(20, 2000))
def test_any_whole_rate_is_resampled_to_the_wanted_length(rate):
    time = np.arange(round(10 * rate))[:, None] / rate
    wave = np.sin(2 * np.pi * time * (0.4 + 0.2 * np.arange(12)))
    recording = from_array(wave, LEADS, source_rate=rate, resample=True)[0]
    inner = slice(100, -100)
    expected = np.sin(2 * np.pi * (np.arange(1000) / 100)[:, None] * (0.4 + 0.2 * np.arange(12)))
    np.testing.assert_allclose(recording.signals[inner], expected[inner], atol=0.02)


@quick
@given(hnp.arrays(np.int16, (20, 12)), st.floats(1e-3, 1e4), st.integers(1, 3))
def test_converter_values_are_divided_by_their_gain(samples, gain, repeats):
    assume(np.ptp(samples) > 0)
    recordings = from_array(np.stack([samples] * repeats), gain=gain, duration=0.2, any_amplitude=True)
    assert len(recordings) == repeats
    np.testing.assert_allclose(recordings[-1].signals, samples / gain, rtol=1e-6)


def test_warnings_of_the_gate_are_ours():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        from_array(smooth(1000) * np.where(np.arange(12) == 2, -1, 1))
    assert [warning.category for warning in caught] == [RecordWarning]
