"""Results of a fold and the folder of a training, with the training itself replaced by random models."""

import json

import numpy as np
import pandas as pd
import pytest
from random_models import random_model
from sklearn.metrics import roc_auc_score

from signalcam.data.labels import LABEL_RULES, SUPERCLASSES, binary_labels, superclasses
from signalcam.data.signals import load_signals
from signalcam.deployment.deployable import Settings, load_model, predict, settings_of
from signalcam.errors import LeakageError
from signalcam.preprocessing import Scaler
from signalcam.reproduction import reproduce as reproduction
from signalcam.reproduction.model_card import model_card
from signalcam.reproduction.reproduce import over_seeds, reproduce
from signalcam.reproduction.results import evaluate_model, evaluate_predictions
from signalcam.reproduction.text import as_json, as_markdown, as_text, markdown_table
from signalcam.training.train import TrainingResult
from signalcam.training.train_recipe import TrainedRecipe

QUICK = {"n_bootstrap": 20, "cache": False, "progress": False}


@pytest.fixture(scope="module")
def signals(simulated_dataset):
    return load_signals(simulated_dataset, cache=False, progress=False)


@pytest.fixture
def untrained(monkeypatch, signals):
    """Let `reproduce` take random models for trained ones; collect what it asks for."""
    calls = []

    def train(recipe, *data, **options):
        calls.append({"recipe": recipe, "data": data} | options)
        history = pd.DataFrame({"epoch": [1, 2], "loss": [0.7, 0.6], "val_loss": [0.7, 0.65]})
        return TrainedRecipe(TrainingResult(None, history, best_epoch=2), Scaler(recipe.scaling))

    def deploy(recipe, network, scaler, target, **settings):
        names = ("ABNORMAL",) if target == "normal-abnormal" else SUPERCLASSES
        settings |= {"class_names": names, "threshold": (0.5,) * len(names), "recipe": recipe.name}
        return random_model(signals, Settings(**settings), seed=calls[-1]["seed"])

    monkeypatch.setattr(reproduction, "train_recipe", train)
    monkeypatch.setattr(reproduction, "deploy", deploy)
    return calls


def test_folder_of_a_training_holds_models_predictions_metrics_and_card(
    simulated_dataset, untrained, signals, tmp_path
):
    runs = reproduce(simulated_dataset, tmp_path, rule="labelled", n_seeds=2, epochs=7, **QUICK)
    assert {path.name for path in tmp_path.iterdir()} == {
        "model.keras",
        "model_seed1.keras",
        "predictions.csv",
        "metrics.json",
        "figures",
        "MODEL_CARD.md",
    }
    assert [call["recipe"].epochs for call in untrained] == [7, 7]
    assert [call["folder"] for call in untrained] == [tmp_path / "training" / f"seed{k}" for k in (0, 1)]
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    aucs = []
    for run, file in zip(metrics["runs"], ("model.keras", "model_seed1.keras"), strict=True):
        rows = predictions[(predictions["seed"] == run["seed"])].set_index("ecg_id")
        kept = rows[rows["label_labelled"].notna()]
        aucs.append(roc_auc_score(kept["label_labelled"], kept["probability_ABNORMAL"]))
        assert run["results"]["scores"]["auc"]["value"] == pytest.approx(aucs[-1], abs=1e-6)
        model = load_model(tmp_path / file)
        at = simulated_dataset.table.index.get_indexer(rows.index)
        expected = predict(model, signals[at])["probability"][:, 0]
        np.testing.assert_allclose(rows["probability_ABNORMAL"], expected, atol=1e-5)
    assert metrics["over_seeds"]["auc"]["mean"] == pytest.approx(np.mean(aucs), abs=1e-6)
    assert metrics["over_seeds"]["auc"]["sd"] == pytest.approx(np.std(aucs, ddof=1), abs=1e-6)
    assert metrics["over_seeds"]["auc"]["n"] == over_seeds(runs).loc["auc", "n"] == 2
    assert "records to train" in settings_of(model).trained_on
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert "Trained on simulated ECGs" in card
    assert f"| AUC | {np.mean(aucs):.3f} |" in card


def test_predictions_hold_the_label_by_each_rule(simulated_dataset, signals):
    model = random_model(signals, Settings(label_rule="clear"))
    results = evaluate_model(model, simulated_dataset, fold=4, **QUICK)
    ids = simulated_dataset.table.index[simulated_dataset.table["strat_fold"] == 4]
    stated = superclasses(simulated_dataset.table.loc[ids], simulated_dataset.statements)
    assert results.predictions.index.tolist() == ids.tolist()
    assert results.rule == "clear"
    for rule in LABEL_RULES:
        labels = binary_labels(stated, rule)
        column = results.predictions[f"label_{rule}"]
        assert column.dropna().astype(int).to_dict() == labels.to_dict()
        assert results.rules.loc[rule, "n"] == len(labels)
        assert results.rules.loc[rule, "dropped"] == len(ids) - len(labels)
    assert results.y.index.equals(binary_labels(stated, "clear").index)


