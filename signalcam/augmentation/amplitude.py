"""Augmentations of the amplitude: of a record as a whole, of each lead by itself, of some leads."""

import keras
from keras import ops

from signalcam.augmentation.base import RandomLayer, in_range


@keras.saving.register_keras_serializable(package="signalcam")
class AmplitudeScale(RandomLayer):
    """Make a record larger or smaller, all leads alike, so that the limb-lead identities stay.

    Example:
        >>> AmplitudeScale(limit=0.2)(signals, training=True)      # by a factor of 0.8 to 1.2

    Args:
        limit: largest change as a share of the amplitude.
        probability, seed, **kwargs: see `RandomLayer`.
    """

    def __init__(self, limit: float = 0.2, probability=0.5, seed=None, **kwargs):
        super().__init__(probability, seed, **kwargs)
        self.limit = in_range("limit", limit, 0, 1)

    def augment(self, signals, chosen):
        factor = 1.0 + chosen * self.uniform(self.factor_shape(signals), -self.limit, self.limit)
        return signals * ops.cast(factor, signals.dtype)

    def factor_shape(self, signals) -> tuple:
        """Shape of the factors: one a record."""
        return ops.shape(signals)[0], 1, 1

    def get_config(self):
        return {**super().get_config(), "limit": self.limit}


@keras.saving.register_keras_serializable(package="signalcam")
class RandomGain(AmplitudeScale):
    """Make each lead larger or smaller by itself, like badly calibrated channels; breaks the identities.

    Example:
        >>> RandomGain(limit=0.1)(signals, training=True)          # each lead by a factor of 0.9 to 1.1

    Args:
        limit: largest change as a share of the amplitude.
        probability, seed, **kwargs: see `RandomLayer`.
    """

    def __init__(self, limit: float = 0.1, probability=0.5, seed=None, **kwargs):
        super().__init__(limit, probability, seed, **kwargs)

    def factor_shape(self, signals) -> tuple:
        """Shape of the factors: one a record and lead."""
        n_records, _, n_leads = ops.shape(signals)
        return n_records, 1, n_leads


@keras.saving.register_keras_serializable(package="signalcam")
class LeadDropout(RandomLayer):
    """Set some leads of a record to zero, as if their electrodes were off; breaks limb-lead identities.

    The other leads keep their amplitude, unlike in `keras.layers.Dropout`: a lead that is off raises none.

    Example:
        >>> LeadDropout(rate=0.1)(signals, training=True)

    Args:
        rate: probability of each lead of a chosen record to be dropped.
        probability, seed, **kwargs: see `RandomLayer`.
    """

    def __init__(self, rate: float = 0.1, probability=0.5, seed=None, **kwargs):
        super().__init__(probability, seed, **kwargs)
        self.rate = in_range("rate", rate, 0, 1)

    def augment(self, signals, chosen):
        n_records, _, n_leads = ops.shape(signals)
        dropped = ops.cast(self.uniform((n_records, 1, n_leads)) < self.rate, "float32")
        return signals * ops.cast(1.0 - chosen * dropped, signals.dtype)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}
