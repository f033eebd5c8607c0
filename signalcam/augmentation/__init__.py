"""Augmentation of scaled ECG signals: Keras layers on whole batches, active in training only.

Each layer changes each record with its own probability and leaves the others exactly as they are. Shift, warp
and amplitude act on all leads of a record alike, so that the limb-lead identities (II = I + III and the like)
hold; noise and the lead gains of `RandomView` break them.
"""

from signalcam.augmentation.amplitude import AmplitudeScale
from signalcam.augmentation.base import OneOf, RandomLayer
from signalcam.augmentation.disturbance import GaussianNoise, RespirationNoise, SinePulse
from signalcam.augmentation.pipeline import paper_augmentation
from signalcam.augmentation.random_view import RandomView
from signalcam.augmentation.time import TimeShift, TimeWarp

__all__ = [
    "AmplitudeScale",
    "GaussianNoise",
    "OneOf",
    "RandomLayer",
    "RandomView",
    "RespirationNoise",
    "SinePulse",
    "TimeShift",
    "TimeWarp",
    "paper_augmentation",
]
