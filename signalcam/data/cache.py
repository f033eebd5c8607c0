"""A cache of decoded signals that is either whole or not there.

An entry is two files: `KEY-TOKEN.npy`, the signals, and `KEY.json`, the side file, which says of what the
signals are and in which data file. The data are written under a name of their own, and the entry comes
into being in one step, when the side file is renamed to its final name. A process killed before leaves
data that no side file names. Two processes that build the same entry write different data files, and the
side file of the later names the data of the later. Nothing is pickled: signals are `.npy` without
objects, the side file is JSON.
"""

import errno
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
import platformdirs

FORMAT_VERSION = 1  # to be raised whenever the same request would give other numbers
CACHE_VARIABLE = "SIGNALCAM_CACHE"

logger = logging.getLogger(__name__)

_ORPHAN_AGE = 3600.0  # seconds; a file being written is younger


def cache_folder(cache: bool | str | os.PathLike = True) -> Path:
    """Folder of the cache; it may not exist yet.

    It is `cache` itself when that is a path, else SIGNALCAM_CACHE of the environment, else the platform's
    folder for user caches.
    """
    if not isinstance(cache, bool):
        return Path(cache).expanduser().resolve()
    if os.environ.get(CACHE_VARIABLE, "").strip():
        return Path(os.environ[CACHE_VARIABLE]).expanduser().resolve()
    return platformdirs.user_cache_path("signalcam") / "signals"


def open_entry(
    folder: Path, key: str, misfit: Callable[[dict, tuple[int, ...]], str]
) -> tuple[np.ndarray, dict] | None:
    """Open an entry when it is whole and of the right thing.

    Args:
        misfit: function of the entry's `about` and of the signals' shape that returns "" when the entry
            fits, else why it does not.

    Returns:
        The signals as read-only memory map, and `about`; None when there is no entry, or none to use.
        Then a line of warning says why it will be built anew.
    """
    problem = ""
    # Another process may replace the entry between the reading of the side file and the opening of the data.
    for _ in range(3):
        try:
            side = json.loads((folder / f"{key}.json").read_bytes())
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:  # json and unicode errors are ValueErrors
            problem = f"its side file cannot be read ({error})"
            break
        problem = _problem_of(side, key) or misfit(side["about"], tuple(side["shape"]))
        if problem:
            break
        try:
            return _map(folder / side["data"], side), side["about"]
        except (OSError, ValueError, EOFError) as error:
            problem = f"its data are not whole ({error})"
    logger.warning("Rebuilding the signal cache %s: %s.", folder / f"{key}.json", problem)
    return None


def _problem_of(side: object, key: str) -> str:
    fields = {"format": int, "data": str, "bytes": int, "shape": list, "about": dict}
    if not isinstance(side, dict) or not all(
        isinstance(side.get(name), kind) for name, kind in fields.items()
    ):
        return "its side file is not complete"
    if side["format"] != FORMAT_VERSION:
        return f"it is of format {side['format']}, now {FORMAT_VERSION}"
    name = side["data"]
    if not name.startswith(f"{key}-") or not name.endswith(".npy") or "/" in name or "\\" in name:
        return f"its side file names foreign data {name[:80]!r}"
    return ""


def _map(path: Path, side: dict) -> np.ndarray:
    size = path.stat().st_size
    if size != side["bytes"]:
        raise ValueError(f"expected {side['bytes']:,} bytes, found {size:,}")
    signals = np.load(path, mmap_mode="r", allow_pickle=False)
    if list(signals.shape) != side["shape"] or signals.dtype != np.dtype("<f4"):
        raise ValueError(f"expected float32 {side['shape']}, found {signals.dtype} {list(signals.shape)}")
    return signals


class EntryWriter:
    """Write an entry block by block; nothing of it is visible before `commit`.

    Use it as a context manager: leaving it without `commit` removes what was written.

    Raises:
        OSError: the folder cannot be written, or the disk is full; says what to do.
    """

    def __init__(self, folder: Path, key: str, shape: tuple[int, int, int]):
        self._folder, self._key, self._shape = folder, key, shape
        self._token = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._part = folder / f"{key}-{self._token}.part"
        self._data = folder / f"{key}-{self._token}.npy"
        self._side = folder / f"{key}-{self._token}.json.part"
        self._written = 0
        self._file = None
        self._committed = False

    def __enter__(self) -> "EntryWriter":
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            needed = 4 * int(np.prod(self._shape))
            free = shutil.disk_usage(self._folder).free
            if free < needed:
                raise OSError(
                    errno.ENOSPC, f"No space left on device: {needed:,} bytes needed, {free:,} free"
                )
            self._file = open(self._part, "xb")
            self._write_header(self._shape)
        except OSError as error:
            self._clean()
            raise self._explained(error) from error
        return self

    def append(self, block: np.ndarray) -> None:
        """Add records, float32 (record, time, lead)."""
        try:
            self._file.write(np.ascontiguousarray(block, "<f4").data)
        except OSError as error:
            raise self._explained(error) from error
        self._written += len(block)

    def commit(self, about: dict) -> np.ndarray:
        """Make the entry visible, with `about` in its side file; return its signals as read-only map."""
        shape = (self._written, *self._shape[1:])
        try:
            self._write_header(shape)
            _sync(self._file)
            self._file.close()
            os.replace(self._part, self._data)
            side = {
                "format": FORMAT_VERSION,
                "data": self._data.name,
                "bytes": self._data.stat().st_size,
                "shape": list(shape),
                "about": about,
            }
            # Mapped before it is visible: another process may replace the entry, and remove these data,
            # at once.
            signals = _map(self._data, side)
            with open(self._side, "x", encoding="utf-8") as file:
                json.dump(side, file)
                _sync(file)
            superseded = self._data_named_so_far()
            os.replace(self._side, self._folder / f"{self._key}.json")
        except OSError as error:
            raise self._explained(error) from error
        self._committed = True
        # Who reads the old side file now finds its data gone, and reads the new one.
        if superseded is not None:
            _remove(superseded)
        _remove_orphans(self._folder, self._key, keep=self._data.name)
        return signals

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._committed:
            self._clean()

    def _write_header(self, shape: tuple[int, ...]) -> None:
        """The `.npy` header. NumPy leaves room in it for the first axis to grow: it can be written again."""
        self._file.seek(0)
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)

    def _data_named_so_far(self) -> Path | None:
        try:
            side = json.loads((self._folder / f"{self._key}.json").read_bytes())
        except (OSError, ValueError):
            return None
        return None if _problem_of(side, self._key) else self._folder / side["data"]

    def _clean(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError:  # a full disk: what is still buffered cannot be written, and is not wanted
                logger.debug("Could not write out %s before removing it.", self._part)
        for path in (self._part, self._data, self._side):
            _remove(path)

    def _explained(self, error: OSError) -> OSError:
        return OSError(
            error.errno,
            f"Cannot write the signal cache in {self._folder}: {error.strerror or error}. Free space there, "
            f"name another folder with {CACHE_VARIABLE} or cache=FOLDER, or load with cache=False",
        )


def _sync(file) -> None:
    file.flush()
    os.fsync(file.fileno())


def _remove_orphans(folder: Path, key: str, keep: str) -> None:
    """Remove what killed processes left of the entry; younger files may be those of a process at work."""
    now = time.time()
    for path in folder.glob(f"{key}-*"):
        try:
            age = now - path.stat().st_mtime
        except OSError:
            continue
        if path.name != keep and age > _ORPHAN_AGE:
            _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # Windows does not remove a file that is mapped; a later run will
        logger.debug("Could not remove %s.", path)
