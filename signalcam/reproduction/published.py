"""Others' results on PTB-XL's fold 10, and ours beside them, on the same records.

`published.csv` holds two columns of probabilities of ABNORMAL for the records of fold 10: `public_weights`,
the weights that the paper's authors published, run with their own preprocessing; `xresnet1d101`, one minus
the probability of NORM in the published predictions of that network (Strodthoff et al., IEEE JBHI 2021;
https://github.com/helme/ecg_ptbxl_benchmarking). They are facts about these models, not records.
"""

from importlib import resources

import pandas as pd

from signalcam.evaluation import bootstrap, paired_difference

# What the paper prints for fold 10 (EMBC 2025), on 2,203 records.
PAPER = {"auc": 0.930, "accuracy": 0.854}
METRICS = ("accuracy", "precision", "recall", "f1", "auc")
COLUMNS = {"public_weights": "public weights", "xresnet1d101": "xresnet1d101"}
FOLD = 10


def published_predictions() -> pd.DataFrame:
    """Read others' probabilities of ABNORMAL.

    Returns:
        float64 DataFrame (ecg_id of fold 10, model): `public_weights`, `xresnet1d101`.
    """
    with resources.files("signalcam.reproduction").joinpath("published.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, index_col="ecg_id")


def comparison(
    y: pd.Series, p: pd.DataFrame, patients: pd.Series, superclass: pd.DataFrame, n_bootstrap: int = 1000
) -> pd.DataFrame | None:
    """Compare single models with what others published, on the same records of fold 10.

    Args:
        y, patients, superclass: as in `Results`; `y` of ABNORMAL alone.
        p: probabilities of ABNORMAL, (ecg_id, training), same index.
        n_bootstrap: resamples of patients for the intervals.

    Returns:
        DataFrame of texts: a row for each score and for normal against each diagnosis; columns: the paper as
        printed, its public weights, xresnet1d101, ours (mean over the trainings), and the paired differences
        of ours to the two. None where these are not records of PTB-XL's fold 10.
    """
    others = published_predictions().reindex(y.index)
    if others["public_weights"].isna().any():
        return None
    rows = {metric: (y.index, metric) for metric in METRICS}
    for name in superclass.columns.drop("NORM"):
        rows[f"AUC, normal against {name}"] = (y.index[(y == 0) | superclass[name]], "auc")
    table = {
        name: _row(*(part.loc[ids] for part in (y, p, others, patients)), metric, n_bootstrap)
        for name, (ids, metric) in rows.items()
    }
    for name, value in PAPER.items():
        table[name]["published"] = f"{value:.3f}"
    columns = ["published", *COLUMNS.values(), "ours", *(f"ours - {name}" for name in COLUMNS.values())]
    return pd.DataFrame(table).T.reindex(columns=columns).fillna("-")


def _row(
    y: pd.Series, p: pd.DataFrame, others: pd.DataFrame, patients: pd.Series, metric: str, n_bootstrap: int
) -> dict[str, str]:
    """One score of all models, and the paired differences, as texts."""
    options = {"groups": patients.to_numpy(), "n_bootstrap": n_bootstrap}
    y, trainings = y.to_numpy(), p.to_numpy().T
    row = {"ours": str(bootstrap(y, trainings, (metric,), **options)[metric])}
    for column, name in COLUMNS.items():
        if column == "xresnet1d101" and metric != "auc":
            continue  # it ranks records by 1 - P(NORM); nobody chose a threshold for that
        other = others[column].to_numpy()
        row[name] = str(bootstrap(y, other, (metric,), **options)[metric])
        row[f"ours - {name}"] = str(paired_difference(y, trainings, other, metric, **options))
    return row
