"""The network and its CAM: counts, identities, and what a wrong model is told."""

import keras
import numpy as np
import pytest
from keras import layers
from precision import built_in

from signalcam.map_layers import Heatmap, ShareBias, SplitRows
from signalcam.model import add_cam, build_model, cell_length, classify


def randomise(model, seed=0):
    """Give every weight a random value, the BatchNorm statistics too, as after training."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        positive = "variance" in weight.path or "gamma" in weight.path
        value = rng.uniform(0.5, 1.5, weight.shape) if positive else rng.normal(0, 0.2, weight.shape)
        weight.assign(value.astype(np.float32))
    return model


def small_model(n_classes=1, **options):
    return randomise(build_model(n_times=200, filters=(4, 4, 6, 8), n_classes=n_classes, **options))


@pytest.fixture
def signals(rng):
    return rng.normal(size=(5, 200, 12)).astype(np.float32)


def run(model, signals):
    return {name: np.asarray(value) for name, value in model(signals, training=False).items()}


def test_default_model_has_exactly_22273_trainable_parameters():
    model = build_model()
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == 22_273
    assert model.count_params() == 22_529
    assert model.output_shape == (None, 1)


def test_default_network_layer_by_layer():
    model = build_model()
    assert [(layer.name, layer.output.shape[1:]) for layer in model.layers] == [
        ("signals", (1000, 12)),
        *[(f"{kind}_1", (1000, 16)) for kind in ("conv", "norm", "activation")],
        ("pool_1", (500, 16)),
        *[(f"{kind}_2", (500, 16)) for kind in ("conv", "norm", "activation")],
        ("pool_2", (250, 16)),
        *[(f"{kind}_3", (250, 32)) for kind in ("conv", "norm", "activation")],
        ("pool_3", (125, 32)),
        *[(f"{kind}_4", (125, 64)) for kind in ("conv", "norm", "activation")],
        ("average", (64,)),
        ("classifier", (1,)),
        ("probability", (1,)),
    ]
    assert [model.get_layer(f"conv_{block}").kernel_size for block in (1, 2, 3, 4)] == [
        (11,),
        (7,),
        (7,),
        (7,),
    ]
    assert {model.get_layer(f"activation_{block}").negative_slope for block in (1, 2, 3, 4)} == {0.1}
    assert (model.name, add_cam(model).name) == ("ecg_classifier", "ecg_classifier_cam")
    assert add_cam(build_model(name="other")).name == "other_cam"


def test_several_classes_are_not_exclusive_unless_asked_for():
    for exclusive, activation in (({}, "sigmoid"), ({"exclusive": True}, "softmax")):
        network = build_model(n_times=8, n_classes=3, **exclusive)
        assert network.get_layer("probability").activation.__name__ == activation
        head = classify(network.input, network.get_layer("activation_4").output, 3, **exclusive)
        assert head.get_layer("probability").activation.__name__ == activation
        assert head.name == "ecg_classifier"
    # A softmax of one output would be 1 whatever the signals.
    two = build_model(n_times=8, n_classes=2, exclusive=True)
    assert two.get_layer("probability").activation.__name__ == "sigmoid"


def test_the_head_computes_in_float32_in_a_model_of_half_precision(signals):
    with built_in("mixed_float16"):
        model = small_model(2)
    assert model.get_layer("conv_1").compute_dtype == "float16"
    assert {model.get_layer(n).compute_dtype for n in ("average", "classifier", "probability")} == {"float32"}
    assert np.asarray(model(signals)).dtype == np.float32


@pytest.mark.parametrize(
    ("n_classes", "exclusive"), [(1, False), (2, False), (2, True), (3, True), (5, False), (5, True)]
)
def test_mean_of_the_evidence_is_the_logit_of_every_class(n_classes, exclusive, signals):
    outputs = run(add_cam(small_model(n_classes, exclusive=exclusive)), signals)
    assert outputs["evidence"].shape == (5, 25, 1 if n_classes <= 2 else n_classes)
    np.testing.assert_allclose(outputs["evidence"].mean(axis=1), outputs["logit"], atol=1e-5)


def test_mean_of_the_evidence_is_the_logit_at_full_size(ecg_like):
    outputs = run(add_cam(randomise(build_model(n_classes=5))), ecg_like)
    assert outputs["evidence"].shape == (6, 125, 5)
    assert outputs["heatmap"].shape == (6, 1000, 5)
    np.testing.assert_allclose(outputs["evidence"].mean(axis=1), outputs["logit"], rtol=1e-5, atol=1e-5)


def test_probability_is_the_sigmoid_or_softmax_of_the_logit(signals):
    outputs = run(add_cam(small_model(5)), signals)
    np.testing.assert_allclose(outputs["probability"], 1 / (1 + np.exp(-outputs["logit"])), atol=1e-6)
    outputs = run(add_cam(small_model(5, exclusive=True)), signals)
    np.testing.assert_allclose(outputs["probability"].sum(axis=1), 1, atol=1e-6)


def test_cam_changes_no_prediction_and_adds_no_weight(signals):
    model = small_model(5)
    before = np.asarray(model(signals, training=False))
    cam = add_cam(model)
    np.testing.assert_array_equal(run(cam, signals)["probability"], before)
    assert [id(w) for w in cam.weights] == [id(w) for w in model.weights]
    assert len(cam.trainable_weights) == len(model.trainable_weights)


def test_cam_can_be_added_twice(signals):
    model = small_model()
    first, second = add_cam(model), add_cam(model)
    np.testing.assert_array_equal(run(first, signals)["heatmap"], run(second, signals)["heatmap"])


def test_classifier_still_trains_with_the_cam_attached(signals):
    model = small_model()
    add_cam(model)
    kernel = model.get_layer("classifier").kernel
    before = keras.ops.convert_to_numpy(kernel).copy()
    model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
    model.fit(signals, np.array([0, 1, 0, 1, 1]), verbose=0)
    assert model.get_layer("classifier").trainable
    assert np.abs(keras.ops.convert_to_numpy(kernel) - before).max() > 1e-4


def test_saved_and_loaded_cam_gives_the_same_numbers(signals, tmp_path):
    cam = add_cam(small_model(3))
    cam.save(tmp_path / "cam.keras")
    loaded = keras.saving.load_model(tmp_path / "cam.keras", safe_mode=True)
    before, after = run(cam, signals), run(loaded, signals)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])
    assert len(loaded.weights) == len(cam.weights)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_maps_of_a_record_do_not_depend_on_its_batch_mates(batch, signals):
    cam = add_cam(small_model())
    whole, part = run(cam, signals), run(cam, signals[:batch])
    np.testing.assert_allclose(part["heatmap"], whole["heatmap"][:batch], atol=1e-5)


def test_heatmap_spans_zero_to_one_for_each_record_and_class(signals):
    heatmap = run(add_cam(small_model(5)), signals * np.array([1, 10, 0.1, 3, 1])[:, None, None])["heatmap"]
    assert heatmap.min() >= 0
    assert heatmap.max() <= 1
    np.testing.assert_allclose(heatmap.min(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(heatmap.max(axis=1), 1, atol=1e-6)


@pytest.mark.bad_input(43)
@pytest.mark.parametrize("value", [0.0, -3.5, 1e30])
def test_constant_evidence_gives_a_heatmap_of_zeros_without_nan(value):
    evidence = np.full((2, 125, 3), value, np.float32)
    np.testing.assert_array_equal(Heatmap(1000, 8)(evidence), np.zeros((2, 1000, 3)))


@pytest.mark.parametrize("cell", [0, 1, 60, 124])
def test_an_impulse_in_cell_j_lights_up_samples_8j_to_8j_plus_7(cell):
    evidence = np.zeros((1, 125, 1), np.float32)
    evidence[0, cell] = 1
    heatmap = np.asarray(Heatmap(1000, 8)(evidence))[0, :, 0]
    assert np.flatnonzero(heatmap > 0.5).tolist() == list(range(8 * cell, 8 * cell + 8))


def test_heatmap_equals_numpy_interpolation_between_cell_centres(rng):
    evidence = rng.normal(size=(3, 125, 2)).astype(np.float32)
    heatmap = np.asarray(Heatmap(1000, 8)(evidence))
    for record in range(3):
        for label in range(2):
            cells = evidence[record, :, label]
            upsampled = np.interp(np.arange(1000), np.arange(125) * 8 + 3.5, cells)
            expected = (upsampled - upsampled.min()) / np.ptp(upsampled)
            np.testing.assert_allclose(heatmap[record, :, label], expected, atol=1e-5)


def test_samples_that_pooling_left_out_keep_the_last_value(rng):
    evidence = rng.normal(size=(1, 125, 1)).astype(np.float32)
    whole, longer = np.asarray(Heatmap(1000, 8)(evidence)), np.asarray(Heatmap(1005, 8)(evidence))
    np.testing.assert_array_equal(longer[:, :1000], whole)
    np.testing.assert_array_equal(longer[:, 1000:], np.repeat(whole[:, -1:], 5, axis=1))


@pytest.mark.parametrize("n_times", [200, 205, 999])
def test_heatmap_has_the_length_of_the_signal(n_times, rng):
    model = build_model(n_times=n_times, filters=(4, 4, 6, 8))
    signals = rng.normal(size=(1, n_times, 12)).astype(np.float32)
    assert run(add_cam(model), signals)["heatmap"].shape == (1, n_times, 1)


def test_cell_length_is_the_product_of_the_strides():
    assert cell_length(build_model()) == 8
    assert cell_length(build_model(n_times=15)) == 8
    signals = keras.Input((100, 12))
    features = layers.Conv1D(4, 5, strides=5, padding="same")(signals)
    assert cell_length(classify(signals, features)) == 5


def test_convolution_features_are_those_before_batchnorm_and_do_not_sum_to_the_logit(signals):
    model = small_model()
    outputs = run(add_cam(model, features="convolution"), signals)
    convolution = keras.Model(model.input, model.get_layer("conv_4").output)(signals, training=False)
    kernel, bias = model.get_layer("classifier").get_weights()
    np.testing.assert_allclose(outputs["evidence"], np.asarray(convolution) @ kernel + bias, atol=1e-4)
    assert np.abs(outputs["evidence"].mean(axis=1) - outputs["logit"]).max() > 0.01


def test_cam_of_a_model_with_its_sigmoid_inside_the_dense_layer_is_exact(signals):
    inputs = keras.Input((200, 12))
    features = layers.Conv1D(4, 5, padding="same", activation="relu")(inputs)
    pooled = layers.GlobalAveragePooling1D()(features)
    model = randomise(keras.Model(inputs, layers.Dense(3, activation="softmax", name="end")(pooled)))
    cam = add_cam(model)
    assert {"end_linear", "end_activation"} <= {layer.name for layer in cam.layers}
    outputs = run(cam, signals)
    np.testing.assert_allclose(outputs["probability"], np.asarray(model(signals)), atol=1e-6)
    np.testing.assert_allclose(outputs["evidence"].mean(axis=1), outputs["logit"], atol=1e-5)


@pytest.mark.bad_input(41)
@pytest.mark.parametrize(
    ("head", "found"),
    [
        ([layers.Flatten(name="flat"), layers.Dense(1)], r"'flat' \(Flatten\)"),
        ([layers.GlobalMaxPooling1D(name="top"), layers.Dense(1)], r"'top' \(GlobalMaxPooling1D\)"),
        (
            [layers.GlobalAveragePooling1D(), layers.Dense(4, name="hidden"), layers.Dense(1)],
            r"'hidden' \(Dense\)",
        ),
        ([layers.GlobalAveragePooling1D(name="mean")], r"'mean' \(GlobalAveragePooling1D\)"),
    ],
)
def test_cam_of_a_model_without_average_and_one_dense_names_the_layer_found(head, found):
    model = keras.Sequential([keras.Input((200, 12)), layers.Conv1D(4, 5), *head])
    with pytest.raises(ValueError, match=found):
        add_cam(model)


@pytest.mark.bad_input(41)
def test_cam_of_a_model_with_two_outputs_is_refused():
    with pytest.raises(ValueError, match="one output"):
        add_cam(add_cam(small_model()))


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="same length"):
        build_model(filters=(4, 4))
    with pytest.raises(ValueError, match="n_classes must be at least 1, got 0"):
        build_model(n_classes=0)
    with pytest.raises(
        ValueError, match="n_times must be at least 8 for 3 poolings by 2, got 7. Give longer"
    ):
        build_model(n_times=7)
    with pytest.raises(ValueError, match="activation, convolution, got 'pool'"):
        add_cam(build_model(n_times=100), features="pool")


def test_shifting_the_input_by_one_cell_shifts_the_evidence_by_one_cell_away_from_the_edges(rng):
    cam = add_cam(randomise(build_model()))
    signals = rng.normal(size=(1, 1008, 12)).astype(np.float32)
    early = run(cam, signals[:, 8:])["evidence"][0, :, 0]
    late = run(cam, signals[:, :-8])["evidence"][0, :, 0]
    # One cell sees 102 samples, so the padding at the edges reaches less than 8 cells far.
    np.testing.assert_allclose(early[8:-9], late[9:-8], atol=1e-5)


def test_the_shortest_signals_leave_one_position():
    assert add_cam(build_model(n_times=8)).get_layer("heatmap").input.shape == (None, 1, 1)
    assert cell_length(build_model(16, pool_size=4, filters=(2, 2, 2), kernel_sizes=(3, 3, 3))) == 16
    with pytest.raises(ValueError, match="n_times must be at least 16 for 2 poolings by 4, got 15"):
        build_model(n_times=15, pool_size=4, filters=(2, 2, 2), kernel_sizes=(3, 3, 3))
    with pytest.raises(ValueError, match="at least 1, got 0 and 0"):
        build_model(filters=(), kernel_sizes=())


def test_signals_of_any_length_are_taken_where_none_is_given():
    model = build_model(n_times=None)
    assert model.input_shape == (None, None, 12)
    assert {model(np.zeros((1, n_times, 12))).shape for n_times in (40, 100)} == {(1, 1)}


def test_maps_are_split_into_rows_and_the_bias_shared_out_by_hand():
    split = SplitRows((2, 1))
    np.testing.assert_array_equal(split(np.array([[[1.0, 2.0, 3.0]]])), [[[[1, 2, 0], [0, 0, 3], [0, 0, 0]]]])
    # Two rows of 5 and 7, each with the whole bias of 4; a row of silence with nothing else.
    np.testing.assert_array_equal(ShareBias()(np.array([[[[9.0], [11.0], [4.0]]]])), [[[[7], [9]]]])
    assert SplitRows.from_config(split.get_config()).rows == (2, 1)


def test_heatmap_tells_its_shape_and_settings():
    heatmap = Heatmap(1000, 8, name="heatmap")
    assert heatmap.compute_output_shape((None, 125, 5)) == (None, 1000, 5)
    again = Heatmap.from_config(heatmap.get_config())
    assert (again.n_times, again.cell_length, again.name) == (1000, 8, "heatmap")


@pytest.mark.parametrize(
    "end", [None, layers.Softmax(name="shares"), layers.Activation("tanh", name="bounded")]
)
def test_the_activation_of_the_head_may_be_any_or_none(end, signals):
    inputs = keras.Input((200, 12))
    pooled = layers.GlobalAveragePooling1D()(layers.Conv1D(4, 5, padding="same")(inputs))
    logit = layers.Dense(3, use_bias=False)(pooled)
    model = randomise(keras.Model(inputs, logit if end is None else end(logit)))
    cam = add_cam(model)
    assert cam.get_layer(end.name if end else "probability").output.shape == (None, 3)
    outputs = run(cam, signals)
    np.testing.assert_allclose(outputs["probability"], np.asarray(model(signals)), atol=1e-6)
    np.testing.assert_allclose(outputs["evidence"].mean(axis=1), outputs["logit"], atol=1e-5)


@pytest.mark.parametrize("kind", [layers.Conv1D, layers.SeparableConv1D])
def test_convolution_features_are_found_whatever_stands_behind_them(kind, signals):
    inputs = keras.Input((200, 12))
    maps = kind(4, 5, padding="same", name="last")(inputs)
    model = randomise(classify(inputs, layers.Dropout(0.5)(layers.ReLU()(maps))))
    convolution = keras.Model(inputs, maps)(signals)
    kernel, bias = model.get_layer("classifier").get_weights()
    outputs = run(add_cam(model, features="convolution"), signals)
    np.testing.assert_allclose(outputs["evidence"], np.asarray(convolution) @ kernel + bias, atol=1e-5)


def test_convolution_features_are_those_of_the_main_path_beside_shortcuts_and_gates(signals):
    inputs = keras.Input((200, 12))
    maps = layers.Conv1D(12, 5, padding="same", name="last")(inputs)
    gate = layers.Reshape((1, 12))(layers.Dense(12)(layers.GlobalAveragePooling1D()(maps)))
    model = randomise(classify(inputs, layers.Multiply()([layers.Add()([maps, inputs]), gate])))
    kernel, bias = model.get_layer("classifier").get_weights()
    expected = np.asarray(keras.Model(inputs, maps)(signals)) @ kernel + bias
    outputs = run(add_cam(model, features="convolution"), signals)
    np.testing.assert_allclose(outputs["evidence"], expected, atol=1e-5)


def test_convolution_features_of_a_model_without_convolution_are_refused():
    inputs = keras.Input((200, 12))
    with pytest.raises(ValueError, match="needs a convolution before the average"):
        add_cam(classify(inputs, layers.ReLU()(inputs)), features="convolution")
