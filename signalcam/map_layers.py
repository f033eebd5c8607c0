"""Layers without weights that make the map: the rows of the leads, and the heatmap."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

# Below this a map counts as constant: 0 / 1e-30 is 0, where 0 / 0 would be NaN.
_SMALLEST_SPREAD = 1e-30


@keras.saving.register_keras_serializable(package="signalcam")
class SplitRows(layers.Layer):
    """Feature maps row by row, all others zero, and one row of silence: (record, position, row + 1, map).

    Args:
        rows: how many maps each row has; their sum is the number of maps.
    """

    def __init__(self, rows: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.rows = tuple(rows)

    def call(self, maps: Any) -> Any:
        row_of_map = np.repeat(np.arange(len(self.rows)), self.rows)
        return maps[:, :, None, :] * (np.arange(len(self.rows) + 1)[:, None] == row_of_map).astype(np.float32)

    def get_config(self) -> dict:
        return super().get_config() | {"rows": self.rows}


@keras.saving.register_keras_serializable(package="signalcam")
class ShareBias(layers.Layer):
    """Evidence by row, each with its equal share of the bias, which the row of silence alone has."""

    def call(self, by_row: Any) -> Any:
        n_rows = by_row.shape[2] - 1
        return by_row[:, :, :-1] - by_row[:, :, -1:] * ((n_rows - 1) / n_rows)


@keras.saving.register_keras_serializable(package="signalcam")
class Heatmap(layers.Layer):
    """Evidence at the length of the signal, scaled to [0, 1] for each record and class by itself.

    Linear upsampling with half-pixel centres: cell ``j`` covers samples ``j * cell_length`` to
    ``(j + 1) * cell_length - 1``; beyond the outermost centres the value is kept. Then
    ``(e - min e) / (max e - min e)`` over time; a constant map gives zeros.

    Args:
        n_times: samples of the signal.
        cell_length: samples that one cell covers.

    Input shape: (record, cell, class). Output shape: (record, n_times, class).
    """

    def __init__(self, n_times: int, cell_length: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.n_times, self.cell_length = n_times, cell_length

    def call(self, evidence: Any) -> Any:
        # No comparison and no slice but arithmetic and reshapes, so that LiteRT runs it all in one delegate.
        # Time comes first and all records and classes lie side by side, as channels of one image: resizing
        # works through channels three times as fast as through the records of a batch.
        cells, classes = evidence.shape[1:]
        length = cells * self.cell_length
        x = ops.reshape(ops.transpose(evidence, (1, 0, 2)), (1, cells, 1, -1))
        x = ops.image.resize(x, (length, 1), "bilinear", data_format="channels_last")
        x = ops.reshape(x, (length, -1, classes))
        if length < self.n_times:  # samples that the poolings left out at the end
            x = ops.concatenate([x, ops.repeat(x[-1:], self.n_times - length, axis=0)])
        lowest = ops.min(x, axis=0, keepdims=True)
        spread = ops.max(x, axis=0, keepdims=True) - lowest
        x = (x - lowest) / ops.maximum(spread, _SMALLEST_SPREAD)
        return ops.transpose(x, (1, 0, 2))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], self.n_times, input_shape[2])

    def get_config(self) -> dict:
        return super().get_config() | {"n_times": self.n_times, "cell_length": self.cell_length}
