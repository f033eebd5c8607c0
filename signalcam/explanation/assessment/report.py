"""The assessment of a model's maps as files: tables (csv, JSON), figures, and one page that explains."""

import html
import json
from pathlib import Path

import numpy as np
import pandas as pd

from signalcam.deployment.deployable import scaled, settings_of
from signalcam.explanation.assessment.assess import Plan, assess
from signalcam.explanation.assessment.figures import draw_figures
from signalcam.explanation.assessment.records import records_of
from signalcam.explanation.assessment.sanity import OTHER_RECORD, retrain_on_shuffled_labels
from signalcam.explanation.network import Network
from signalcam.plotting import save_figure

_STYLE = """body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 0.9rem; } summary { cursor: pointer; color: #2166ac; }
th, td { text-align: left; padding: 0.15rem 0.9rem 0.15rem 0; border-bottom: 1px solid #ddd; }"""

# Title, figures, tables, and what a reader must know to read them.
SECTIONS = (
    (
        "Faithfulness: is the evidence where the model looks?",
        ("faithfulness",),
        ("faithfulness", "faithfulness_advantage", "replacement"),
        "Stretches of 0.25 s are replaced in the order of the map, the most relevant first, and the "
        "probability of the decision is followed (deletion); then they are put back (insertion). Gains "
        "are areas against a random order on the same records: 0 for a map that knows nothing. What "
        "replaces a stretch matters, so the last table repeats it with each rule.",
    ),
    (
        "Localisation: is the evidence where the lesion is?",
        ("localisation_all", "localisation_partial"),
        ("localisation", "localisation_advantage"),
        "Simulated records only: there, the samples that a lesion changed are known. Lasting lesions "
        "come back in every beat and cover much of the record; partial ones are the harder test. Chance "
        "is what a map without knowledge reaches.",
    ),
    (
        "Sanity: does the map depend on what was learnt?",
        ("sanity",),
        ("sanity",),
        "Weights are made random from the output downwards, and the maps are compared with those of the "
        "trained model: size of the rank correlation, since random weights turn signs as often as not. Maps "
        "that stay alike show the signal, not the model. 'Other record' is the likeness of maps of two "
        "different records by the trained model, the floor to compare with; 'shuffled labels' compares with "
        "a model trained on labels dealt out at random.",
    ),
    (
        "Where in the beat",
        ("beats",),
        ("parts",),
        "Evidence of the CAM aligned to the R peaks. A part of the beat that gets more than its share of "
        "time holds evidence. One cell of the map sees more than a second, so the picture is blurred by "
        "as much.",
    ),
    (
        "Which leads",
        ("leads",),
        ("leads",),
        "A CAM has no lead axis, so leads are asked for by occlusion: how far the logit falls when a lead "
        "is replaced by its median, for the whole record (table) or for half a second (figure).",
    ),
    (
        "Agreement and stability",
        (),
        ("agreement", "noise", "shift"),
        "Mean rank correlation of maps of different methods; of maps with and without added noise (a "
        "share of the record's standard deviation); and of maps before and after a shift in time "
        "(samples), shifted back.",
    ),
    (
        "The paper's variant of the map",
        (),
        ("variant", "cost"),
        "The paper takes the feature maps before BatchNorm and activation. Its correlation with the "
        "exact map, and how far the mean of each misses the logit; then the time of each method.",
    ),
)


def explain_report(model, study, folder, which=0, split="test", limit=None, retrain_epochs=15, plan=None):
    """Assess the maps of a deployable model on a study's records and write what was found.

    Args:
        model: deployable model (`signalcam.deployment.deployable.load_model`).
        study: `signalcam.data.load.ExplainedRecords`, of the data to assess on.
        folder: where to write; made if it is not there.
        which: the class explained, by name or index.
        split: the split to assess on.
        limit: at most so many records; None for all.
        retrain_epochs: epochs of the training on shuffled labels; 0 leaves that check out, as do classes
            other than normal against abnormal.
        plan: `signalcam.explanation.assessment.assess.Plan`, None for the default.

    Returns:
        (path of the page, `Assessment`).
    """
    plan = plan or Plan()
    records = records_of(model, study, split, which, limit, plan.seed)
    network = Network(model)
    shuffled = None
    if retrain_epochs and len(settings_of(model).class_names) == 1:
        pairs = [
            (scaled(model, study.signals[rows]), study.labels.to_numpy()[rows])
            for rows in (study.indices("train"), study.indices("validation"))
        ]
        shuffled = retrain_on_shuffled_labels(
            network, *pairs, seed=plan.seed, epochs=retrain_epochs, verbose=plan.progress
        )
    assessment = assess(network, records, plan, shuffled)
    return write_report(assessment, folder), assessment


