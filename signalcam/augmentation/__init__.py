"""Augmentation of scaled ECG signals: Keras layers on whole batches, active in training only.

Each layer changes each record with its own probability and leaves the others exactly as they are. Shift, warp
and amplitude act on all leads of a record alike, so that they keep the limb-lead identities (II = I + III and
the like); what is added, or done lead by lead, does not.
"""

from signalcam.augmentation.amplitude import AmplitudeScale, LeadDropout, RandomGain
from signalcam.augmentation.base import OneOf, RandomLayer
from signalcam.augmentation.disturbance import GaussianNoise, RespirationNoise, SinePulse
from signalcam.augmentation.pipeline import mixup, paper_augmentation
from signalcam.augmentation.time import TimeShift, TimeWarp

__all__ = [
    "AmplitudeScale",
    "GaussianNoise",
    "LeadDropout",
    "OneOf",
    "RandomGain",
    "RandomLayer",
    "RespirationNoise",
    "SinePulse",
    "TimeShift",
    "TimeWarp",
    "mixup",
    "paper_augmentation",
]
