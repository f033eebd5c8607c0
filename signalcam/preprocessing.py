"""Baseline detrending and per-lead scaling of ECG signals, in NumPy.

`signalcam.preprocessing_layers` holds the same two steps as Keras layers, with the same numbers. All functions take
`signals` of shape (record, time, lead) in mV, or one record of shape (time, lead): time is always the last axis
but one. They work block by block, so that a memory-mapped set needs little more memory than the result.
"""

import functools
from collections.abc import Iterator

import numpy as np

from signalcam.leads import LEADS

SCALINGS = ("standard", "record", "record_standard", "standard_asinh", "record_standard_asinh")

# Records per block: about 2 MB of float64 at 1,000 samples and 12 leads, which stays in a core's cache.
BLOCK = 16

# mV. PTB-XL counts in steps of 1e-3 mV; what stays below a hundredth of a step is the rounding noise that
# detrending leaves of a constant lead, and must not be blown up to full size by scaling.
FLAT = 1e-5


@functools.lru_cache(maxsize=16)
def polynomial_basis(n_times: int, degree: int = 10) -> np.ndarray:
    """Orthonormal basis of the polynomials up to `degree` on `n_times` equidistant samples.

    The QR factor of a Legendre Vandermonde matrix on [-1, 1], which is well conditioned where powers of time are not.

    Args:
        n_times: number of samples, more than `degree`.
        degree: highest degree, 0 or more.

    Returns:
        (n_times, degree + 1) float64, read-only.

    Raises:
        ValueError: where `n_times` samples do not determine a polynomial of this degree, or `degree` is no whole number.
    """
    if int(degree) != degree or degree < 0:
        raise ValueError(f"degree must be a whole number of 0 or more, but is {degree!r}.")
    if n_times <= degree:
        raise ValueError(
            f"A polynomial of degree {degree} needs more than {degree} samples, but the signals have {n_times}. "
            "Give longer signals or a lower degree; time must be the last axis but one."
        )
    vandermonde = np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, n_times), int(degree))
    basis = np.linalg.qr(vandermonde)[0]
    basis.flags.writeable = False
    return basis


def detrend(signals: np.ndarray, degree: int = 10) -> np.ndarray:
    """Subtract the least-squares polynomial of each lead: removes baseline wander.

    With Q from `polynomial_basis` this is `x - Q (Q^T x)`, equal to `x - np.polyval(np.polyfit(t, x, degree), t)`.
    At 10 s and degree 10 it acts as a high-pass of about 0.43 Hz.

    Args:
        signals: (record, time, lead) or (time, lead), floating point, in mV; never changed.
        degree: degree of the polynomial.

    Returns:
        New array of the same shape in mV; float64 for float64, else float32 (computed in float64, rounded once).

    Raises:
        TypeError: where `signals` are not real floating-point numbers.
        ValueError: on a wrong shape, too few samples, or NaN or infinity (names record, lead and count).
    """
    return _project(signals, degree, subtract=True)


def polynomial_trend(signals: np.ndarray, degree: int = 10) -> np.ndarray:
    """The least-squares polynomial of each lead: what `detrend` subtracts. Arguments and errors as there."""
    return _project(signals, degree, subtract=False)


