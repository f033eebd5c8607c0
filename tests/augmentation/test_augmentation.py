"""Augmentation layers: one contract for all of them, then what each does, recomputed in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from signalcam.augmentation import (
    AmplitudeScale,
    GaussianNoise,
    OneOf,
    RandomLayer,
    RespirationNoise,
    SinePulse,
    TimeShift,
    TimeWarp,
    paper_augmentation,
)
from signalcam.leads import einthoven_error


class Silence(RandomLayer):
    """An augmentation as a user would write one: sets the chosen records to zero."""

    def augment(self, signals, chosen):
        return signals * (1 - chosen)


def one_of(probability=0.5, seed=None):
    return OneOf([SinePulse(), RespirationNoise()], probability=probability, seed=seed)


LAYERS = [
    TimeShift,
    TimeWarp,
    AmplitudeScale,
    GaussianNoise,
    SinePulse,
    RespirationNoise,
    one_of,
]
every_layer = pytest.mark.parametrize("make", LAYERS)
every_layer_and_all = pytest.mark.parametrize("make", [*LAYERS, paper_augmentation])


@pytest.fixture(scope="module")
def signals():
    """(64, 300, 12) float32, nowhere twice the same number."""
    return np.random.default_rng(3).normal(size=(64, 300, 12)).astype(np.float32)


def augment(layer, signals, training=True):
    return keras.ops.convert_to_numpy(layer(signals, training=training))


def draws_of(layer, n_records):
    """A layer with the random numbers that `layer` will use, after those that choose the records."""
    twin = type(layer).from_config(layer.get_config())
    twin.uniform((n_records, 1, 1))
    return twin


# The contract


@every_layer_and_all
def test_keeps_shape_and_dtype_and_the_callers_array(make, signals):
    before = signals.copy()
    result = augment(make(probability=1.0, seed=1), signals)
    assert (result.shape, result.dtype) == (signals.shape, signals.dtype)
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(signals, before)
    assert make().compute_output_shape((None, 300, 12)) == (None, 300, 12)


@every_layer_and_all
@pytest.mark.parametrize("training", [False, None])
def test_does_nothing_at_inference(make, signals, training):
    np.testing.assert_array_equal(augment(make(probability=1.0, seed=1), signals, training), signals)


@every_layer_and_all
def test_does_nothing_at_probability_0(make, signals):
    np.testing.assert_array_equal(augment(make(probability=0.0, seed=1), signals), signals)


@every_layer
def test_changes_half_of_the_records_and_leaves_the_others_exactly(make, signals):
    layer = make(probability=0.5, seed=1)
    changed = [(augment(layer, signals) != signals).any(axis=(1, 2)) for _ in range(8)]
    share = np.mean(changed)
    assert 0.4 < share < 0.6  # 512 draws: 4.5 standard deviations
    assert not np.array_equal(changed[0], changed[1])


@every_layer_and_all
def test_same_seed_gives_the_same_and_every_call_something_new(make, signals):
    first, twin, other = make(seed=5), make(seed=5), make(seed=6)
    results = [augment(first, signals) for _ in range(2)]
    for result in results:
        np.testing.assert_array_equal(augment(twin, signals), result)
    assert not np.array_equal(results[0], results[1])
    assert not np.array_equal(augment(other, signals), results[0])


@every_layer
def test_survives_its_config(make, signals):
    layer = make(probability=0.7, seed=5)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(augment(again, signals), augment(layer, signals))


@every_layer_and_all
def test_survives_its_file(make, signals, tmp_path):
    given = keras.Input((300, 12))
    model = keras.Model(given, make(seed=5)(given))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(augment(again, signals), augment(model, signals))
    np.testing.assert_array_equal(again.predict(signals, verbose=0), signals)
    assert again.trainable_weights == []


@every_layer_and_all
def test_one_graph_serves_any_batch_size_and_gives_what_eager_gives(make, signals):
    eager, layer = make(seed=5), make(seed=5)
    in_graph = tf.function(
        lambda batch: layer(batch, training=True),
        input_signature=[tf.TensorSpec((None, 300, 12), tf.float32)],
    )
    for batch in (signals, signals[:5]):
        np.testing.assert_allclose(in_graph(batch), augment(eager, batch), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_compiles_with_xla(signals):
    layer = paper_augmentation(probability=1.0)
    compiled = tf.function(lambda batch: layer(batch, training=True), jit_compile=True)
    assert compiled(signals[:2, :50]).shape == (2, 50, 12)


@every_layer
def test_keeps_half_precision(make, signals):
    layer = make(probability=1.0, seed=1)
    half = type(layer).from_config({**layer.get_config(), "dtype": "float16"})
    assert augment(half, signals.astype(np.float16)).dtype == np.float16


@pytest.mark.parametrize("make", [TimeShift, TimeWarp, AmplitudeScale])
def test_keeps_the_limb_lead_identities(make, ecg_like):
    before = einthoven_error(ecg_like)
    result = augment(make(probability=1.0, seed=1), ecg_like)
    assert np.abs(result - ecg_like).max() > 0.01
    assert (einthoven_error(result) < 1.2 * before + 1e-6).all()


@every_layer
@pytest.mark.parametrize("probability", [-0.1, 1.1])
def test_probability_outside_0_to_1_is_refused(make, probability):
    with pytest.raises(ValueError, match="probability must be between 0 and 1"):
        make(probability=probability)


# What each one does


def test_time_shift_moves_every_record_by_whole_samples(signals):
    layer = TimeShift(limit=0.03, probability=1.0, seed=2)
    shifts = draws_of(layer, len(signals)).integers((len(signals), 1), -9, 10).numpy()[:, 0]
    result = augment(layer, signals)
    assert (shifts.min(), shifts.max()) == (-9, 9)
    for record, shift in enumerate(shifts):
        padded = np.pad(signals[record], ((max(shift, 0), max(-shift, 0)), (0, 0)), mode="edge")
        start = max(-shift, 0)
        np.testing.assert_array_equal(result[record], padded[start : start + 300])


def test_time_warp_equals_numpy_interpolation(signals):
    layer = TimeWarp(n_parts=4, limit=0.3, probability=1.0, seed=2)
    largest = 0.3 * 299 / 4
    moves = draws_of(layer, len(signals)).uniform((len(signals), 3), -largest, largest).numpy()
    result = augment(layer, signals)
    borders, times = np.linspace(0, 299, 5), np.arange(300)
    for record in range(len(signals)):
        source = times + np.interp(times, borders, [0, *moves[record], 0])
        assert (np.diff(source) > 0).all()
        for lead in range(12):
            expected = np.interp(source, times, signals[record, :, lead])
            np.testing.assert_allclose(result[record, :, lead], expected, rtol=0, atol=1e-4)


def test_time_warp_keeps_both_ends(signals):
    result = augment(TimeWarp(limit=0.4, probability=1.0, seed=2), signals)
    np.testing.assert_array_equal(result[:, [0, -1]], signals[:, [0, -1]])


def test_factors_are_drawn_per_record(signals):
    layer = AmplitudeScale(limit=0.2, probability=1.0, seed=2)
    factors = 1 + draws_of(layer, len(signals)).uniform((len(signals), 1, 1), -0.2, 0.2).numpy()
    np.testing.assert_array_equal(augment(layer, signals), signals * factors)
    assert 0.8 <= factors.min() < 0.82
    assert 1.18 < factors.max() <= 1.2


def test_gaussian_noise_takes_stretches_of_a_bank(signals):
    layer = GaussianNoise(variance=0.01, probability=1.0, seed=2)
    draws = draws_of(layer, len(signals))
    length = layer.BANK * 300
    bank = keras.random.normal((length, 12), stddev=0.1, seed=draws.seed_generator).numpy()
    starts = draws.integers((len(signals), 1), 0, length).numpy()
    noise = bank[(starts + np.arange(300)) % length]
    np.testing.assert_array_equal(augment(layer, signals), signals + noise)


def test_gaussian_noise_is_normal_white_and_independent_between_leads_and_records():
    silence = np.zeros((256, 1000, 12), np.float32)
    noise = augment(GaussianNoise(variance=0.001, probability=1.0, seed=2), silence).astype(np.float64)
    assert noise.mean() == pytest.approx(0, abs=1e-3)
    assert noise.var() == pytest.approx(0.001, rel=0.05)
    assert (noise**4).mean() / noise.var() ** 2 == pytest.approx(3, abs=0.1)
    leads = np.corrcoef(noise.transpose(2, 0, 1).reshape(12, -1))
    assert np.abs(leads - np.eye(12)).max() < 0.05
    records = np.corrcoef(noise.reshape(256, -1))
    assert np.abs(records - np.eye(256)).mean() < 0.02
    assert np.abs((noise[:, 1:] * noise[:, :-1]).mean()) < 0.05 * noise.var()


def test_sine_pulse_is_one_wave_on_all_leads(signals):
    layer = SinePulse(sampling_rate=50, amplitude=0.4, frequencies=(0.5, 2.0), probability=1.0, seed=2)
    draws, shape = draws_of(layer, len(signals)), (len(signals), 1, 1)
    size = draws.uniform(shape, 0, 0.4).numpy()
    frequency = draws.uniform(shape, 0.5, 2.0).numpy()
    phase = draws.uniform(shape).numpy()
    wave = size * np.sin(2 * np.pi * (frequency * np.arange(300)[:, None] / 50 + phase))
    np.testing.assert_allclose(augment(layer, signals), signals + wave, rtol=0, atol=1e-5)
    assert 0.38 < size.max() <= 0.4


def test_respiration_is_12_to_18_breaths_a_minute_up_to_0_2():
    silence = np.zeros((64, 6000, 1), np.float32)
    wave = augment(RespirationNoise(sampling_rate=100, probability=1.0, seed=2), silence)[:, :, 0]
    breaths = (np.diff(np.sign(wave), axis=1) != 0).sum(axis=1) / 2
    assert 11.5 <= breaths.min() < 13
    assert 17 < breaths.max() <= 18.5
    assert 0.15 < np.abs(wave).max() <= 0.2


def test_one_of_changes_each_record_in_exactly_one_way(signals):
    layers = [Silence(), AmplitudeScale(limit=0.5), SinePulse(amplitude=9.0)]
    result = augment(OneOf(layers, probability=1.0, seed=2), signals)
    silent = (result == 0).all(axis=(1, 2))
    ratio = result / signals
    scaled = ~silent & (np.ptp(ratio, axis=(1, 2)) < 1e-3)
    added = np.ptp(result - signals, axis=2).max(axis=1) < 1e-4
    np.testing.assert_array_equal(silent.astype(int) + scaled + (added & ~scaled & ~silent), 1)
    assert min(silent.sum(), scaled.sum(), added.sum()) > 10


def test_one_of_takes_augmentations_only():
    with pytest.raises(ValueError, match="layers must be a list of at least one augmentation layer"):
        OneOf([])
    with pytest.raises(ValueError, match="layers must be a list of at least one augmentation layer"):
        OneOf([keras.layers.Dropout(0.1)])


def test_paper_augmentation_holds_the_four_steps_of_the_paper():
    steps = paper_augmentation(sampling_rate=200, probability=0.3).layers
    assert [type(step) for step in steps] == [TimeShift, AmplitudeScale, GaussianNoise, OneOf]
    assert {step.probability for step in steps} == {0.3}
    assert (steps[0].limit, steps[1].limit, steps[2].variance) == (0.03, 0.2, 0.001)
    assert [type(layer) for layer in steps[3].layers] == [SinePulse, RespirationNoise]
    assert [(layer.amplitude, layer.sampling_rate) for layer in steps[3].layers] == [(0.2, 200)] * 2


def test_steps_of_the_paper_choose_records_independently(signals):
    batch = np.concatenate([signals] * 4)
    chosen = [(augment(step, batch) != batch).any(axis=(1, 2)) for step in paper_augmentation(seed=0).layers]
    correlation = np.corrcoef(np.array(chosen, float))
    assert np.abs(correlation - np.eye(4)).max() < 0.3


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_fit_augments_and_predict_does_not(signals):
    given = keras.Input((300, 12))
    size = keras.ops.mean(keras.ops.abs(Silence(probability=1.0)(given)), axis=(1, 2))
    model = keras.Model(given, size[:, None])
    model.compile(loss="mean_absolute_error")
    labels = np.zeros((len(signals), 1))
    assert model.fit(signals, labels, verbose=0).history["loss"][0] == 0
    assert model.evaluate(signals, labels, verbose=0) > 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TimeShift(limit=1.5), "limit must be between 0 and 1, got 1.5"),
        (lambda: TimeWarp(limit=0.5), "limit must be between 0 and 0.49"),
        (lambda: TimeWarp(n_parts=1), "n_parts must be between 2 and 1000"),
        (lambda: GaussianNoise(variance=-1), "variance must be between 0 and inf"),
        (lambda: SinePulse(sampling_rate=0), "sampling_rate must be between 1 and inf"),
        (lambda: SinePulse(frequencies=(2, 1)), "must be between"),
    ],
)
def test_arguments_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_layer_without_its_own_augment_says_so(signals):
    with pytest.raises(NotImplementedError, match="RandomLayer must implement augment"):
        RandomLayer(probability=1.0)(signals, training=True)
