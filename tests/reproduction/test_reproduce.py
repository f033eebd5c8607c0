"""Results of a fold and the folder of a training, with the training itself replaced by random models."""

import importlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from random_models import random_model
from sklearn.metrics import accuracy_score, roc_auc_score

from signalcam.data import LABEL_RULES, SUPERCLASSES, binary_labels, load_ptbxl, load_signals, superclasses
from signalcam.deployment import Settings, load_model, network_of, predict, save_model, settings_of
from signalcam.deployment.settings import as_settings
from signalcam.errors import LeakageError
from signalcam.evaluation import paired_difference, score
from signalcam.model import build_model
from signalcam.preprocessing import Scaler, detrend
from signalcam.reproduction import (
    as_json,
    as_markdown,
    as_text,
    evaluate_model,
    markdown_table,
    model_card,
    over_seeds,
    published_predictions,
    reproduce,
)
from signalcam.reproduction.calibrated import deploy_trained, validation_logits
from signalcam.reproduction.published import comparison
from signalcam.reproduction.results import evaluate_predictions, uncertain
from signalcam.training import TrainedNetwork, find_recipe

QUICK = {"n_bootstrap": 20, "progress": False}


@pytest.fixture(scope="module")
def signals(simulated_dataset):
    return load_signals(simulated_dataset, cache=False, progress=False)


@pytest.fixture(scope="module")
def labelled(simulated_dataset):
    return load_ptbxl(simulated_dataset, rule="labelled", cache=False, progress=False)


def random_network(recipe, outputs, signals, seed):
    """A network with random weights, its scaler, and logits that are far from all alike."""
    settings = Settings(outputs, (0.5,) * len(outputs))
    deployable = random_model(signals, settings, seed)
    network = build_model(filters=(4, 4, 6, 8), n_classes=max(len(outputs), 1))
    network.set_weights(network_of(deployable).get_weights())
    history = pd.DataFrame({"epoch": [1, 2], "loss": [0.7, 0.6], "val_loss": [0.7, 0.65]})
    scaler = Scaler("standard").fit(detrend(signals))
    return TrainedNetwork(find_recipe(recipe, scaling="standard"), network, outputs, scaler, history, 2)


@pytest.fixture
def untrained(monkeypatch, signals):
    """Let `reproduce` take random networks for trained ones; collect what it asks for."""
    calls = []

    def train(recipe, *data, **options):
        calls.append({"recipe": recipe, "data": data} | options)
        return random_network(recipe, recipe.outputs(options["target"]), signals, options["seed"])

    monkeypatch.setattr(importlib.import_module("signalcam.reproduction.reproduce"), "train_recipe", train)
    return calls


def test_folder_of_a_training_holds_models_predictions_metrics_and_card(
    simulated_dataset, labelled, untrained, signals, tmp_path
):
    runs = reproduce(labelled, tmp_path, n_seeds=2, epochs=7, **QUICK)
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
    results = evaluate_model(model, simulated_dataset, fold=4, cache=False, **QUICK)
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
    results = evaluate_predictions(
        p[:, None], simulated_dataset, table.index, settings, rule="any_norm", n_bootstrap=30
    )
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
    results = evaluate_predictions(p, simulated_dataset, table.index, settings, n_bootstrap=10)
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


def test_superclasses_can_be_trained(labelled, untrained, tmp_path):
    (run,) = reproduce(labelled, tmp_path, recipe="best", target="superclasses", **QUICK)
    assert set(run.results.scores.index) == {*SUPERCLASSES, "macro"}
    assert {path.name for path in (tmp_path / "figures").iterdir()} >= {"history.png", "maps.png"}
    assert "Scores by class" in (tmp_path / "MODEL_CARD.md").read_text()
    assert not (tmp_path / "comparison.csv").exists()


@pytest.mark.parametrize("target", ["normal-abnormal", "superclasses"])
def test_calibration_moves_the_logits_linearly_and_keeps_the_sum_of_the_evidence(target, labelled, signals):
    trained = random_network("best", find_recipe("best").outputs(target), signals, seed=3)
    model = deploy_trained(trained, labelled, target)
    settings = settings_of(model)
    assert settings.training_folds == (1, 2, 3, 4, 5, 6, 7, 8)
    assert settings.validation_folds == (9,)
    index = labelled.indices("validation")
    found = predict(model, np.asarray(labelled.signals[index]))
    np.testing.assert_allclose(found["evidence"].mean(axis=1), found["logit"], atol=1e-4)
    before = validation_logits(trained, labelled)
    for k, name in enumerate(settings.class_names):
        raw, y = before[:, trained.outputs.index(name)], labelled.targets[name].to_numpy()[index]
        slope, intercept = np.polyfit(raw, found["logit"][:, k], 1)
        np.testing.assert_allclose(found["logit"][:, k], slope * raw + intercept, atol=1e-3)
        p = found["probability"][:, k].astype(float)
        assert p.mean() == pytest.approx(y.mean(), abs=2e-3)
        if slope > 0:
            error = score(y, 1 / (1 + np.exp(-raw)), "ece")
            assert score(y, p, "ece") <= error + 0.02


def test_a_recipe_without_calibration_leaves_the_logits_as_they_are(labelled, signals):
    trained = random_network("paper", ("ABNORMAL",), signals, seed=3)
    model = deploy_trained(trained, labelled, "normal-abnormal")
    found = predict(model, np.asarray(labelled.signals[labelled.indices("validation")]))
    np.testing.assert_allclose(found["logit"], validation_logits(trained, labelled), atol=1e-4)


