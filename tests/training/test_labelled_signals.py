"""Labelled signals for training: what is refused, which batches are read, what the checksum tells apart."""

import zlib

import keras
import numpy as np
import pytest

from signalcam.training.callbacks import SeededEpochs
from signalcam.training.labelled_signals import batches, check_pairs, checksum


def network(n_times=8, n_leads=3, n_outputs=2):
    signals = keras.Input((n_times, n_leads))
    return keras.Model(signals, keras.layers.Dense(n_outputs)(keras.layers.GlobalAveragePooling1D()(signals)))


SIGNALS = np.random.default_rng(0).normal(size=(4, 8, 3)).astype(np.float32)
LABELS = np.array([[0, 1], [1, 0], [1, 1], [0, 0]])
NOT_FINITE = np.where(np.arange(24).reshape(8, 3) == 5, np.nan, SIGNALS)


def test_pairs_that_fit_are_kept_with_float32_labels_of_one_column_an_output():
    signals, labels = check_pairs(SIGNALS, LABELS, network(), "training")
    assert signals is SIGNALS
    np.testing.assert_array_equal(labels, LABELS)
    assert labels.dtype == np.float32
    for precision in (np.float16, np.float64):
        assert check_pairs(SIGNALS.astype(precision), LABELS, network(), "validation")[0].dtype == precision
    assert check_pairs(SIGNALS, [0, 1, 1, 0], network(n_outputs=1), "validation")[1].shape == (4, 1)
    assert check_pairs(SIGNALS[:1], LABELS[:1], network(n_times=None), "training")[0].shape == (1, 8, 3)
    _, soft = check_pairs(SIGNALS, LABELS * 0.25, network(), "training")
    np.testing.assert_array_equal(soft, LABELS * 0.25)


@pytest.mark.parametrize(
    ("signals", "labels", "match"),
    [
        (SIGNALS, LABELS[:3], "split needs as many labels as records.*; got 4 records and 3 labels"),
        (SIGNALS[:0], LABELS[:0], "at least one; got 0 records and 0 labels"),
        (SIGNALS[:, :7], LABELS, r"shape \(record, 8, 3\), got float32 of shape \(4, 7, 3\)"),
        (SIGNALS[..., :2], LABELS, r"shape \(record, 8, 3\), got float32 of shape \(4, 8, 2\)"),
        (SIGNALS[..., 0], LABELS, r"shape \(record, 8, 3\), got float32 of shape \(4, 8\)"),
        (SIGNALS.astype(int), LABELS, r"signals must be floating point.*got int64 of shape"),
        (NOT_FINITE, LABELS, "signals must be finite"),
        (SIGNALS, LABELS[:, :1], r"2 outputs in their order, got shape \(4, 1\) with values from 0.0 to 1.0"),
        (SIGNALS, LABELS + 1, "got shape .* with values from 1.0 to 2.0"),
        (SIGNALS, LABELS - 1, "got shape .* with values from -1.0 to 0.0"),
        (SIGNALS, LABELS * np.nan, "got shape .* with values from nan to nan"),
    ],
)
@pytest.mark.parametrize(("split", "wanted"), [("training", "from 0 to 1"), ("validation", "0 or 1")])
def test_pairs_that_do_not_fit_are_refused_with_what_came(split, wanted, signals, labels, match):
    match = (
        f"must be {wanted}, one column for each of the model's {match}"
        if match.startswith("2 out")
        else match
    )
    with pytest.raises(ValueError, match=rf"The {split} .*{match}"):
        check_pairs(signals, labels, network(), split)


def test_soft_labels_are_no_validation_labels():
    with pytest.raises(ValueError, match="The validation labels must be 0 or 1, .* from 0.0 to 0.5"):
        check_pairs(SIGNALS, LABELS * 0.5, network(), "validation")


def test_batches_are_the_records_in_order_or_as_an_epoch_shuffles_them():
    signals = np.arange(7 * 8 * 3, dtype=np.float64).reshape(7, 8, 3)
    labels = np.arange(14, dtype=np.float32).reshape(7, 2)

    def read(order):
        data = batches(order, signals, labels, 3)
        assert [tuple(part.shape) for part in data.element_spec] == [(None, 8, 3), (None, 2)]
        found = [(x.numpy(), y.numpy()) for x, y in data]
        assert [len(x) for x, _ in found] == [3, 3, 1]
        assert {x.dtype for x, _ in found} == {np.dtype(np.float32)}
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    order = SeededEpochs(network(), 7, seed=1)
    order.on_epoch_begin(2)
    assert order.indices.tolist() != list(range(7))
    for which, indices in ((None, range(7)), (order, order.indices)):
        x, y = read(which)
        np.testing.assert_array_equal(x, signals[list(indices)])
        np.testing.assert_array_equal(y, labels[list(indices)])


def test_checksum_is_the_crc_of_all_values_however_they_lie_in_memory():
    large = np.random.default_rng(0).normal(size=(600, 5)).astype(np.float32)
    number = np.array(3.5)
    assert checksum(large, number) == zlib.crc32(large.tobytes() + number.tobytes())
    assert checksum(np.asfortranarray(large)[:, ::2]) == zlib.crc32(large[:, ::2].tobytes())
    assert checksum() == 0


def test_pages_of_a_memory_map_are_let_go_as_soon_as_they_are_read(tmp_path, monkeypatch):
    signals = np.lib.format.open_memmap(tmp_path / "signals.npy", "w+", np.float32, (600, 8, 3))
    let_go = []
    monkeypatch.setattr("signalcam.training.labelled_signals.let_pages_go", let_go.append)
    check_pairs(signals, np.zeros((600, 2)), network(), "training")
    assert [one is signals for one in let_go] == [True]
    checksum(signals)
    assert [one is signals for one in let_go] == [True] * 4
    list(batches(None, signals, np.zeros((600, 2), np.float32), 300))
    assert [one is signals for one in let_go] == [True] * 6
