"""Learning-rate schedules."""

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="signalcam")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Rise from a low rate to `peak` and fall to nearly nothing, both along half a cosine.

    L. N. Smith, N. Topin, "Super-Convergence", 2018 (arXiv:1708.07120).

    Args:
        peak: highest learning rate.
        steps: steps of the whole training.
        rise: share of the steps in which the rate rises.
        start, end: the first and the last rate, as shares of `peak`.
    """

    def __init__(
        self,
        peak: float,
        steps: int,
        rise: float = 0.3,
        start: float = 0.04,
        end: float = 1e-4,
        name: str = "one_cycle",
    ):
        super().__init__()
        if steps < 1 or not 0 < rise < 1 or peak <= 0:
            wanted = "peak > 0, steps of at least 1 and rise between 0 and 1"
            raise ValueError(f"OneCycle needs {wanted}; got peak={peak}, steps={steps}, rise={rise}.")
        self.peak, self.steps, self.rise = peak, steps, rise
        self.start, self.end, self.name = start, end, name

    def __call__(self, step: Any) -> Any:
        done = ops.cast(step, "float32") / self.steps
        up = done / self.rise
        down = ops.minimum((done - self.rise) / (1 - self.rise), 1.0)
        rising = self.start + (1 - self.start) * 0.5 * (1 - ops.cos(math.pi * up))
        falling = self.end + (1 - self.end) * 0.5 * (1 + ops.cos(math.pi * down))
        return self.peak * ops.where(done < self.rise, rising, falling)

    def get_config(self) -> dict:
        names = ("peak", "steps", "rise", "start", "end", "name")
        return {name: getattr(self, name) for name in names}
