"""Augmentations put together: the paper's, and mixup."""

import functools

import keras
import numpy as np
from keras import ops

from signalcam.augmentation.amplitude import AmplitudeScale
from signalcam.augmentation.base import OneOf, in_range
from signalcam.augmentation.disturbance import GaussianNoise, RespirationNoise, SinePulse
from signalcam.augmentation.time import TimeShift


def paper_augmentation(
    sampling_rate: float = 100, probability: float = 0.5, seed: int | None = 0, name: str = "augmentation"
) -> keras.Sequential:
    """The augmentation of the paper, as one layer for whole batches.

    Shift in time (up to 3 %), scale the amplitude (+-20 %), add Gaussian noise (variance 0.001), add one of a
    sine pulse or respiration noise (12 to 18 breaths a minute, amplitude up to 0.2). Source: Augustauskas et
    al., "Lightweight Data-driven ECG Classification Approach with Explainable CAM Output", EMBC 2025.

    Example:
        >>> augmented = paper_augmentation(seed=0)(scaled, training=True)       # (record, 1000, 12)

    Args:
        sampling_rate: in Hz.
        probability: of each of the four steps, for each record by itself.
        seed: the same seed gives the same sequence of results; None gives a different one each time.
        name: name of the layer.

    Returns:
        A layer that takes scaled signals (record, time, lead) and does nothing outside training.
    """
    waves = [SinePulse(sampling_rate), RespirationNoise(sampling_rate)]
    steps = [TimeShift, AmplitudeScale, GaussianNoise, functools.partial(OneOf, waves)]
    # Each step gets a seed of its own: with one seed for all, they would choose the same records.
    seeds = [None] * 4 if seed is None else np.random.SeedSequence(seed).generate_state(4).tolist()
    layers = [step(probability=probability, seed=own) for step, own in zip(steps, seeds, strict=True)]
    return keras.Sequential(layers, name=name)


def mixup(signals, labels, alpha: float = 0.2, seed: int | keras.random.SeedGenerator | None = None):
    """Mix each record of a batch, and its label, with the next one (Zhang et al., ICLR 2018, equation 1).

    The batch must be shuffled, as training batches are, since the partner is the neighbour in the batch.

    Args:
        signals: (record, time, lead), scaled.
        labels: (record,) or (record, class), numbers.
        alpha: both parameters of the beta distribution that the shares come from; above 0.
        seed: number, or a `keras.random.SeedGenerator` for different draws at every call.

    Returns:
        Mixed signals and mixed labels, of the same shapes, float32.
    """
    in_range("alpha", alpha, 1e-3, 1e3)
    signals, labels = ops.cast(signals, "float32"), ops.cast(labels, "float32")
    share = keras.random.beta((ops.shape(signals)[0],), alpha, alpha, seed=seed)

    def mix(values):
        weight = ops.reshape(share, (-1,) + (1,) * (len(values.shape) - 1))
        return weight * values + (1.0 - weight) * ops.roll(values, -1, axis=0)

    return mix(signals), mix(labels)
