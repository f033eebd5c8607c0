"""The page reads recordings as the library does: the same samples, the same notes, the same refusals."""

import re
import warnings

import numpy as np
import pytest
from broken_recordings import write_broken
from page_script import files_of, needs_node, packed, run_script
from recording_files import write_csv, write_wfdb
from scipy.signal import resample_poly

from signalcam.data import load_signals
from signalcam.deployment import browser_model
from signalcam.deployment.deployable import Settings, build_deployable
from signalcam.leads import LEADS
from signalcam.model import build_model
from signalcam.preprocessing import Scaler
from signalcam.recordings import RecordError, read_recording
from signalcam.recordings.quality import assess

pytestmark = needs_node

READ = """
const decoded = (files) => files.map(({ name, bytes }) => ({ name, bytes: bytesOf(bytes) }));
return data.drops.map(({ files, options }) => {
  const answers = reading.readRecordings(decoded(files), { length: "error", ...options }, data.model);
  return answers.map(({ name, error, pieces }) => ({
    name, error, pieces: pieces?.map((each) => ({ ...each, signals: [...each.signals] })),
  }));
});
"""
OPTIONS = {"source_rate": "rate", "drop_extra": "dropExtra", "any_amplitude": "anyAmplitude"}


@pytest.fixture(scope="module")
def model():
    network = build_model(filters=(2,), kernel_sizes=(3,))
    return browser_model(build_deployable(network, Scaler("record"), Settings()))


def library(path, **options):
    """What the library reads, or the sentence with which it refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return read_recording(path, **options), None
        except (RecordError, FileNotFoundError) as error:
            return None, str(error)


def read_both(model, cases):
    """Read (path, options) with the library and the page; a list of pairs."""
    drops = []
    for path, options in cases:
        beside = [path, *(p for p in [path.with_suffix(".dat")] if path.suffix == ".hea" and p.exists())]
        drops.append(
            {
                "files": files_of(*beside),
                "options": {OPTIONS.get(name, name): value for name, value in options.items()},
            }
        )
    answers = run_script(READ, model=model, drops=drops)
    return [
        (library(path, **options), answer[0]) for (path, options), answer in zip(cases, answers, strict=True)
    ]


def same_words(sentence, path):
    """A sentence of the library with the file's name in place of its path, as a page knows no paths."""
    return sentence.replace(f"{path.parent}/", "")


def assert_same_samples(found, expected, tolerance=0.0):
    assert len(found) == len(expected)
    for piece, recording in zip(found, expected, strict=True):
        signals = np.array(piece["signals"], np.float32).reshape(recording.signals.shape)
        np.testing.assert_allclose(signals, recording.signals, atol=tolerance, rtol=0)
        assert piece["padded"] == recording.padded.tolist()
        assert piece["start"] == recording.start
        assert [note for note in piece["notes"] if "taken as" not in note] == recording.quality.notes


def comma_decimals(path, signals, times):
    write_csv(path, signals, mark=";", times=times, time_name="time_s")
    path.write_text(path.read_text().replace(".", ","))
    return path


def test_recordings_are_read_to_the_same_samples(model, ecg_like, tmp_path, rng):
    signals, short, long = ecg_like[0], ecg_like[1][:700], np.concatenate(ecg_like)[:2300]
    shuffled = rng.permutation(12)
    names = [
        {"I": "DI", "aVR": "AVR", "V1": "C1", "II": "MDC_ECG_LEAD_II"}.get(LEADS[k], LEADS[k])
        for k in shuffled
    ]
    eight, names_eight = signals[:, [0, 1, 6, 7, 8, 9, 10, 11]], ["I", "II", *LEADS[6:]]
    extra = np.column_stack([signals, signals[:, 0]])
    csv = {"source_rate": 100, "unit": "mV"}
    times = np.arange(1000) / 100
    cases = [
        (write_wfdb(tmp_path, signals, "plain"), {}),
        (write_wfdb(tmp_path, signals[:, shuffled], "order", leads=names), {}),
        (write_wfdb(tmp_path, signals, "gain", gain="2(13)/uV"), {}),
        (write_wfdb(tmp_path, signals, "tiny", gain="2e9(13)/mV"), {"any_amplitude": True}),
        (write_wfdb(tmp_path, short, "short"), {"length": "pad"}),
        (write_wfdb(tmp_path, long, "crop"), {"length": "crop"}),
        (write_wfdb(tmp_path, long, "window"), {"length": "window"}),
        (write_wfdb(tmp_path, eight, "eight", leads=names_eight), {"derive": True}),
        (write_wfdb(tmp_path, extra, "extra", leads=[*LEADS, "PLETH"]), {"drop_extra": True}),
        (write_csv(tmp_path / "comma.csv", signals), csv),
        (write_csv(tmp_path / "bars.txt", signals, mark="|", times=times), csv),
        (
            write_csv(tmp_path / "uv.csv", signals * 1000, [f'"{lead} (uV)"' for lead in LEADS], ";"),
            {"source_rate": 100},
        ),
        (comma_decimals(tmp_path / "komma.csv", signals, times), {"unit": "mV"}),
        (write_csv(tmp_path / "ms.csv", signals, times=times * 1000, time_name="t_ms"), {"unit": "mV"}),
        (write_csv(tmp_path / "five.csv", np.repeat(signals, 5, axis=0)), {**csv, "length": "crop"}),
    ]
    for (expected, refused), found in read_both(model, cases):
        assert refused is None
        assert found.get("error") is None, found
        assert_same_samples(found["pieces"], expected)


