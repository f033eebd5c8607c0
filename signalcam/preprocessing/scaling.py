"""Per-lead scaling of ECG signals, in NumPy: five rules, chosen by name.

`signalcam.preprocessing.layers.Scale` is the same as a Keras layer, with the same numbers.
"""

import numpy as np

from signalcam.preprocessing.chunks import (
    BLOCK,
    blocks,
    check_floats,
    fill_blocks,
    refuse_non_finite,
    result_array,
)

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

    Example:
        >>> scaler = Scaler("standard").fit(detrend(train_signals))       # (record, 1000, 12), mV
        >>> scaled = scaler.transform(detrend(test_signals))              # same shape, no unit

    Args:
        rule: name of the rule.
        mean, std: numbers per lead in mV, where they are known; else call `fit`.

    Attributes:
        mean, std: (lead,) float64 in mV after `fit` of a `standard` rule, else None.

    Raises:
        ValueError: on an unknown rule, or `mean` and `std` that do not fit together.
    """

    def __init__(self, rule: str = "standard", mean=None, std=None):
        self.rule = check_rule(rule)
        if (mean is None) != (std is None):
            raise ValueError("Give both mean and std, or neither and call fit().")
        self.mean = None if mean is None else np.array(mean, np.float64)
        self.std = None if std is None else np.array(std, np.float64)
        if mean is not None and (
            self.mean.ndim != 1 or self.mean.shape != self.std.shape or self.std.min() < 0
        ):
            raise ValueError(
                "mean and std must hold one number per lead, and std none below 0, but have the shapes "
                f"{self.mean.shape} and {self.std.shape}, and the smallest std is {self.std.min()}."
            )

    @property
    def per_record(self) -> bool:
        """True where the rule looks at each record by itself, so that nothing is fitted."""
        return self.rule.startswith("record")

    def fit(self, signals: np.ndarray) -> "Scaler":
        """Learn mean and standard deviation of each lead; record rules learn nothing.

        Args:
            signals: (record, time, lead) in mV, detrended, of the training split only.

        Returns:
            The scaler itself.

        Raises:
            TypeError: where `signals` are not real floating-point numbers.
            ValueError: on a wrong shape, NaN or infinity.
        """
        signals = check_floats(signals)
        if self.per_record:
            return self
        mean, squares, count = np.zeros(signals.shape[-1]), np.zeros(signals.shape[-1]), 0
        for block in blocks(signals):
            size = block.shape[0] * block.shape[1]
            block_mean = _sum_per_lead(block.astype(np.float64)) / size
            refuse_non_finite(block_mean, signals)
            deviation = _rows(block) - np.tile(block_mean, block.shape[1])
            block_squares = _sum_per_lead(np.square(deviation, out=deviation).reshape(block.shape))
            # Chan, Golub, LeVeque 1979: merge means and squared deviations of two parts without cancellation.
            shift = block_mean - mean
            mean = mean + shift * (size / (count + size))
            squares += block_squares + shift**2 * (count * size / (count + size))
            count += size
        self.mean, self.std = mean, np.sqrt(squares / count)
        return self

    def transform(self, signals: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Scale signals, which are never changed, unless `out` is them.

        Args:
            signals: (record, time, lead) or (time, lead), detrended, in mV.
            out: float32 array of the same shape to write into; may be `signals` itself.

        Returns:
            float32 array of the same shape, `out` or a new one, without unit.

        Raises:
            RuntimeError: where the rule needs `fit` and it was not called.
            TypeError: where `signals` are not real floating-point numbers, or `out` is not float32.
            ValueError: on a wrong shape, another number of leads than fitted, NaN or infinity, or an `out`
                that does not fit.
        """
        signals = check_floats(signals)
        if not self.per_record:
            self.check_fitted()
            if signals.shape[-1] != len(self.mean):
                raise ValueError(
                    f"The scaler was fitted on {len(self.mean)} leads, but the signals have "
                    f"{signals.shape[-1]} (shape {signals.shape}). Give the same leads in the same order."
                )
        plain = self.rule.removesuffix("_asinh")
        if plain == "standard":
            step = self._by_training_set(signals.shape[-2])
        else:
            step = {"record": _by_magnitude, "record_standard": _by_own_deviation}[plain]
        if plain != self.rule:
            step = _with_asinh(step)
        # A pass over float32 is short, so that larger blocks pay.
        return fill_blocks(lambda: step, signals, result_array(signals, np.float32, out), size=4 * BLOCK)

    def check_fitted(self) -> None:
        """Raise RuntimeError where mean and standard deviation are needed and missing."""
        if not self.per_record and self.mean is None:
            raise RuntimeError(
                f"The scaler with rule {self.rule!r} is not fitted. "
                "Call fit() with the detrended signals of the training split first."
            )

    def get_state(self) -> dict:
        """The scaler as a dict that JSON can hold; `from_state` makes it again."""
        mean, std = (None if values is None else values.tolist() for values in (self.mean, self.std))
        return {"rule": self.rule, "mean": mean, "std": std}

    @classmethod
    def from_state(cls, state: dict) -> "Scaler":
        """The scaler that `get_state` described."""
        return cls(state["rule"], state["mean"], state["std"])

    def _by_training_set(self, n_times: int):
        # One long row per record: broadcasting over the last axis alone would loop over 12 numbers at a time.
        centre = np.tile(self.mean, n_times).astype(np.float32)
        factor = np.tile(inverse_or_zero(self.std), n_times).astype(np.float32)

        def step(block, out):
            rows = _rows(out)
            np.subtract(_rows(block), centre, out=rows, casting="same_kind")
            squares = np.vdot(rows, rows)
            rows *= factor
            return squares

        return step


