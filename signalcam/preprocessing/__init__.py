"""Baseline detrending and per-lead scaling, in NumPy; `layers` holds the same steps as Keras layers."""

from signalcam.preprocessing.detrending import detrend, polynomial_basis
from signalcam.preprocessing.scaling import SCALINGS, Scaler

__all__ = ["SCALINGS", "Scaler", "detrend", "polynomial_basis"]
