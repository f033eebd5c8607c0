"""Every figure of the notebooks and the README, from arrays and tables; no model code is imported here.

Each function returns a `Figure` that a notebook shows as the value of its cell and `save_figure` writes.
Each is loaded when it is asked for, so that a map can be drawn without pandas.
"""

import importlib
from typing import Any

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
_MODULE_OF = {name: module for module, names in _FACE.items() for name in names}
__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
