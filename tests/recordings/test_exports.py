"""SCP-ECG, HL7 aECG, MUSE and Philips XML through our gate: gain, units, names; bombs are refused."""

import base64

import numpy as np
import pytest
from ecg_exports import EIGHT, write_aecg, write_muse, write_philips, write_scp

from signalcam.leads import LEADS
from signalcam.recordings import RecordError, read_recording
from signalcam.recordings.formats import ecgdatakit_files
from signalcam.simulation import Subject, simulate_record

pytest.importorskip("ecgdatakit")

WRITERS = {"a.aecg": write_aecg, "a.xml": write_muse, "b.xml": write_philips, "a.scp": write_scp}


@pytest.fixture(scope="module")
def signals():
    return simulate_record((), Subject(1, 50, 1), 0).signals


@pytest.mark.parametrize("name", WRITERS)
def test_an_export_is_read_to_half_a_step_in_our_lead_order(tmp_path, signals, name):
    (recording,) = read_recording(WRITERS[name](tmp_path / name, signals), derive=name == "a.xml")
    expected = signals
    step = 0.005
    if name == "a.xml":  # III, aVR, aVL, aVF come from I and II, so from two roundings
        step = 0.00488 * 2
    np.testing.assert_allclose(recording.signals, expected, rtol=0, atol=step / 2 + 1e-6)


def test_muse_without_derive_says_which_leads_are_missing(tmp_path, signals):
    path = write_muse(tmp_path / "a.xml", signals)
    with pytest.raises(RecordError, match=r"Missing: III, aVR, aVL, aVF\..*derive=True"):
        read_recording(path)
    (recording,) = read_recording(path, leads=EIGHT)
    assert recording.signals.shape == (1000, 8)


def test_aecg_scale_origin_and_unit_are_applied(tmp_path, signals):
    path = write_aecg(tmp_path / "a.xml", signals, scale=0.005, unit="mV", origin=0.1)
    (recording,) = read_recording(path)
    np.testing.assert_allclose(recording.signals, signals + 0.1, rtol=0, atol=0.0026)


@pytest.mark.parametrize(
    ("write", "changes", "match"),
    [
        (write_muse, {"damage": 1}, "CRC32 mismatch"),
        (write_muse, {"unit": ""}, "uncalibrated|unit"),
        (write_muse, {"extra": "<FirstSampleBaseline>12</FirstSampleBaseline>"}, "FirstSampleBaseline"),
        (write_scp, {"damage": 1}, "CRC mismatch"),
        (write_aecg, {"unit": "furlong"}, "uncalibrated"),
        (write_aecg, {"scale": 0}, "lead I is uncalibrated: its resolution is 0"),
        (write_aecg, {"rate": 333}, "expected 100 Hz, found 333 Hz|not an integer"),
        (write_aecg, {"leads": ("I", "II", "II", *LEADS[3:])}, "Named twice: II"),
    ],
)
def test_what_the_library_only_warns_about_is_refused(tmp_path, signals, write, changes, match):
    path = write(tmp_path / ("a.scp" if write is write_scp else "a.xml"), signals, **changes)
    with pytest.raises(RecordError, match=match):
        read_recording(path, derive=True)


def test_a_lead_whose_electrode_was_off_is_missing(tmp_path, signals):
    path = write_muse(tmp_path / "a.xml", signals, extra="<LeadOff>TRUE</LeadOff>")
    with pytest.raises(RecordError, match="NaN"):
        read_recording(path, derive=True)


LAUGHS = "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 12))
BOMBS = {
    "billion laughs": f'<!DOCTYPE x [<!ENTITY a0 "ha">{LAUGHS}]>',
    "external entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    "parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
}


@pytest.mark.security
@pytest.mark.parametrize("write", [write_aecg, write_philips])
@pytest.mark.parametrize("bomb", BOMBS)
def test_xml_with_entities_is_refused(tmp_path, signals, write, bomb):
    path = write(tmp_path / "bomb.xml", signals, head=BOMBS[bomb])
    with pytest.raises(RecordError, match="(?i)entit"):
        read_recording(path)
    used = path.read_text().replace("RHYTHM", "&a11;").replace("PhilipsECG", "&a11;")
    path.write_text(used)
    with pytest.raises(RecordError, match="(?i)entit"):
        read_recording(path)


