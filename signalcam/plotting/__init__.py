"""Every figure of the notebooks and the README, from arrays and tables; no model code is imported here.

Each function returns a `Figure` that a notebook shows as the value of its cell and `save_figure` writes.
Each is loaded when it is asked for, so that a map can be drawn without pandas.
"""

from signalcam import loaded_when_asked

_FACE = {
    "cases": ("Case", "plot_cases", "typical_records"),
    "checks": ("plot_deletion_insertion", "plot_localisation", "plot_sanity", "readable"),
    "data": ("plot_class_counts", "plot_superclass_overlap"),
    "ecg": ("plot_augmentations", "plot_ecg", "plot_scaling", "plot_trend"),
    "maps": ("plot_class_maps", "plot_map"),
    "pages": ("model_page",),
    "relevance": ("plot_beat_average", "plot_lead_time"),
    "results": ("plot_confusion", "plot_history", "plot_reliability", "plot_roc"),
    "style": ("Figure", "save_figure"),
}
__all__ = [name for names in _FACE.values() for name in names]
__getattr__ = loaded_when_asked(__name__, _FACE)


def __dir__() -> list[str]:
    return __all__
