"""The cache: whole or not there, whatever happens to it or to the process that writes it."""

import errno
import json
import mmap
import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from small_set import write_small_set

from signalcam.data import cache as cache_module
from signalcam.data.cache import cache_folder, let_pages_go, open_entry, write_entry
from signalcam.data.load import load_ptbxl
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


def entry_of(folder):
    (path,) = folder.iterdir()
    return path


def parts_of(path):
    """The bytes of the signals, and what the last line says."""
    signals = np.load(path, mmap_mode="r")
    end = signals.offset + signals.nbytes
    content = path.read_bytes()
    return content[:end], json.loads(content[end + 8 :])


def write_parts(path, data, footer):
    footer = json.dumps(footer).encode()
    path.write_bytes(data + b"%08x" % zlib.crc32(footer) + footer)


def test_second_read_is_a_read_only_map_of_the_same_numbers(dataset, folder, monkeypatch):
    first = load(dataset, folder)
    expected = load_signals(dataset, cache=False, progress=False)
    monkeypatch.setattr("signalcam.data.signals.read_samples", None)
    second = load(dataset, folder)
    for found in (first, second):
        assert isinstance(found, np.memmap)
        assert not found.flags.writeable
        np.testing.assert_array_equal(found, expected)


def test_entry_is_one_numpy_file_without_pickle(dataset, folder):
    load(dataset, folder)
    load(dataset, folder)
    path = entry_of(folder)
    assert path.suffix == ".npy"
    assert np.load(path, allow_pickle=False).shape == (6, 1000, 12)
    assert parts_of(path)[1]["about"] == {"check": True, "extra_bytes": "error", "skipped": {}}


def test_each_list_of_records_has_its_own_entry(dataset, folder):
    load(dataset, folder)
    load(dataset, folder, ecg_ids=[3, 1])
    assert len(list(folder.glob("*.npy"))) == 2
    np.testing.assert_array_equal(load(dataset, folder)[[2, 0]], load(dataset, folder, ecg_ids=[3, 1]))


def test_folder_is_where_told_then_the_environments_then_the_platforms(tmp_path, monkeypatch):
    assert cache_folder(tmp_path / "here") == tmp_path / "here"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert cache_folder("~/there") == tmp_path / "there"
    monkeypatch.setenv("SIGNALCAM_CACHE", f" {tmp_path / 'there'} ")
    assert cache_folder() == cache_folder(True) == tmp_path / "there"
    monkeypatch.setattr(cache_module.platformdirs, "user_cache_path", lambda name: tmp_path / "user" / name)
    for unset in (
        lambda: monkeypatch.setenv("SIGNALCAM_CACHE", " "),
        lambda: monkeypatch.delenv("SIGNALCAM_CACHE"),
    ):
        unset()
        assert cache_folder(True) == tmp_path / "user" / "signalcam" / "signals"


def spoil(folder, how):
    path = entry_of(folder)
    data, footer = parts_of(path)
    content = path.read_bytes()
    if how == "removed and remade by another format":
        path.rename(path.with_name(path.name.rpartition("-")[0] + "-0.npy"))
    elif how == "pickled":
        np.save(path, np.empty(3, object), allow_pickle=True)
    elif how == "of another kind":
        np.save(path, np.zeros((6, 1000, 12)))
    elif how == "archive":
        path.write_bytes(b"PK\x03\x04" + b"x" * 1000)
    elif how == "too large":
        path.write_bytes(content + b" ")
    elif how == "another shape":
        write_parts(path, data.replace(b"(6, 1000, 12)", b"(6, 500, 24) "), footer)
    elif how == "another type":
        write_parts(path, data.replace(b"<f4", b"<i4"), footer)
    elif how == "another order":
        write_parts(path, data.replace(b"False", b"True "), footer)
    elif how == "skipped":
        write_parts(path, data, footer | {"about": footer["about"] | {"skipped": {"77": "x"}}})
    elif how == "checksums missing":
        write_parts(path, data, {"about": footer["about"]})
    else:
        cut = {"empty": 0, "header only": 100, "data truncated": 288_000, "last line truncated": -1}[how]
        path.write_bytes(content[:cut])


