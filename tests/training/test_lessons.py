"""Lessons: the answers belong to the very views, and are made once."""

import keras
import numpy as np
import pytest

from signalcam.augmentation import RandomView
from signalcam.training.lessons import make_lessons


def mean_teacher():
    """A model whose answer can be worked out from a view: the sigmoid of its mean."""
    signals = keras.Input((None, 3))
    mean = keras.ops.mean(signals, axis=(1, 2))[:, None]
    return keras.Model(signals, keras.ops.sigmoid(mean))


@pytest.fixture
def data(rng):
    return rng.normal(size=(6, 40, 3)).astype(np.float32), np.array([[0], [1]] * 3, np.float32)


def view():
    return RandomView(n_times=20, gain=0.2, lead_dropout=0, compress=False, seed=1)


def test_answers_are_those_to_the_views_mixed_with_the_labels(data):
    views, labels = make_lessons(mean_teacher(), data, view(), 3, 0.0, 0.75, verbose=False)
    assert views.shape == (18, 20, 3)
    assert views.dtype == np.float16
    answers = 1 / (1 + np.exp(-views.astype(float).mean(axis=(1, 2))))
    truth = (labels[:, 0] - 0.75 * answers) / 0.25
    np.testing.assert_allclose(truth, np.round(truth), atol=5e-3)
    for part in range(3):  # each record once in each part
        assert np.round(truth[6 * part : 6 * part + 6]).sum() == 3


def test_mixed_views_have_mixed_labels(data):
    labels = make_lessons(mean_teacher(), data, view(), 4, 1.0, 0.0, verbose=False)[1]
    assert labels.min() >= 0
    assert labels.max() <= 1
    assert ((labels > 0) & (labels < 1)).any()


def test_lessons_are_kept_and_made_anew_where_anything_differs(data, tmp_path):
    kept = make_lessons(mean_teacher(), data, view(), 2, 1.0, 0.8, tmp_path, verbose=False)
    assert isinstance(kept[0], np.memmap)
    about = (tmp_path / "lessons_about.json").read_text()
    marked = np.load(tmp_path / "lessons_labels.npy") + 7  # what is read back, not made again, has this mark
    np.save(tmp_path / "lessons_labels.npy", marked)
    again = make_lessons(mean_teacher(), data, view(), 2, 1.0, 0.8, tmp_path, verbose=False)
    np.testing.assert_array_equal(again[0], kept[0])
    np.testing.assert_array_equal(again[1], marked)
    other = (data[0] + np.float32(1e-3), data[1])
    for changed in ((data, 1.0, 0.7), (data, 0.5, 0.8), (other, 1.0, 0.8)):
        np.save(tmp_path / "lessons_labels.npy", marked)
        labels = make_lessons(mean_teacher(), changed[0], view(), 2, *changed[1:], tmp_path, verbose=False)[1]
        assert labels.max() <= 1
        assert (tmp_path / "lessons_about.json").read_text() != about


def test_lessons_without_their_last_file_are_made_again(data, tmp_path):
    make_lessons(mean_teacher(), data, view(), 2, 1.0, 0.8, tmp_path, verbose=False)
    (tmp_path / "lessons_about.json").unlink()
    (tmp_path / "lessons_labels.npy").write_bytes(b"half")
    views, labels = make_lessons(mean_teacher(), data, view(), 2, 1.0, 0.8, tmp_path, verbose=False)
    assert len(views) == len(labels) == 12
