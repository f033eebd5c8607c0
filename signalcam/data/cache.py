"""A cache of signals: one file an entry, named by what it is made of, either whole or not there.

An entry is `WHAT-STATE.npy`: WHAT stands for the records asked for, STATE for the files they are read from.
Behind the signals follows a line of JSON: how they were read, and a checksum of each record. The file is
renamed when it is whole: a killed process leaves no entry, and of several that write one the last wins.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import logging
import math
import mmap
import os
import secrets
import shutil
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import platformdirs

CACHE_VARIABLE = "SIGNALCAM_CACHE"
FORMAT_VERSION = 2  # to be raised whenever the same request would give other numbers

logger = logging.getLogger(__name__)

_ORPHAN_AGE = 3600.0  # seconds; a file being written is younger
_N_SAMPLED = 256  # records whose checksum is compared on opening


def cache_folder(cache: bool | str | os.PathLike = True) -> Path:
    """The folder given, else SIGNALCAM_CACHE of the environment, else the platform's for user caches."""
    place = os.environ.get(CACHE_VARIABLE, "").strip() if isinstance(cache, bool) else cache
    return Path(place or platformdirs.user_cache_path("signalcam") / "signals").expanduser().resolve()


def entry_path(cache: bool | str | os.PathLike, name: str, what: Any, state: Any) -> Path:
    """Where the entry of a `what` in a `state` lies; both are told from others by how Python prints them."""
    parts = (hashlib.blake2b(repr(part).encode(), digest_size=16) for part in (what, (FORMAT_VERSION, state)))
    return cache_folder(cache) / f"{name}-{'-'.join(part.hexdigest() for part in parts)}.npy"


def open_entry(
    path: Path, misfit: Callable[[dict, tuple[int, ...]], str], every_record: bool = False
) -> tuple[np.ndarray, dict] | None:
    """Open an entry; return its signals, a read-only memory map, and `about`, or None.

    `misfit` says why signals of `about` and a shape do not fit, "" when they do; a warning repeats it. By
    `every_record` the checksum of each record is compared, else of a sample of 256.
    """
    try:
        signals, about = _open(path, every_record)
        problem = misfit(about, signals.shape)
        if not problem:
            return signals, about
    except FileNotFoundError:
        changed = "files of the dataset, or the cache's format, have changed since"
        problem = changed if _others(path) else ""
    except Exception as error:  # noqa: BLE001 (whatever keeps it from being opened, it can be built anew)
        problem = f"its data are not whole ({error})"
    if problem:
        logger.warning("Rebuilding the signal cache %s: %s.", path, problem)
    return None


def _open(path: Path, every_record: bool) -> tuple[np.ndarray, dict]:
    signals = np.lib.format.open_memmap(path, mode="r")
    if signals.dtype != np.dtype("<f4") or not signals.flags.c_contiguous:
        raise ValueError(f"expected float32, found {signals.dtype}")
    with open(path, "rb") as file:
        file.seek(signals.offset + signals.nbytes)
        footer = file.read()
    if footer[:8] != b"%08x" % zlib.crc32(footer[8:]):
        raise ValueError("its last line is not whole")
    content, n = json.loads(footer[8:]), len(signals)
    for index in np.unique(np.linspace(0, n - 1, n if every_record else min(n, _N_SAMPLED)).astype(int)):
        if zlib.crc32(signals[index]) != content["checksums"][index]:
            raise ValueError(f"record {index} was altered")
    return signals, content["about"]


def write_entry(path: Path, n_records: int, blocks: Iterable[np.ndarray], about: dict) -> np.ndarray:
    """Write an entry and remove those that it supersedes; return its signals, a read-only memory map.

    The float32 blocks (record, time, lead) have `n_records` together; another number may come. `about`, what
    the signals are of, is read when the last block has come. OSErrors say what to do.
    """
    part = path.with_name(f"{path.stem}-{os.getpid()}-{secrets.token_hex(6)}.part")
    checksums, blocks = [], iter(blocks)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        first = next(blocks)
        needed, free = 4 * n_records * math.prod(first.shape[1:]), shutil.disk_usage(path.parent).free
        if free < needed:
            raise OSError(errno.ENOSPC, f"No space left on device: {needed:,} bytes needed, {free:,} free")
        with open(part, "xb") as file:
            _write_header(file, first.shape)
            for block in itertools.chain([first], blocks):
                checksums += map(zlib.crc32, block)
                file.write(block)
            footer = json.dumps({"about": about, "checksums": checksums}).encode()
            file.write(b"%08x" % zlib.crc32(footer) + footer)
            # NumPy leaves space in the header, so that it can be written again for more records.
            _write_header(file, (len(checksums), *first.shape[1:]))
            file.flush()
            os.fsync(file.fileno())
        # Mapped before it is visible: another process may supersede the entry at once.
        signals = np.lib.format.open_memmap(part, mode="r")
        os.replace(part, path)
    except OSError as error:
        if error.errno is None:  # not the system's: a record that cannot be read
            raise
        advice = f"Free space, name a folder by {CACHE_VARIABLE} or cache=PATH, or load with cache=False"
        message = f"Cannot write the signal cache in {path.parent}: {error.strerror or error}. {advice}"
        raise OSError(error.errno, message) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    for other in _others(path):
        # Another process removes it at the same time; Windows keeps a file that is mapped, for a later run.
        with contextlib.suppress(OSError):
            # Younger parts may be those of a process at work.
            if other.suffix != ".part" or time.time() - other.stat().st_mtime > _ORPHAN_AGE:
                other.unlink()
    return signals


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    file.seek(0)
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})


def _others(path: Path) -> list[Path]:
    """Files of the same WHAT: entries of another STATE, and what killed processes left."""
    return [other for other in path.parent.glob(path.stem.rpartition("-")[0] + "*") if other != path]


def let_pages_go(array: np.ndarray) -> None:
    """Give the pages of a memory-mapped array back, which count as memory of the process once read.

    What was written stays. Nothing happens for other arrays, or where the system cannot do it.
    """
    if (mapped := getattr(array, "_mmap", None)) is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
