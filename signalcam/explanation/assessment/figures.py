"""The figures of an assessment of maps."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from signalcam import plotting
from signalcam.explanation.assessment.assess import Assessment
from signalcam.explanation.assessment.sanity import OTHER_RECORD
from signalcam.explanation.beats import P_START, QRS_HALF, QT_SCALE

SHOWN = ("cam", "cam_convolution", "gradient_x_input", "integrated_gradients", "occlusion", "random")
SEGMENTS = {"P": (-P_START, -QRS_HALF), "QRS": (-QRS_HALF, QRS_HALF), "ST-T": (QRS_HALF, QT_SCALE)}
GROUPS = {"all": "all lesions", "partial": "lesions in a part of the record"}


def draw_figures(assessment: Assessment) -> dict[str, plotting.Figure]:
    """Draw all figures that an assessment has the numbers for.

    Args:
        assessment: what was found.

    Returns:
        The figures by file name without ending.
    """
    tables, curves, about = assessment.tables, assessment.curves, assessment.about
    shown = [
        {name: curves[part][name] for name in SHOWN if name in curves[part]}
        for part in ("deletion", "insertion")
    ]
    figures = {"faithfulness": plotting.plot_deletion_insertion(curves["fractions"], *shown)}
    if "localisation" in tables:
        known = tables["localisation"].index.get_level_values("group")
        for group in (group for group in GROUPS if group in known):
            figures[f"localisation_{group}"] = _draw_localisation(tables["localisation"], group)
    sanity = tables["sanity"]
    methods = [name for name in SHOWN if name in sanity.index.get_level_values("method")]
    figures["sanity"] = plotting.plot_sanity(
        {name: sanity.xs(name, level="method").drop(index=OTHER_RECORD) for name in methods},
        ylabel="likeness to the trained model's map\n(size of the rank correlation)",
    )
    if len(assessment.beat) > 1:
        figures["beats"] = _draw_beats(assessment.beat, about["lead_names"])
    setting = {"sampling_rate": about["sampling_rate"], "lead_names": about["lead_names"]}
    figures["leads"] = plotting.plot_lead_time(**assessment.example, **setting, class_name=about["class"])
    return figures


def _draw_localisation(table: pd.DataFrame, group: str) -> plotting.Figure:
    found = table.xs(group, level="group")
    chance = found.xs("chance", level="method")["value"].to_dict()
    shown = found[found.index.get_level_values("method").isin(SHOWN)]
    title = f"Does the map lie where the lesion is? {GROUPS[group]}, {int(found['n'].max())} records"
    return plotting.plot_localisation(shown, chance, title)


def _draw_beats(beat: Mapping, lead_names: Sequence[str]) -> plotting.Figure:
    groups = {name: values for name, values in beat.items() if name != "times"}
    curves = {name: values["evidence"] for name, values in groups.items()}
    return plotting.plot_beat_average(
        np.asarray(beat["times"]),
        {name: values["signals"] for name, values in groups.items()},
        {name: curve["value"].to_numpy() for name, curve in curves.items()},
        {name: (curve["low"].to_numpy(), curve["high"].to_numpy()) for name, curve in curves.items()},
        counts={name: values["count"] for name, values in groups.items()},
        segments=SEGMENTS,
        lead_names=lead_names,
        leads=[lead for lead in ("II", "V2", "V5") if lead in lead_names] or list(lead_names[:3]),
    )
