"""The training step: augment, mix, ask the teacher; compiled into one with the network's own step."""

import functools
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="signalcam")
class TrainingModel(keras.Model):
    """A network with augmentation and mixup in front, in training only; part of the compiled training step.

    Args:
        network: `keras.Model` from scaled signals to probabilities.
        augmentation: Keras layer on batches, or None.
        mixup: parameter of Beta(mixup, mixup), 0 for none (Zhang et al., ICLR 2018, equation 1).
        teacher: model whose answers are learnt, or None.
        teacher_share: weight of its answers beside the labels, 0 to 1.
        seed: of mixup.

    Raises:
        ValueError: for a negative `mixup`, or a share outside 0 to 1.
    """

    def __init__(
        self,
        network: keras.Model,
        augmentation: keras.Layer | None = None,
        mixup: float = 0.0,
        teacher: keras.Model | None = None,
        teacher_share: float = 0.8,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if mixup < 0:
            raise ValueError(f"mixup must be 0 or more, got {mixup}.")
        if not 0 <= teacher_share <= 1:
            raise ValueError(f"teacher_share must be within 0 and 1, got {teacher_share}.")
        # Not the teacher itself: Keras would count its weights as weights to train.
        self.ask = teacher and functools.partial(teacher, training=False)
        self.teacher_share = teacher_share
        self.network = network
        self.augmentation = augmentation
        self.mixup = mixup
        self.seeds = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, signals: Any, training: bool | None = None) -> Any:
        return self.network(signals, training=training)

    def train_step(self, data: Any) -> dict:
        signals, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        if self.augmentation is not None:
            signals = self.augmentation(signals, training=True)
        if self.mixup:
            signals, labels = self.mix(signals, labels)
        return super().train_step((signals, labels))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        if training and self.ask:
            answer = ops.stop_gradient(self.ask(x))
            y = self.teacher_share * answer + (1 - self.teacher_share) * y
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict:
        # A mixed label counts as that of the record with the larger share: Keras's AUC takes 0 and 1 alone.
        return super().compute_metrics(x, ops.round(y), y_pred, sample_weight)

    def mix(self, signals: Any, labels: Any) -> tuple[Any, Any]:
        """Mix each record of a batch, and its labels, with another one, itself having the larger share."""
        n_records = ops.shape(signals)[0]
        share = keras.random.beta((n_records, 1), self.mixup, self.mixup, seed=self.seeds)
        share = ops.cast(ops.maximum(share, 1 - share), signals.dtype)
        partner = ops.argsort(keras.random.uniform((n_records,), seed=self.seeds))
        weight = share[:, :, None]
        signals = weight * signals + (1 - weight) * ops.take(signals, partner, axis=0)
        return signals, share * labels + (1 - share) * ops.take(labels, partner, axis=0)