class Scaler:
    """Scale signals per lead by one of the rules in `SCALINGS`.

    | rule | what it does |
    | --- | --- |
    | `standard` | subtract the mean and divide by the standard deviation that each lead has over the training set |
    | `record` | the paper's: subtract the record's own median per lead, divide by the largest magnitude of the result |
    | `record_standard` | subtract the mean and divide by the standard deviation of each lead of each record |
    | `standard_asinh`, `record_standard_asinh` | the inverse hyperbolic sine of the above: tames large peaks |

    A flat lead (nowhere further than 1e-5 mV from its centre) gives zeros. Only the rules that begin with `standard`
    keep the voltage, and only they need `fit`. Fit on detrended signals of the training split alone.

    Example:
        >>> scaler = Scaler("standard").fit(detrend(train_signals))       # (record, 1000, 12), mV
        >>> scaled = scaler.transform(detrend(test_signals))              # same shape, no unit

    Attributes:
        rule: name of the rule.
        mean, std: float64 per lead in mV after `fit` of a `standard` rule, else None.
    """

    def __init__(self, rule: str = "standard", mean=None, std=None):
        if rule not in SCALINGS:
            raise ValueError(f"Unknown scaling rule {rule!r}. Choose one of: {', '.join(SCALINGS)}.")
        if (mean is None) != (std is None):
            raise ValueError("Give both mean and std, or neither and call fit().")
        self.rule = rule
        self.mean = None if mean is None else np.asarray(mean, np.float64)
        self.std = None if std is None else np.asarray(std, np.float64)
        if mean is not None and (
            self.mean.ndim != 1 or self.mean.shape != self.std.shape or np.any(self.std < 0)
        ):
            raise ValueError(
                f"mean and std must hold one number per lead and std none below 0, but have shapes "
                f"{self.mean.shape} and {self.std.shape} and a smallest std of {np.min(self.std, initial=np.inf)}."
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
            TypeError, ValueError: as `detrend`.
        """
        signals = _checked(signals)
        if self.per_record:
            return self
        n_leads = signals.shape[-1]
        mean, squares, count = np.zeros(n_leads), np.zeros(n_leads), 0
        for _, block in _blocks(signals):
            block = block.astype(np.float64)
            size = block.shape[0] * block.shape[1]
            block_mean = _sum_per_lead(block) / size
            _refuse_non_finite(block_mean, signals)
            block -= _row(block_mean, block).reshape(block.shape[1:])
            # Chan, Golub, LeVeque 1979: merge mean and squared deviations of two parts without cancellation.
            shift = block_mean - mean
            mean = mean + shift * (size / (count + size))
            np.square(block, out=block)
            squares += _sum_per_lead(block) + shift**2 * (count * size / (count + size))
            count += size
        self.mean, self.std = mean, np.sqrt(squares / count)
        return self

    def transform(self, signals: np.ndarray) -> np.ndarray:
        """Scale signals; they are never changed.

        Args:
            signals: (record, time, lead) or (time, lead), detrended, in mV.

        Returns:
            New float32 array of the same shape, without unit.

        Raises:
            RuntimeError: where the rule needs `fit` and it was not called.
            TypeError: where `signals` are not real floating-point numbers.
            ValueError: on a wrong shape, another number of leads than fitted, NaN or infinity.
        """
        signals = _checked(signals)
        if not self.per_record:
            self.check_fitted()
            if signals.shape[-1] != len(self.mean):
                raise ValueError(
                    f"The scaler was fitted on {len(self.mean)} leads, but the signals have {signals.shape[-1]} "
                    f"(shape {signals.shape}). Give the same leads in the same order."
                )
        result = np.empty(signals.shape, np.float32)
        step = {"record": self._by_magnitude, "record_standard": self._by_own_deviation}.get(
            self.rule.removesuffix("_asinh"), self._by_fitted
        )
        for (_, block), (_, out) in zip(_blocks(signals), _blocks(result), strict=True):
            step(block, out)
            if self.rule.endswith("_asinh"):
                np.arcsinh(out, out=out)
            _refuse_non_finite(out, signals)
        return result

    def check_fitted(self) -> None:
        """Raise RuntimeError where mean and standard deviation are needed and missing."""
        if not self.per_record and self.mean is None:
            raise RuntimeError(
                f"The scaler with rule {self.rule!r} is not fitted. "
                "Call fit() with the detrended signals of the training split first."
            )

    def get_state(self) -> dict:
        """The scaler as a dict for JSON; `from_state` makes it again."""
        as_list = [None if values is None else values.tolist() for values in (self.mean, self.std)]
        return {"rule": self.rule, "mean": as_list[0], "std": as_list[1]}

    @classmethod
    def from_state(cls, state: dict) -> "Scaler":
        """The scaler that `get_state` described."""
        return cls(state["rule"], state.get("mean"), state.get("std"))

    def _by_fitted(self, block: np.ndarray, out: np.ndarray) -> None:
        # Rows of time x lead keep the inner loop long; broadcasting over 12 leads would make it 12 numbers long.
        rows, out_rows = block.reshape(len(block), -1), out.reshape(len(out), -1)
        np.subtract(rows, _row(self.mean, block).astype(np.float32), out=out_rows, casting="same_kind")
        out_rows *= _row(inverse_or_zero(self.std), block).astype(np.float32)

    def _by_magnitude(self, block: np.ndarray, out: np.ndarray) -> None:
        leads_first = np.ascontiguousarray(block.swapaxes(1, 2), np.float32)
        middle = leads_first.shape[-1] // 2
        even = leads_first.shape[-1] % 2 == 0
        ordered = np.partition(leads_first, [middle - 1, middle] if even else [middle], axis=-1)
        median = ordered[..., middle - int(even) : middle + 1].mean(axis=-1, keepdims=True)
        leads_first -= median
        largest = np.maximum(
            leads_first.max(axis=-1, keepdims=True), -leads_first.min(axis=-1, keepdims=True)
        )
        leads_first *= inverse_or_zero(largest)
        out[...] = leads_first.swapaxes(1, 2)

    def _by_own_deviation(self, block: np.ndarray, out: np.ndarray) -> None:
        leads_first = np.ascontiguousarray(block.swapaxes(1, 2), np.float32)
        leads_first -= leads_first.mean(axis=-1, keepdims=True)
        largest = np.maximum(
            leads_first.max(axis=-1, keepdims=True), -leads_first.min(axis=-1, keepdims=True)
        )
        deviation = np.sqrt(
            np.einsum("rlt,rlt->rl", leads_first, leads_first)[..., None] / leads_first.shape[-1]
        )
        leads_first *= np.where(largest > FLAT, inverse_or_zero(deviation, 0.0), np.float32(0))
        out[...] = leads_first.swapaxes(1, 2)


def inverse_or_zero(values: np.ndarray, flat: float = FLAT) -> np.ndarray:
    """1 / values, and 0 where they are not above `flat`."""
    above = ~(values <= flat)  # NaN counts as above, so that it stays NaN and is found
    return np.where(above, 1.0 / np.where(above, values, 1), 0).astype(values.dtype)


def _project(signals: np.ndarray, degree: int, subtract: bool) -> np.ndarray:
    signals = _checked(signals)
    basis = polynomial_basis(signals.shape[-2], degree)
    result = np.empty(signals.shape, np.float64 if signals.dtype == np.float64 else np.float32)
    for (_, block), (_, out) in zip(_blocks(signals), _blocks(result), strict=True):
        block = block.astype(np.float64, copy=False)
        coefficients = basis.T @ block
        # Each coefficient sums over all samples, so one NaN or infinity shows here: no pass over the samples needed.
        _refuse_non_finite(coefficients, signals)
        trend = basis @ coefficients
        np.subtract(block, trend, out=out, casting="same_kind") if subtract else np.copyto(
            out, trend, "same_kind"
        )
    return result


def _checked(signals: np.ndarray) -> np.ndarray:
    signals = np.asanyarray(signals)
    if signals.dtype.kind != "f":
        raise TypeError(
            f"signals must be real floating-point numbers in mV, but have dtype {signals.dtype}. "
            "Divide raw counts by their gain first, then convert with astype('float32')."
        )
    if signals.ndim not in (2, 3) or 0 in signals.shape:
        raise ValueError(
            f"signals must have the shape (record, time, lead) or (time, lead) with none of them empty, "
            f"but have {signals.shape}."
        )
    return signals


def _blocks(signals: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    batch = signals if signals.ndim == 3 else signals[None]
    for start in range(0, len(batch), BLOCK):
        yield start, batch[start : start + BLOCK]


def _refuse_non_finite(computed: np.ndarray, signals: np.ndarray) -> None:
    """Raise where numbers computed from `signals` show that these hold NaN or infinity, and say where."""
    if np.isfinite(computed).all():
        return
    for start, block in _blocks(signals):
        bad = ~np.isfinite(block)
        if bad.any():
            record, _, lead = np.argwhere(bad)[0]
            name = LEADS[lead] if block.shape[-1] == len(LEADS) else f"at position {lead}"
            raise ValueError(
                f"Record {start + record} (counted from 0), lead {name}: {bad[record, :, lead].sum()} of "
                f"{block.shape[1]} samples are NaN or infinite. Leave the record out or repair it first."
            )
    raise ValueError("The signals are so large that computing with them overflows. Give them in mV.")


def _row(per_lead: np.ndarray, block: np.ndarray) -> np.ndarray:
    """(lead,) repeated for every sample: (time * lead,)."""
    return np.tile(per_lead, block.shape[1])


def _sum_per_lead(block: np.ndarray) -> np.ndarray:
    return block.reshape(len(block), -1).sum(axis=0).reshape(block.shape[1:]).sum(axis=0)
