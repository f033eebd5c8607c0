"""PTB-XL: found or fetched, labelled, split, and read as one array, checked at every step."""

from signalcam.data.download import download, outcome, verify
from signalcam.data.http_files import DownloadError
from signalcam.data.label_table import make_folds
from signalcam.data.labelled import LabelledFolder, LabelledRecords, load_labelled
from signalcam.data.labels import (
    LABEL_RULES,
    SUBCLASSES,
    SUPERCLASSES,
    binary_labels,
    subclass_column,
    superclasses,
    training_targets,
)
from signalcam.data.load import Records, load_ptbxl
from signalcam.data.ptbxl import Dataset, open_dataset, resolve_data_path
from signalcam.data.signals import load_signals
from signalcam.data.splits import check_leakage, split_by_fold

__all__ = [
    "LABEL_RULES",
    "SUBCLASSES",
    "SUPERCLASSES",
    "Dataset",
    "DownloadError",
    "LabelledFolder",
    "LabelledRecords",
    "Records",
    "binary_labels",
    "check_leakage",
    "download",
    "load_labelled",
    "load_ptbxl",
    "load_signals",
    "make_folds",
    "open_dataset",
    "outcome",
    "resolve_data_path",
    "split_by_fold",
    "subclass_column",
    "superclasses",
    "training_targets",
    "verify",
]