@pytest.mark.bad_input(16)
@pytest.mark.security
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("empty", "data are not whole"),
        ("header only", "data are not whole"),
        ("data truncated", "data are not whole"),
        ("last line truncated", "data are not whole .its last line"),
        ("too large", "data are not whole .its last line"),
        ("checksums missing", "data are not whole"),
        ("pickled", "data are not whole"),
        ("archive", "data are not whole"),
        ("of another kind", "data are not whole .expected float32"),
        ("another type", "data are not whole .expected float32"),
        ("another order", "data are not whole"),
        ("another shape", "data are not whole|its shape is"),
        ("skipped", "its shape is"),
        ("removed and remade by another format", "or the cache's format, have changed since"),
    ],
)
def test_cache_that_does_not_fit_is_rebuilt_with_one_line_said(dataset, folder, how, message, caplog):
    expected = np.array(load(dataset, folder))
    spoil(folder, how)
    caplog.clear()
    np.testing.assert_array_equal(load(dataset, folder), expected)
    assert len(caplog.records) == 1
    assert f"Rebuilding the signal cache {folder}" in caplog.text
    assert re.search(message, caplog.text)
    caplog.clear()
    np.testing.assert_array_equal(load(dataset, folder), expected)
    assert not caplog.records
    assert len(list(folder.iterdir())) == 1


@pytest.mark.bad_input(49)
@pytest.mark.parametrize("record", range(6))
def test_byte_altered_in_the_cache_is_noticed_on_opening(dataset, folder, record, caplog):
    expected = np.array(load(dataset, folder))
    alter(entry_of(folder), record)
    np.testing.assert_array_equal(load(dataset, folder), expected)
    assert f"its data are not whole (record {record} was altered)" in caplog.text


@pytest.mark.bad_input(49)
def test_sample_of_records_is_compared_on_opening_and_every_record_on_request(
    dataset, folder, monkeypatch, caplog
):
    monkeypatch.setattr(cache_module, "_N_SAMPLED", 2)
    expected = np.array(load(dataset, folder))
    alter(entry_of(folder), 3)
    assert not np.array_equal(load(dataset, folder), expected)
    np.testing.assert_array_equal(load(dataset, folder, check="full"), expected)
    assert "record 3 was altered" in caplog.text
    alter(entry_of(folder), 3)
    records = load_ptbxl(dataset, validation_fold=2, test_fold=3, cache=folder, progress=False)
    np.testing.assert_array_equal(records.signals, expected)


def alter(path, record):
    """Flip one bit of a record; size and time stay."""
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[128 + 48_000 * record + 7] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


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
    assert processes["at once"] == [0, 0, 0, 0]


def test_write_error_of_a_record_is_not_blamed_on_the_cache(folder):
    def blocks():
        yield np.zeros((1, 2, 3), np.float32)
        raise FileNotFoundError("Record 7: there is no file.")

    with pytest.raises(FileNotFoundError, match="^Record 7"):
        write_entry(folder / "a-b.npy", 2, blocks(), {})
    assert not list(folder.iterdir())


ABOUT = {"of": "three records"}


def blocks_of(*numbers):
    return [np.full((len(part), 2, 3), np.array(part)[:, None, None], np.float32) for part in numbers]


def test_entry_holds_what_came_though_fewer_records_than_announced(folder):
    about = {}

    def blocks():
        yield from blocks_of([1, 2], [3])
        about.update(ABOUT)  # known when the last block has come

    signals = write_entry(folder / "what-state.npy", 5, blocks(), about)
    assert isinstance(signals, np.memmap)
    assert not signals.flags.writeable
    np.testing.assert_array_equal(signals, np.concatenate(blocks_of([1, 2, 3])))
    assert signals.dtype == np.dtype("<f4")
    found, said = open_entry(folder / "what-state.npy", lambda *_: "")
    np.testing.assert_array_equal(found, signals)
    assert said == ABOUT
    assert [path.name for path in folder.iterdir()] == ["what-state.npy"]


def test_entry_is_judged_by_what_it_is_about_and_its_shape(folder, caplog):
    path = folder / "what-state.npy"
    write_entry(path, 3, blocks_of([1, 2, 3]), ABOUT)
    asked = []
    assert open_entry(path, lambda *of: asked.append(of) or "it is of yesterday") is None
    assert asked == [(ABOUT, (3, 2, 3))]
    assert caplog.messages == [f"Rebuilding the signal cache {path}: it is of yesterday."]
    assert caplog.records[0].levelname == "WARNING"
    caplog.clear()
    assert open_entry(folder / "other-state.npy", lambda *_: "") is None
    assert not caplog.messages
    assert open_entry(folder / "what-later.npy", lambda *_: "") is None
    changed = "files of the dataset, or the cache's format, have changed since"
    assert caplog.messages == [f"Rebuilding the signal cache {folder / 'what-later.npy'}: {changed}."]


