"""The figures of an assessment of maps."""

import numpy as np

from signalcam import plotting
from signalcam.explanation.assessment.sanity import OTHER_RECORD
from signalcam.explanation.beats import P_START, QRS_HALF, QT_SCALE

SHOWN = ("cam", "cam_convolution", "gradient_x_input", "integrated_gradients", "occlusion", "random")
SEGMENTS = {"P": (-P_START, -QRS_HALF), "QRS": (-QRS_HALF, QRS_HALF), "ST-T": (QRS_HALF, QT_SCALE)}


def draw_figures(assessment):
    """Draw all figures that an assessment has the numbers for.

    Args:
        assessment: `signalcam.explanation.assessment.assess.Assessment`.

    Returns:
        dict of file stem to Figure.
    """
    tables, figures = assessment.tables, {}
    curves = assessment.curves
    figures["faithfulness"] = plotting.plot_deletion_insertion(
        curves["fractions"], _shown(curves["deletion"]), _shown(curves["insertion"])
    )
    if "localisation" in tables:
        for group in ("all", "partial"):
            if group in tables["localisation"].index.get_level_values("group"):
                figures[f"localisation_{group}"] = _draw_localisation(tables["localisation"], group)
    sanity = tables["sanity"]
    figures["sanity"] = plotting.plot_sanity(
        {
            name: sanity.xs(name, level="method").drop(index=OTHER_RECORD)
            for name in SHOWN
            if name in sanity.index.get_level_values("method")
        },
        ylabel="likeness to the trained model's map\n(size of the rank correlation)",
    )
    if len(assessment.beat) > 1:
        figures["beats"] = _draw_beats(assessment.beat, assessment.about["lead_names"])
    figures["leads"] = plotting.plot_lead_time(
        **assessment.example,
        sampling_rate=assessment.about["sampling_rate"],
        lead_names=assessment.about["lead_names"],
        class_name=assessment.about["class"],
    )
    return figures


def _shown(curves):
    return {name: curves[name] for name in SHOWN if name in curves}


def _draw_localisation(table, group):
    rows = table.xs(group, level="group")
    chance = rows.xs("chance", level="method")["value"].to_dict()
    names = rows.index.get_level_values("method")
    n_records = int(rows["n"].max())
    what = {"all": "all lesions", "partial": "lesions in a part of the record"}[group]
    return plotting.plot_localisation(
        rows[names.isin(SHOWN)], chance, f"Does the map lie where the lesion is? {what}, {n_records} records"
    )


def _draw_beats(beat, lead_names):
    groups = {name: values for name, values in beat.items() if name != "times"}
    evidence = {name: values["evidence"]["value"].to_numpy() for name, values in groups.items()}
    intervals = {
        name: (values["evidence"]["low"].to_numpy(), values["evidence"]["high"].to_numpy())
        for name, values in groups.items()
    }
    leads = [lead for lead in ("II", "V2", "V5") if lead in lead_names] or list(lead_names[:3])
    return plotting.plot_beat_average(
        np.asarray(beat["times"]),
        {name: values["signals"] for name, values in groups.items()},
        evidence,
        intervals,
        counts={name: values["count"] for name, values in groups.items()},
        segments=SEGMENTS,
        lead_names=lead_names,
        leads=leads,
    )
