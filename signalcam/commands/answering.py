"""Read, check and answer recordings, batch by batch: what `predict` prints and `score` stores."""

import argparse
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from signalcam.commands.reading import read
from signalcam.deployment import predict, settings_of
from signalcam.errors import RecordError

if TYPE_CHECKING:
    from signalcam.recordings import Recording

BATCH = 64


@dataclass(frozen=True, eq=False)
class Answered:
    """One recording, or a window of it, with the answer of the model; or why there is none.

    Attributes:
        path: of the file.
        error: why it could not be answered; None where it could.
        recording, notes, outputs: what was read, notes on its quality, and what `predict` gives for it.
    """

    path: str | os.PathLike
    error: str | None = None
    recording: "Recording | None" = None
    notes: tuple[str, ...] = ()
    outputs: dict[str, np.ndarray] | None = None


def answer(
    model: Any, paths: Iterable[str | os.PathLike], arguments: argparse.Namespace
) -> Iterator[Answered]:
    """Answer recordings one after the other, in batches, so that memory does not grow.

    Args:
        model: as for `predict`.
        paths: of recordings.
        arguments: of the command, with its reading options.

    Yields:
        `Answered`: those that cannot be read at once, the others in the order of the paths.
    """
    settings, waiting = settings_of(model), []
    for path in paths:
        try:
            waiting += [Answered(path, None, *found) for found in read(path, settings, arguments)]
        except RecordError as error:
            yield Answered(path, str(error))
        if len(waiting) >= BATCH:
            yield from _batch(model, waiting)
            waiting = []
    yield from _batch(model, waiting)


def outputs_of(model: Any, recordings: list["Recording"]) -> dict[str, np.ndarray]:
    """Predict recordings that were read; what is suspect about them stands in their quality notes."""
    signals, padded = (
        np.stack([getattr(each, name) for each in recordings]) for name in ("signals", "padded")
    )
    return predict(model, signals, padded if padded.any() else None, warn=False)


def _batch(model: Any, waiting: list[Answered]) -> Iterator[Answered]:
    if not waiting:
        return
    try:
        outputs = outputs_of(model, [one.recording for one in waiting])
    except ValueError as error:
        if len(waiting) == 1:
            yield Answered(waiting[0].path, str(error))
            return
        for one in waiting:  # so that one that cannot be answered does not take the others with it
            yield from _batch(model, [one])
        return
    for k, one in enumerate(waiting):
        own = {name: values[k] for name, values in outputs.items()}
        yield Answered(one.path, None, one.recording, one.notes, own)