@pytest.mark.bad_input(15)
@pytest.mark.parametrize(("n_free", "enough"), [(72, True), (71, False)])
def test_space_for_all_announced_samples_is_needed_and_no_more(folder, monkeypatch, n_free, enough):
    asked, usage = [], shutil.disk_usage("/")._replace(free=n_free)
    monkeypatch.setattr(cache_module.shutil, "disk_usage", lambda path: asked.append(path) or usage)
    if enough:
        assert len(write_entry(folder / "a-b.npy", 3, blocks_of([1, 2]), ABOUT)) == 2
    else:
        with pytest.raises(OSError, match="72 bytes needed, 71 free") as caught:
            write_entry(folder / "a-b.npy", 3, blocks_of([1, 2]), ABOUT)
        assert caught.value.errno == errno.ENOSPC
        advice = "Free space, name a folder by SIGNALCAM_CACHE or cache=PATH, or load with cache=False"
        assert str(caught.value).endswith(f". {advice}")
        assert caught.value.__cause__.errno == errno.ENOSPC
    assert asked == [folder]


def test_every_record_is_compared_by_request_alone(folder, monkeypatch):
    path = folder / "a-b.npy"
    write_entry(path, 3, blocks_of([1, 2, 3]), ABOUT)
    content = bytearray(path.read_bytes())
    content[128 + 24 * 2] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(cache_module, "_N_SAMPLED", 1)
    assert open_entry(path, lambda *_: "") is not None
    assert open_entry(path, lambda *_: "", every_record=True) is None


def test_folder_of_the_cache_is_made_with_those_above_it(folder):
    write_entry(folder / "below" / "again" / "a-b.npy", 1, blocks_of([1]), ABOUT)
    assert len(list((folder / "below" / "again").iterdir())) == 1


def test_names_of_parts_tell_their_entry_and_process(folder):
    def blocks():
        yield from blocks_of([1])
        names.extend(path.name for path in folder.iterdir())
        yield from blocks_of([2])

    names = []
    for _ in range(2):
        write_entry(folder / "what-state.npy", 2, blocks(), ABOUT)
    parts = [name for name in names if name.endswith(".part")]
    assert len(set(parts)) == 2
    assert all(re.fullmatch(rf"what-state-{os.getpid()}-[0-9a-f]{{12}}\.part", name) for name in parts)


@pytest.mark.parametrize(("age", "stays"), [(3500, True), (3700, False)])
def test_part_of_another_process_is_removed_after_an_hour(folder, age, stays):
    folder.mkdir()
    part = folder / "what-old-1-aa.part"
    part.write_text("x")
    os.utime(part, (time.time() - age,) * 2)
    other = folder / "else-old.npy"
    other.write_text("x")
    write_entry(folder / "what-new.npy", 1, blocks_of([1]), ABOUT)
    assert part.exists() == stays
    assert other.exists()


def test_entry_that_cannot_be_removed_is_left_for_a_later_run(folder, monkeypatch):
    write_entry(folder / "what-old.npy", 1, blocks_of([1]), ABOUT)

    def busy(path):
        raise PermissionError("mapped by another process")

    monkeypatch.setattr(Path, "unlink", busy)
    assert write_entry(folder / "what-new.npy", 1, blocks_of([2]), ABOUT)[0, 0, 0] == 2


class Mapped:
    """A memory map that notes what is asked of it."""

    def __init__(self):
        self.asked = []

    def madvise(self, advice):
        self.asked.append(advice)


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="this system cannot do it")
def test_pages_of_a_mapped_array_alone_are_given_back_and_only_where_the_system_can(monkeypatch):
    class Array:
        _mmap = Mapped()

    let_pages_go(np.zeros(3))
    let_pages_go(Array())
    assert Array._mmap.asked == [mmap.MADV_DONTNEED]
    monkeypatch.delattr(mmap, "MADV_DONTNEED")
    let_pages_go(Array())
    assert len(Array._mmap.asked) == 1


def test_older_data_and_what_killed_processes_left_are_removed(dataset, folder):
    load(dataset, folder)
    old = entry_of(folder)
    dead, young, foreign = (
        folder / f"{old.stem}-1-aa.part",
        folder / f"{old.stem}-2-bb.part",
        folder / "notes.txt",
    )
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
