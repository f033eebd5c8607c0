"""The shell commands: rows, files, exit statuses, and what is said about files that cannot be read."""

import argparse
import contextlib
import csv
import io
import json
import logging
import os
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from broken_recordings import write_broken
from failing_server import serving
from random_models import random_model
from recording_files import write_csv, write_dicom, write_edf, write_wfdb

from signalcam import deployment
from signalcam.__main__ import build_parser, main
from signalcam.commands import held_back, models, recordings
from signalcam.data.labels import LABEL_RULES, SUPERCLASSES
from signalcam.data.signals import load_signals
from signalcam.deployment import pretrained
from signalcam.deployment.deployable import Settings, load_model, save_model
from signalcam.leads import LEADS
from signalcam.recordings import reading
from signalcam.recordings.reading import read_recording
from signalcam.reproduction.results import evaluate_model
from signalcam.training.callbacks import ResumableState
from signalcam.training.recipes import RECIPES, TARGETS


def parsers():
    (action,) = [a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return action.choices


@pytest.fixture(scope="module")
def signals(simulated_dataset):
    return load_signals(simulated_dataset, cache=False, progress=False)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory, signals):
    settings = Settings(label_rule="labelled", threshold=(0.4,), trained_on="nothing")
    path = tmp_path_factory.mktemp("model") / "binary.keras"
    save_model(random_model(signals, settings), path)
    return path


@pytest.fixture(scope="module")
def classes_file(tmp_path_factory, signals):
    settings = Settings(class_names=SUPERCLASSES, threshold=(0.5,) * 5, label_rule="labelled")
    path = tmp_path_factory.mktemp("model") / "classes.keras"
    save_model(random_model(signals, settings), path)
    return path


@pytest.fixture
def folder(tmp_path, signals):
    """Three good recordings, one of them with a flat lead, in a folder and one below it."""
    (tmp_path / "recordings" / "below").mkdir(parents=True)
    flat = signals[1].copy()
    flat[:, 4] = 0.25
    for name, values in (("a", signals[0]), ("b", flat), ("below/c", signals[2])):
        write_wfdb((tmp_path / "recordings" / name).parent, values, name=name[-1])
    return tmp_path / "recordings"


def run(capsys, *arguments):
    """Run a command; return its exit status, what it printed, and what it said on standard error."""
    capsys.readouterr()
    status = main([str(argument) for argument in arguments])
    return (status, *capsys.readouterr())


def refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def strict_json(text):
    return json.loads(text, parse_constant=refuse_constant)


@pytest.mark.parametrize("name", list(parsers()))
def test_help_of_each_command_has_an_example(name, capsys):
    text = parsers()[name].format_help()
    assert f"signalcam {name} " in text.split("example:")[1]
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    assert "example:" in capsys.readouterr().out


