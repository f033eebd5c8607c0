"""PTB-XL: found or fetched, labelled, split, and read as one array, checked at every step."""

from signalcam.data.download import download, outcome, verify
from signalcam.data.http_files import DownloadError
from signalcam.data.labelled import LabelledRecords, load_labelled
from signalcam.data.labels import LABEL_RULES, SUPERCLASSES, binary_labels, superclasses, training_targets
from signalcam.data.load import Records, load_ptbxl
from signalcam.data.ptbxl import Dataset, open_dataset
from signalcam.data.signals import load_signals
from signalcam.data.splits import check_leakage, split_by_fold

__all__ = [
    "LABEL_RULES", "SUPERCLASSES", "Dataset", "DownloadError", "LabelledRecords", "Records",
    "binary_labels", "check_leakage", "download", "load_labelled", "load_ptbxl", "load_signals",
    "open_dataset", "outcome", "split_by_fold", "superclasses", "training_targets", "verify",
]  # fmt: skip