def write_report(assessment, folder):
    """Write an assessment: ``index.html``, ``results.json``, ``tables/*.csv``, ``figures/*.png``.

    Args:
        assessment: `signalcam.explanation.assessment.assess.Assessment`.
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
    results = {"about": assessment.about, "tables": {name: _rows(table) for name, table in tables.items()}}
    (folder / "results.json").write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", "utf-8")
    page = folder / "index.html"
    page.write_text(report_page(assessment.about, tables, figures), "utf-8")
    return page


def summary_table(assessment):
    """Put one number for each question into one row a method.

    Returns:
        DataFrame, index the method: ``faithfulness`` (gain of deletion and insertion over random order),
        ``localisation`` and ``localisation_partial`` (average precision above chance, where lesions are
        known), ``sanity`` (rank correlation left after all weights are random), each with ``_low`` and
        ``_high``; and ``ms_per_record``.
    """
    tables = assessment.tables
    sanity = tables["sanity"]
    stages = [
        stage
        for stage in sanity.index.get_level_values("stage")
        if stage not in (OTHER_RECORD, "shuffled labels")
    ]
    parts = {
        "faithfulness": tables["faithfulness"].xs("gain", level="measure"),
        "sanity": sanity.xs(stages[-1], level="stage"),
    }
    for name, group in (("localisation", "all"), ("localisation_partial", "partial")):
        if "localisation" in tables and group in tables["localisation"].index.get_level_values("group"):
            rows = tables["localisation"].xs((group, "average_precision"), level=("group", "measure"))
            parts[name] = rows[["value", "low", "high"]] - rows.loc["chance", "value"]
    columns = {}
    for name in ("faithfulness", "localisation", "localisation_partial", "sanity"):
        if name in parts:
            columns[name] = parts[name]["value"]
            columns |= {f"{name}_{end}": parts[name][end] for end in ("low", "high")}
    table = pd.DataFrame(columns).reindex(tables["cost"].index)
    return table.join(tables["cost"]["ms_per_record"]).rename_axis("method")


def report_page(about, tables, figures):
    """Compose the page: HTML without scripts; figures are read from the folder ``figures`` beside it."""
    title = f"Maps for {about['class']}: how far to trust them"
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(about['data'])}. {about['n_records']} records, of which the model decides "
        f"{about['n_decided_for']} to be {html.escape(about['class'])} (threshold {about['threshold']:g}). "
        "Means over records; intervals are 95 %, from a bootstrap over patients.</p>",
        "<h2>In one table</h2>",
        "<p>Faithfulness: gain over random order, higher is better, 0 for chance. Localisation: average "
        "precision above chance. Sanity: likeness to the trained model's maps that is left when all "
        "weights are random, should be near 0. Cost: milliseconds a record.</p>",
        _table(tables["summary"]),
    ]
    for heading, pictures, names, words in SECTIONS:
        pictures = [name for name in pictures if name in figures]
        names = [name for name in names if name in tables]
        if not pictures and not names:
            continue
        parts.append(f"<h2>{html.escape(heading)}</h2>\n<p>{html.escape(words)}</p>")
        parts += [f'<p><img src="figures/{name}.png" alt="{html.escape(heading)}"></p>' for name in pictures]
        parts += [
            f"<details><summary>Table: {name.replace('_', ' ')}</summary>\n{_table(tables[name])}</details>"
            for name in names
        ]
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _table(table):
    return table.reset_index().to_html(
        index=False, border=0, float_format="{:.3f}".format, na_rep="", justify="left"
    )


def _rows(table):
    """A table as a list of dicts, NaN as None."""
    flat = table.reset_index()
    flat.columns = [str(column) for column in flat.columns]
    return [{key: _plain(value) for key, value in row.items()} for row in flat.to_dict("records")]


def _plain(value):
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
