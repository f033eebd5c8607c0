"""What all augmentations share: which records they act on, their random numbers, their config."""

import keras
import tensorflow as tf
from keras import ops


class RandomLayer(keras.layers.Layer):
    """Base of all augmentations: each record is changed with a probability, in training only.

    A subclass implements `augment(signals, chosen)`, with random numbers from `uniform` and `integers`, and
    names its own arguments in `arguments`, which go into its config. A ValueError if one is out of range.

    Args:
        probability: share of the records that are changed, 0 to 1.
        seed: the same seed gives the same sequence of results; None gives a different one each time.

    Call arguments:
        signals: (record, time, lead), scaled; any batch size, and any length.
        training: only True does anything; Keras passes it on in `fit`.

    Returns:
        Same shape and dtype; records not chosen, and all outside training, are unchanged to the bit.
    """

    arguments: tuple[str, ...] = ()

    def __init__(self, probability: float = 0.5, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.probability = in_range("probability", probability, 0, 1)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: tuple) -> None:
        self.built = True

    def call(self, signals: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if not training or self.probability == 0:
            return signals
        draw = self.uniform((ops.shape(signals)[0], 1, 1))
        return self.augment(signals, ops.cast(draw < self.probability, "float32"))

    def augment(self, signals: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        """Change the records where `chosen`, float32 (record, 1, 1), is 1, and leave those where it is 0."""
        raise NotImplementedError(f"{type(self).__name__} must implement augment(signals, chosen).")

    # Random numbers from `low` to below `high`, float32 and int32.
    def uniform(self, shape: tuple, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        return keras.random.uniform(shape, low, high, dtype="float32", seed=self.seed_generator)

    def integers(self, shape: tuple, low: int, high: int) -> tf.Tensor:
        return keras.random.randint(shape, low, high, dtype="int32", seed=self.seed_generator)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        names = ("probability", "seed", *self.arguments)
        return super().get_config() | {name: getattr(self, name) for name in names}


class Disturbance(RandomLayer):
    """Base of those that add what `disturbance(signals, chosen)` returns: zeros for records not chosen."""

    def augment(self, signals: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        return signals + self.disturbance(signals, chosen)


@keras.saving.register_keras_serializable(package="signalcam")
class OneOf(RandomLayer):
    """One of several augmentations, drawn anew for each record that is changed.

    Args:
        layers: augmentations, each as likely as the others; their own probability and seed do not count.
    """

    def __init__(self, layers: list[RandomLayer], **kwargs):
        super().__init__(**kwargs)
        self.layers = list(layers)
        if not self.layers or not all(isinstance(layer, RandomLayer) for layer in self.layers):
            raise ValueError(f"layers must be a list of at least one augmentation layer, got {layers!r}.")
        for layer in self.layers:
            layer.seed_generator = self.seed_generator

    def augment(self, signals: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        which = self.integers(ops.shape(chosen), 0, len(self.layers))
        added = 0.0
        for index, layer in enumerate(self.layers):
            chosen_here = chosen * ops.cast(which == index, "float32")
            if isinstance(layer, Disturbance):  # small waves are summed first: one pass over the signals
                added = added + layer.disturbance(signals, chosen_here)
            else:
                signals = layer.augment(signals, chosen_here)
        return signals + added

    def get_config(self) -> dict:
        layers = [keras.saving.serialize_keras_object(layer) for layer in self.layers]
        return {**super().get_config(), "layers": layers}

    @classmethod
    def from_config(cls, config: dict) -> "OneOf":
        layers = [keras.saving.deserialize_keras_object(layer) for layer in config["layers"]]
        return cls(**{**config, "layers": layers})


def in_range(argument: str, value: float, low: float, high: float) -> float:
    """Return `value`, or raise ValueError where it is not between `low` and `high`, these included."""
    if not low <= value <= high:
        raise ValueError(f"{argument} must be between {low} and {high}, got {value!r}.")
    return value
