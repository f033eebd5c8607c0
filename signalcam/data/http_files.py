"""One file over HTTP: resumed, retried, verified, within its time, and only then named."""

import contextlib
import hashlib
import io
import math
import os
import socket
import threading
import time
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool

from signalcam import __version__

TIMEOUT = 30.0  # seconds without an answer or a further byte
LIMIT = 600.0  # seconds for one file, all its attempts together; a rerun resumes it

_CHUNK = 1 << 12  # bytes; when a connection ends, the chunk under way is lost and fetched again
_MOST_REDIRECTS = 5
_ATTEMPTS = 5
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0  # seconds; twice as long after each further attempt
_LARGEST_FILE = 1 << 28  # bytes; PTB-XL's largest has under 10 MB
# Answers that a second attempt may change; others (404, 403) would be the same.
_PASSING_STATUS = (408, 425, 429, 500, 502, 503, 504)
_MOST_FAILURES_IN_A_ROW = 10  # files; then the server is taken to be gone


class DownloadError(OSError):
    """A file cannot be fetched: names it, its address and the reason."""


class _Failed(Exception):
    """One attempt failed; another one may succeed, or not, after a wait."""

    def __init__(self, reason: str, may_pass: bool, wait: float = 0.0):
        super().__init__(reason)
        self.may_pass, self.wait = may_pass, wait


class _Adapter(HTTPAdapter):
    """Can shut its sockets down: a server that sends a byte now and then keeps to every limit on one read."""

    sockets: tuple[socket.socket, ...] = ()
    deadline = math.inf  # by time.monotonic()

    def get_connection_with_tls_context(self, *arguments: object, **options: object) -> HTTPConnectionPool:
        pool = super().get_connection_with_tls_context(*arguments, **options)
        if "ConnectionCls" not in vars(pool):
            pool.ConnectionCls = type("Connection", (_Telling, pool.ConnectionCls), {"adapter": self})
        return pool

    def shut_down(self) -> None:
        for known in self.sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(known, socket.SHUT_RDWR)


class _Telling:
    """Tells the adapter the socket of a connection."""

    def connect(self) -> None:
        super().connect()
        self.adapter.sockets += (self.sock,)
        if time.monotonic() >= self.adapter.deadline:  # the clock may just have missed this one
            self.adapter.shut_down()


