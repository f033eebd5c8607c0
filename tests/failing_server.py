"""A real HTTP server on loopback that serves a folder and misbehaves as told, one fault after the other."""

import contextlib
import threading
from collections import defaultdict
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"


class FailingServer(ThreadingHTTPServer):
    """Serves `folder`; `faults[path]` lists what to do on the next requests of a path, "*" on those of all.

    Faults: "404", "500", "503", "html", "cut" (half the body, then the connection ends), "short" (half the
    body said to be the whole), "stall" (half the body, then nothing), "no range" (ignores the range asked
    for), "drop" (no answer), "other" (other bytes of the same length), "away" (redirects elsewhere),
    "back" (redirects to itself), "slow body" and "slow headers" (a byte every 50 ms), "503 for an hour" (asks
    to wait so long), "other range" (sends from the start, and says so). A fault followed by "!" stays.
    """

    daemon_threads = True

    def __init__(self, folder: Path):
        self.folder, self.faults = folder, defaultdict(list)
        self.requests, self.sent = [], 0
        self.stalled, self.released = threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def asked(self, name: str) -> list[str]:
        """Ranges asked for of a path, "" for the whole."""
        return [found for path, found in self.requests if path == name]

    def next_fault(self, name: str) -> str:
        for key in (name, "*"):
            if self.faults[key]:
                fault = self.faults[key][0]
                return fault[:-1] if fault.endswith("!") else self.faults[key].pop(0)
        return ""

    def handle_error(self, request, address):
        """A client that leaves early is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        """Quiet."""

    def do_GET(self):
        name, asked = self.path.lstrip("/"), self.headers.get("Range", "")
        self.server.requests.append((name, asked))
        path, fault = self.server.folder / name, self.server.next_fault(name)
        if fault in ("404", "500", "503") or not path.is_file():
            return self._answer(int(fault or 404), b"no")
        if fault == "html":
            return self._answer(200, HTML, ("Content-Type", "text/html"))
        if fault == "away":
            return self._answer(302, b"", ("Location", "http://example.invalid/" + name))
        if fault == "back":
            return self._answer(302, b"", ("Location", self.path))
        if fault == "drop":
            self.close_connection = True
            return None
        if fault == "503 for an hour":
            return self._answer(503, b"", ("Retry-After", "3600"))
        if fault == "slow headers":
            return self._send_slowly(b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 1000)
        body, status, headers = path.read_bytes(), 200, []
        if fault == "slow body":
            self._head(200, len(body), [])
            return self._send_slowly(body)
        if fault == "other range":
            return self._answer(206, body, ("Content-Range", f"bytes 0-{len(body) - 1}/{len(body)}"))
        if fault == "other":
            body = bytes(255 - byte for byte in body)
        if asked and fault != "no range":
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                return self._answer(416, b"", ("Content-Range", f"bytes */{len(body)}"))
            headers.append(("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}"))
            body, status = body[start:], 206
        send = {"cut": self._cut, "stall": partial(self._cut, stall=True)}.get(fault, self._answer)
        return send(status, body[: len(body) // 2] if fault == "short" else body, *headers)

    def _answer(self, status, body, *headers):
        self._head(status, len(body), headers)
        self.wfile.write(body)
        self.server.sent += len(body)

    def _cut(self, status, body, *headers, stall=False):
        self._head(status, len(body), headers)
        half = body[: len(body) // 2]
        self.wfile.write(half)
        self.wfile.flush()
        self.server.sent += len(half)
        if stall:
            self.server.stalled.set()
            self.server.released.wait(10)
        self.close_connection = True

    def _send_slowly(self, data):
        for byte in data[:200]:
            self.wfile.write(bytes([byte]))
            if self.server.released.wait(0.05):
                break
        self.close_connection = True

    def _head(self, status, length, headers):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for header in headers:
            self.send_header(*header)
        self.end_headers()


@contextlib.contextmanager
def serving(folder: Path):
    server = FailingServer(folder)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