@pytest.mark.bad_input(63)
def test_evaluation_on_a_fold_that_the_model_has_seen_is_refused_unless_asked_for(simulated_dataset, signals):
    seen = {"dataset": "simulated ECGs", "training_folds": (1, 2, 3), "validation_folds": (9,)}
    model = random_model(signals, Settings(**seen))
    with pytest.raises(LeakageError, match="got 2: it was trained on folds 1, 2, 3 of simulated ECGs"):
        evaluate_model(model, simulated_dataset, fold=2, **QUICK)
    with pytest.raises(LeakageError, match="got 9: it was chosen on folds 9 of simulated ECGs"):
        evaluate_model(model, simulated_dataset, fold=9, **QUICK)
    asked = evaluate_model(model, simulated_dataset, fold=2, seen_folds=True, cache=False, **QUICK)
    assert asked.fold == 2
    foreign = random_model(signals, Settings(**seen | {"dataset": "PTB-XL"}))
    assert evaluate_model(foreign, simulated_dataset, fold=2, cache=False, **QUICK).fold == 2


@pytest.mark.bad_input(63)
def test_what_every_earlier_start_has_seen_stays_refused(labelled, signals, simulated_dataset, tmp_path):
    """Trained with fold 10, then on other records, then without fold 10: it has still seen fold 10."""
    trained = random_network("paper", ("ABNORMAL",), signals, seed=3)
    first = Settings(dataset=labelled.dataset.family, training_folds=(8, 9), validation_folds=(10,))
    second = settings_of(deploy_trained(trained, labelled, "normal-abnormal", first))
    second = replace(second, dataset="others", training_folds=(1, 2), validation_folds=(3,))
    save_model(deploy_trained(trained, labelled, "normal-abnormal", second), tmp_path / "model.keras")
    model = load_model(tmp_path / "model.keras")
    assert settings_of(model).earlier == ((labelled.dataset.family, (8, 9, 10)), ("others", (1, 2, 3)))
    with pytest.raises(
        LeakageError, match="got 10: it was trained, before .* on folds 8, 9, 10 of simulated"
    ):
        evaluate_model(model, simulated_dataset, fold=10, **QUICK)


def test_one_earlier_training_that_a_file_names_in_two_fields_is_read():
    assert as_settings({"earlier_dataset": "PTB-XL", "earlier_folds": [1, 2]}).earlier == (
        ("PTB-XL", (1, 2)),
    )
    assert as_settings({"earlier_dataset": "", "earlier_folds": []}).earlier == ()


def test_statements_of_low_likelihood_alone_make_a_record_uncertain():
    statements = pd.DataFrame({"diagnostic_class": ["NORM", "MI", "STTC", None]}, index=list("abcd"))
    codes = [
        {"a": 100.0},
        {"b": 50.0},
        {"b": 50.0, "c": 80.0},
        {"b": 0.0},
        {"d": 100.0},
        {"a": 80.0, "c": 15.0},
    ]
    table = pd.DataFrame({"scp_codes": codes}, index=range(1, 7))
    assert uncertain(table, statements).tolist() == [False, True, False, True, False, True]


def test_published_numbers_come_from_the_kept_predictions():
    others = published_predictions()
    rng = np.random.default_rng(0)
    y = pd.Series(rng.integers(0, 2, len(others)), index=others.index)
    stated = pd.DataFrame(False, index=y.index, columns=list(SUPERCLASSES))
    stated["NORM"], stated["MI"] = y == 0, (y == 1) & (rng.random(len(y)) < 0.5)
    ours = pd.DataFrame({seed: np.clip(y * 0.2 + rng.random(len(y)) * 0.8, 0, 1) for seed in (0, 1)})
    patients = pd.Series(np.arange(len(y)) // 2, index=y.index)
    table = comparison(y, ours, patients, stated, n_bootstrap=20)
    weights = others["public_weights"]
    assert table.loc["auc", "public weights"].startswith(f"{roc_auc_score(y, weights):.3f} (")
    assert table.loc["accuracy", "public weights"].startswith(f"{accuracy_score(y, weights >= 0.5):.3f} (")
    mean = np.mean([roc_auc_score(y, ours[seed]) for seed in ours])
    assert table.loc["auc", "ours"].startswith(f"{mean:.3f} (")
    difference = mean - roc_auc_score(y, others["xresnet1d101"])
    assert table.loc["auc", "ours - xresnet1d101"].startswith(f"{difference:.3f} (")
    assert table.loc["auc", "published"] == "0.930"
    assert table.loc["recall", "xresnet1d101"] == "-"
    inside = (y == 0) | stated["MI"]
    assert table.loc["AUC, normal against MI", "public weights"].startswith(
        f"{roc_auc_score(y[inside], weights[inside]):.3f} ("
    )
    assert comparison(y.rename(index={9: 10**6}), ours, patients, stated, n_bootstrap=20) is None


def test_score_of_several_trainings_is_the_mean_of_their_scores():
    rng = np.random.default_rng(1)
    y, p = rng.integers(0, 2, 60), rng.random((3, 60))
    found = paired_difference(y, p, p[0], n_bootstrap=10).value
    assert found == pytest.approx(np.mean([score(y, one) for one in p]) - score(y, p[0]))


def test_card_puts_sections_under_headings_of_their_level():
    card = model_card(
        "Name", {"Model description": "text", "Model description/Training": "", "Citation": "x"}
    )
    assert card == "# Name\n\n## Model description\n\ntext\n\n### Training\n\n## Citation\n\nx\n"


def test_markdown_table_keeps_its_columns_when_a_cell_holds_a_bar():
    table = pd.DataFrame({"a": ["1|2"], "b": [3]})
    assert markdown_table(table) == "| a | b |\n| --- | --- |\n| 1/2 | 3 |"