def test_numbers_of_scores_rules_and_text_are_one_and_the_same(simulated_dataset):
    table = simulated_dataset.table
    stated = superclasses(table, simulated_dataset.statements)
    noise = np.random.default_rng(2).random(len(table))
    p = 0.5 * noise + 0.4 * binary_labels(stated, "paper").to_numpy()
    settings = Settings(threshold=(0.45,))
    results = evaluate_predictions(p[:, None], table, stated, settings, rule="any_norm", n_bootstrap=30)
    y = binary_labels(stated, "any_norm")
    value = roc_auc_score(y, p[table.index.get_indexer(y.index)])
    assert results.scores.loc["auc", "value"] == pytest.approx(value)
    assert results.rules.loc["any_norm", "auc"] == pytest.approx(value)
    assert results.headline()["auc"] == pytest.approx(value)
    recall = (p[table.index.get_indexer(y.index)][y == 1] >= 0.45).mean()
    assert results.scores.loc["recall", "value"] == pytest.approx(recall)
    for text in (as_text(results), as_markdown(results)):
        assert "label rule any_norm" in text
        assert f"{value:.3f} (" in text
    assert as_json(results)["by_subgroup"]["sex"]["male"]["n"] == (table["sex"] == 0).loc[y.index].sum()


def test_classes_are_scored_one_by_one_and_over_the_records_of_each_rule(simulated_dataset):
    table = simulated_dataset.table
    stated = superclasses(table, simulated_dataset.statements)
    p = 0.5 * np.random.default_rng(2).random(stated.shape) + 0.4 * stated.to_numpy()
    settings = Settings(SUPERCLASSES, (0.5,) * 5, "labelled")
    results = evaluate_predictions(p, table, stated, settings, n_bootstrap=10)
    known = stated.any(axis=1)
    for name in SUPERCLASSES:
        expected = roc_auc_score(stated.loc[known, name], p[known][:, SUPERCLASSES.index(name)])
        assert results.scores.loc[name, "auc"] == pytest.approx(expected)
    mean = results.scores.loc[list(SUPERCLASSES), "auc"].mean()
    assert results.scores.loc["macro", "auc"] == results.headline()["auc"] == pytest.approx(mean)
    assert results.rules["n"].to_dict()["paper"] == len(table)
    assert results.rules["n"].to_dict()["labelled"] == known.sum()
    by_sex = results.subgroups.loc["sex", "n"]
    assert by_sex.sum() == known.sum()
    assert list(by_sex.index) == ["male", "female"]


def test_superclasses_can_be_trained(simulated_dataset, untrained, tmp_path):
    (run,) = reproduce(simulated_dataset, tmp_path, recipe="best", target="superclasses", **QUICK)
    assert set(run.results.scores.index) == {*SUPERCLASSES, "macro"}
    assert {path.name for path in (tmp_path / "figures").iterdir()} >= {"history.png", "maps.png"}
    assert "Scores by class" in (tmp_path / "MODEL_CARD.md").read_text()


@pytest.mark.bad_input(34)
def test_further_records_of_patients_to_be_tested_on_are_refused(
    simulated_dataset, untrained, tmp_path, signals
):
    table = simulated_dataset.table
    patient = table.loc[table["strat_fold"] == 10, "patient_id"].iloc[0]
    rows = pd.DataFrame({"ecg_id": [900001], "patient_id": [patient], "strat_fold": [3]})
    rows[list(SUPERCLASSES)] = [[1, 0, 0, 0, 0]]
    rows.to_csv(tmp_path / "records.csv", index=False)
    np.save(tmp_path / "signals.npy", np.zeros((1, 1000, 12), np.int16))
    with pytest.raises(LeakageError, match="of patients among the further training records: ecg_id"):
        reproduce(simulated_dataset, tmp_path / "run", recipe="best", further=tmp_path, **QUICK)
    assert not untrained


def test_card_puts_sections_under_headings_of_their_level():
    card = model_card(
        "Name", {"Model description": "text", "Model description/Training": "", "Citation": "x"}
    )
    assert card == "# Name\n\n## Model description\n\ntext\n\n### Training\n\n## Citation\n\nx\n"


def test_markdown_table_keeps_its_columns_when_a_cell_holds_a_bar():
    table = pd.DataFrame({"a": ["1|2"], "b": [3]})
    assert markdown_table(table) == "| a | b |\n| --- | --- |\n| 1/2 | 3 |"