@pytest.mark.security
def test_a_file_too_large_for_an_export_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.xml"
    with open(path, "wb") as file:
        file.write(b"<AnnotatedECG>")
        file.truncate(10**9)
    with pytest.raises(RecordError, match="at most 16,000,000 bytes, got 1,000,000,000"):
        read_recording(path)


@pytest.mark.security
def test_truncated_and_altered_exports_end_in_a_record_error(tmp_path, signals):
    rng = np.random.default_rng(0)
    for name, write in WRITERS.items():
        data = write(tmp_path / name, signals[:50]).read_bytes()
        for _ in range(12):
            broken = bytearray(data[: rng.integers(1, len(data))])
            broken[rng.integers(len(broken))] ^= 1 << rng.integers(8)
            (tmp_path / name).write_bytes(broken)
            with pytest.raises(RecordError, match=f"Record {name[0]}"):
                read_recording(tmp_path / name, duration=0.5, derive=True)


@pytest.mark.parametrize("content", [b"<html><body>Please log in</body></html>", b"<AnnotatedECG/>", b"<"])
def test_other_xml_is_refused_with_the_formats_that_are_read(tmp_path, content):
    for name in ("ecg.xml", "ecg"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RecordError, match="Record ecg: cannot read .* as SCP-ECG or HL7 aECG"):
            read_recording(tmp_path / name)


@pytest.mark.bad_input(6)
def test_leads_of_different_lengths_are_refused_with_what_was_found(tmp_path, signals):
    path = write_aecg(tmp_path / "a.xml", signals)
    head, _, tail = path.read_text().rpartition(" ")  # the last digit is lead V6's
    path.write_text(head + tail[tail.index("<") :])
    with pytest.raises(RecordError, match=r"of one length, rate and start, found \(1000, 100.*; \(999, 100"):
        read_recording(path)


@pytest.mark.security
def test_size_of_philips_chunks_is_counted_to_the_byte(monkeypatch):
    """A chunk a lead: 1 + 2 + ... + 300 bytes by codes that each add one; 100 of 1, 100 of 2 bytes."""
    document = b""
    for codes in ([0, *range(256, 555)], [65, 66] * 50 + [256] * 100, [65] * 200):
        bits = "".join(f"{code:010b}" for code in codes)
        packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
        document += len(packed).to_bytes(4, "little") + bytes(4) + packed
    document = b"<x>" + base64.b64encode(document) + b"</x>"
    monkeypatch.setattr(ecgdatakit_files, "_LARGEST", 45_150 + 300 + 200)
    ecgdatakit_files._refuse_bomb(document)
    monkeypatch.setattr(ecgdatakit_files, "_LARGEST", 45_150 + 300 + 199)
    for text in (document, document.decode().encode("utf-16")):
        with pytest.raises(ValueError, match="must unpack to at most 45,649 bytes"):
            ecgdatakit_files._refuse_bomb(text)


@pytest.mark.security
def test_a_philips_file_that_unpacks_to_very_much_is_refused(tmp_path, signals):
    codes = [0, *range(256, 1024), *[1023] * 40_000]  # each stands for the last one and a byte more
    bits = "".join(f"{code:010b}" for code in codes)
    packed = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    bomb = base64.b64encode(len(packed).to_bytes(4, "little") + b"\0" * 4 + packed).decode()
    text = (
        write_philips(tmp_path / "b.xml", signals)
        .read_text()
        .replace('flag="False"', 'flag="True" compressmethod="XLI"')
    )
    start, end = text.index(">", text.index("<parsedwaveforms")) + 1, text.index("</parsedwaveforms")
    (tmp_path / "b.xml").write_text(text[:start] + bomb + text[end:])
    assert len(bomb) < 70_000
    with pytest.raises(RecordError, match="must unpack to at most"):
        read_recording(tmp_path / "b.xml")
