"""Downloads from a server on loopback that cuts, truncates, refuses, stalls and lies; and their check."""

import errno
import importlib
import os
import shutil
import signal
import threading
import time

import pytest
from failing_server import serving
from small_set import write_small_set, write_sums

from signalcam.data import http_files
from signalcam.data.download import BASE_URL, _read_sums, download, outcome, verify
from signalcam.data.http_files import DownloadError
from signalcam.data.ptbxl import open_dataset
from signalcam.errors import DatasetError

N_RECORDS = 6
DAT = "records100/00000/00003_lr.dat"
QUICK = {"progress": False, "workers": 3}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_small_set(tmp_path_factory.mktemp("source") / "set", N_RECORDS, rates=(100, 500))


@pytest.fixture
def server(source, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(http_files, "_FIRST_WAIT", 0.0)
    monkeypatch.setattr(http_files, "_ATTEMPTS", 3)
    with serving(source) as server:
        yield server


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "ptb-xl"


def fetch(server, folder, timeout=5.0, limit=600.0, **changes):
    stalls = any("stall" in fault for faults in server.faults.values() for fault in faults)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http_files, "TIMEOUT", 0.4 if stalls and timeout == 5 else timeout)
        patch.setattr(http_files, "LIMIT", limit)
        return download(folder, base_url=server.url, **(QUICK | changes))


def assert_whole(folder, source, rate=100):
    expected = {p.relative_to(source) for p in source.rglob("*") if p.is_file()}
    expected = {p for p in expected if p.parts[0] not in {"records100", "records500"} - {f"records{rate}"}}
    assert {p.relative_to(folder) for p in folder.rglob("*") if p.is_file()} == expected
    for path in expected:
        assert (folder / path).read_bytes() == (source / path).read_bytes()
    assert verify(folder, progress=False).empty


@pytest.mark.parametrize("rate", [100, 500])
def test_only_the_records_of_the_wanted_rate_are_fetched_and_the_end_is_clear(server, folder, source, rate):
    problems = fetch(server, folder, sampling_rate=rate)
    assert problems.empty
    assert_whole(folder, source, rate)
    assert outcome(folder, problems).startswith("6 records, all verified")
    assert open_dataset(folder).sampling_rates == (rate,)


def test_progress_is_shown(server, folder, capsys):
    fetch(server, folder, progress=True)
    assert "Downloading: 100%" in capsys.readouterr().err


def test_second_run_fetches_the_list_only(server, folder):
    fetch(server, folder)
    server.requests.clear()
    assert fetch(server, folder).empty
    assert server.requests == [("SHA256SUMS.txt", "")]


def test_other_rate_is_added_to_what_is_there(server, folder, source):
    fetch(server, folder)
    server.requests.clear()
    assert fetch(server, folder, sampling_rate=500).empty
    assert not any("records100" in name for name, _ in server.requests)
    assert open_dataset(folder).sampling_rates == (100, 500)
    assert verify(folder, progress=False).empty


@pytest.mark.bad_input(13)
@pytest.mark.parametrize("fault", ["cut", "stall"])
def test_file_that_ends_early_is_resumed_and_not_fetched_anew(server, folder, source, fault):
    server.faults[DAT] = [fault]
    assert fetch(server, folder).empty
    assert_whole(folder, source)
    assert server.asked(DAT) == ["", "bytes=8192-"]  # of 12,000 sent, the last chunk is not whole


