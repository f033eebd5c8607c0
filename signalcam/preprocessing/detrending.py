"""Baseline detrending and per-lead scaling of ECG signals, in NumPy.

`signalcam.preprocessing.layers` holds the same steps as Keras layers, with the same numbers. All functions
take `signals` of shape (record, time, lead) in mV, or one record of shape (time, lead): time is the last axis
but one. Memory-mapped sets are fine: the work goes block by block.
"""

import functools

import numpy as np

from signalcam.preprocessing.chunks import check_floats, fill_blocks, result_array
from signalcam.preprocessing.scaling import SCALINGS, Scaler

__all__ = ["SCALINGS", "Scaler", "detrend", "polynomial_basis", "polynomial_trend"]


@functools.lru_cache(maxsize=16)
def polynomial_basis(n_times: int, degree: int = 10) -> np.ndarray:
    """Orthonormal basis of the polynomials up to `degree` on `n_times` equidistant samples.

    The QR factor of a Legendre Vandermonde matrix on [-1, 1], well conditioned where powers of time are not.

    Args:
        n_times: number of samples, more than `degree`.
        degree: highest degree, 0 or more.

    Returns:
        (n_times, degree + 1) float64, read-only.

    Raises:
        ValueError: on too few samples to determine the polynomial, or a `degree` that is not 0, 1, 2, ...
    """
    if int(degree) != degree or degree < 0:
        raise ValueError(f"degree must be a whole number of 0 or more, but is {degree!r}.")
    if n_times <= degree:
        raise ValueError(
            f"A polynomial of degree {degree} needs more than {degree} samples, but there are {n_times} "
            "(time is the last axis but one). Give longer signals or a lower degree."
        )
    vandermonde = np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, n_times), int(degree))
    basis = np.linalg.qr(vandermonde)[0]
    basis.flags.writeable = False
    return basis


def detrend(signals: np.ndarray, degree: int = 10, out: np.ndarray | None = None) -> np.ndarray:
    """Subtract the least-squares polynomial of each lead, which removes baseline wander.

    With Q from `polynomial_basis` this is `x - Q (Q^T x)`, as with NumPy's `polyfit` and `polyval`.
    At 10 s and degree 10 it acts as a high-pass: half of the energy of a sine of about 0.42 Hz stays.

    Args:
        signals: (record, time, lead) or (time, lead), floating point, in mV; never changed, unless they are
            given as `out`, too.
        degree: degree of the polynomial.
        out: array to write into, of the result's shape and dtype; may be `signals` itself.

    Returns:
        Array of the same shape in mV, `out` or a new one: float64 for float64, else float32 (computed in
        float64).

    Raises:
        TypeError: where `signals` are not real floating-point numbers, or `out` has another dtype.
        ValueError: on a wrong shape, too few samples, NaN or infinity (names record, lead and count), or an
            `out` that does not fit.
    """
    return _fit_blocks(signals, degree, out, functools.partial(np.subtract, casting="same_kind"))


def polynomial_trend(signals: np.ndarray, degree: int = 10) -> np.ndarray:
    """The least-squares polynomial of each lead: what `detrend` subtracts. Arguments and errors as there."""
    return _fit_blocks(
        signals, degree, None, lambda _, trend, out: np.copyto(out, trend, casting="same_kind")
    )


def _fit_blocks(signals, degree, out, write):
    """Fit all leads; `write(block, trend, out)` says what becomes of a block and its trend."""

    def make_step():
        fit = _Fit(basis)

        def step(block, out):
            block, coefficients, trend = fit(block)
            write(block, trend, out=out)
            return coefficients

        return step

    signals = check_floats(signals)
    basis = polynomial_basis(signals.shape[-2], degree)
    dtype = np.float64 if signals.dtype == np.float64 else np.float32
    return fill_blocks(make_step, signals, result_array(signals, dtype, out))


class _Fit:
    """Fit polynomials to one block after another, each time in the same memory."""

    def __init__(self, basis):
        # In this order in memory BLAS takes the basis faster, for both products.
        self.transposed = np.ascontiguousarray(basis.T)
        self.room = ()

    def __call__(self, block):
        """The block in float64, its coefficients (record, degree + 1, lead), its trend (record, time, lead).

        They hold until the next call.
        """
        n_coefficients, n_times = self.transposed.shape
        count, n_leads = len(block), block.shape[-1]
        if not self.room:
            shapes = [(count, length, n_leads) for length in (n_times, n_coefficients, n_times)]
            self.room = tuple(np.empty(shape) for shape in shapes)
        signals, coefficients, trend = (array[:count] for array in self.room)
        np.copyto(signals, block)
        np.matmul(self.transposed, signals, out=coefficients)
        np.matmul(self.transposed.T, coefficients, out=trend)
        return signals, coefficients, trend
