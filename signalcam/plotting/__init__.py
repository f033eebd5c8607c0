"""Every figure of the notebooks and the README, from arrays and tables; no model code is imported here.

Each function returns a `Figure` that a notebook shows as the value of its cell and `save_figure` writes.
"""

from signalcam.plotting.cases import Case, plot_cases, typical_records
from signalcam.plotting.checks import plot_deletion_insertion, plot_localisation, plot_sanity, readable
from signalcam.plotting.data import plot_class_counts, plot_missing, plot_superclass_overlap
from signalcam.plotting.ecg import plot_augmentations, plot_ecg, plot_scaling, plot_trend
from signalcam.plotting.maps import plot_class_maps, plot_map
from signalcam.plotting.pages import model_page
from signalcam.plotting.relevance import plot_beat_average, plot_lead_time
from signalcam.plotting.results import plot_confusion, plot_history, plot_reliability, plot_roc
from signalcam.plotting.style import Figure, save_figure

__all__ = ["Case", "Figure", "model_page", "readable", "save_figure", "typical_records"]
__all__ += ["plot_class_counts", "plot_missing", "plot_superclass_overlap"]
__all__ += ["plot_augmentations", "plot_ecg", "plot_scaling", "plot_trend"]
__all__ += ["plot_confusion", "plot_history", "plot_reliability", "plot_roc"]
__all__ += ["plot_beat_average", "plot_cases", "plot_class_maps", "plot_lead_time", "plot_map"]
__all__ += ["plot_deletion_insertion", "plot_localisation", "plot_sanity"]
