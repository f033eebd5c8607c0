"""The assessment of a model's maps as files: tables (csv, JSON), figures, and one page that explains."""

import json
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from signalcam.data.load import Records
from signalcam.deployment.deployable import scaled, settings_of
from signalcam.explanation.assessment.assess import Assessment, Plan, assess
from signalcam.explanation.assessment.figures import draw_figures
from signalcam.explanation.assessment.records import records_of
from signalcam.explanation.assessment.sanity import OTHER_RECORD, retrain_on_shuffled_labels
from signalcam.explanation.network import Network
from signalcam.plotting import save_figure
from signalcam.plotting.pages import render


def explain_report(
    model: keras.Model,
    study: Records,
    folder: str | Path,
    which: int | str = 0,
    split: str = "test",
    limit: int | None = None,
    retrain_epochs: int = 15,
    plan: Plan | None = None,
) -> tuple[Path, Assessment]:
    """Assess the maps of a deployable model on a study's records and write what was found.

    Args:
        model: deployable model.
        study: the data to assess on.
        folder: where to write; made if it is not there.
        which: the class explained, by name or index.
        split: the split to assess on.
        limit: at most so many records; None for all.
        retrain_epochs: epochs of the training on shuffled labels; 0 leaves that check out, as do classes
            other than normal against abnormal.
        plan: None for the default.

    Returns:
        (path of the page, `Assessment`).

    Raises:
        ValueError: a class or a split that is not there.
    """
    plan = plan or Plan()
    records = records_of(model, study, split, which, limit, plan.seed)
    network = Network(model)
    shuffled = None
    if retrain_epochs and len(settings_of(model).class_names) == 1:
        pairs = [
            (scaled(model, study.signals[indices]), study.labels.to_numpy()[indices])
            for indices in (study.indices("train"), study.indices("validation"))
        ]
        shuffled = retrain_on_shuffled_labels(
            network, *pairs, seed=plan.seed, epochs=retrain_epochs, verbose=plan.progress
        )
    assessment = assess(network, records, plan, shuffled)
    return write_report(assessment, folder), assessment


def write_report(assessment: Assessment, folder: str | Path) -> Path:
    """Write an assessment: ``index.html``, ``results.json``, ``tables/*.csv``, ``figures/*.png``.

    Args:
        assessment: what was found.
        folder: where to write; made if it is not there.

    Returns:
        Path of the page.
    """
    folder = Path(folder).expanduser()
    for part in ("tables", "figures"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    tables = {"summary": summary_table(assessment)} | assessment.tables
    for name, table in tables.items():
        table.to_csv(folder / "tables" / f"{name}.csv", float_format="%.6g")
    figures = draw_figures(assessment)
    for name, figure in figures.items():
        save_figure(figure, folder / "figures" / f"{name}.png", dpi=120)
    flat = {name: _without_nan(table) for name, table in tables.items()}
    results = json.dumps({"about": assessment.about, "tables": flat}, indent=1, allow_nan=False)
    (folder / "results.json").write_text(results + "\n", "utf-8")
    page = folder / "index.html"
    page.write_text(report_page(assessment.about, tables, list(figures)), "utf-8")
    return page


def summary_table(assessment: Assessment) -> pd.DataFrame:
    """Put one number for each question into one row a method.

    Args:
        assessment: what was found.

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
    parts["sanity"] = sanity.xs(stages[~stages.isin([OTHER_RECORD, "shuffled labels"])][-1], level="stage")
    columns = {}
    for name, part in parts.items():
        columns |= {name: part["value"], f"{name}_low": part["low"], f"{name}_high": part["high"]}
    table = pd.DataFrame(columns).reindex(tables["cost"].index)
    return table.join(tables["cost"]["ms_per_record"]).rename_axis("method")


def report_page(about: Mapping, tables: Mapping[str, pd.DataFrame], figures: list[str]) -> str:
    """Compose the page.

    Args:
        about: as in `Assessment`.
        tables: by name, the summary among them.
        figures: names of the files in the folder ``figures`` beside the page, without their ending.

    Returns:
        HTML without scripts.
    """
    style = {"index": False, "border": 0, "float_format": "{:.3f}".format, "na_rep": "", "justify": "left"}
    shown = {name: table.reset_index().to_html(**style) for name, table in tables.items()}
    title = f"Maps for {about['class']}: how far to trust them"
    return render("maps_report", title=title, about=about, tables=shown, figures=figures)


def _without_nan(table: pd.DataFrame) -> list[dict]:
    """Return a table as a list of dicts, ready for JSON: what is not finite as None."""
    flat = table.reset_index().rename(columns=str)
    return [{key: _plain(value) for key, value in row.items()} for row in flat.to_dict("records")]


def _plain(value: object) -> object:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value
