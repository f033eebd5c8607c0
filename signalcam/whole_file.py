"""A file that is there whole or not at all: a full disk or an error leaves the old one, and no part."""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; what is written there gets its name when the block ends.

    Raises:
        OSError: it cannot be written; names `path`, and the space that is left where the disk is full.
    """
    beside = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:
        if error.errno is None:  # not the system's
            raise
        reason = error.strerror or str(error)
        if error.errno == errno.ENOSPC:
            reason += f" ({shutil.disk_usage(path.parent).free:,} bytes are free). Free space"
        message = f"Cannot write {path}: {reason}, or choose another place."
        raise OSError(error.errno, message) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def write_whole(path: Path, content: str | bytes) -> None:
    """Write text, in UTF-8, or bytes by `whole_file`. Args, Raises: as there."""
    with whole_file(path) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
