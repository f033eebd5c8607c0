"""Costs by hand, against TensorFlow's profiler, and errors where a guess would be wrong."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from signalcam import evaluation
from signalcam.evaluation.complexity import compare_cam, count_macs
from signalcam.model import add_cam, build_model
from signalcam.preprocessing.layers import Detrend, Scale


@pytest.fixture(scope="module")
def model():
    return build_model()


def total(model):
    return count_macs(model).sum()


def sequence_model(*stack, shape=(50, 3)):
    return keras.Sequential([keras.Input(shape), *stack])


def profiled_products(model):
    """Multiply-accumulates by TensorFlow's profiler: half the float operations of products."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = tf.TensorSpec((1, *model.input_shape[1:]))
    function = tf.function(lambda signals: model(signals, training=False)).get_concrete_function(signature)
    graph = convert_variables_to_constants_v2(function).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation() | {"output": "none"}
    node = tf.compat.v1.profiler.profile(graph, cmd="op", options=options)
    found = {}
    while node.children:
        node = node.children[0]
        found[node.name] = node.float_ops
    products = ("Conv2D", "MatMul", "BatchMatMulV2", "DepthwiseConv2dNative")
    return sum(found.get(name, 0) for name in products) // 2


def test_the_default_model_counts_what_the_shapes_say(model):
    expected = 1000 * 11 * 12 * 16 + 500 * 7 * 16 * 16 + 250 * 7 * 16 * 32 + 125 * 7 * 32 * 64 + 64
    assert expected == 5_696_064
    table = count_macs(model)
    assert table.sum() == 5_696_064
    assert table["conv_1"] == 2_112_000
    assert list(table.index) == [layer.name for layer in model.layers[1:]]


def test_the_cam_adds_its_products_once_and_no_parameter(model):
    table = compare_cam(model, add_cam(model))
    assert table["macs"].to_dict() == {
        "without CAM": 5_696_064,
        "evidence": 8_000,
        "upsampling": 4_000,
        "with CAM": 5_708_064,
    }
    assert table["parameters"].tolist() == [22_529, 0, 0, 22_529]
    assert table["share"].round(2).tolist() == [100, 0.14, 0.07, 100.21]
    assert compare_cam(model).equals(table)
    by_layer = count_macs(add_cam(model))
    assert sorted(by_layer["classifier"]) == [64, 8_000]


def test_the_cam_of_five_classes_costs_five_times_as_much():
    table = compare_cam(build_model(n_classes=5))
    assert table.loc[["evidence", "upsampling"], "macs"].tolist() == [40_000, 20_000]


def test_tensorflows_profiler_finds_the_same_products(model):
    assert profiled_products(model) == total(model)
    upsampling = compare_cam(model).loc["upsampling", "macs"]
    # The profiler does not know image resizing.
    assert profiled_products(add_cam(model)) == total(add_cam(model)) - upsampling


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv1D(4, 5, padding="same"), 50 * 5 * 3 * 4),
        (layers.Conv1D(4, 5, padding="valid"), 46 * 5 * 3 * 4),
        (layers.Conv1D(4, 5, padding="causal", dilation_rate=2), 50 * 5 * 3 * 4),
        (layers.Conv1D(4, 5, padding="same", strides=2), 25 * 5 * 3 * 4),
        (layers.Conv1D(6, 5, padding="same", groups=3), 50 * 5 * 1 * 6),
        (layers.DepthwiseConv1D(5, padding="same", depth_multiplier=2), 50 * 5 * 3 * 2),
        (layers.SeparableConv1D(4, 5, padding="same"), 50 * (5 * 3 + 3 * 4)),
        (layers.Dense(7), 50 * 3 * 7),
        (layers.BatchNormalization(), 0),
        (layers.MaxPooling1D(2), 0),
        (layers.UpSampling1D(2), 0),
        (layers.Dropout(0.5), 0),
        (Detrend(10), 2 * 50 * 11 * 3),
        (Scale("record"), 0),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_one_layer_worked_by_hand(layer, expected):
    model = sequence_model(layer)
    assert total(model) == expected


@pytest.mark.parametrize(
    "layer", [layers.SeparableConv1D(4, 5, padding="same"), layers.Dense(7), layers.Conv1D(4, 5, strides=2)]
)
def test_single_layers_agree_with_the_profiler(layer):
    model = sequence_model(layer)
    assert profiled_products(model) == total(model)


def test_a_layer_used_twice_costs_twice():
    shared = layers.Dense(3, name="shared")
    signals = keras.Input((50, 3))
    table = count_macs(keras.Model(signals, shared(shared(signals))))
    assert table["shared"].tolist() == [450, 450]


def test_a_model_within_a_model_is_opened(model):
    signals = keras.Input((1000, 12))
    whole = keras.Model(signals, add_cam(model)(Detrend(10)(signals)))
    assert total(whole) == 5_708_064 + 2 * 1000 * 11 * 12


def test_squeeze_and_excite_counts_its_dense_layers():
    signals = keras.Input((50, 3))
    gate = layers.Dense(3)(layers.Dense(2)(layers.GlobalAveragePooling1D()(signals)))
    model = keras.Model(signals, layers.Multiply()([signals, layers.Reshape((1, 3))(gate)]))
    assert total(model) == 3 * 2 + 2 * 3


def test_a_layer_with_weights_but_no_rule_is_an_error_and_not_zero():
    with pytest.raises(ValueError, match=r"rule here, got 'memory' \(LSTM\)"):
        count_macs(sequence_model(layers.LSTM(4, name="memory")))


def test_a_bare_product_is_an_error_and_not_zero():
    signals = keras.Input((50, 3))
    with pytest.raises(ValueError, match=r"rule here, got .* \(Matmul\)"):
        count_macs(keras.Model(signals, ops.matmul(signals, np.ones((3, 2), np.float32))))


def test_a_users_own_layer_is_an_error_and_not_zero():
    class Doubled(layers.Layer):
        def call(self, signals):
            return 2 * signals

    with pytest.raises(ValueError, match=r"got 'twice' \(Doubled\); counting it as 0 would be wrong"):
        count_macs(sequence_model(Doubled(name="twice")))


def test_a_length_that_is_not_fixed_is_an_error():
    with pytest.raises(ValueError, match="got none in 'long'. Build it with n_times"):
        count_macs(sequence_model(layers.Conv1D(4, 5, padding="same", name="long"), shape=(None, 3)))


def test_a_model_that_is_not_built_is_an_error():
    with pytest.raises(ValueError, match="has no graph to count. Give it an Input"):
        count_macs(keras.Sequential([layers.Dense(3)]))


def test_every_name_of_the_folders_face_is_there_and_no_other():
    assert all(hasattr(evaluation, name) for name in evaluation.__all__)
    assert evaluation.compare_cam is compare_cam
    with pytest.raises(AttributeError, match="module 'signalcam.evaluation' has no attribute 'nothing'"):
        evaluation.nothing  # noqa: B018
