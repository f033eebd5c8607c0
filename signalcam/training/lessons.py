"""What teachers say: views of the training records, augmented and mixed, and the answers to these very views.

A network learns more from answers to the signals that it sees itself than from answers to whole records
(Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", CVPR 2022). Asking takes
most of the time, so it is done once, for a number of views of each record, and kept for all seeds.
"""

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from signalcam.data.cache import let_pages_go
from signalcam.training.labelled_signals import LabelledSignals, checksum
from signalcam.training.train import without_names
from signalcam.training.train_step import mix
from signalcam.whole_file import write_whole

BATCH = 128


def make_lessons(
    teacher: keras.Model,
    data: LabelledSignals,
    augmentation: keras.Layer,
    n_views: int,
    mixup: float,
    teacher_share: float,
    folder: str | Path | None = None,
    *,
    verbose: bool = True,
) -> LabelledSignals:
    """Show a teacher views of all records and write down its answers, or read what was written before.

    Args:
        teacher: trained model from scaled signals of any length to probabilities.
        data: scaled signals, float32 (record, time, lead), and labels, 0 or 1, (record, class).
        augmentation: Keras layer that draws a view of each record of a batch.
        n_views: of each record.
        mixup: as in `TrainingModel`.
        teacher_share: weight of the teacher's answers beside the labels, 0 to 1.
        folder: where lessons are kept; None keeps them in memory.
        verbose: show a progress bar.

    Returns:
        Views, float16 (n_views * record, time, lead), memory-mapped where a folder is given, and soft labels,
        float32 (n_views * record, class), within [0, 1].
    """
    settings = [without_names(augmentation.get_config()), n_views, mixup, teacher_share]
    text = json.dumps(settings, default=str, sort_keys=True)
    about = {"settings": zlib.crc32(text.encode()), "sums": checksum(*data, *teacher.get_weights())}
    views_file, labels_file, about_file = (
        folder and Path(folder) / f"lessons_{name}" for name in ("views.npy", "labels.npy", "about.json")
    )
    if folder and about_file.is_file() and json.loads(about_file.read_text()) == about:
        views = np.load(views_file, mmap_mode="r", allow_pickle=False)
        return views, np.load(labels_file, allow_pickle=False)
    shape = (n_views * len(data[0]), *augmentation(data[0][:1], training=True).shape[1:])
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        about_file.unlink(missing_ok=True)  # until it is written again, what lies there is no whole lesson
        views = np.lib.format.open_memmap(views_file, mode="w+", dtype=np.float16, shape=shape)
    else:
        views = np.empty(shape, np.float16)
    seeds = keras.random.SeedGenerator(0)

    @tf.function
    def lesson(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x = augmentation(x, training=True)
        if mixup:
            x, y = mix(x, y, mixup, seeds)
        return x, teacher_share * teacher(x, training=False) + (1 - teacher_share) * y

    labels = _fill(views, data, lesson, verbose)
    if folder:
        np.save(labels_file, labels)
        views.flush()
        write_whole(about_file, json.dumps(about))
        views = np.load(views_file, mmap_mode="r", allow_pickle=False)
    return views, labels


def _fill(views: np.ndarray, data: LabelledSignals, lesson: Callable, verbose: bool) -> np.ndarray:
    """Write the views that `lesson` gives of each batch, and return its soft labels."""
    signals, labels = data
    soft = np.empty((len(views), labels.shape[1]), np.float32)
    with tqdm(total=len(views), desc="asking the teachers", unit="view", disable=not verbose) as bar:
        for start in range(0, len(views), len(signals)):
            order = np.random.default_rng(start).permutation(len(signals))
            for first in range(0, len(order), BATCH):
                indices = order[first : first + BATCH]
                x, y = lesson(signals[indices].astype(np.float32), labels[indices])
                place = slice(start + first, start + first + len(indices))
                views[place], soft[place] = x.numpy(), y.numpy()
                let_pages_go(views)
                bar.update(len(indices))
    return soft
