"""Simulated 12-lead ECGs with known lesions, and a folder of them in PTB-XL's layout."""

from signalcam.simulation.dataset import read_spans, write_dataset
from signalcam.simulation.lesions import Lesion
from signalcam.simulation.patient import Subject
from signalcam.simulation.record import SimulatedRecord, simulate_record

__all__ = ["Lesion", "SimulatedRecord", "Subject", "read_spans", "simulate_record", "write_dataset"]
