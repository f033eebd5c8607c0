"""The assessment of a model's maps as files: tables (csv, JSON), figures, and one page that explains."""

import json
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from signalcam import plotting
from signalcam.data import Records
from signalcam.explanation.assessment.assess import Assessment, Plan
from signalcam.explanation.assessment.records import ExplainedRecords
from signalcam.explanation.assessment.sanity import OTHER_RECORD
from signalcam.explanation.beats import P_START, QRS_HALF, T_END
from signalcam.plotting.pages import render
from signalcam.whole_file import write_whole

SHOWN = ("cam", "cam_convolution", "gradient_x_input", "integrated_gradients", "occlusion", "random")
SEGMENTS = {"P-PQ": (-P_START, -QRS_HALF), "QRS": (-QRS_HALF, QRS_HALF), "ST-T": (QRS_HALF, T_END)}
GROUPS = {"all": "all lesions", "partial": "lesions in a part of the record"}


def explain_report(
    model: keras.Model,
    study: Records,
    folder: str | Path,
    which: int | str = 0,
    limit: int | None = None,
    plan: Plan | None = None,
) -> tuple[Path, Assessment]:
    """Assess the maps of a deployable model on a study's test split; write and return the page and all found.

    Args:
        model, study, which, limit: as in `ExplainedRecords`, with its errors.
        folder: where to write; made if it is not there.
        plan: None for the default.
    """
    plan = plan or Plan()
    records = ExplainedRecords(model, study, "test", which, limit, plan.seed)
    assessment = Assessment(model, records, plan)
    return write_report(assessment, folder), assessment


def write_report(assessment: Assessment, folder: str | Path) -> Path:
    """Write ``index.html``, ``results.json``, ``tables/*.csv``, ``figures/*.png`` and return the page's path.

    Args: as in `explain_report`.
    """
    folder = Path(folder).expanduser()
    for part in ("tables", "figures"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    tables = {"summary": summary_table(assessment)} | assessment.tables
    for name, table in tables.items():
        write_whole(folder / "tables" / f"{name}.csv", table.to_csv(float_format="%.6g"))
    figures = _draw_figures(assessment)
    for name, figure in figures.items():
        plotting.save_figure(figure, folder / "figures" / f"{name}.png", dpi=120)
    rows = {"orient": "records", "double_precision": 15}  # what is not finite becomes null
    flat = {name: json.loads(table.reset_index().to_json(**rows)) for name, table in tables.items()}
    results = json.dumps({"about": assessment.about, "tables": flat}, indent=1, allow_nan=False)
    write_whole(folder / "results.json", results + "\n")
    page = folder / "index.html"
    write_whole(page, report_page(assessment.about, tables, list(figures)))
    return page


def summary_table(assessment: Assessment) -> pd.DataFrame:
    """Put one number for each question into one row a method.

    Returns:
        DataFrame, index the method: ``faithfulness`` (gain of deletion and insertion over random order),
        ``localisation`` and ``localisation_partial`` (average precision above chance, where lesions are
        known), ``sanity`` (rank correlation left after all weights are random), each with ``_low`` and
        ``_high``; and ``ms_per_record``.
    """
    tables = assessment.tables
    parts = {"faithfulness": tables["faithfulness"].xs("gain", level="measure")}
    for name, group in (("localisation", "all"), ("localisation_partial", "partial")):
        if "localisation" in tables and group in tables["localisation"].index.get_level_values("group"):
            found = tables["localisation"].xs((group, "average_precision"), level=("group", "measure"))
            parts[name] = found[["value", "low", "high"]] - found.loc["chance", "value"]
    sanity = tables["sanity"]
    stages = sanity.index.get_level_values("stage")
    parts["sanity"] = sanity.xs(stages[stages != OTHER_RECORD][-1], level="stage")
    columns = {}
    for name, part in parts.items():
        columns |= {name: part["value"], f"{name}_low": part["low"], f"{name}_high": part["high"]}
    table = pd.DataFrame(columns).reindex(tables["cost"].index)
    return table.join(tables["cost"]["ms_per_record"]).rename_axis("method")


def report_page(about: Mapping, tables: Mapping[str, pd.DataFrame], figures: list[str]) -> str:
    """Compose the page, HTML without scripts.

    Args:
        about, tables: as in `Assessment`, with the table "summary".
        figures: names of the files in the folder ``figures`` beside the page, without their ending.
    """
    style = {"index": False, "border": 0, "float_format": "{:.3f}".format, "na_rep": "", "justify": "left"}
    shown = {name: table.reset_index().to_html(**style) for name, table in tables.items()}
    title = f"Maps for {about['class']}: how far to trust them"
    return render("maps_report", title=title, about=about, tables=shown, figures=figures)


def _draw_figures(assessment: Assessment) -> dict[str, plotting.Figure]:
    """Draw all figures that an assessment has the numbers for, by file name without ending."""
    tables, curves, about = assessment.tables, assessment.curves, assessment.about
    both = (curves["deletion"], curves["insertion"])
    shown = [{name: part[name] for name in SHOWN if name in part} for part in both]
    figures = {"faithfulness": plotting.plot_deletion_insertion(curves["fractions"], *shown)}
    if "localisation" in tables:
        places = tables["localisation"]
        for group in (group for group in GROUPS if group in places.index.get_level_values("group")):
            found = places.xs(group, level="group")
            chance = found.xs("chance", level="method")["value"].to_dict()
            rows = found[found.index.get_level_values("method").isin(SHOWN)]
            title = f"Does the map lie where the lesion is? {GROUPS[group]}, {int(found['n'].max())} records"
            figures[f"localisation_{group}"] = plotting.plot_localisation(rows, chance, title)
    sanity = tables["sanity"]
    methods = [name for name in SHOWN if name in sanity.index.get_level_values("method")]
    figures["sanity"] = plotting.plot_sanity(
        {name: sanity.xs(name, level="method").drop(index=OTHER_RECORD) for name in methods},
        ylabel="likeness to the trained model's map\n(size of the rank correlation)",
    )
    leads = about["lead_names"]
    groups = {name: values for name, values in assessment.beat.items() if name != "times"}
    if groups:
        shown = [lead for lead in ("II", "V2", "V5") if lead in leads] or list(leads[:3])
        times = np.asarray(assessment.beat["times"])
        figures["beats"] = plotting.plot_beat_average(times, groups, SEGMENTS, leads, shown)
    setting = {"sampling_rate": about["sampling_rate"], "lead_names": leads, "class_name": about["class"]}
    figures["leads"] = plotting.plot_lead_time(**assessment.example, **setting)
    return figures