def test_other_rates_are_converted_as_scipy_converts_them(model, tmp_path, rng):
    time = np.arange(5000) / 500
    waves = np.sin(2 * np.pi * rng.uniform(1, 30, 12) * time[:, None]) + rng.normal(size=12)
    cases = [(write_wfdb(tmp_path, waves, "fast", rate=500), {"resample": True})]
    cases += [(write_wfdb(tmp_path, waves[:2570], "odd", rate=257), {"resample": True})]
    cases += [(write_wfdb(tmp_path, waves[:500], "slow", rate=50), {"resample": True})]
    for (expected, _), found in read_both(model, cases):
        assert_same_samples(found["pieces"], expected, 1e-6)
    values = rng.normal(size=730).astype(np.float32)
    found = run_script("return [...resampling.resampled(floats(data.x), 36, 100)];", x=packed(values))
    np.testing.assert_allclose(found, resample_poly(values.astype(float), 25, 9, padtype="line"), atol=1e-6)


def test_broken_recordings_are_refused_in_the_librarys_words(model, tmp_path, ecg_like):
    signals = ecg_like[0]
    cases = [(path, {}) for path in write_broken(tmp_path) if path.suffix not in (".xml", ".edf")]
    lines = write_wfdb(tmp_path, signals, "whole").read_text().splitlines()

    def header(name, change):
        (tmp_path / f"{name}.dat").write_bytes((tmp_path / "whole.dat").read_bytes())
        path = tmp_path / f"{name}.hea"
        path.write_text("\n".join(change([line.replace("whole", name) for line in lines])) + "\n")
        return path, {}

    def table(name, text, **options):
        path = tmp_path / name
        path.write_text(text)
        return path, {"source_rate": 100, "unit": "mV", **options}

    row = ",".join("0.1" for _ in LEADS)
    cases += [
        header("empty", lambda _: []),
        header("few", lambda each: each[:5]),
        header("renamed", lambda each: ["other" + each[0][7:], *each[1:]]),
        header("words", lambda each: ["words twelve 100 1000", *each[1:]]),
        header("unitless", lambda each: [line.replace("1000.0(0)/mV", "1000") for line in each]),
        header("kelvin", lambda each: [line.replace("/mV", "/K") for line in each]),
        header(
            "outside", lambda each: [each[0], *(line.replace("outside.dat", "../x.dat") for line in each[1:])]
        ),
        header("nameless", lambda each: [each[0], *(line.rsplit(" ", 1)[0] for line in each[1:])]),
        header("feed", lambda each: [each[0], *(line.replace(" 0 V1", "\x0c0 V1") for line in each[1:])]),
        header("control", lambda each: [each[0], *(line.replace(" V1", " V\t1") for line in each[1:])]),
        (write_wfdb(tmp_path, np.full((1000, 12), -32.768), "gone"), {}),
        (write_wfdb(tmp_path, signals, "twice", leads=[*LEADS[:11], "V1"]), {}),
        (write_wfdb(tmp_path, signals[:, :8], "eight", leads=LEADS[:8]), {}),
        (write_wfdb(tmp_path, signals[:, [0, 1, *range(6, 12)]], "limbs", leads=["I", "II", *LEADS[6:]]), {}),
        (write_wfdb(tmp_path, np.repeat(signals, 5, axis=0), "long"), {}),
        (write_wfdb(tmp_path, signals, "stated"), {"unit": "uV"}),
        (write_wfdb(tmp_path, signals, "volts", gain="1000/nV"), {}),
        table(
            "mixed.csv",
            f"{';'.join(LEADS)}\n{row.replace(',', ';')}\n{row.replace(',', ';').replace('.', ',')}\n",
        ),
        table("hole.csv", f"{','.join(LEADS)}\n{row}\n{row.replace('0.1', '', 1)}\n"),
        table("nothing.csv", ""),
        table("html.csv", "<html></html>"),
        table("numbers.csv", f"{row}\n{row}\n"),
        table("samples.csv", ",".join(LEADS) + "\n"),
        table("bare.csv", f"{','.join(LEADS)}\n{row}\n", unit=None),
        table("volts.csv", f"{','.join(f'{lead} (uV)' for lead in LEADS)}\n{row}\n"),
        table("nan.csv", f"{','.join(LEADS)}\n{row}\n{row.replace('0.1', 'nan', 2)}\n"),
        table("times.csv", f"time_s,{','.join(LEADS)}\n0,{row}\n0.01,{row}\n0.05,{row}\n"),
        table("text.csv", f"{','.join(LEADS)}\n{row}\n{row.replace('0.1', 'x', 1)}\n"),
    ]
    for (_, refused), found in read_both(model, cases):
        path = next(path for path, _ in cases if path.stem == found["name"] or path.name == found["name"])
        assert refused is not None, path
        expected = same_words(refused, path)
        # What a page has no option for is left out there.
        expected = re.sub(r", or read (it with check=False|the first .*)\.", ".", expected)
        assert found["error"] == expected