class Fetcher:
    """Fetches files below one address, in several threads."""

    def __init__(self, base_url: str):
        self.base_url = base_url
        self.stop = threading.Event()  # set it, and no further attempt is begun
        self._threads = threading.local()
        self._failures = 0  # in a row, for the network's or the server's reasons; a lost count matters little

    def read(self, name: str) -> bytes:
        """Fetch a small file into memory. Raises DownloadError."""
        file = io.BytesIO()
        try:
            self._receive(name, file)
        except _Failed as error:
            message = f"Cannot fetch {self.base_url}{name}: {error}"
            raise DownloadError(f"{message}. Check the network and the address, then rerun.") from error
        return file.getvalue()

    def fetch(self, name: str, path: Path, expected: str) -> str:
        """Fetch a file to `path` unless it has the SHA-256 `expected` already; return the problem or ""."""
        if not compare(path, expected):
            return ""
        if self.stop.is_set():
            return "not tried, since the server does not answer"
        part = path.with_name(path.name + ".part")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, "a+b") as file:
                self._receive(name, file, expected)
        except _Failed as error:
            if not part.stat().st_size:
                part.unlink()
            self._failures = self._failures + 1 if error.may_pass else 0
            if self._failures >= _MOST_FAILURES_IN_A_ROW:
                self.stop.set()
            return f"not fetched: {error}"
        self._failures = 0
        os.replace(part, path)
        return ""

    def _receive(self, name: str, file: BinaryIO, expected: str | None = None) -> None:
        """Attempt it until `file` is whole; its time ends by the clock."""
        adapter = self._session().get_adapter(self.base_url)
        adapter.deadline = time.monotonic() + LIMIT
        clock = threading.Timer(LIMIT, adapter.shut_down)
        clock.daemon = True
        clock.start()
        try:
            for number in range(_ATTEMPTS):
                try:
                    return self._attempt(name, file, expected, adapter.deadline)
                except requests.RequestException as error:
                    failed = _Failed(_in_words(error), may_pass=True)
                    failed.__cause__ = error
                except _Failed as error:
                    failed = error
                pause = min(max(_FIRST_WAIT * 2**number, failed.wait), _LONGEST_WAIT)
                if time.monotonic() + pause >= adapter.deadline:
                    raise _Failed(f"timed out, not whole within {LIMIT:g} s ({failed})", failed.may_pass)
                if not failed.may_pass or number == _ATTEMPTS - 1 or self.stop.is_set():
                    raise failed
                self.stop.wait(pause)
        finally:
            clock.cancel()

    def _attempt(self, name: str, file: BinaryIO, expected: str | None, deadline: float) -> None:
        size = file.seek(0, os.SEEK_END)
        with self._get(name, size, deadline) as response:
            # 416: nothing lies beyond what is here, so the part is whole, or of another file.
            if not (size and response.status_code == 416):
                if response.status_code not in (200, 206):
                    answer, after = response.status_code, response.headers.get("Retry-After", "")
                    seconds = float(after) if after.isdecimal() else 0.0
                    reason = f"the server answers {answer} {response.reason}"
                    raise _Failed(reason, answer in _PASSING_STATUS, seconds)
                starts = response.headers.get("Content-Range", "").startswith(f"bytes {size}-")
                if not (response.status_code == 206 and starts):
                    size = file.truncate(0)
                    file.seek(0)
                for chunk in response.iter_content(_CHUNK):
                    file.write(chunk)
                    size += len(chunk)
                    if size > _LARGEST_FILE:
                        raise _Failed(f"the server sends more than {_LARGEST_FILE:,} bytes", may_pass=False)
                    if self.stop.is_set():
                        raise _Failed("stopped", may_pass=True)
            content_type = response.headers.get("Content-Type", "unknown")
        file.seek(0)
        if expected is not None and hashlib.file_digest(file, "sha256").hexdigest() != expected:
            file.truncate(0)
            reason = f"its {size:,} bytes ({content_type}) are not those of {expected[:16]}... in the sums"
            raise _Failed(reason, may_pass=True)

    def _session(self) -> requests.Session:
        if not hasattr(self._threads, "session"):
            self._threads.session = requests.Session()
            self._threads.session.adapters.update(dict.fromkeys(("https://", "http://"), _Adapter()))
        return self._threads.session

    def _get(self, name: str, start: int, deadline: float) -> requests.Response:
        # Without "identity" a server may compress, and a range would count compressed bytes.
        headers = {"Accept-Encoding": "identity", "User-Agent": f"signalcam/{__version__}"}
        if start:
            headers["Range"] = f"bytes={start}-"
        url = self.base_url + quote(name)
        for _ in range(_MOST_REDIRECTS + 1):
            timeout = max(min(TIMEOUT, deadline - time.monotonic()), 0.01)
            options = {"headers": headers, "stream": True, "timeout": timeout, "allow_redirects": False}
            response = self._session().get(url, **options)
            if not response.is_redirect:
                return response
            response.close()
            url = urljoin(url, response.headers["Location"])
            if not is_allowed(url):
                raise _Failed(f"the server redirects to {url[:200]}, which is not https", may_pass=False)
        raise _Failed("the server redirects in circles", may_pass=False)


def compare(path: Path, expected: str) -> str:
    """How a file differs from its SHA-256, in small hexadecimal digits; "" when it does not."""
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "missing"
    except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
        return f"cannot be read ({error.strerror})"
    return "" if found == expected else f"differs: expected sha256 {expected[:16]}..., found {found[:16]}..."


def is_allowed(url: str) -> bool:
    """True for https, and for http to this machine."""
    parts, here = urlsplit(url), ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in here)


def _in_words(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return "the server timed out"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection ended early"
    why = error if isinstance(error, requests.exceptions.SSLError) else type(error).__name__
    return f"the server cannot be reached ({why})"