def test_help_loads_neither_tensorflow_nor_pandas():
    code = (
        "import sys; from signalcam.__main__ import build_parser; build_parser().format_help();"
        "sys.exit(bool({'tensorflow', 'keras', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_choices_of_the_commands_are_those_of_the_library():
    assert tuple(RECIPES) == models.RECIPES
    assert models.RULES == LABEL_RULES
    assert models.TARGETS == TARGETS


def test_wrong_usage_has_exit_status_2(capsys):
    for arguments in (["predict"], ["train", "--recipe", "better"], ["nothing"]):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 2
    assert "invalid choice: 'better'" in capsys.readouterr().err


def test_reader_that_leaves_early_gets_no_complaint(simulated_folder):
    command = [sys.executable, "-u", "-m", "signalcam", "verify", str(simulated_folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    said = process.stderr.read()
    assert process.wait() == 141
    assert "rror" not in said


@pytest.mark.bad_input(8, 12)
def test_simulated_set_verifies_until_one_byte_is_flipped(tmp_path, model_file, capsys):
    status, out, _ = run(capsys, "synthesize", tmp_path / "set", "--records", 40, "--seed", 3)
    assert status == 0
    assert "simulated set of 40 records" in out
    status, out, _ = run(capsys, "verify", tmp_path / "set")
    assert (status, out.startswith("40 records, all verified")) == (0, True)
    for path in (tmp_path / "set").rglob("*.dat"):
        values = bytearray(path.read_bytes())
        values[100] ^= 1
        path.write_bytes(values)
    status, out, _ = run(capsys, "verify", tmp_path / "set")
    assert status == 1
    assert f"{path.relative_to(tmp_path / 'set')}: differs: expected sha256" in out
    assert out.count(path.name) == 1
    evaluation = ("evaluate", model_file, "--data", tmp_path / "set", "--bootstrap", 10)
    status, _, err = run(capsys, *evaluation)
    assert status == 1
    assert "_lr, lead " in err
    assert "checksum" in err


def test_download_ends_with_a_count_or_with_what_is_missing(tmp_path, simulated_folder, capsys, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving(simulated_folder) as server:
        server.faults["records100/00000/00007_lr.dat"] = ["404!"]
        command = ("download", tmp_path / "set", "--base-url", server.url, "--workers", 4)
        status, out, _ = run(capsys, *command)
        assert status == 1
        assert "120 records, not all whole: 1 files are missing or differ" in out
        assert "00007_lr.dat: " in out
        server.faults.clear()
        status, out, _ = run(capsys, *command)
    assert status == 0
    assert out.startswith("120 records, all verified")


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the flat lead
def test_prediction_has_a_row_for_each_recording_with_the_models_own_numbers(
    folder, signals, model_file, capsys
):
    status, out, err = run(capsys, "predict", model_file, folder, "--format", "json")
    rows = strict_json(out)
    assert (status, err) == (0, "")
    paths = [folder / "a.hea", folder / "b.hea", folder / "below" / "c.hea"]
    assert [row["file"] for row in rows] == [str(path) for path in paths]
    read = np.stack([read_recording(path)[0].signals for path in paths])
    expected = deployment.predict(load_model(model_file), read)["probability"][:, 0]
    np.testing.assert_allclose([row["probability"] for row in rows], expected, atol=1e-6)
    assert [row["predicted"] for row in rows] == ["ABNORMAL" if p >= 0.4 else "NORMAL" for p in expected]
    assert {row["class"] for row in rows} == {"ABNORMAL"}
    assert {row["start_s"] for row in rows} == {0.0}
    assert "lead aVL is flat (100 % of samples)" in rows[1]["notes"]


def test_all_formats_of_the_rows_say_the_same(folder, model_file, capsys):
    wildcard = folder / "*.hea"
    _, out, _ = run(capsys, "predict", model_file, wildcard, "--format", "json")
    rows = strict_json(out)
    _, out, _ = run(capsys, "predict", model_file, wildcard, "--format", "csv")
    table = list(csv.DictReader(io.StringIO(out)))
    assert table == [{key: str(value) for key, value in row.items()} for row in rows]
    assert len(table) == 2
    _, out, _ = run(capsys, "predict", model_file, wildcard)
    lines = out.splitlines()
    assert lines[0].split()[:5] == ["file", "start", "class", "P", "predicted"]
    for line, row in zip(lines[1:], rows, strict=True):
        assert line.startswith(row["file"])
        assert f" {row['probability']:.3f} {row['predicted']}" in line
        assert line.endswith(row["notes"])


def test_model_with_several_classes_has_a_row_for_each(folder, classes_file, capsys):
    status, out, _ = run(capsys, "predict", classes_file, folder / "a.dat", "--format", "json")
    rows = strict_json(out)
    assert status == 0
    assert [row["class"] for row in rows] == list(SUPERCLASSES)
    assert [row["predicted"] for row in rows] == [
        "yes" if row["probability"] >= 0.5 else "no" for row in rows
    ]


def test_windows_of_a_long_recording_are_rows_of_their_own(tmp_path, signals, model_file, capsys):
    long = np.concatenate([signals[0], signals[1], signals[2][:500]])
    path = write_wfdb(tmp_path, long, name="long")
    status, out, err = run(capsys, "predict", model_file, path, "--format", "json")
    assert (status, strict_json(out)) == (1, [])
    assert "too long: ask for --length crop (its start) or --length window (all of it)" in err
    status, out, _ = run(capsys, "predict", model_file, path, "--length", "window", "--format", "json")
    rows = strict_json(out)
    assert status == 0
    assert [row["start_s"] for row in rows] == [0.0, 10.0, 15.0]
    pieces = np.stack([long[:1000], long[1000:2000], long[1500:]])
    expected = deployment.predict(load_model(model_file), pieces)["probability"][:, 0]
    np.testing.assert_allclose([row["probability"] for row in rows], expected, atol=1e-3)


@pytest.mark.bad_input(52)
def test_one_bad_file_among_many_is_reported_and_the_rest_is_answered(folder, model_file, capsys):
    reasons = write_broken(folder)
    status, out, err = run(capsys, "predict", model_file, folder, "--format", "json")
    assert status == 1
    assert [row["file"][-5:] for row in strict_json(out)] == ["a.hea", "b.hea", "c.hea"]
    lines = err.splitlines()
    assert len(lines) == len(reasons) + 1
    for path, reason in reasons.items():
        (line,) = [line for line in lines if line.startswith(f"{path}: ")]
        assert reason in line
    assert lines[-1] == f"{len(reasons)} of {len(reasons) + 3} recordings could not be read, see above."


def test_a_probability_of_just_the_threshold_is_predicted_positive():
    limits, below = (0.25, 0.25), np.nextafter(np.float32(0.25), np.float32(0))
    one = Settings(threshold=limits[:1])
    assert [recordings.predicted_words(one, [p])[0] for p in (below, 0.25)] == ["NORMAL", "ABNORMAL"]
    two = Settings(class_names=("A", "B"), threshold=limits)
    assert recordings.predicted_words(two, [0.25, below]) == ["yes", "no"]


@pytest.mark.bad_input(52)
def test_whatever_error_one_file_raises_the_others_are_answered(folder, model_file, capsys, monkeypatch):
    real = reading.open_recording

    def failing(path, *arguments):
        if path.name == "b.hea":
            raise ZeroDivisionError("a library's own error")
        return real(path, *arguments)

    monkeypatch.setattr(reading, "open_recording", failing)
    status, out, err = run(capsys, "predict", model_file, folder, "--format", "json")
    assert status == 1
    assert [row["file"][-5:] for row in strict_json(out)] == ["a.hea", "c.hea"]
    assert f"{folder / 'b.hea'}: a library's own error" in err


@pytest.mark.bad_input(47, 52)
def test_answer_that_is_not_finite_is_a_reason_and_the_others_are_answered(
    folder, model_file, capsys, monkeypatch
):
    wrong, answer = read_recording(folder / "a.hea")[0].signals, keras.Model.predict

    def predict(model, x, **options):
        outputs = dict(answer(model, x, **options))
        bad = (x == wrong).all(axis=(1, 2))
        return outputs | {"probability": np.where(bad[:, np.newaxis], np.nan, outputs["probability"])}

    monkeypatch.setattr(keras.Model, "predict", predict)
    status, out, err = run(capsys, "predict", model_file, folder, "--format", "json")
    assert status == 1
    assert [row["file"][-5:] for row in strict_json(out)] == ["b.hea", "c.hea"]
    assert f"{folder / 'a.hea'}: probability must be finite" in err


@pytest.mark.bad_input(46)
def test_swapped_electrodes_are_noted_on_the_prediction(tmp_path, signals, model_file, capsys):
    path = write_wfdb(tmp_path, -signals[0])
    status, out, _ = run(capsys, "predict", model_file, path, "--format", "json")
    assert status == 0
    assert "all leads inverted? Leads I and V6 both point down" in strict_json(out)[0]["notes"]


@pytest.mark.bad_input(61)
def test_amplitude_that_no_heart_gives_is_refused_and_accepted_by_request(
    tmp_path, signals, model_file, capsys
):
    path = write_csv(tmp_path / "a.csv", signals[0] * 1000)
    stated = ("--unit", "mV", "--source-rate", "100", "--format", "json")
    status, out, err = run(capsys, "predict", model_file, path, *stated)
    assert (status, strict_json(out)) == (1, [])
    assert "look like uV, not mV: multiply by 0.001?" in err
    assert "accept it by --any-amplitude" in err
    status, out, _ = run(capsys, "predict", model_file, path, *stated, "--any-amplitude")
    assert status == 0
    assert "look like uV" in strict_json(out)[0]["notes"]


@pytest.mark.bad_input(59)
@pytest.mark.security
@pytest.mark.parametrize("name", ["=1+1", "+a", "-a", "@a"])
def test_no_spreadsheet_runs_a_name_and_control_characters_are_shown_escaped(
    tmp_path, signals, model_file, capsys, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    write_wfdb(tmp_path, signals[0], name=name)
    (tmp_path / "bad\x1b[31m\n.csv").write_text("I\n")
    status, out, err = run(capsys, "predict", "--format", "csv", "--", model_file, f"{name}.hea", "*.csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["file"] for row in rows] == [f"'{name}.hea"]
    assert status == 1
    assert r"bad\x1b[31m\n.csv: Record bad\x1b[31m\n: " in err
    assert "\x1b" not in out + err


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_output_without_any_row_is_still_valid(form, tmp_path, model_file, capsys):
    (tmp_path / "empty").mkdir()
    status, out, err = run(capsys, "predict", model_file, tmp_path / "empty", "--format", form)
    assert status == 1
    assert "found a folder without recordings" in err
    assert strict_json(out) == [] if form == "json" else len(out.splitlines()) == 1
    status, out, err = run(capsys, "predict", model_file, tmp_path / "no*.csv", "--format", form)
    assert status == 1
    assert "there is no file" in err


@pytest.mark.bad_input(11)
def test_messages_name_the_options_of_the_command(tmp_path, signals, model_file, capsys):
    path = write_csv(tmp_path / "r.csv", signals[0] * 1000)
    _, _, err = run(capsys, "predict", model_file, path)
    assert "--unit" in err or "--source-rate" in err
    assert "unit=" not in err
    assert "source_rate=" not in err
    options = ("--unit", "uV", "--source-rate", 100)
    assert run(capsys, "predict", model_file, path, *options)[0] == 0
    slow = write_wfdb(tmp_path, np.repeat(signals[0], 5, axis=0), name="fast", rate=500)
    _, _, err = run(capsys, "predict", model_file, slow)
    assert "expected 100 Hz, found 500 Hz. Ask for conversion with --resample." in err
    assert run(capsys, "predict", model_file, slow, "--resample")[0] == 0


@pytest.mark.bad_input(21, 24, 25)
def test_same_recording_in_every_format_gets_the_same_probability(tmp_path, signals, model_file, capsys):
    pytest.importorskip("edfio")
    pytest.importorskip("pydicom")
    order = np.random.default_rng(5).permutation(12)
    shuffled, names = signals[:, :, order] * 1000, [LEADS[k] for k in order]
    expected = deployment.predict(load_model(model_file), signals[:8])["probability"][:, 0]
    assert np.ptp(expected) > 0.3
    for k in range(8):
        write_wfdb(tmp_path, signals[k][:, order], name=f"wfdb{k}", leads=names)
        write_csv(tmp_path / f"csv{k}.csv", shuffled[k], leads=names)
        write_edf(tmp_path / f"edf{k}.edf", shuffled[k], leads=names)
        write_dicom(tmp_path / f"dicom{k}.dcm", shuffled[k], leads=names)
    for kind, options in (
        ("wfdb*.hea", ()),
        ("csv*.csv", ("--unit", "uV", "--source-rate", 100)),
        ("edf*.edf", ()),
        ("dicom*.dcm", ()),
    ):
        status, out, _ = run(capsys, "predict", model_file, tmp_path / kind, "--format", "json", *options)
        rows = {row["file"]: row["probability"] for row in strict_json(out)}
        assert status == 0
        np.testing.assert_allclose([rows[name] for name in sorted(rows)], expected, atol=0.01)


def test_500_hz_files_get_nearly_the_probability_of_100_hz_files(real_folder, capsys):
    if not (pretrained.FOLDER / "normal-abnormal.keras").is_file():
        pytest.skip("the pretrained model is not there")
    fast = sorted((real_folder / "records500").rglob("*.hea"))
    slow = [real_folder / "records100" / "00000" / path.name.replace("_hr", "_lr") for path in fast]
    options = ("--resample", "--format", "json")
    answers = [run(capsys, "predict", "normal-abnormal", *paths, *options)[1] for paths in (fast, slow)]
    at_500, at_100 = ([row["probability"] for row in strict_json(answer)] for answer in answers)
    assert np.ptp(at_100) > 0.3
    np.testing.assert_allclose(at_500, at_100, atol=0.05)


def test_recordings_are_answered_in_batches_so_that_memory_does_not_grow(
    tmp_path, signals, model_file, capsys, monkeypatch
):
    for k in range(7):
        write_wfdb(tmp_path, signals[k], name=f"r{k}")
    sizes = []
    answer = deployment.predict
    monkeypatch.setattr(recordings, "BATCH", 3)
    monkeypatch.setattr(
        deployment,
        "predict",
        lambda model, x, *more, **how: sizes.append(len(x)) or answer(model, x, *more, **how),
    )
    status, out, _ = run(capsys, "predict", model_file, tmp_path, "--format", "csv")
    assert (status, len(out.splitlines())) == (0, 8)
    assert sizes == [3, 3, 1]


@pytest.mark.bad_input(40)
def test_model_that_cannot_be_used_is_refused_by_name(folder, tmp_path, model_file, capsys):
    truncated = tmp_path / "cut.keras"
    truncated.write_bytes(model_file.read_bytes()[:2000])
    foreign = tmp_path / "foreign.keras"
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("config.json", "{}")
    for name, message in (
        (truncated, "cut.keras is not a whole .keras file (2000 bytes)"),
        (foreign, "foreign.keras is a Keras model of another package"),
        (tmp_path / "absent.keras", "There is no model file at"),
        ("normal", "(normal-abnormal, superclasses, leadwise, leadwise-superclasses), got 'normal'"),
        (tmp_path / "model.h5", "MODEL must be a .keras file"),
    ):
        for command in (["predict", name, folder], ["explain", name, folder / "a.hea", "--output", "m.png"]):
            status, out, err = run(capsys, *command)
            assert (status, out) == (1, "")
            assert err.startswith(f"signalcam {command[0]}: ")
            assert message in err


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the flat lead
def test_explanation_is_written_as_a_picture_or_as_a_page(folder, model_file, tmp_path, capsys):
    png, page = tmp_path / "new" / "map.png", tmp_path / "map.html"
    status, out, _ = run(capsys, "explain", model_file, folder / "b.hea", "--output", png)
    assert status == 0
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    signals = read_recording(folder / "b.hea")[0].signals
    with pytest.warns(UserWarning, match="flat"):
        p = deployment.predict(load_model(model_file), signals)["probability"][0, 0]
    assert f"b: P(ABNORMAL) = {p:.3f}" in out
    assert "note: lead aVL is flat" in out
    status, _, _ = run(capsys, "explain", model_file, folder / "b.hea", "--output", page)
    text = page.read_text(encoding="utf-8")
    assert status == 0
    record = json.loads(text.split('id="data">')[1].split("</script>")[0])["records"][0]
    assert record["probability"] == pytest.approx([p], abs=1e-5)
    assert "lead aVL is flat" in text
    assert "labelled" in text


@pytest.mark.bad_input(52)
@pytest.mark.filterwarnings("ignore::UserWarning")  # of the flat lead
def test_many_recordings_are_drawn_in_one_call(folder, model_file, tmp_path, capsys):
    paths = [folder / "a.hea", folder / "nothing.hea", folder / "b.hea"]
    status, out, err = run(
        capsys, "explain", model_file, *paths, "--output", tmp_path / "maps", "--layout", "3x4"
    )
    assert status == 1
    assert "nothing.hea" in err
    assert {path.name for path in (tmp_path / "maps").iterdir()} == {"a.png", "b.png"}
    assert f"written: {tmp_path / 'maps'}, of the detrended signal" in out
    status, _, _ = run(capsys, "explain", model_file, paths[0], paths[2], "--output", tmp_path / "maps.pdf")
    assert status == 0
    content = (tmp_path / "maps.pdf").read_bytes()
    assert b"/Count 2" in content
    status, _, err = run(capsys, "explain", model_file, *paths, "--output", tmp_path / "map.png")
    assert status == 1
    assert "--output must be a folder, or end in .pdf or .html, for 3 recordings, got 'map.png'" in err
    status, _, _ = run(capsys, "explain", model_file, paths[0], "--output", tmp_path / "a.svg")
    assert status == 0
    assert "<svg" in (tmp_path / "a.svg").read_text()


def test_what_native_code_writes_is_shown_only_where_the_work_fails(capfd):
    with held_back():
        os.write(1, b"converted\n")
        os.write(2, b"note\n")
    assert capfd.readouterr() == ("", "")
    with contextlib.suppress(ValueError), held_back():
        os.write(1, b"converted\n")
        int("broken")
    assert capfd.readouterr() == ("", "converted\n")


@pytest.mark.filterwarnings("ignore::UserWarning")  # of the flat lead
def test_many_recordings_become_one_page_with_what_could_not_be_read(folder, model_file, tmp_path, capsys):
    (folder / "broken.hea").write_text("junk")
    page = tmp_path / "all.html"
    status, out, err = run(capsys, "explain", model_file, folder, "--output", page)
    assert status == 1
    assert err.count("broken") >= 1
    assert [line[:2] for line in out.splitlines() if ": P(" in line] == ["a:", "b:", "c:"]
    data = json.loads(page.read_text(encoding="utf-8").split('id="data">')[1].split("</script>")[0])
    assert [record["name"] for record in data["records"]] == ["a", "b", "c"]
    assert list(data["refused"]) == [str(folder / "broken.hea")]
    status, _, err = run(capsys, "explain", model_file, folder, "--output", tmp_path / "all.png")
    assert (status, "or end in .pdf or .html, for" in err) == (1, True)


def test_page_is_written_for_a_model_and_for_nothing_but_html(model_file, tmp_path, capsys):
    path = tmp_path / "new" / "page.html"
    status, out, _ = run(capsys, "page", model_file, "--output", path)
    assert status == 0
    assert "opens offline, sends nothing" in out
    assert path.stat().st_size < 1_500_000
    assert [each.name for each in path.parent.iterdir()] == ["page.html"]
    status, _, err = run(capsys, "page", model_file, "--output", tmp_path / "page.txt")
    assert (status, "--output must end in .html, got 'page.txt'" in err) == (1, True)


def test_explanation_of_a_class_and_of_a_window(tmp_path, signals, classes_file, capsys):
    path = write_wfdb(tmp_path, np.concatenate([signals[0], signals[1]]), name="long")
    output = tmp_path / "map.png"
    command = ("explain", classes_file, path, "--output", output, "--length", "window", "--window", 2)
    p = deployment.predict(load_model(classes_file), signals[1])["probability"][0]
    for options, which in (((), int(p.argmax())), (("--class", "3"), 3)):
        status, out, _ = run(capsys, *command, *options)
        assert status == 0
        assert f"long, window 2: P({SUPERCLASSES[which]}) = {p[which]:.3f}" in out


@pytest.mark.bad_input(23)
def test_padded_recording_can_be_explained(tmp_path, signals, model_file, capsys):
    path = write_wfdb(tmp_path, signals[0][:700], name="short")
    command = ("explain", model_file, path, "--output", tmp_path / "map.png", "--length", "pad")
    status, out, _ = run(capsys, *command)
    assert status == 0
    assert "30 % of the time is padding" in out


@pytest.mark.bad_input(42)
def test_explanation_that_cannot_be_drawn_says_why(folder, tmp_path, classes_file, capsys):
    command = ("explain", classes_file, folder / "a.hea", "--output")
    for options, message in (
        ((tmp_path / "map.gif",), "must end in .png, .svg, .pdf or .html, or be a folder, got 'map.gif'"),
        ((tmp_path / "map.png", "--class", "AFIB"), "the classes are 0: NORM, 1: MI, 2: STTC, 3: CD, 4: HYP"),
        ((tmp_path / "map.png", "--class", "5"), "There is no class 5"),
        ((tmp_path / "map.png", "--window", 2), "--window must be from 1 to 1, got 2"),
    ):
        status, _, err = run(capsys, *command, *options)
        assert status == 1
        assert message in err
    assert not list(tmp_path.glob("map.*"))


def test_evaluation_prints_the_librarys_numbers(simulated_folder, simulated_dataset, model_file, capsys):
    command = ("evaluate", model_file, "--data", simulated_folder, "--fold", 3, "--bootstrap", 50)
    results = evaluate_model(
        load_model(model_file), simulated_dataset, fold=3, n_bootstrap=50, progress=False
    )
    status, out, _ = run(capsys, *command)
    assert status == 0
    row = results.scores.loc["auc"]
    assert f"AUC {row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})" in " ".join(out.split())
    assert "Fold 3, label rule labelled" in out
    assert "trained on: nothing" in out
    status, out, _ = run(capsys, *command, "--format", "json")
    found = strict_json(out)
    assert found["scores"]["auc"]["value"] == pytest.approx(row["value"], abs=1e-12)
    for rule, expected in results.rules.iterrows():
        shown = found["by_label_rule"][rule]
        assert (shown["n"], shown["dropped"]) == (expected["n"], expected["dropped"])
        auc = None if np.isnan(expected["auc"]) else pytest.approx(expected["auc"], abs=1e-12)
        assert shown["auc"] == auc
    assert set(found["by_diagnosis"]) == set(SUPERCLASSES[1:])
    assert {"sex", "age_band", "device", "signal_quality"} == set(found["by_subgroup"])


@pytest.mark.bad_input(35)
def test_subgroup_with_too_few_records_is_not_available(simulated_folder, model_file, capsys):
    command = ("evaluate", model_file, "--data", simulated_folder, "--bootstrap", 10)
    _, out, _ = run(capsys, *command)
    assert "not available" in out
    _, out, _ = run(capsys, *command, "--format", "json")
    rows = strict_json(out)["by_subgroup"]["age_band"].values()
    assert any(row["auc"] is None and "needs 10 of each" in row["reason"] for row in rows)


def test_evaluation_of_several_classes_has_a_row_for_each_and_their_mean(
    simulated_folder, simulated_dataset, classes_file, capsys
):
    command = ("evaluate", classes_file, "--data", simulated_folder, "--rule", "paper", "--bootstrap", 20)
    status, out, _ = run(capsys, *command, "--format", "json")
    found = strict_json(out)
    assert status == 0
    assert list(found["scores"]) == [*SUPERCLASSES, "macro"]
    assert found["by_diagnosis"] is None
    assert found["records"] == (simulated_dataset.table["strat_fold"] == 10).sum()
    status, out, _ = run(capsys, *command)
    assert status == 0
    assert "Scores by class" in out
    assert "Means over the classes." in out


def test_evaluation_that_cannot_be_done_says_why(simulated_folder, signals, tmp_path, model_file, capsys):
    status, _, err = run(capsys, "evaluate", model_file, "--data", simulated_folder, "--fold", 11)
    assert status == 1
    assert "fold must be one of 1 to 10" in err
    status, _, err = run(capsys, "evaluate", model_file, "--data", tmp_path / "nothing")
    assert status == 1
    assert "nothing" in err
    other = tmp_path / "other.keras"
    save_model(random_model(signals[:20], Settings(class_names=("AFIB",))), other)
    status, _, err = run(capsys, "evaluate", other, "--data", simulated_folder)
    assert status == 1
    classes = "ABNORMAL, NORM, MI, STTC, CD, HYP"
    assert f"class_names must be among {classes}, which PTB-XL has labels for, got AFIB" in err


@pytest.mark.bad_input(63)
def test_fold_that_a_model_has_seen_is_scored_only_on_demand(simulated_folder, signals, tmp_path, capsys):
    path = tmp_path / "model.keras"
    folds = {"training_folds": (1, 2), "validation_folds": (9,)}
    save_model(random_model(signals, Settings(dataset="simulated ECGs", **folds)), path)
    command = ("evaluate", path, "--data", simulated_folder, "--bootstrap", 10, "--fold")
    for fold, use in ((2, "trained on folds 1, 2"), (9, "chosen on folds 9")):
        status, out, err = run(capsys, *command, fold)
        assert (status, out) == (1, "")
        assert f"not seen, got {fold}: it was {use} of simulated ECGs" in err
        assert "(--seen-folds)" in err
        status, out, _ = run(capsys, *command, fold, "--seen-folds")
        assert status == 0
        assert f"Fold {fold}, label rule" in out
    assert run(capsys, *command, 10)[0] == 0


@pytest.mark.security
def test_logs_hold_no_age_sex_or_report_text(simulated_folder, simulated_dataset, model_file, capsys, caplog):
    caplog.set_level(logging.DEBUG, logger="signalcam")
    run(capsys, "--verbose", "evaluate", model_file, "--data", simulated_folder, "--bootstrap", 10)
    assert caplog.records
    logged = caplog.text.lower()
    for report in simulated_dataset.table["report"].str.lower().unique():
        assert report not in logged
    assert not {"age", "sex", "male", "female"} & set(logged.replace(",", " ").split())


def test_interrupted_training_goes_on_and_leaves_everything_in_one_folder(
    simulated_folder, tmp_path, capsys, monkeypatch
):
    output = tmp_path / "run"
    command = ["train", "--recipe", "paper", "--data", simulated_folder, "--epochs", 2, "--bootstrap", 20]
    command += ["--output", output, "--rule", "labelled"]
    write_state = ResumableState.on_epoch_end

    def interrupt(self, epoch, logs=None):
        write_state(self, epoch, logs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ResumableState, "on_epoch_end", interrupt)
        status, _, err = run(capsys, *command)
    assert status == 130
    assert "interrupted. The same command goes on" in err
    assert not (output / "metrics.json").exists()
    status, out, _ = run(capsys, *command)
    assert status == 0
    figures = {"history.png", "confusion.png", "roc.png", "reliability.png", "maps.png"}
    assert {path.name for path in (output / "figures").iterdir()} == figures
    metrics = strict_json((output / "metrics.json").read_text())
    assert metrics["runs"][0]["epochs"] == 2
    assert metrics["runs"][0]["seconds"] is None
    assert set(metrics["runs"][0]["results"]["by_label_rule"]) == set(LABEL_RULES)
    rows = list(csv.DictReader((output / "predictions.csv").open()))
    assert f"AUC {metrics['over_seeds']['auc']['mean']:.3f}" in " ".join(out.split())
    assert "published" not in out
    card = (output / "MODEL_CARD.md").read_text()
    for heading in ("# Model description", "# Intended uses", "# Hyperparameters", "# Evaluation Results"):
        assert f"#{heading}" in card
    _, out, _ = run(
        capsys, "predict", output / "model.keras", simulated_folder / "records100", "--format", "json"
    )
    found = {int(row["file"][-12:-7]): row["probability"] for row in strict_json(out)}
    for row in rows:
        assert abs(found[int(row["ecg_id"])] - float(row["probability_ABNORMAL"])) < 1e-4
    status, _, err = run(capsys, *command[:-2], "--rule", "clear")
    assert status == 1
    assert "holds the state of another training: training records must be the same as then" in err


@pytest.mark.slow
def test_training_on_the_real_set_ends_beside_published_results(real_folder, tmp_path, capsys):
    command = ("train", "--data", real_folder, "--output", tmp_path, "--epochs", 1, "--bootstrap", 10)
    status, out, _ = run(capsys, *command)
    assert status == 0
    assert "Label rule paper, beside what others published; ours: mean of 1 models" in out
    for word in ("public weights", "xresnet1d101", "ours - public weights", "AUC, normal against MI"):
        assert word in out
    assert (tmp_path / "comparison.csv").is_file()


def test_training_that_cannot_be_done_says_why(simulated_folder, tmp_path, capsys):
    command = ["train", "--data", simulated_folder, "--output", tmp_path / "run"]
    for options, message in (
        (["--seeds", 0], "n_seeds must be at least 1"),
        (["--epochs", 0], "epochs and batch_size must be at least 1"),
    ):
        status, _, err = run(capsys, *command, *options)
        assert status == 1
        assert message in err


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "n_networks"), [("single", 1), ("best", 3)])
def test_interrupted_training_ends_as_an_uninterrupted_one(
    simulated_folder, tmp_path, capsys, monkeypatch, recipe, n_networks
):
    command = ["train", "--recipe", recipe, "--data", simulated_folder, "--epochs", 3, "--bootstrap", 10]
    assert run(capsys, *command, "--output", tmp_path / "whole")[0] == 0
    write_state = ResumableState.on_epoch_end

    def interrupt(self, epoch, logs=None):
        write_state(self, epoch, logs)
        if epoch < 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(ResumableState, "on_epoch_end", interrupt)
    n_stops = 2 * n_networks
    statuses = [run(capsys, *command, "--output", tmp_path / "parts")[0] for _ in range(n_stops + 1)]
    assert statuses == [130] * n_stops + [0]
    whole, parts = ((tmp_path / name / "predictions.csv").read_text() for name in ("whole", "parts"))
    assert whole == parts


MEASURED = """
import resource, sys
from signalcam.__main__ import main
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
sys.exit(status)
"""


def measured(*arguments):
    """Run a command in a process of its own; return exit status, output, reasons, and peak memory in MB."""
    command = [sys.executable, "-c", MEASURED, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    *reasons, peak = done.stderr.splitlines()
    return done.returncode, done.stdout, reasons, int(peak)


@pytest.mark.slow
def test_a_thousand_recordings_with_thirty_broken_give_970_results_and_30_reasons(
    tmp_path, signals, model_file
):
    folder = tmp_path / "recordings"
    folder.mkdir()
    for k in range(970):
        write_wfdb(folder, signals[k % len(signals)], name=f"r{k:03d}")
    reasons = {}
    for number in range(3):
        reasons |= write_broken(folder, number)
    assert len(reasons) == 30
    status, out, said, peak = measured("predict", model_file, folder, "--format", "json")
    rows = strict_json(out)
    assert status == 1
    assert len(rows) == len({row["file"] for row in rows}) == 970
    assert len(said) == 31
    for path, reason in reasons.items():
        (line,) = [line for line in said if line.startswith(f"{path}: ")]
        assert reason in line
    expected = deployment.predict(load_model(model_file), signals)["probability"][:, 0]
    found = {row["file"][-8:-4]: row["probability"] for row in rows}
    np.testing.assert_allclose([found[f"r{k:03d}"] for k in range(len(signals))], expected, atol=1e-3)
    *_, few = measured("predict", model_file, folder / "r0[0-9][0-9].hea", "--format", "json")
    assert peak - few < 60
