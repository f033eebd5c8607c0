"""The models that ship with the package, and their card."""

import numpy as np
import pytest

from signalcam.data.labels import SUPERCLASSES
from signalcam.deployment import predict, settings_of
from signalcam.deployment.pretrained import FOLDER, PRETRAINED, load_pretrained
from signalcam.leads import LEADS
from signalcam.simulation import Lesion, Subject, simulate_record


@pytest.fixture(scope="module", params=PRETRAINED)
def model(request):
    return load_pretrained(request.param)


def test_files_are_small():
    assert max((FOLDER / f"{name}.keras").stat().st_size for name in PRETRAINED) < 300_000


def test_unknown_name_lists_those_there_are():
    with pytest.raises(ValueError, match="superclasses, leadwise, leadwise-superclasses, got 'best'"):
        load_pretrained("best")


def test_models_know_their_classes_rule_and_recipe():
    settings = settings_of(load_pretrained("normal-abnormal"))
    assert (settings.class_names, settings.label_rule, settings.recipe) == (("ABNORMAL",), "paper", "best")
    assert settings_of(load_pretrained("superclasses")).class_names == SUPERCLASSES


def test_abnormal_model_has_no_more_weights_than_the_papers():
    network = load_pretrained("normal-abnormal").get_layer("network")
    assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) == 22_273


def test_lead_evidence_of_a_shipped_model_sums_to_its_evidence(ecg_like):
    for name in ("leadwise", "leadwise-superclasses"):
        found = predict(load_pretrained(name), ecg_like)
        assert found["lead_evidence"].shape[1:3] == (62, 13)
        np.testing.assert_allclose(found["lead_evidence"].sum(axis=2), found["evidence"], atol=1e-5)


@pytest.mark.parametrize(
    ("statement", "class_name", "territory"),
    [
        ("IMI", "MI", ("II", "III", "aVF")),
        ("ASMI", "MI", ("V1", "V2", "V3")),
        ("CRBBB", "CD", ("V1", "V2")),
        ("LVH", "HYP", ("I", "V5", "V6")),
    ],
)
def test_a_lesion_in_one_territory_lights_up_the_leads_of_that_territory(statement, class_name, territory):
    people = [Subject(seed, 50 + 2 * seed, seed % 2, heart_rate=60 + 2 * seed) for seed in range(8)]
    lesions = (), (Lesion(statement, 1.0),)
    healthy, ill = (
        np.stack([simulate_record(lesion, who, who.seed).signals for who in people]) for lesion in lesions
    )
    model = load_pretrained("leadwise-superclasses")
    k = settings_of(model).class_names.index(class_name)
    of_leads = [predict(model, x, warn=False)["lead_evidence"][..., :12, k] for x in (healthy, ill)]
    change = (of_leads[1] - of_leads[0]).mean(axis=(0, 1))  # logits of each lead
    inside = np.isin(LEADS, territory)
    assert LEADS[int(change.argmax())] in territory
    assert change[inside].mean() > 3 * change[~inside].mean()


def test_evidence_of_a_shipped_model_sums_to_its_logit(model, ecg_like):
    found = predict(model, ecg_like)
    np.testing.assert_allclose(found["evidence"].mean(axis=1), found["logit"], atol=1e-5)
    np.testing.assert_allclose(found["probability"], 1 / (1 + np.exp(-found["logit"])), atol=1e-6)


def test_models_say_which_folds_they_have_seen(model):
    settings = settings_of(model)
    assert settings.dataset == "PTB-XL"
    assert settings.training_folds == (1, 2, 3, 4, 5, 6, 7, 8)
    assert settings.validation_folds == (9,)


def test_shipped_models_rank_the_records_of_the_test_fold(real_dataset):
    from sklearn.metrics import roc_auc_score

    from signalcam.data.labels import binary_labels, superclasses
    from signalcam.data.signals import load_signals

    table = real_dataset.table[real_dataset.table["strat_fold"] == 10]
    superclass = superclasses(table, real_dataset.statements)
    labels = binary_labels(superclass, "labelled")
    signals = load_signals(real_dataset, labels.index, progress=False)
    abnormal = predict(load_pretrained("normal-abnormal"), signals)["probability"][:, 0]
    assert roc_auc_score(labels, abnormal) > 0.88
    several = predict(load_pretrained("superclasses"), signals)["probability"]
    assert roc_auc_score(superclass.loc[labels.index], several, average="macro") > 0.82


def test_card_has_the_headings_and_both_models():
    card = (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    for part in (
        "Intended uses & limitations",
        "Training Procedure",
        "Evaluation Results",
        "Citation",
        *PRETRAINED,
    ):
        assert part in card