@pytest.mark.bad_input(13)
def test_part_of_an_interrupted_run_is_resumed(server, folder, source):
    part = folder / (DAT + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes((source / DAT).read_bytes()[:23_000])
    assert fetch(server, folder).empty
    assert server.asked(DAT) == ["bytes=23000-"]
    assert_whole(folder, source)


@pytest.mark.bad_input(13)
@pytest.mark.parametrize("size", [24_000, 30_000, 500])
def test_part_of_something_else_is_thrown_away(server, folder, source, size):
    part = folder / (DAT + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * size)
    assert fetch(server, folder).empty
    assert_whole(folder, source)


@pytest.mark.bad_input(13)
def test_whole_part_is_only_renamed(server, folder, source):
    part = folder / (DAT + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes((source / DAT).read_bytes())
    sent = len((source / DAT).read_bytes())
    assert fetch(server, folder).empty
    assert_whole(folder, source)
    assert server.sent < sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) - sent + 1


@pytest.mark.bad_input(13)
def test_server_that_ignores_the_range_is_read_from_the_start(server, folder, source):
    server.faults[DAT] = ["cut", "no range"]
    assert fetch(server, folder).empty
    assert_whole(folder, source)


@pytest.mark.bad_input(13)
@pytest.mark.parametrize("fault", ["500", "503", "html", "short", "other", "drop"])
def test_fault_that_passes_is_tried_again(server, folder, source, fault):
    server.faults[DAT] = [fault]
    assert fetch(server, folder).empty
    assert_whole(folder, source)


@pytest.mark.bad_input(13)
@pytest.mark.parametrize(
    ("fault", "said", "n_requests"),
    [
        ("404", "the server answers 404", 1),
        ("500", "the server answers 500", 3),
        ("html", r"its 54 bytes \(text/html\) are not those of", 3),
        ("short", r"its 12,000 bytes \(unknown\) are not those of", 3),
        ("other", "its 24,000 bytes .* are not those of", 3),
        ("drop", "the server cannot be reached|ended early", 3),
        ("stall", "timed out", 3),
    ],
)
def test_file_that_stays_away_is_listed_and_never_has_its_final_name(server, folder, fault, said, n_requests):
    server.faults[DAT] = [fault + "!"]
    problems = fetch(server, folder)
    assert problems["file"].tolist() == [DAT]
    assert problems["problem"].str.contains(said).all(), problems["problem"][0]
    assert len(server.asked(DAT)) == n_requests
    assert not (folder / DAT).exists()
    listed, end = outcome(folder, problems).splitlines()
    assert listed.startswith(f"{DAT}: not fetched")
    assert end.startswith("6 records, not all whole: 1 files are missing or differ")
    assert verify(folder, progress=False)["file"].tolist() == [DAT]


@pytest.mark.bad_input(13)
def test_rerun_after_a_bad_end_fetches_what_is_missing_only(server, folder, source):
    server.faults[DAT] = ["404"]
    assert len(fetch(server, folder)) == 1
    server.requests.clear()
    assert fetch(server, folder).empty
    assert server.requests == [("SHA256SUMS.txt", ""), (DAT, "")]
    assert_whole(folder, source)


@pytest.mark.bad_input(13)
def test_server_that_is_gone_ends_the_download_soon_and_honestly(server, folder, source, monkeypatch):
    server.faults["*"] = ["ok", "drop!"]
    monkeypatch.setattr(http_files, "_ATTEMPTS", 2)
    problems = fetch(server, folder)
    assert (
        len(problems)
        == len([p for p in source.rglob("*") if p.is_file() and "records500" not in p.parts]) - 1
    )
    assert problems["problem"].str.contains("not tried, since the server does not answer").any()
    assert {p.name for p in folder.rglob("*") if p.is_file()} == {"SHA256SUMS.txt"}


@pytest.mark.bad_input(13)
@pytest.mark.parametrize(
    ("faults", "error", "said"),
    [
        (
            ["404"],
            DownloadError,
            "Cannot fetch http.*SHA256SUMS.txt: the server answers 404.*Check the network",
        ),
        (["drop!"], DownloadError, "Cannot fetch .*(cannot be reached|ended early)"),
        (["html!"], DatasetError, "expected a list of sums, got a web page"),
        (["stall!"], DownloadError, "timed out"),
        (["other!"], DatasetError, "line 1: expected 'sha256 path'"),
    ],
)
def test_without_the_list_of_files_nothing_is_written(server, folder, faults, error, said):
    server.faults["SHA256SUMS.txt"] = faults
    with pytest.raises(error, match=said):
        fetch(server, folder)
    assert not folder.exists()


@pytest.mark.bad_input(13)
def test_list_that_is_cut_off_is_refused(source, tmp_path, folder):
    other = tmp_path / "other"
    shutil.copytree(source, other)
    lines = (other / "SHA256SUMS.txt").read_text().splitlines(keepends=True)
    (other / "SHA256SUMS.txt").write_text("".join(lines[1:]))
    with serving(other) as server, pytest.raises(DatasetError, match=r"does not list ptbxl_database\.csv"):
        fetch(server, folder)
    (other / "SHA256SUMS.txt").write_text("".join(line for line in lines if "records100" not in line))
    with serving(other) as server, pytest.raises(DatasetError, match="does not list records100:"):
        fetch(server, folder)


@pytest.mark.bad_input(14)
@pytest.mark.security
@pytest.mark.parametrize(
    "name", ["../evil.txt", "/tmp/evil.txt", "a/../../evil", "C:\\evil", "~/evil", "records100/..", "a//b"]
)
def test_unsafe_path_in_the_list_is_refused_before_anything_is_written(source, tmp_path, folder, name):
    other = tmp_path / "other"
    shutil.copytree(source, other)
    with open(other / "SHA256SUMS.txt", "a") as file:
        file.write(f"{'0' * 64} {name}\n")
    with (
        serving(other) as server,
        pytest.raises(DatasetError, match="refused, the path .* leads out of the folder"),
    ):
        fetch(server, folder)
    assert not folder.exists()


@pytest.mark.security
def test_only_https_is_spoken_but_to_this_machine(server, folder, monkeypatch):
    assert BASE_URL == "https://physionet.org/files/ptb-xl/1.0.3/"
    for url in (
        "http://physionet.org/files/",
        "ftp://127.0.0.1/",
        "file:///etc/",
        "http://127.0.0.1.evil.org/",
        "",
    ):
        with pytest.raises(DatasetError, match="Downloads go over https; refused"):
            download(folder, base_url=url, progress=False)


@pytest.mark.security
def test_redirect_is_followed_but_not_to_plain_http_elsewhere(server, folder, source):
    server.faults[DAT] = ["away"]
    problems = fetch(server, folder)
    assert problems["file"].tolist() == [DAT]
    assert "redirects to http://example.invalid/" in problems["problem"][0]
    assert not (folder / DAT).exists()
    server.faults[DAT] = ["back"]
    assert fetch(server, folder).empty
    server.faults["*"] = ["back!"]
    with pytest.raises(DownloadError, match="redirects in circles"):
        fetch(server, folder)


@pytest.fixture
def interruptible():
    """Ctrl-C as at a terminal: a shell starts its background jobs with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.bad_input(13)
@pytest.mark.usefixtures("interruptible")
def test_interrupted_download_ends_soon_and_a_rerun_resumes_it(server, folder, source):
    def interrupt():
        server.stalled.wait(60)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    server.faults[DAT] = ["stall"]
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        fetch(server, folder, timeout=2)
    assert not (folder / DAT).exists()
    server.requests.clear()
    assert fetch(server, folder).empty
    assert server.asked(DAT) == ["bytes=8192-"]
    assert_whole(folder, source)


@pytest.mark.bad_input(54)
@pytest.mark.parametrize("fault", ["slow body", "slow headers"])
def test_limit_on_a_whole_file_holds_by_the_clock_though_bytes_keep_coming(server, folder, fault, source):
    server.faults[DAT] = [fault + "!"]
    start = time.monotonic()
    problems = fetch(server, folder, limit=1.0)
    assert 1.0 <= time.monotonic() - start < 2.0
    assert problems["file"].tolist() == [DAT]
    assert "timed out, not whole within 1 s" in problems["problem"][0]
    assert not (folder / DAT).exists()
    server.faults.clear()
    assert fetch(server, folder).empty
    assert_whole(folder, source)


@pytest.mark.bad_input(54)
def test_limit_holds_for_the_list_of_files_too(server, folder):
    server.faults["SHA256SUMS.txt"] = ["slow headers!"]
    with pytest.raises(DownloadError, match="timed out, not whole within 0.5 s"):
        fetch(server, folder, limit=0.5)


@pytest.mark.bad_input(54)
def test_server_that_asks_to_wait_longer_than_the_limit_is_not_waited_for(server, folder):
    server.faults[DAT] = ["503 for an hour!"]
    start = time.monotonic()
    problems = fetch(server, folder, limit=5.0)
    assert time.monotonic() - start < 4.0
    assert "503" in problems["problem"][0]


@pytest.mark.security
def test_file_larger_than_any_of_ptbxl_is_not_read_to_its_end(server, folder, monkeypatch):
    monkeypatch.setattr(http_files, "_LARGEST_FILE", 15_000)
    problems = fetch(server, folder)
    assert problems["problem"].str.contains("the server sends more than 15,000 bytes").all()
    assert set(problems["file"]) == {f"records100/00000/{k:05d}_lr.dat" for k in range(1, N_RECORDS + 1)}


@pytest.mark.bad_input(13)
def test_answer_of_another_range_than_asked_for_is_read_from_the_start(server, folder, source):
    server.faults[DAT] = ["cut", "other range"]
    assert fetch(server, folder).empty
    assert server.asked(DAT) == ["", "bytes=8192-"]
    assert_whole(folder, source)


@pytest.mark.bad_input(12)
def test_file_that_differs_is_fetched_again(server, folder, source):
    fetch(server, folder)
    (folder / DAT).write_bytes(b"x")
    server.requests.clear()
    assert fetch(server, folder).empty
    assert server.asked(DAT) == [""]
    assert_whole(folder, source)


@pytest.mark.bad_input(15)
def test_full_disk_is_an_os_error_and_leaves_no_final_name(server, folder, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(http_files.Fetcher, "_receive", full_after(http_files.Fetcher._receive, 4, full))
    with pytest.raises(OSError, match="No space left"):
        fetch(server, folder)
    monkeypatch.undo()
    assert fetch(server, folder).empty


def full_after(receive, n_files, full):
    """Let some files be written, then fail as a full disk does."""
    count = iter(range(1000))
    return lambda *arguments: (receive if next(count) < n_files else full)(*arguments)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sampling_rate": 250}, "sampling_rate must be 100 or 500 Hz, got 250."),
        ({"workers": 0}, "workers must be 1 or more, got 0."),
    ],
)
def test_wrong_arguments_are_refused(server, folder, changes, said):
    with pytest.raises(ValueError, match=f"^{said}$"):
        fetch(server, folder, **changes)
    assert server.requests == []


def test_one_worker_and_an_address_without_its_last_slash_do(server, folder, source, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    address = server.url.rstrip("/")
    assert download(f"~/{folder.name}", base_url=address, workers=1, progress=False).empty
    assert_whole(folder, source)


def test_files_come_by_as_many_threads_as_asked_for(server, folder, monkeypatch):
    asked = []

    def one_by_one(function, names, n_workers, ahead, stop):
        names = list(names)
        asked.append((len(names), n_workers, ahead, type(stop)))
        return ((name, "") for name in names)

    # The face has a function of the module's name.
    monkeypatch.setattr(importlib.import_module("signalcam.data.download"), "in_order", one_by_one)
    problems = fetch(server, folder, workers=3)
    assert problems.columns.tolist() == ["file", "problem"]
    assert asked == [(2 + 2 * N_RECORDS, 3, 12, threading.Event)]


@pytest.mark.bad_input(13)
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b" \n<html>", "{}: expected a list of sums, got a web page. Is the address right?"),
        (b"", "{} is empty."),
        (f"{'0' * 64} scp_statements.csv\n".encode(),
         "{} does not list ptbxl_database.csv, records100: it is not PTB-XL's, or is cut off."),
        (f"{'0' * 64} records100/a\n{'0' * 64} records100.txt\n".encode(),
         "{} does not list ptbxl_database.csv, scp_statements.csv: it is not PTB-XL's, or is cut off."),
    ],
)  # fmt: skip
def test_list_of_another_thing_is_refused_with_its_address(folder, monkeypatch, data, said):
    monkeypatch.setattr(http_files.Fetcher, "read", lambda self, name: data)
    with pytest.raises(DatasetError) as caught:
        download(folder, base_url="https://example.org/set", progress=False)
    assert str(caught.value) == said.format("https://example.org/set/SHA256SUMS.txt")
    assert not folder.exists()


def test_lines_of_sums_are_read_as_others_write_them():
    """Tables come first; the records of other rates are left out."""
    names = ("records100/a.hea", "records500/a.hea", "z.csv", "b d.csv")
    styles = ["{1} {0}", "{1}\t*{0}", "  {1}  ./{0}  ", "{1} *./{0}\n\n"]
    lines = [style.format(name, digit * 64) for style, name, digit in zip(styles, names, "AbC0", strict=True)]
    data = "\n".join([*lines, lines[0]]).encode()
    assert list(_read_sums(data, "here", (100, 500)).items()) == [
        ("b d.csv", "0" * 64),
        ("z.csv", "c" * 64),
        ("records100/a.hea", "a" * 64),
        ("records500/a.hea", "b" * 64),
    ]
    assert list(_read_sums(data, "here", (100,))) == ["b d.csv", "z.csv", "records100/a.hea"]
    assert list(_read_sums(data, "here", (500,))) == ["b d.csv", "z.csv", "records500/a.hea"]


@pytest.mark.bad_input(12)
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x" * 70, f"expected 'sha256 path', found {'x' * 60!r}."),
        ("\ufffd", "expected 'sha256 path', found '\ufffd'."),
        (f"{'0' * 63} a", f"expected 'sha256 path', found {'0' * 60!r}."),
        (f"{'0' * 64} /{'a' * 90}", f"refused, the path '/{79 * 'a'}' leads out of the folder. Nothing was"),
        (f"{'1' * 64} first", "first is listed twice with different sums."),
    ],
)  # fmt: skip
def test_line_that_is_no_sum_is_named_by_its_number(line, said):
    data = f"{'0' * 64} first\n\n{line}\n".encode().replace("\ufffd".encode(), b"\xff")
    with pytest.raises(DatasetError) as caught:
        _read_sums(data, "here", (100,))
    assert str(caught.value).removesuffix(" written.") == f"here, line 3: {said}"


def test_outcome_says_how_many_records_are_there_at_which_rate(source, folder):
    shutil.copytree(source, folder)
    n_files = 2 + 4 * N_RECORDS
    where = f"(6 at 100 Hz, 6 at 500 Hz; {n_files} files in {folder})"
    problems = verify(folder, progress=False)
    assert outcome(folder, problems) == f"6 records, all verified {where}."
    (folder / "scp_statements.csv").unlink()
    (folder / DAT).write_bytes(b"x")
    problems = verify(folder, progress=False)
    assert problems["file"].tolist() == ["scp_statements.csv", DAT]
    assert outcome(folder, problems).splitlines() == [
        "scp_statements.csv: missing",
        f"{DAT}: {problems['problem'][1]}",
        f"6 records, not all whole: 2 files are missing or differ {where}. "
        f"Fetch them with `python -m signalcam download {folder}`.",
    ]
    shutil.rmtree(folder / "records500")
    (folder / "records500").write_text("no folder")
    n_files -= 2 * N_RECORDS
    expected = f"6 records, all verified (6 at 100 Hz; {n_files} files in {folder})."
    assert outcome(folder, problems[:0]) == expected


def test_bar_of_verify_is_shown_by_request(source, capsys):
    verify(source, progress=False)
    assert not capsys.readouterr().err
    verify(source)
    assert "Verifying: 100%" in capsys.readouterr().err


@pytest.mark.bad_input(12)
def test_verify_names_one_flipped_byte_and_missing_files(source, folder):
    shutil.copytree(source, folder)
    assert verify(folder, progress=False).empty
    data = bytearray((folder / DAT).read_bytes())
    data[11_111] ^= 1
    (folder / DAT).write_bytes(data)
    (folder / "ptbxl_database.csv").unlink()
    problems = verify(folder, progress=False)
    assert problems["file"].tolist() == ["ptbxl_database.csv", DAT]
    assert problems["problem"][0] == "missing"
    assert "differs: expected sha256" in problems["problem"][1]
    assert "6 records, not all whole: 2 files are missing or differ" in outcome(folder, problems)


def test_verify_does_not_miss_a_rate_that_was_never_wanted(source, folder):
    shutil.copytree(source, folder)
    shutil.rmtree(folder / "records500")
    assert verify(folder, progress=False).empty
    shutil.rmtree(folder / "records100")
    assert len(verify(folder, progress=False)) == 4 * N_RECORDS


def test_verify_finds_the_dataset_as_others_do(source, tmp_path):
    shutil.copytree(source, tmp_path / "below" / "ptb-xl")
    assert verify(tmp_path, progress=False).empty


@pytest.mark.bad_input(12)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("not a sum\n", "line 1: expected 'sha256 path', found 'not a sum'"),
        (f"{'0' * 64} a\n{'1' * 64} a\n", "line 2: a is listed twice with different sums"),
        (f"{'0' * 64} ../a\n", "line 1: refused"),
    ],
)
def test_list_that_is_none_is_refused_with_its_line(source, folder, content, said):
    shutil.copytree(source, folder)
    path = folder / "SHA256SUMS.txt"
    path.write_text(content)
    with pytest.raises(DatasetError, match=f"^{path}(, | ){said}"):
        verify(folder, progress=False)


def test_folder_without_list_says_how_to_get_it(source, folder):
    shutil.copytree(source, folder)
    (folder / "SHA256SUMS.txt").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        verify(folder, progress=False)
    fetch = f"`python -m signalcam download {folder}` or from {BASE_URL}"
    said = f"{folder / 'SHA256SUMS.txt'} is missing: nothing can be verified. Fetch it with {fetch}."
    assert str(caught.value) == said


def test_both_ways_of_writing_a_list_are_read(source, folder):
    shutil.copytree(source, folder)
    write_sums(folder)
    path = folder / "SHA256SUMS.txt"
    path.write_text(
        "".join(f"{line[:64].upper()}  *./{line[65:]}\r\n" for line in path.read_text().splitlines())
    )
    assert verify(folder, progress=False).empty


def test_real_sample_is_whole(real_folder):
    assert verify(real_folder, progress=False).empty
    assert outcome(real_folder, verify(real_folder, progress=False)).startswith("1,016 records, all verified")
