"""The cache: whole or not there, whatever happens to it or to the process that writes it."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_set import write_small_set

from signalcam.data import cache as cache_module
from signalcam.data.cache import EntryWriter, cache_folder, open_entry
from signalcam.data.ptbxl import open_dataset
from signalcam.data.signals import load_signals


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return write_small_set(tmp_path_factory.mktemp("small") / "set", n_records=6)


@pytest.fixture
def dataset(template, tmp_path):
    return open_dataset(shutil.copytree(template, tmp_path / "ptb-xl"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def load(dataset, folder, **arguments):
    return load_signals(dataset, cache=folder, progress=False, **arguments)


def side_file(folder):
    (path,) = folder.glob("*.json")
    return path


def data_file(folder):
    (path,) = folder.glob("*.npy")
    return path


def test_second_read_is_a_read_only_map_of_the_same_numbers(dataset, folder, monkeypatch):
    first = load(dataset, folder)
    expected = load_signals(dataset, cache=False, progress=False)
    monkeypatch.setattr("signalcam.data.decoding.Decoder.decode", None)
    second = load(dataset, folder)
    for found in (first, second):
        assert isinstance(found, np.memmap)
        assert not found.flags.writeable
        np.testing.assert_array_equal(found, expected)


def test_entry_is_one_data_file_and_one_side_file_without_pickle(dataset, folder):
    load(dataset, folder)
    load(dataset, folder)
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".npy"]
    side = json.loads(side_file(folder).read_text())
    assert side["about"]["sampling_rate"] == 100
    assert side["about"]["dataset"] == str(dataset.folder)
    assert side["shape"] == [6, 1000, 12]
    assert np.load(data_file(folder), allow_pickle=False).shape == (6, 1000, 12)


def test_each_list_of_records_has_its_own_entry(dataset, folder):
    load(dataset, folder)
    load(dataset, folder, ecg_ids=[3, 1])
    assert len(list(folder.glob("*.npy"))) == 2
    np.testing.assert_array_equal(load(dataset, folder)[[2, 0]], load(dataset, folder, ecg_ids=[3, 1]))


def test_folder_is_where_told_then_the_environments_then_the_platforms(tmp_path, monkeypatch):
    assert cache_folder(tmp_path / "here") == tmp_path / "here"
    monkeypatch.setenv("SIGNALCAM_CACHE", str(tmp_path / "there"))
    assert cache_folder(True) == tmp_path / "there"
    monkeypatch.delenv("SIGNALCAM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert "signalcam" in str(cache_folder(True))


def spoil(folder, how):
    side, data = side_file(folder), data_file(folder)
    about = json.loads(side.read_text())
    if how == "side file empty":
        side.write_text("")
    elif how == "side file truncated":
        side.write_text(side.read_text()[:60])
    elif how == "side file binary":
        side.write_bytes(b"\xff\xfe\x00")
    elif how == "side file of something else":
        side.write_text("[1, 2]")
    elif how == "data empty":
        data.write_bytes(b"")
    elif how == "data truncated":
        data.write_bytes(data.read_bytes()[:-1])
    elif how == "data removed":
        data.unlink()
    elif how == "data pickled":
        content = np.empty(3, object)
        np.save(data, content, allow_pickle=True)
        side.write_text(json.dumps(about | {"bytes": data.stat().st_size}))
    elif how == "data of another kind":
        np.save(data, np.zeros((6, 1000, 12)))
        side.write_text(json.dumps(about | {"bytes": data.stat().st_size}))
    elif how == "code version":
        side.write_text(json.dumps(about | {"format": about["format"] + 1}))
    elif how == "data elsewhere":
        side.write_text(json.dumps(about | {"data": "../../x.npy"}))
    else:
        key, value = {
            "dataset version": ("version", "1.0.1"),
            "sampling rate": ("sampling_rate", 500),
            "records": ("records", "0"),
            "dataset": ("dataset", "/elsewhere"),
            "files": ("files", "0"),
            "skipped": ("skipped", {"77": "x"}),
        }[how]
        side.write_text(json.dumps(about | {"about": about["about"] | {key: value}}))


@pytest.mark.bad_input(16)
@pytest.mark.security
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("side file empty", "side file cannot be read"),
        ("side file truncated", "side file cannot be read"),
        ("side file binary", "side file cannot be read"),
        ("side file of something else", "side file is not complete"),
        ("data empty", "data are not whole"),
        ("data truncated", "data are not whole"),
        ("data removed", "data are not whole"),
        ("data pickled", "data are not whole"),
        ("data of another kind", "data are not whole"),
        ("data elsewhere", "names foreign data"),
        ("code version", "of format 2, now 1"),
        ("dataset version", "of another version"),
        ("sampling rate", "of another sampling rate"),
        ("records", "of another records"),
        ("dataset", "of another dataset"),
        ("files", "files of the dataset have changed since"),
        ("skipped", "side file is not complete"),
    ],
)
def test_cache_that_does_not_fit_is_rebuilt_with_one_line_said(dataset, folder, how, said, caplog):
    expected = np.array(load(dataset, folder))
    spoil(folder, how)
    caplog.clear()
    np.testing.assert_array_equal(load(dataset, folder), expected)
    assert len(caplog.records) == 1
    assert f"Rebuilding the signal cache {folder}" in caplog.text
    assert said in caplog.text
    caplog.clear()
    np.testing.assert_array_equal(load(dataset, folder), expected)
    assert not caplog.records


@pytest.mark.bad_input(16)
def test_changed_record_is_read_again(dataset, folder, caplog):
    before = np.array(load(dataset, folder))
    path = dataset.folder / "records100/00000/00002_lr"
    for suffix in (".dat", ".hea"):
        content = Path(f"{path}{suffix}").read_bytes()
        Path(f"{path}{suffix}").write_bytes(content.replace(b"1000.0(0)", b"2000.0(0)"))
    after = load(dataset, folder)
    np.testing.assert_array_equal(after[1], before[1] / 2)
    np.testing.assert_array_equal(np.delete(after, 1, axis=0), np.delete(before, 1, axis=0))
    assert "have changed since" in caplog.text


def test_what_was_skipped_is_cached_too_but_not_for_who_wants_all(dataset, folder):
    path = dataset.folder / "records100/00000/00002_lr.dat"
    path.write_bytes(path.read_bytes()[:-1])
    first = load(dataset, folder, on_error="skip")
    second = load(dataset, folder, on_error="skip")
    np.testing.assert_array_equal(first[0], second[0])
    assert first[1].tolist() == second[1].tolist() == [1, 3, 4, 5, 6]
    assert first[2].to_dict() == second[2].to_dict()
    with pytest.raises(ValueError, match="00002_lr"):
        load(dataset, folder)


def test_what_was_read_without_checks_is_not_given_to_who_wants_them(dataset, folder):
    path = dataset.folder / "records100/00000/00002_lr.dat"
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)
    load(dataset, folder, check=False)
    with pytest.raises(ValueError, match="00002_lr.*checksum"):
        load(dataset, folder)


def test_failed_load_leaves_no_files(dataset, folder):
    (dataset.folder / "records100/00000/00006_lr.dat").write_bytes(b"")
    with pytest.raises(ValueError, match="00006_lr"):
        load(dataset, folder)
    assert not list(folder.iterdir())


@pytest.mark.bad_input(15)
def test_folder_that_cannot_be_written_is_a_clear_os_error(dataset, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="Cannot write the signal cache in .*file.*load with cache=False"):
        load(dataset, tmp_path / "file" / "below")


@pytest.mark.bad_input(15)
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_read_only_folder_is_a_clear_os_error(dataset, folder):
    folder.mkdir(mode=0o500)
    with pytest.raises(PermissionError, match="Cannot write the signal cache"):
        load(dataset, folder)


@pytest.mark.bad_input(15)
def test_full_disk_is_said_before_anything_is_written(dataset, folder, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(cache_module.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(
        OSError, match="No space left on device: 288,000 bytes needed, 1,000 free.*Free space"
    ):
        load(dataset, folder)
    assert not list(folder.iterdir())


def in_processes(template, folder, n_kills):
    script = Path(__file__).parents[1] / "cache_processes.py"
    command = [sys.executable, str(script), str(template), str(folder), str(n_kills)]
    environment = os.environ | {"PYTHONPATH": str(script.parent.parent), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def processes(template, tmp_path_factory):
    if not hasattr(os, "fork"):
        pytest.skip("this platform does not fork")
    return in_processes(template, tmp_path_factory.mktemp("processes") / "cache", 4)


@pytest.mark.bad_input(15)
def test_process_killed_at_any_moment_never_leaves_a_cache_taken_for_whole(processes):
    assert processes["wrong"] == 0


@pytest.mark.slow
@pytest.mark.bad_input(15)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_twenty_kills_never_leave_a_cache_taken_for_whole(template, folder):
    found = in_processes(template, folder, 20)
    assert found["wrong"] == 0
    assert found["unfinished"] + found["whole"] > 3, "the kills should hit processes at work"


@pytest.mark.bad_input(15)
def test_disk_that_fills_up_while_writing_is_a_clear_os_error_and_leaves_nothing(processes):
    assert processes["full disk"] == [0]


def test_processes_that_build_at_once_all_get_the_right_signals(processes):
    assert processes["at once"] == [0, 0, 0]


def test_data_replaced_while_an_entry_is_opened_are_found_under_their_new_name(folder, monkeypatch):
    for value in (1, 2):
        with EntryWriter(folder, "key", (1, 2, 3)) as writer:
            writer.append(np.full((1, 2, 3), value, np.float32))
            writer.commit({"value": value})
        if value == 1:
            old = side_file(folder).read_bytes()
    new, reads = side_file(folder).read_bytes(), []
    read_bytes = Path.read_bytes

    def read_old_first(path):
        reads.append(path)
        return old if len(reads) == 1 else read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", read_old_first)
    signals, about = open_entry(folder, "key", lambda about, shape: "")
    assert about == {"value": 2}
    assert (signals == 2).all()
    assert old != new


def test_older_data_and_what_killed_processes_left_are_removed(dataset, folder):
    load(dataset, folder)
    old = data_file(folder)
    key = side_file(folder).stem
    dead, young, foreign = folder / f"{key}-1-aa.part", folder / f"{key}-2-bb.part", folder / "notes.txt"
    for path in (dead, young, foreign):
        path.write_text("x")
    os.utime(dead, (time.time() - 7200,) * 2)
    os.utime(foreign, (0, 0))
    os.utime(dataset.folder / "records100/00000/00001_lr.dat")
    load(dataset, folder)
    assert not old.exists()
    assert not dead.exists()
    assert young.exists()
    assert foreign.exists()


def test_open_map_outlives_its_entry(dataset, folder):
    signals = load(dataset, folder)
    expected = np.array(signals)
    os.utime(dataset.folder / "records100/00000/00001_lr.dat")
    load(dataset, folder)
    np.testing.assert_array_equal(signals, expected)
