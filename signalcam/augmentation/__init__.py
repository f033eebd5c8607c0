"""Augmentation of scaled ECG signals: Keras layers on whole batches, active in training only."""

from signalcam.augmentation.base import OneOf, RandomLayer
from signalcam.augmentation.disturbance import GaussianNoise, RespirationNoise, SinePulse
from signalcam.augmentation.geometry import AmplitudeScale, TimeShift, TimeWarp
from signalcam.augmentation.pipeline import paper_augmentation
from signalcam.augmentation.random_view import RandomView

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
