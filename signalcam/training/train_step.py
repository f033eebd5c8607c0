"""The training step: augment, mix, ask the teacher; compiled into one with the network's own step."""

import functools

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="signalcam")
class Learner(keras.Model):
    """A network with augmentation and mixup in front, in training only; part of the compiled training step.

    Args:
        network: `keras.Model` from scaled signals to probabilities.
        augmentation: Keras layer on batches, or None.
        mixup: parameter of the Beta distribution, 0 for none.
        teacher: model whose answers are learnt, or None.
        teacher_share: weight of its answers beside the labels.
        seed: of mixup.
    """

    def __init__(
        self, network, augmentation=None, mixup=0.0, teacher=None, teacher_share=0.8, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        if mixup < 0:
            raise ValueError(f"mixup must be 0 or more; got {mixup}.")
        if not 0 <= teacher_share <= 1:
            raise ValueError(f"teacher_share must be within 0 and 1; got {teacher_share}.")
        # Not the teacher itself: Keras would count its weights as weights to train.
        self.ask = teacher and functools.partial(teacher, training=False)
        self.teacher_share = teacher_share
        self.network = network
        self.augmentation = augmentation
        self.mixup = mixup
        self.seeds = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        self.built = True

    def call(self, signals, training=None):
        return self.network(signals, training=training)

    def train_step(self, data):
        signals, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        if self.augmentation is not None:
            signals = self.augmentation(signals, training=True)
        if self.mixup:
            signals, labels = self._mix(signals, labels)
        return super().train_step((signals, labels))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if training and self.ask:
            answer = ops.stop_gradient(self.ask(x))
            y = self.teacher_share * answer + (1 - self.teacher_share) * y
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        # A mixed label counts as that of the record with the larger share: Keras's AUC takes 0 and 1 alone.
        return super().compute_metrics(x, ops.round(y), y_pred, sample_weight)

    def _mix(self, signals, labels):
        """Mix each record with another one of its batch, itself having the larger share."""
        count = ops.shape(signals)[0]
        share = keras.random.beta((count, 1), self.mixup, self.mixup, seed=self.seeds)
        share = ops.cast(ops.maximum(share, 1 - share), signals.dtype)
        other = ops.argsort(keras.random.uniform((count,), seed=self.seeds))
        weight = share[:, :, None]
        signals = weight * signals + (1 - weight) * ops.take(signals, other, axis=0)
        return signals, share * labels + (1 - share) * ops.take(labels, other, axis=0)
