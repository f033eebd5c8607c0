"""Find recordings in files, folders and wildcards, one after the other."""

import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from signalcam.recordings.formats.readers import SUFFIXES, header_beside

# Picked up in folders: what is read, but for text, and formats whose error says how to read them.
_IN_FOLDERS = {*SUFFIXES, ".zip"} - {".txt"}


def find_recordings(patterns: str | os.PathLike | Iterable[str | os.PathLike]) -> Iterator[Path]:
    """Yield the path of each recording, one after the other.

    A WFDB record is one recording, told by its `.hea`. Sample files without it, what does not exist, empty or
    unreadable folders and wildcards without a match are yielded too, so that reading them says what is wrong.
    The order is that of the patterns; by name within a folder and within the matches of a wildcard.

    Args:
        patterns: files, folders (searched with all folders below) and wildcards (`*`, `?`, `[...]`, `**`).
    """
    patterns = [patterns] if isinstance(patterns, str | os.PathLike) else patterns
    texts = [os.path.expanduser(os.fspath(pattern)) for pattern in patterns]
    named = set(map(Path, texts))
    for text in texts:
        if os.path.isdir(text):
            paths = _in_folder(text)
        elif glob.has_magic(text) and not os.path.exists(text):
            paths = _matches(text)
        elif header_beside(text) in named:
            continue
        else:
            paths = iter(())
        yield next(paths, Path(text))
        yield from paths


def _in_folder(folder: str) -> Iterator[Path]:
    unreadable: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=unreadable.append):
        folders.sort()
        for path in (Path(parent, file) for file in sorted(files)):
            suffix = path.suffix.lower()
            orphan = suffix == ".dat" and header_beside(path) is None
            if orphan or suffix in _IN_FOLDERS:
                yield path
    yield from (Path(error.filename) for error in unreadable)


def _matches(pattern: str) -> Iterator[Path]:
    for text in sorted(glob.iglob(pattern, recursive=True)):
        # "folder/*" names the files of the folder; "**" passes through folders by itself.
        if not os.path.isdir(text):
            header = header_beside(text)
            if header is None or not fnmatch.fnmatch(header.name, os.path.basename(pattern)):
                yield Path(text)