def test_what_a_page_does_not_read_is_refused_with_the_librarys_advice(model, tmp_path):
    names = ("a.xml", "a.zip", "a.pkl", "a.edf", "a.dat")
    for name in names:
        (tmp_path / name).write_bytes(b"junk")
    drops = [{"files": files_of(tmp_path / name), "options": {}} for name in names]
    xml, archive, pickled, edf, orphan = (
        each[0]["error"] for each in run_script(READ, model=model, drops=drops)
    )
    assert "the format of a.xml is not read here (read are .hea, .csv, .tsv, .txt)" in xml
    assert archive.endswith("Unpack it first.")
    assert "never opened" in pickled
    assert "python -m signalcam predict" in edf
    assert "python -m signalcam predict" in xml
    assert orphan == "Record a: there is no file a.hea. Check the path."


def test_notes_on_quality_are_the_librarys(model, ecg_like, rng, simulated_dataset):
    dead, clipped, noisy, swapped, volts = (ecg_like[k].copy() for k in range(5))
    dead[:, 4], dead[200:370, 7] = 0.2, 1.0
    clipped[:, 8] = np.clip(clipped[:, 8], -0.3, 0.4)
    noisy[:, 2:5] += rng.normal(scale=0.1, size=(1000, 3))
    swapped = swapped[:, [1, 0, *range(2, 12)]]
    records = [
        *ecg_like,
        dead,
        clipped,
        noisy,
        swapped,
        volts * 1000,
        volts / 1000,
        volts * 1e6,
        np.zeros((1000, 12)),
    ]
    hearts = load_signals(simulated_dataset, cache=False, progress=False)[:12]
    records += [*hearts[:3], *-hearts[3:5]]
    arms = hearts[5:8][:, :, [0, 2, 1, 4, 3, 5, *range(6, 12)]] * [-1, *[1] * 11]
    records += [
        *arms,
        *hearts[8:10][:, :, [*range(6), *range(11, 5, -1)]],
        hearts[10][:, [*range(6), *[7] * 6]],
    ]
    records = np.array(records, np.float32)
    padded = np.arange(1000) >= 875
    code = """return data.records.map((text) => data.paddings.map((padded) =>
        quality.quality(floats(text), padded, data.model).notes));"""
    paddings = [[False] * 1000, padded.tolist()]
    found = run_script(code, records=[packed(each) for each in records], paddings=paddings, model=model)
    for signals, (whole, partly) in zip(records, found, strict=True):
        assert whole == assess(signals, 100).notes
        assert partly == assess(signals, 100, padded).notes
    assert sum(bool(whole) for whole, _ in found) >= 6
    said = " ".join(note for whole, _ in found for note in whole)
    for swap in (
        "arm electrodes",
        "all leads inverted",
        "chest electrodes in reverse",
        "chest leads are alike",
    ):
        assert swap in said
    assert any("12 % of the time is padding" in note for note in found[0][1])
