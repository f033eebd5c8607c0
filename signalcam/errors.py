"""The package's own errors, and the wording that their messages share.

All of them are `ValueError`s, so that a caller who catches `ValueError` catches ours; each names the record
or argument, what was expected, what came, and what to do next.
"""

from collections.abc import Iterable


class RecordError(ValueError):
    """A recording cannot be read, or is not what it says it is."""


class MissingRecordsError(RecordError, FileNotFoundError):
    """Files of records that a table lists are not there."""


class DatasetError(ValueError):
    """A dataset's folder or one of its tables is not as PTB-XL's are."""


class LeakageError(ValueError):
    """One patient, one record or one signal is in more than one split."""


class ModelFileError(ValueError):
    """A file that is not a whole, safe model of this package."""


class RecordWarning(UserWarning):
    """A recording can be read, but something about it is suspect."""


def listed(names: Iterable, limit: int = 5) -> str:
    """Name the first few for a message, and how many more there are: "1, 2 and 1 more"."""
    names = [str(name) for name in names]
    text = ", ".join(names[:limit])
    return f"{text} and {len(names) - limit:,} more" if len(names) > limit else text
