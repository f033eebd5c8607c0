"""One file over HTTP: resumed, retried, verified, and only then given its name."""

import ipaddress
import logging
import os
import threading
import time
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import requests

from signalcam import __version__
from signalcam.errors import DatasetError
from signalcam.data.checksums import compare

logger = logging.getLogger(__name__)

_CHUNK = 1 << 12  # bytes; when a connection ends, the chunk under way is lost and fetched again
_MOST_REDIRECTS = 5
_LONGEST_WAIT = 30.0  # seconds
_LARGEST_FILE = 1 << 28  # bytes; PTB-XL's largest has under 10 MB
_LONGEST_ATTEMPT = 300.0  # seconds for one attempt, against servers that send a byte now and then
# Answers that a second attempt may change; others (404, 403) would be the same.
_PASSING_STATUS = (408, 425, 429, 500, 502, 503, 504)


class DownloadError(OSError):
    """A file cannot be fetched: names it, its address and the reason."""


class _Failed(Exception):
    """One attempt failed; `may_pass` tells whether another may succeed."""

    def __init__(self, reason: str, may_pass: bool, retry_after: float = 0.0):
        super().__init__(reason)
        self.may_pass, self.retry_after = may_pass, retry_after


class Fetcher:
    """Fetches files below one address, from several threads at once.

    Args:
        base_url: https, or http to this machine.
        timeout: seconds without an answer or a further byte.
        attempts: how often a file is tried.
        wait: seconds before the second attempt; doubled before each further one.

    Attributes:
        stop: set it, and no further attempt is begun.
    """

    def __init__(self, base_url: str, timeout: float, attempts: int, wait: float):
        if not _is_allowed(base_url):
            raise DatasetError(f"Downloads go over https; refused: {base_url[:200]!r}.")
        self.base_url = base_url.rstrip("/") + "/"
        self.timeout, self.attempts, self.wait = timeout, attempts, wait
        self.stop = threading.Event()
        self._threads = threading.local()
        self._sessions: list[requests.Session] = []

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        for session in self._sessions:
            session.close()

    def read(self, name: str) -> bytes:
        """Fetch a small file into memory. Raises DownloadError."""
        content = bytearray()

        def attempt() -> None:
            content.clear()
            with self._get(name, 0) as response:
                _check_status(response)
                self._receive(response, content.extend, 0)

        try:
            self._repeat(attempt, name)
        except _Failed as error:
            raise DownloadError(
                f"Cannot fetch {self.base_url}{name}: {error}. Check the network and the address, then run "
                "it again."
            ) from error
        return bytes(content)

    def fetch(self, name: str, path: Path, expected: str) -> tuple[str, bool]:
        """Fetch a file to `path`, which comes into being only with the sum `expected`.

        Returns:
            The problem ("" when there is none), and whether it may pass (network, server) or not (404,
            other content).

        Raises:
            OSError: the file cannot be written.
        """
        part = path.with_name(path.name + ".part")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._repeat(lambda: self._attempt(name, part, expected), name)
        except _Failed as error:
            return f"not fetched: {error}", error.may_pass
        os.replace(part, path)
        return "", False

    def _repeat(self, attempt, name: str) -> None:
        for number in range(self.attempts):
            try:
                return attempt()
            except requests.RequestException as error:
                failed = _Failed(_in_words(error), may_pass=True)
                failed.__cause__ = error
            except _Failed as error:
                failed = error
            if not failed.may_pass or number + 1 == self.attempts or self.stop.is_set():
                raise failed
            logger.debug("%s: %s; trying again.", name, failed)
            self.stop.wait(min(max(self.wait * 2**number, failed.retry_after), _LONGEST_WAIT))
        return None

    def _attempt(self, name: str, part: Path, expected: str) -> None:
        start = part.stat().st_size if part.exists() else 0
        with self._get(name, start) as response:
            kind = response.headers.get("Content-Type", "unknown")
            # 416: nothing lies beyond what is here, so the part is whole, or of another file.
            if not (start and response.status_code == 416):
                _check_status(response)
                goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
                resumed = start > 0 and response.status_code == 206 and goes_on
                with open(part, "ab" if resumed else "wb") as file:
                    self._receive(response, file.write, start if resumed else 0)
        if compare(part, expected):
            size = part.stat().st_size
            part.unlink()
            raise _Failed(
                f"its {size:,} bytes ({kind}) are not those of {expected[:16]}... in the sums", may_pass=True
            )

    def _receive(self, response: requests.Response, write, size: int) -> None:
        deadline = time.monotonic() + _LONGEST_ATTEMPT
        for chunk in response.iter_content(_CHUNK):
            write(chunk)
            size += len(chunk)
            if size > _LARGEST_FILE:
                raise _Failed(f"the server sends more than {_LARGEST_FILE:,} bytes", may_pass=False)
            if time.monotonic() > deadline:
                raise _Failed(f"the server took more than {_LONGEST_ATTEMPT:g} s", may_pass=True)
            if self.stop.is_set():
                raise _Failed("stopped", may_pass=True)

    def _get(self, name: str, start: int) -> requests.Response:
        if not hasattr(self._threads, "session"):
            self._threads.session = requests.Session()
            self._sessions.append(self._threads.session)
        # Without "identity" a server may compress, and a range would count compressed bytes.
        headers = {"Accept-Encoding": "identity", "User-Agent": f"signalcam/{__version__}"}
        if start:
            headers["Range"] = f"bytes={start}-"
        url = self.base_url + quote(name)
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._threads.session.get(
                url, headers=headers, stream=True, timeout=self.timeout, allow_redirects=False
            )
            if not response.is_redirect:
                return response
            response.close()
            url = urljoin(url, response.headers["Location"])
            if not _is_allowed(url):
                raise _Failed(f"the server redirects to {url[:200]}, which is not https", may_pass=False)
        raise _Failed("the server redirects in circles", may_pass=False)


def _is_allowed(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(parts.hostname))


def _is_this_machine(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _check_status(response: requests.Response) -> None:
    if response.status_code in (200, 206):
        return
    after = response.headers.get("Retry-After", "")
    raise _Failed(
        f"the server answers {response.status_code} {response.reason}",
        response.status_code in _PASSING_STATUS,
        float(after) if after.isdecimal() else 0.0,
    )


def _in_words(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return "the server does not go on (timeout)"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection ended early"
    if isinstance(error, requests.exceptions.SSLError):
        return f"the server's certificate is not valid ({error})"
    return f"the server cannot be reached ({type(error).__name__})"