def check_rule(rule: str) -> str:
    """Return `rule`, or raise ValueError with the rules there are."""
    if rule not in SCALINGS:
        raise ValueError(f"Unknown scaling rule {rule!r}. Choose one of: {', '.join(SCALINGS)}.")
    return rule


def inverse_or_zero(values: np.ndarray) -> np.ndarray:
    """1 / values, and 0 where they are not above `FLAT`; same dtype."""
    above = values > FLAT
    return above / np.where(above, values, values.dtype.type(1))


def _by_magnitude(block: np.ndarray, out: np.ndarray) -> np.ndarray:
    centred = _leads_first(block)
    half = centred.shape[-1] // 2
    parted = np.partition(centred, half, axis=-1)
    median = parted[..., half, None]
    if centred.shape[-1] % 2 == 0:
        # Faster than asking partition for both middle values.
        median = (median + parted[..., :half].max(axis=-1, keepdims=True)) / 2
    centred -= median
    largest = _largest(centred)
    np.multiply(centred, inverse_or_zero(largest), out=out.swapaxes(1, 2))
    return largest


def _by_own_deviation(block: np.ndarray, out: np.ndarray) -> np.ndarray:
    centred = _leads_first(block)
    centred -= centred.mean(axis=-1, keepdims=True)
    variance = np.einsum("rlt,rlt->rl", centred, centred)[..., None] / centred.shape[-1]
    flat = _largest(centred) <= FLAT
    factor = ~flat / np.sqrt(np.where(flat, np.float32(1), variance))
    np.multiply(centred, factor, out=out.swapaxes(1, 2))
    return variance


def _with_asinh(step):
    def both(block, out):
        total = step(block, out)
        # Ten times as fast as np.arcsinh, and within 1e-7 of it; the Keras layer computes the same.
        np.copysign(np.log(np.abs(out) + np.sqrt(out * out + 1)), out, out=out)
        return total

    return both


def _leads_first(block: np.ndarray) -> np.ndarray:
    """A float32 copy of shape (record, lead, time)."""
    return np.array(block.swapaxes(1, 2), np.float32, order="C")


def _largest(centred: np.ndarray) -> np.ndarray:
    return np.maximum(centred.max(axis=-1, keepdims=True), -centred.min(axis=-1, keepdims=True))


def _rows(block: np.ndarray) -> np.ndarray:
    """(record, time * lead); a view where the block lies in memory in that order."""
    return block.reshape(len(block), -1)


def _sum_per_lead(block: np.ndarray) -> np.ndarray:
    return _rows(block).sum(axis=0).reshape(block.shape[1:]).sum(axis=0)
