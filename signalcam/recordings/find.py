"""Find recordings in files, folders and wildcards, one after the other."""

import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from signalcam.recordings.formats.readers import SUFFIXES, WFDB_SAMPLES

# What is picked up in folders besides the formats that are read: formats whose error says how to read them.
_REPORTED = (".scp", ".xml", ".aecg", ".hl7", ".muse", ".zip")
# Text and tables without leads lie in many folders, so that these are read only when named.
_NAMED_ONLY = (".txt",)


def find_recordings(patterns: str | os.PathLike | Iterable[str | os.PathLike]) -> Iterator[Path]:
    """Yield the path of each recording, one after the other.

    A WFDB record (a `.hea` file and its sample files) is one recording, told by its `.hea`; sample files
    without a header are yielded, so that reading them says what is missing. The same goes for paths that do
    not exist, empty folders and wildcards without a match.

    Args:
        patterns: files, folders (searched with all folders below) and wildcards (`*`, `?`, `[...]`, `**`).

    Yields:
        Paths, in the order of the patterns; by name within a folder and within the matches of a wildcard.
    """
    patterns = [patterns] if isinstance(patterns, str | os.PathLike) else list(patterns)
    named = {os.fspath(pattern) for pattern in patterns}
    for pattern in patterns:
        text = os.path.expanduser(os.fspath(pattern))
        if os.path.isdir(text):
            yield from _or_itself(_in_folder(text), text)
        elif os.path.exists(text) or not glob.has_magic(text):
            header = _header_of(text)
            if header is None or header not in named:
                yield Path(text)
        else:
            yield from _or_itself(_matches(text), text)


def _or_itself(paths: Iterator[Path], text: str) -> Iterator[Path]:
    empty = True
    for path in paths:
        empty = False
        yield path
    if empty:
        yield Path(text)


def _in_folder(folder: str) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders.sort()
        known = set(files)
        for file in sorted(files):
            suffix = os.path.splitext(file)[1].lower()
            if suffix in WFDB_SAMPLES:
                lonely = suffix == ".dat" and f"{os.path.splitext(file)[0]}.hea" not in known
                if not lonely:
                    continue
            elif suffix in _NAMED_ONLY or suffix not in (*SUFFIXES, *_REPORTED):
                continue
            yield Path(parent, file)


def _matches(pattern: str) -> Iterator[Path]:
    for text in sorted(glob.iglob(pattern, recursive=True)):
        if os.path.isdir(text):
            # "folder/*" names the files of the folder; "**" passes through folders by itself.
            continue
        header = _header_of(text)
        if header is None or not fnmatch.fnmatch(os.path.basename(header), os.path.basename(pattern)):
            yield Path(text)


def _header_of(text: str) -> str | None:
    """The header beside a WFDB sample file, if there is one."""
    stem, suffix = os.path.splitext(text)
    header = f"{stem}.hea"
    return header if suffix.lower() in WFDB_SAMPLES and os.path.exists(header) else None
