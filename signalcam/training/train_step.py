"""The training step: augment and mix, compiled into one with the network's own step."""

from typing import Any

import keras
from keras import ops

from signalcam.training.fused_norm import with_fused_norm


@keras.saving.register_keras_serializable(package="signalcam")
class TrainingModel(keras.Model):
    """A network with augmentation and mixup in front, in training only; part of the compiled training step.

    Args:
        network: `keras.Model` from scaled signals to probabilities.
        augmentation: Keras layer on batches, or None.
        mixup: as in `mix`, 0 for none.
        seed: of mixup.

    Raises:
        ValueError: for a negative `mixup`.
    """

    def __init__(
        self,
        network: keras.Model,
        augmentation: keras.Layer | None = None,
        mixup: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if mixup < 0:
            raise ValueError(f"mixup must be 0 or more, got {mixup}.")
        self.network = network
        self.faster_network = with_fused_norm(network)  # the same variables
        self.augmentation = augmentation
        self.mixup = mixup
        self.seeds = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, signals: Any, training: bool | None = None) -> Any:
        return (self.faster_network if training else self.network)(signals, training=training)

    def train_step(self, data: Any) -> dict:
        signals, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        if self.augmentation is not None:
            signals = self.augmentation(signals, training=True)
        if self.mixup:
            signals, labels = mix(signals, labels, self.mixup, self.seeds)
        return super().train_step((signals, labels))

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict:
        # A soft label counts as what it is nearer to: Keras's AUC takes 0 and 1 alone.
        return super().compute_metrics(x, ops.round(y), y_pred, sample_weight)


def mix(signals: Any, labels: Any, mixup: float, seeds: keras.random.SeedGenerator) -> tuple[Any, Any]:
    """Mix each record of a batch, and its labels, with another one, itself having the larger share.

    Zhang et al., "mixup", ICLR 2018, equation 1, with shares from Beta(mixup, mixup).

    Args, Returns: signals (record, time, lead) and labels (record, class), mixed ones of the same shapes.
    """
    n_records = ops.shape(signals)[0]
    share = keras.random.beta((n_records, 1), mixup, mixup, seed=seeds)
    share = ops.cast(ops.maximum(share, 1 - share), signals.dtype)
    partner = ops.argsort(keras.random.uniform((n_records,), seed=seeds))
    weight = share[:, :, None]
    signals = weight * signals + (1 - weight) * ops.take(signals, partner, axis=0)
    return signals, share * labels + (1 - share) * ops.take(labels, partner, axis=0)
