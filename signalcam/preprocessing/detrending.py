"""Baseline detrending: subtract from each lead its least-squares polynomial, `x - Q (Q^T x)`, in NumPy."""

import functools

import numpy as np

from signalcam.preprocessing.chunks import check_floats, fill_chunks, result_array


@functools.lru_cache(maxsize=16)
def polynomial_basis(n_times: int, degree: int = 10) -> np.ndarray:
    """Orthonormal basis of the polynomials up to `degree`: read-only float64 (n_times, degree + 1).

    The QR factor of a Legendre Vandermonde matrix on [-1, 1], well conditioned where powers of time are not.
    ValueError on too few samples to determine the polynomial, or a `degree` that is not 0, 1, 2, ...
    """
    if int(degree) != degree or degree < 0:
        raise ValueError(f"degree must be a whole number of 0 or more, got {degree!r}.")
    if n_times <= degree:
        wanted = f"signals must be longer than {degree} samples for degree {degree}, got {n_times}"
        raise ValueError(f"{wanted}. Give longer ones, time the last axis but one, or a lower degree.")
    vandermonde = np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, n_times), int(degree))
    basis = np.asfortranarray(np.linalg.qr(vandermonde)[0])  # BLAS takes it faster in this order
    basis.flags.writeable = False
    return basis


def detrend(signals: np.ndarray, degree: int = 10, out: np.ndarray | None = None) -> np.ndarray:
    """Subtract the least-squares polynomial of each lead, which removes baseline wander.

    With Q from `polynomial_basis` this is `x - Q (Q^T x)`, as with NumPy's `polyfit` and `polyval`.
    At 10 s and degree 10 it acts as a high-pass: half of the energy of a sine of about 0.42 Hz stays.

    Args:
        signals: (record, time, lead) or (time, lead), floating point, in mV; never changed unless also `out`.
        degree: degree of the polynomial.
        out: array to write into, of the result's shape and dtype; may be `signals` itself.

    Returns:
        Same shape in mV, `out` or a new array: float64 for float64, else float32 (computed in float64).

    Raises:
        TypeError: `signals` or `out` have another dtype.
        ValueError: a shape does not fit, or the signals hold NaN or infinity (names record, lead and count).
    """
    signals = check_floats(signals)
    q = polynomial_basis(signals.shape[-2], degree)

    def subtract_trend(chunk: np.ndarray, result: np.ndarray) -> np.ndarray:
        x = chunk.astype(np.float64)
        coefficients = q.T @ x
        np.subtract(x, q @ coefficients, out=result, casting="same_kind")
        return coefficients

    dtype = np.float64 if signals.dtype == np.float64 else np.float32
    return fill_chunks(subtract_trend, signals, result_array(signals, dtype, out))
