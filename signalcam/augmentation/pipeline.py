"""The augmentation of the paper, put together."""

import keras
import numpy as np

from signalcam.augmentation.base import OneOf
from signalcam.augmentation.disturbance import GaussianNoise, RespirationNoise, SinePulse
from signalcam.augmentation.geometry import AmplitudeScale, TimeShift


def paper_augmentation(
    sampling_rate: float = 100, probability: float = 0.5, seed: int | None = 0
) -> keras.Sequential:
    """Return the augmentation of the paper as one layer, which takes scaled signals (record, time, lead).

    Shift in time (up to 3 %), scale the amplitude (+-20 %), add Gaussian noise (variance 0.001), add one of a
    sine pulse or respiration noise (12 to 18 breaths a minute, amplitude up to 0.2). Source: Augustauskas et
    al., "Lightweight Data-driven ECG Classification Approach with Explainable CAM Output", EMBC 2025.

    Args:
        sampling_rate: in Hz.
        probability, seed: as in `RandomLayer`; of each of the four steps by itself.
    """
    # Each step has a seed of its own: with one seed for all, they would choose the same records.
    seeds = [None] * 4 if seed is None else np.random.SeedSequence(seed).generate_state(4).tolist()
    shift, scale, noise, wave = ({"probability": probability, "seed": own} for own in seeds)
    waves = [SinePulse(sampling_rate), RespirationNoise(sampling_rate=sampling_rate)]
    steps = [TimeShift(**shift), AmplitudeScale(**scale), GaussianNoise(**noise), OneOf(waves, **wave)]
    return keras.Sequential(steps, name="augmentation")
