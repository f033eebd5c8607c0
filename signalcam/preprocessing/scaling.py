"""Per-lead scaling of ECG signals, in NumPy: five rules, chosen by name."""

import numpy as np
from numpy.typing import ArrayLike

from signalcam.preprocessing.chunks import CHUNK, check_floats, chunks, fill_chunks, result_array
from signalcam.recordings import refuse_non_finite

SCALINGS = ("standard", "record", "record_standard", "standard_asinh", "record_standard_asinh")

# mV. PTB-XL counts in steps of 1e-3 mV. What stays below a hundredth of a step is the rounding noise that
# detrending leaves of a constant lead, and scaling must not blow it up to full size.
FLAT = 1e-5


class Scaler:
    """Scale signals per lead by one of the rules in `SCALINGS`.

    - `standard`: subtract the mean of the lead over the training set, divide by its standard deviation there.
    - `record`: the paper's; subtract the record's own median per lead, divide by the largest magnitude left.
    - `record_standard`: subtract the mean of each lead of each record, divide by its standard deviation.
    - `standard_asinh`, `record_standard_asinh`: the inverse hyperbolic sine on top, which tames large peaks.

    A flat lead (nowhere further than 1e-5 mV from its centre) gives zeros. Only the rules that begin with
    `standard` keep the voltage, and only they need `fit`, on detrended signals of the training split alone.

    Args, Attributes:
        rule: name of the rule.
        mean, std: (lead,) float64 in mV, given or learnt by `fit` of a `standard` rule; else None.

    Raises:
        ValueError: on an unknown rule, or `mean` and `std` that do not fit together.
    """

    def __init__(self, rule: str = "standard", mean: ArrayLike | None = None, std: ArrayLike | None = None):
        if rule not in SCALINGS:
            raise ValueError(f"rule must be one of {', '.join(SCALINGS)}, got {rule!r}.")
        if (mean is None) != (std is None):
            raise ValueError("mean and std must be given both, or neither. Then call fit().")
        self.rule, self.mean, self.std = rule, None, None
        if mean is not None:
            self.mean, self.std = mean, std = np.array(mean, np.float64), np.array(std, np.float64)
            if mean.ndim != 1 or mean.shape != std.shape or std.min() < 0:
                found = f"the shapes {mean.shape} and {std.shape}, and {std.min()} as the smallest std"
                wanted = "one number per lead, and std none below 0"
                raise ValueError(f"mean and std must hold {wanted}, got {found}.")

    @property
    def per_record(self) -> bool:
        """True where the rule looks at each record by itself, so that nothing is fitted."""
        return self.rule.startswith("record")

    def fit(self, signals: np.ndarray) -> "Scaler":
        """Learn mean and standard deviation of each lead, and return the scaler; record rules learn nothing.

        Args, Raises: as in `detrend`; signals of the training split only, detrended.
        """
        signals = check_floats(signals)
        if self.per_record:
            return self
        mean, squares, count = np.zeros(signals.shape[-1]), np.zeros(signals.shape[-1]), 0
        for chunk in chunks(signals):
            size = chunk.shape[0] * chunk.shape[1]
            rows = chunk.reshape(len(chunk), -1).astype(np.float64)
            chunk_mean = rows.sum(axis=0).reshape(chunk.shape[1:]).sum(axis=0) / size
            if not np.isfinite(chunk_mean).all():
                refuse_non_finite(signals)
            rows -= np.tile(chunk_mean, chunk.shape[1])
            chunk_squares = np.square(rows, out=rows).sum(axis=0).reshape(chunk.shape[1:]).sum(axis=0)
            # Chan, Golub, LeVeque 1979: merge means and squared deviations of two parts without cancellation.
            shift = chunk_mean - mean
            mean = mean + shift * (size / (count + size))
            squares += chunk_squares + shift**2 * (count * size / (count + size))
            count += size
        self.mean, self.std = mean, np.sqrt(squares / count)
        return self

    def transform(self, signals: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Scale detrended signals: float32 of the same shape, without unit. Args: as in `detrend`.

        Raises:
            RuntimeError: where the rule needs `fit` and it was not called.
            TypeError, ValueError: as in `detrend`, and for another number of leads than fitted.
        """
        signals = check_floats(signals)
        if not self.per_record:
            self.check_fitted()
            if signals.shape[-1] != len(self.mean):
                wanted = f"signals must have the {len(self.mean)} leads that the scaler was fitted on"
                found = f"got {signals.shape[-1]} (shape {signals.shape})"
                raise ValueError(f"{wanted}, {found}. Give the same leads in the same order.")
            # One long row per record: broadcasting over 12 numbers at a time would loop over them.
            n_times = signals.shape[-2]
            centre = np.tile(self.mean, n_times).astype(np.float32)
            factor = np.tile(inverse_or_zero(self.std), n_times).astype(np.float32)

        def scale(chunk: np.ndarray, result: np.ndarray) -> np.ndarray:
            if not self.per_record:
                rows = result.reshape(len(result), -1)  # a view
                np.subtract(chunk.reshape(rows.shape), centre, out=rows)
                check = np.vdot(rows, rows)
                rows *= factor
            elif self.rule == "record":
                check = _by_magnitude(chunk, result)
            else:
                check = _by_own_deviation(chunk, result)
            if self.rule.endswith("_asinh"):
                # Ten times as fast as np.arcsinh, and within 1e-7 of it; the Keras layer computes the same.
                np.copysign(np.log(np.abs(result) + np.sqrt(result * result + 1)), result, out=result)
            return check

        # A pass over float32 is short, so that larger chunks pay.
        return fill_chunks(scale, signals, result_array(signals, np.float32, out), size=4 * CHUNK)

    def check_fitted(self) -> None:
        """Raise RuntimeError where mean and standard deviation are needed and missing."""
        if not self.per_record and self.mean is None:
            advice = "Call fit() with the detrended signals of the training split first."
            raise RuntimeError(f"The scaler with rule {self.rule!r} is not fitted. {advice}")

    def get_state(self) -> dict:
        """Return a dict that JSON can hold; `Scaler(**state)` makes the scaler again."""
        mean, std = (None if values is None else values.tolist() for values in (self.mean, self.std))
        return {"rule": self.rule, "mean": mean, "std": std}


def inverse_or_zero(values: np.ndarray) -> np.ndarray:
    """Return 1 / values, and 0 where they are not above `FLAT`; same shape and dtype."""
    above = values > FLAT
    return above / np.where(above, values, values.dtype.type(1))


def _by_magnitude(chunk: np.ndarray, result: np.ndarray) -> np.ndarray:
    centred = np.array(chunk.swapaxes(1, 2), np.float32, order="C")
    half = centred.shape[-1] // 2
    parted = np.partition(centred, half, axis=-1)
    median = parted[..., half, None]
    if centred.shape[-1] % 2 == 0:
        # Faster than asking partition for both middle values.
        median = (median + parted[..., :half].max(axis=-1, keepdims=True)) / 2
    centred -= median
    largest = _largest(centred)
    np.multiply(centred, inverse_or_zero(largest), out=result.swapaxes(1, 2))
    return largest


def _by_own_deviation(chunk: np.ndarray, result: np.ndarray) -> np.ndarray:
    centred = np.array(chunk.swapaxes(1, 2), np.float32, order="C")
    centred -= centred.mean(axis=-1, keepdims=True)
    variance = np.einsum("rlt,rlt->rl", centred, centred)[..., None] / centred.shape[-1]
    flat = _largest(centred) <= FLAT
    factor = ~flat / np.sqrt(np.where(flat, np.float32(1), variance))
    np.multiply(centred, factor, out=result.swapaxes(1, 2))
    return variance


def _largest(centred: np.ndarray) -> np.ndarray:
    return np.maximum(centred.max(axis=-1, keepdims=True), -centred.min(axis=-1, keepdims=True))
