"""One file over HTTP, attempt by attempt: answers written out by hand, a clock that waits advance."""

import hashlib
import io
import math
import os
import socket
import threading
from types import SimpleNamespace

import pytest
import requests

from signalcam.data import http_files
from signalcam.data.http_files import DownloadError, Fetcher, compare, is_allowed

BASE = "https://example.org/set/"
BODY = bytes(range(100))
SUM = hashlib.sha256(BODY).hexdigest()


class Answer:
    """What requests gives for one request."""

    def __init__(self, status=200, body=b"", **headers):
        self.status_code, self.reason, self.body = status, "in words", body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.is_redirect, self.closed = "Location" in self.headers, False

    def iter_content(self, size):
        assert size == 1 << 12
        yield from (self.body[start : start + 30] for start in range(0, len(self.body), 30))

    def close(self):
        self.closed = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Session:
    """Gives the answers in turn, the last one again and again, and notes what it is asked."""

    def __init__(self, answers):
        self.answers, self.asked = list(answers), []
        self.adapter = http_files._Adapter()

    def get_adapter(self, url):
        assert url == BASE
        return self.adapter

    def get(self, url, **options):
        self.asked.append((url, options))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def ranges(self):
        return [options["headers"].get("Range") for _, options in self.asked]


@pytest.fixture
def clock(monkeypatch):
    """The time by which files are fetched; it passes only while a fetcher waits."""
    clock = SimpleNamespace(now=1000.0, waits=[])
    monkeypatch.setattr(http_files, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def fetcher_of(clock, monkeypatch):
    def make(*answers):
        fetcher, session = Fetcher(BASE), Session(answers)
        monkeypatch.setattr(fetcher, "_session", lambda: session)

        def wait(seconds):
            clock.waits.append(seconds)
            clock.now += seconds

        monkeypatch.setattr(fetcher.stop, "wait", wait)
        fetcher.session = session
        return fetcher

    return make


def fetch(fetcher, tmp_path, expected=SUM, part=None):
    path = tmp_path / "new" / "file.dat"
    if part is not None:
        path.parent.mkdir(exist_ok=True)
        path.with_name("file.dat.part").write_bytes(part)
    return fetcher.fetch("file.dat", path, expected), path


def test_whole_file_is_asked_for_once_and_named(fetcher_of, tmp_path):
    fetcher = fetcher_of(Answer(200, BODY))
    problem, path = fetch(fetcher, tmp_path)
    assert problem == ""
    assert path.read_bytes() == BODY
    assert [found.name for found in path.parent.iterdir()] == ["file.dat"]
    ((url, options),) = fetcher.session.asked
    assert url == BASE + "file.dat"
    headers = options.pop("headers")
    assert headers.pop("User-Agent").startswith("signalcam/")
    assert headers == {"Accept-Encoding": "identity"}
    assert options == {"stream": True, "timeout": 30.0, "allow_redirects": False}
    assert fetch(fetcher, tmp_path)[0] == ""
    assert len(fetcher.session.asked) == 1


@pytest.mark.bad_input(13)
@pytest.mark.parametrize(
    ("n_here", "answers", "ranges"),
    [
        (40, [Answer(206, BODY[40:], Content_Range="bytes 40-99/100")], ["bytes=40-"]),
        (40, [Answer(206, BODY, Content_Range="bytes 0-99/100")], ["bytes=40-"]),
        (40, [Answer(206, BODY)], ["bytes=40-"]),
        (40, [Answer(200, BODY, Content_Range="bytes 40-99/100")], ["bytes=40-"]),
        (100, [Answer(416)], ["bytes=100-"]),
        (1, [Answer(206, BODY[1:], Content_Range="bytes 1-99/100")], ["bytes=1-"]),
        (40, [Answer(206, b"?" * 60, Content_Range="bytes 40-"), Answer(200, BODY)], ["bytes=40-", None]),
    ],
    ids=["resumed", "another range", "no range", "whole", "nothing is left", "one byte", "another file"],
)
def test_part_is_resumed_where_the_answer_fits_else_begun_anew(fetcher_of, tmp_path, n_here, answers, ranges):
    fetcher = fetcher_of(*answers)
    problem, path = fetch(fetcher, tmp_path, part=BODY[:n_here])
    assert problem == ""
    assert path.read_bytes() == BODY
    assert fetcher.session.ranges == ranges


@pytest.mark.bad_input(13)
@pytest.mark.parametrize(
    ("after", "waits"),
    [
        ({}, [1, 2, 4, 8]),
        ({"Retry_After": "3"}, [3, 3, 4, 8]),
        ({"Retry_After": "100"}, [30, 30, 30, 30]),
        ({"Retry_After": "Wed, 21 Oct 2026"}, [1, 2, 4, 8]),
    ],
)
def test_waits_double_or_are_those_asked_for_up_to_half_a_minute(fetcher_of, clock, tmp_path, after, waits):
    fetcher = fetcher_of(Answer(503, **after))
    assert fetch(fetcher, tmp_path)[0] == "not fetched: the server answers 503 in words"
    assert clock.waits == waits
    assert len(fetcher.session.asked) == 5


@pytest.mark.bad_input(13)
@pytest.mark.parametrize("status", [300, 304, 400, 403, 404, 416, 501])
def test_answer_that_would_be_the_same_again_is_not_waited_for(fetcher_of, clock, tmp_path, status):
    problem, path = fetch(fetcher_of(Answer(status, BODY)), tmp_path)
    assert problem == f"not fetched: the server answers {status} in words"
    assert clock.waits == []
    assert list(path.parent.iterdir()) == []


@pytest.mark.bad_input(13)
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_answer_that_a_later_attempt_may_change_is_waited_for(fetcher_of, clock, tmp_path, status):
    assert fetch(fetcher_of(Answer(status), Answer(200, BODY)), tmp_path)[0] == ""
    assert clock.waits == [1]


@pytest.mark.bad_input(54)
@pytest.mark.parametrize(("limit", "waits"), [(7.0, [1, 2]), (7.5, [1, 2, 4]), (1.0, [])])
def test_no_wait_goes_beyond_the_time_of_a_file(fetcher_of, clock, tmp_path, monkeypatch, limit, waits):
    monkeypatch.setattr(http_files, "LIMIT", limit)
    fetcher = fetcher_of(Answer(503))
    reason = f"timed out, not whole within {limit:g} s (the server answers 503 in words)"
    assert fetch(fetcher, tmp_path)[0] == f"not fetched: {reason}"
    assert clock.waits == waits
    assert fetcher.session.adapter.deadline == 1000 + limit
    left = [limit - sum(waits[:k]) for k in range(len(waits) + 1)]
    assert [options["timeout"] for _, options in fetcher.session.asked] == left


@pytest.mark.bad_input(54)
def test_clock_of_a_file_shuts_its_sockets_down_and_ends_with_it(fetcher_of, tmp_path, monkeypatch):
    timers = []

    class Timer:
        def __init__(self, seconds, function):
            self.told, self.daemon = [seconds, function], False
            timers.append(self)

        def start(self):
            self.told.append(f"started, daemon {self.daemon}")

        def cancel(self):
            self.told.append("cancelled")

    monkeypatch.setattr(http_files.threading, "Timer", Timer)
    fetcher = fetcher_of(Answer(404))
    fetch(fetcher, tmp_path)
    shut_down = fetcher.session.adapter.shut_down
    assert [timer.told for timer in timers] == [[600.0, shut_down, "started, daemon True", "cancelled"]]


@pytest.mark.bad_input(54)
def test_time_for_one_answer_is_never_zero(fetcher_of, clock):
    fetcher = fetcher_of(Answer(200))
    for left, timeout in ((100, 30), (5, 5), (0, 0.01), (-9, 0.01)):
        fetcher._get("a", 0, clock.now + left)
        assert fetcher.session.asked[-1][1]["timeout"] == timeout


@pytest.mark.security
@pytest.mark.parametrize(("largest", "fits"), [(100, True), (99, False)])
def test_file_may_be_as_large_as_the_limit(fetcher_of, clock, tmp_path, monkeypatch, largest, fits):
    monkeypatch.setattr(http_files, "_LARGEST_FILE", largest)
    fetcher = fetcher_of(Answer(206, BODY[40:], Content_Range="bytes 40-99/100"))
    problem = fetch(fetcher, tmp_path, part=BODY[:40])[0]
    assert problem == ("" if fits else "not fetched: the server sends more than 99 bytes")
    assert clock.waits == []


@pytest.mark.bad_input(13)
@pytest.mark.parametrize(("headers", "kind"), [({}, "unknown"), ({"Content_Type": "text/html"}, "text/html")])
def test_other_bytes_than_expected_are_thrown_away_and_described(fetcher_of, clock, tmp_path, headers, kind):
    fetcher = fetcher_of(Answer(200, BODY[:7], **headers))
    problem, path = fetch(fetcher, tmp_path)
    assert problem == f"not fetched: its 7 bytes ({kind}) are not those of {SUM[:16]}... in the sums"
    assert clock.waits == [1, 2, 4, 8]
    assert fetcher.session.ranges == [None] * 5
    assert list(path.parent.iterdir()) == []


@pytest.mark.bad_input(13)
def test_what_came_before_the_end_of_a_connection_is_kept_for_a_later_run(fetcher_of, tmp_path):
    answer = Answer(200)

    def cut(size):
        yield BODY[:60]
        raise requests.exceptions.ChunkedEncodingError("cut")

    answer.iter_content = cut
    fetcher = fetcher_of(answer, requests.ConnectionError("gone"))
    problem, path = fetch(fetcher, tmp_path)
    assert problem == "not fetched: the server cannot be reached (ConnectionError)"
    assert fetcher.session.ranges == [None, *["bytes=60-"] * 4]
    assert path.with_name("file.dat.part").read_bytes() == BODY[:60]
    assert answer.closed


@pytest.mark.bad_input(13)
def test_nothing_is_begun_after_the_stop(fetcher_of, clock, tmp_path):
    fetcher = fetcher_of(Answer(200, BODY))
    fetcher.stop.set()
    assert fetch(fetcher, tmp_path)[0] == "not tried, since the server does not answer"
    assert fetcher.session.asked == []
    fetcher.stop.clear()
    fetcher.session.answers[0].iter_content = lambda size: (fetcher.stop.set() or BODY[k:] for k in (0, 50))
    problem, path = fetch(fetcher, tmp_path)
    assert problem == "not fetched: stopped"
    assert (len(fetcher.session.asked), clock.waits) == (1, [])
    assert path.with_name("file.dat.part").read_bytes() == BODY


@pytest.mark.bad_input(13)
@pytest.mark.parametrize(
    ("others", "stopped"),
    [([], True), ([(5, Answer(404))], False), ([(5, Answer(200, BODY))], False), ([(0, Answer(404))], True)],
)
def test_ten_failures_in_a_row_stop_all(fetcher_of, tmp_path, monkeypatch, others, stopped):
    """Those of the server or the network; an answer, even a refusal, says that it is there."""
    monkeypatch.setattr(http_files, "_ATTEMPTS", 1)
    answers = [Answer(503) for _ in range(10)]
    for place, other in others:
        answers.insert(place, other)
    fetcher = fetcher_of(*answers)
    for k, _ in enumerate(answers):
        assert not fetcher.stop.is_set()
        fetcher.fetch("file.dat", tmp_path / f"{k}", SUM)
    assert fetcher.stop.is_set() == stopped


def test_small_file_is_read_without_a_sum_or_names_its_address(fetcher_of):
    assert fetcher_of(Answer(200, BODY)).read("sums.txt") == BODY
    with pytest.raises(DownloadError) as caught:
        fetcher_of(Answer(404)).read("sums.txt")
    said = f"Cannot fetch {BASE}sums.txt: the server answers 404 in words"
    assert str(caught.value) == f"{said}. Check the network and the address, then rerun."
    assert str(caught.value.__cause__) == "the server answers 404 in words"


@pytest.mark.security
def test_redirects_are_followed_five_times_and_only_where_allowed(fetcher_of):
    def ask(*answers):
        fetcher = fetcher_of(*answers)
        try:
            return fetcher._get("a b/ü", 7, math.inf), fetcher
        except http_files._Failed as error:
            return (str(error), error.may_pass), fetcher

    away = [Answer(302, Location=f"/other{k}") for k in range(5)]
    end = Answer(200)
    answer, fetcher = ask(*away, end)
    assert answer is end
    assert not end.closed
    assert all(answer.closed for answer in away)
    assert [url for url, _ in fetcher.session.asked] == [
        BASE + "a%20b/%C3%BC",
        *(f"https://example.org/other{k}" for k in range(5)),
    ]
    assert fetcher.session.ranges == ["bytes=7-"] * 6
    answer, fetcher = ask(Answer(302, Location="/round"))
    assert answer == ("the server redirects in circles", False)
    assert len(fetcher.session.asked) == 6
    answer, fetcher = ask(Answer(302, Location="http://other.org/" + "x" * 300))
    assert answer == (f"the server redirects to http://other.org/{'x' * 183}, which is not https", False)
    assert len(fetcher.session.asked) == 1


def test_each_thread_has_one_session_whose_adapter_serves_both_schemes():
    fetcher, others = Fetcher(BASE), []
    session = fetcher._session()
    assert fetcher._session() is session
    thread = threading.Thread(target=lambda: others.append(fetcher._session()))
    thread.start()
    thread.join()
    assert others[0] is not session
    adapter = session.get_adapter(BASE)
    assert isinstance(adapter, http_files._Adapter)
    assert session.get_adapter("http://localhost/") is adapter
    assert others[0].get_adapter(BASE) is not adapter


@pytest.mark.bad_input(54)
def test_sockets_are_told_and_shut_down_all_even_where_one_is_closed(monkeypatch):
    class Connection(http_files._Telling, type("Plain", (), {"connect": lambda self: None})):
        def __init__(self, adapter, sock):
            self.adapter, self.sock = adapter, sock

    adapter, pairs = http_files._Adapter(), [socket.socketpair() for _ in range(3)]
    for ours, _ in pairs[:2]:
        Connection(adapter, ours).connect()
    assert adapter.sockets == (pairs[0][0], pairs[1][0])
    assert http_files._Adapter().sockets == ()
    pairs[0][0].close()
    adapter.shut_down()
    assert pairs[1][1].recv(1) == b""
    adapter.deadline = 0.0  # has passed: the clock missed this connection
    Connection(adapter, pairs[2][0]).connect()
    assert pairs[2][1].recv(1) == b""
    for pair in pairs:
        for one in pair:
            one.close()


def test_connections_of_a_pool_tell_the_adapter_that_made_it():
    adapter, request = http_files._Adapter(), requests.Request("GET", BASE).prepare()
    pool = adapter.get_connection_with_tls_context(request, verify=True)
    made = pool.ConnectionCls
    assert issubclass(made, http_files._Telling)
    assert made.adapter is adapter
    assert (pool.host, pool.scheme) == ("example.org", "https")
    assert adapter.get_connection_with_tls_context(request, verify=True) is pool
    assert pool.ConnectionCls is made


def test_difference_of_a_file_is_said_in_words(tmp_path):
    path = tmp_path / "file"
    assert compare(path, SUM) == "missing"
    path.write_bytes(BODY)
    assert compare(path, SUM) == ""
    found = f"differs: expected sha256 {'0' * 16}..., found {SUM[:16]}..."
    assert compare(path, "0" * 64) == found
    if os.name == "posix":
        assert compare(tmp_path, SUM) == "cannot be read (Is a directory)"
        assert compare(path / "below", SUM) == "cannot be read (Not a directory)"


@pytest.mark.security
@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://physionet.org/files/", True),
        ("HTTPS://physionet.org/", True),
        ("http://localhost:8000/", True),
        ("http://127.0.0.1/", True),
        ("http://[::1]:8000/", True),
        ("http://physionet.org/", False),
        ("http://localhost.org/", False),
        ("http://localhost@evil.org/", False),
        ("ftp://localhost/", False),
        ("localhost/", False),
        ("", False),
    ],
)
def test_plain_http_is_for_this_machine_alone(url, allowed):
    assert is_allowed(url) == allowed


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.ReadTimeout("x"), "the server timed out"),
        (requests.ConnectionError("Read Timed out."), "the server timed out"),
        (requests.exceptions.ChunkedEncodingError("x"), "the connection ended early"),
        (requests.exceptions.SSLError("bad certificate"), "the server cannot be reached (bad certificate)"),
        (requests.ConnectionError("x"), "the server cannot be reached (ConnectionError)"),
        (requests.exceptions.InvalidURL("x"), "the server cannot be reached (InvalidURL)"),
    ],
)
def test_error_of_the_network_is_said_in_words(error, words):
    assert http_files._in_words(error) == words


def test_file_in_memory_is_read_to_its_end(fetcher_of):
    file = io.BytesIO(b"old")
    fetcher = fetcher_of(Answer(206, BODY[3:], Content_Range="bytes 3-99/100"))
    fetcher._receive("a", file)
    assert file.getvalue() == b"old" + BODY[3:]
