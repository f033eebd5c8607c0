"""Detrending and scaling in NumPy: identities, parity with polyfit and with plain loops, refusals."""

import json

import numpy as np
import pytest

from signalcam.leads import LEADS, einthoven_error
from signalcam.preprocessing import SCALINGS, Scaler, detrend, polynomial_basis
from signalcam.preprocessing.chunks import CHUNK, fill_chunks

STANDARD = [rule for rule in SCALINGS if rule.startswith("standard")]
PER_RECORD = [rule for rule in SCALINGS if rule.startswith("record")]


@pytest.fixture
def wander(rng):
    """(CHUNK + 3, 400, 3) float64 in mV: random walks, each with a trend; more than one block."""
    return rng.normal(scale=0.05, size=(CHUNK + 3, 400, 3)).cumsum(axis=1)


def polyfit_loop(signals, degree):
    times = np.linspace(-1, 1, signals.shape[1])
    trend = np.empty(signals.shape)
    for record, lead in np.ndindex(len(signals), signals.shape[2]):
        trend[record, :, lead] = np.polyval(np.polyfit(times, signals[record, :, lead], degree), times)
    return trend


def fitted(rule, signals):
    return Scaler(rule).fit(signals)


def test_basis_is_orthonormal_and_spans_the_polynomials():
    basis = polynomial_basis(50, 10)
    np.testing.assert_allclose(basis.T @ basis, np.eye(11), atol=1e-14)
    powers = np.vander(np.linspace(-1, 1, 50), 11)
    np.testing.assert_allclose(basis @ (basis.T @ powers), powers, atol=1e-13)
    assert not basis.flags.writeable


def test_basis_of_degree_1_by_hand():
    expected = np.stack([np.full(3, 1 / np.sqrt(3)), np.array([-1, 0, 1]) / np.sqrt(2)], axis=1)
    np.testing.assert_allclose(np.abs(polynomial_basis(3, 1)), np.abs(expected), atol=1e-15)


def test_detrending_a_parabola_by_hand():
    # The best straight line through 1, 0, 0, 1 is the constant 1/2.
    signals = np.array([1.0, 0.0, 0.0, 1.0])[None, :, None]
    np.testing.assert_allclose(detrend(signals, 1)[0, :, 0], [0.5, -0.5, -0.5, 0.5], atol=1e-15)


@pytest.mark.parametrize("degree", [0, 1, 3, 10])
def test_detrend_equals_polyfit_to_1e_9_in_float64(wander, degree):
    expected = wander - polyfit_loop(wander, degree)
    np.testing.assert_allclose(detrend(wander, degree), expected, rtol=0, atol=1e-9)


def test_detrend_equals_polyfit_to_1e_6_in_float32(wander):
    signals = wander.astype(np.float32)
    expected = signals.astype(np.float64) - polyfit_loop(signals.astype(np.float64), 10)
    result = detrend(signals)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)


def test_detrending_removes_every_polynomial_of_its_degree_and_nothing_above(rng):
    times = np.linspace(-1, 1, 1000)
    polynomials = np.polynomial.chebyshev.chebval(times, rng.normal(size=(11, 5, 12)))  # (record, lead, time)
    assert np.abs(detrend(polynomials.swapaxes(1, 2))).max() < 1e-12
    assert np.abs(detrend(polynomials.swapaxes(1, 2).astype(np.float32))).max() < 1e-6
    eleventh = np.polynomial.legendre.legval(times, [0] * 11 + [1])[:, None]
    assert np.abs(detrend(eleventh)).max() > 0.9


def test_detrending_twice_changes_nothing_more(wander):
    np.testing.assert_allclose(detrend(detrend(wander)), detrend(wander), atol=1e-13)


def test_detrending_keeps_the_limb_lead_identities(ecg_like):
    assert einthoven_error(detrend(ecg_like)).max() < 1e-5


def test_high_pass_leaves_half_the_energy_of_a_sine_of_0_42_hz():
    times = np.arange(1000)[:, None] / 100
    phases = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    kept = [
        np.square(detrend(np.sin(2 * np.pi * f * times + phases))).mean() / 0.5 for f in (0.3, 0.415, 0.8)
    ]
    np.testing.assert_allclose(kept, [0, 0.5, 1], atol=0.1)


@pytest.mark.parametrize("work", [detrend, Scaler("record").transform])
def test_one_record_counts_as_a_batch_of_one(wander, work):
    np.testing.assert_array_equal(work(wander[0]), work(wander[:1])[0])


@pytest.mark.bad_input(28)
@pytest.mark.parametrize(
    "work", [detrend, lambda x: Scaler("record").transform(x), lambda x: fitted("standard", x)]
)
def test_signals_given_are_never_changed_and_may_be_read_only(wander, work):
    before = wander.copy()
    wander.flags.writeable = False
    work(wander)
    np.testing.assert_array_equal(wander, before)


def into_itself(signals):
    return signals, signals


def into_another(signals):
    return signals, np.full_like(signals, np.nan)


@pytest.mark.parametrize("rule", [None, *SCALINGS])
@pytest.mark.parametrize("place", [into_itself, into_another])
def test_result_goes_into_the_array_given_signals_themselves_included(wander, rule, place):
    signals = wander.astype(np.float32)
    work = fitted(rule, signals).transform if rule else detrend
    expected = work(signals)
    signals, out = place(signals)
    assert work(signals, out=out) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.bad_input(17)
def test_signals_with_nan_are_not_written_over(ecg_like):
    signals = np.concatenate([ecg_like] * 4).astype(np.float32)
    signals[-1, 3, 7] = np.nan
    before = signals.copy()
    for work in (detrend, Scaler("record").transform):
        with pytest.raises(ValueError, match=f"record {len(signals) - 1}, lead V2: 1 of 1,000 samples"):
            work(signals, out=signals)
    np.testing.assert_array_equal(signals, before)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x: x.astype(np.float64), TypeError, "out must be an array of float32, got float64"),
        (lambda x: x.tolist(), TypeError, "out must be an array of float32, got list"),
        (lambda x: x[1:].copy(), ValueError, r"shape of the signals, \(19, 400, 3\), got \(18, 400, 3\)"),
        (lambda x: np.asfortranarray(x), ValueError, "out must be writeable and in C order"),
        (
            lambda x: np.broadcast_to(np.float32(0), x.shape),
            ValueError,
            "out must be writeable and in C order",
        ),
    ],
)
def test_array_for_the_result_must_fit(wander, make, error, message):
    signals = wander.astype(np.float32)
    for work in (detrend, Scaler("record").transform):
        with pytest.raises(error, match=message):
            work(signals, out=make(signals))


def test_array_for_the_result_shares_no_part_of_the_signals(wander):
    room = np.concatenate([wander, wander]).astype(np.float32)
    with pytest.raises(ValueError, match="out must be the signals themselves, or share no memory with them"):
        detrend(room[:10], out=room[5:15])


@pytest.mark.bad_input(28)
@pytest.mark.parametrize("rule", SCALINGS)
def test_memory_maps_and_strided_arrays_give_the_same(wander, rule, tmp_path):
    signals = wander.astype(np.float32)
    np.save(tmp_path / "signals.npy", signals)
    mapped = np.load(tmp_path / "signals.npy", mmap_mode="r")
    strided = np.asfortranarray(signals)
    for other in (mapped, strided):
        np.testing.assert_array_equal(detrend(other), detrend(signals))
        result = fitted(rule, other).transform(other)
        assert type(result) is np.ndarray
        np.testing.assert_allclose(result, fitted(rule, signals).transform(signals), atol=1e-6)


@pytest.mark.bad_input(17)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "work",
    [
        detrend,
        lambda x: fitted("standard", x),
        Scaler("standard", np.zeros(12), np.ones(12)).transform,
    ]
    + [Scaler(rule).transform for rule in PER_RECORD],
)
def test_nan_and_infinity_name_record_lead_and_count(ecg_like, work, bad):
    signals = np.concatenate([ecg_like] * 4)
    signals[19, [3, 700], 7] = bad
    message = "record 19, lead V2: 2 of 1,000 samples"
    with pytest.raises(ValueError, match=message):
        work(signals)


@pytest.mark.bad_input(28)
@pytest.mark.parametrize("dtype", [np.int16, np.complex128, object, bool])
@pytest.mark.parametrize("work", [detrend, Scaler("record").transform, Scaler("standard").fit])
def test_only_floating_point_signals_are_taken(work, dtype):
    with pytest.raises(TypeError, match="must be real floating-point numbers in mV, got dtype"):
        work(np.ones((1, 20, 12), dtype))


@pytest.mark.bad_input(29)
@pytest.mark.parametrize("shape", [(20,), (0, 20, 12), (1, 20, 0), (1, 1, 20, 12)])
@pytest.mark.parametrize("work", [detrend, Scaler("record").transform, Scaler("standard").fit])
def test_other_shapes_are_refused(work, shape):
    with pytest.raises(ValueError, match=r"must have the shape \(record, time, lead\) or \(time, lead\)"):
        work(np.ones(shape))


def test_too_few_samples_for_the_degree_are_refused():
    with pytest.raises(ValueError, match="longer than 10 samples for degree 10, got 10"):
        detrend(np.ones((1, 10, 12)))
    assert np.abs(detrend(np.random.default_rng(0).normal(size=(1, 11, 12)))).max() < 1e-12


@pytest.mark.parametrize("degree", [-1, 2.5])
def test_degree_must_be_a_whole_number(degree):
    with pytest.raises(ValueError, match="degree must be a whole number of 0 or more"):
        detrend(np.ones((1, 20, 12)), degree)


def test_standard_equals_numpy_over_the_training_set(wander):
    scaler = fitted("standard", wander.astype(np.float32))
    signals = wander.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(scaler.mean, signals.mean(axis=(0, 1)), rtol=1e-12)
    np.testing.assert_allclose(scaler.std, signals.std(axis=(0, 1)), rtol=1e-12)
    expected = (signals - signals.mean(axis=(0, 1))) / signals.std(axis=(0, 1))
    np.testing.assert_allclose(scaler.transform(wander.astype(np.float32)), expected, atol=1e-5)


def test_standard_deviation_survives_a_large_offset(rng):
    signals = rng.normal(size=(40, 100, 2)) + [1e6, 0]
    np.testing.assert_allclose(fitted("standard", signals).std, signals.std(axis=(0, 1)), rtol=1e-9)


def test_standard_uses_the_training_set_only(wander):
    scaler = fitted("standard", wander[:5])
    before = scaler.get_state()
    scaler.transform(wander[5:] * 100)
    assert scaler.get_state() == before


@pytest.mark.parametrize("n_times", [400, 399])
def test_record_equals_a_loop_over_leads(wander, n_times):
    signals = wander[:, :n_times]
    expected = np.empty(signals.shape)
    for record, lead in np.ndindex(len(signals), signals.shape[2]):
        centred = signals[record, :, lead] - np.median(signals[record, :, lead])
        expected[record, :, lead] = centred / np.abs(centred).max()
    result = Scaler("record").transform(signals)
    np.testing.assert_allclose(result, expected, atol=1e-6)
    np.testing.assert_allclose(np.abs(result).max(axis=1), 1, atol=1e-6)


def test_record_by_hand():
    signals = np.array([[1.0, 2.0, 3.0, 10.0], [5.0, 5.0, 5.0, 5.0]]).T[None]
    scaled = Scaler("record").transform(signals)
    np.testing.assert_allclose(scaled[0, :, 0], [-0.2, -0.5 / 7.5, 0.5 / 7.5, 1.0], atol=1e-7)
    np.testing.assert_array_equal(scaled[0, :, 1], 0)


def test_record_standard_equals_numpy_per_record_and_lead(wander):
    expected = (wander - wander.mean(axis=1, keepdims=True)) / wander.std(axis=1, keepdims=True)
    np.testing.assert_allclose(Scaler("record_standard").transform(wander), expected, atol=1e-5)


@pytest.mark.parametrize("rule", ["standard", "record_standard"])
def test_asinh_rules_put_the_inverse_hyperbolic_sine_on_top(wander, rule):
    plain = fitted(rule, wander).transform(wander)
    with_asinh = fitted(f"{rule}_asinh", wander).transform(wander)
    np.testing.assert_allclose(with_asinh, np.arcsinh(plain), atol=1e-6)


@pytest.mark.parametrize("rule", PER_RECORD)
def test_record_rules_need_no_fit_and_no_company(wander, rule):
    scaler = Scaler(rule)
    assert scaler.fit(wander) is scaler
    assert scaler.mean is None
    np.testing.assert_array_equal(scaler.transform(wander)[3], scaler.transform(wander[3]))


@pytest.mark.parametrize("rule", PER_RECORD)
def test_record_rules_delete_the_voltage_and_standard_rules_keep_it(wander, rule):
    np.testing.assert_allclose(Scaler(rule).transform(2 * wander), Scaler(rule).transform(wander), atol=1e-5)
    scaler = fitted("standard", wander)
    size, twice = (np.ptp(scaler.transform(signals), axis=(0, 1)) for signals in (wander, 2 * wander))
    np.testing.assert_allclose(twice, 2 * size, rtol=1e-5)


@pytest.mark.bad_input(19)
@pytest.mark.parametrize("level", [0.0, 0.3, -4.9])
@pytest.mark.parametrize("rule", SCALINGS)
def test_flat_lead_gives_zeros_even_after_the_rounding_of_detrending(ecg_like, rule, level):
    ecg_like[:, :, 4] = level
    detrended = detrend(ecg_like)
    scaled = fitted(rule, detrended).transform(detrended)
    np.testing.assert_array_equal(scaled[:, :, 4], 0)
    assert np.isfinite(scaled).all()
    assert np.abs(scaled[:, :, 5]).max() > 0.5


@pytest.mark.parametrize("rule", SCALINGS)
def test_results_are_float32_of_the_same_shape(wander, rule):
    for signals in (wander, wander.astype(np.float32), wander.astype(np.float16), wander[0]):
        scaled = fitted(rule, signals).transform(signals)
        assert (scaled.dtype, scaled.shape) == (np.float32, signals.shape)


@pytest.mark.parametrize("rule", SCALINGS)
def test_state_survives_json(wander, rule):
    scaler = fitted(rule, wander)
    again = Scaler(**json.loads(json.dumps(scaler.get_state())))
    assert again.get_state() == scaler.get_state()
    np.testing.assert_array_equal(again.transform(wander), scaler.transform(wander))


@pytest.mark.parametrize("rule", STANDARD)
def test_scaler_that_was_not_fitted_is_refused(wander, rule):
    with pytest.raises(RuntimeError, match=f"rule '{rule}' is not fitted. Call fit"):
        Scaler(rule).transform(wander)


def test_unknown_rule_lists_the_rules():
    with pytest.raises(ValueError, match=r"rule must be one of standard, record, .*, got 'max'"):
        Scaler("max")


@pytest.mark.bad_input(24)
def test_other_number_of_leads_than_fitted_is_refused(wander):
    with pytest.raises(ValueError, match="the 3 leads that the scaler was fitted on, got 2"):
        fitted("standard", wander).transform(wander[..., :2])


@pytest.mark.parametrize(("mean", "std"), [([0.0], [1.0, 1.0]), ([0.0], [-1.0]), ([[0.0]], [[1.0]])])
def test_mean_and_std_must_fit_together(mean, std):
    with pytest.raises(ValueError, match="must hold one number per lead"):
        Scaler("standard", mean, std)
    with pytest.raises(ValueError, match="mean and std must be given both, or neither"):
        Scaler("standard", mean)


@pytest.mark.parametrize("n_records", [1, CHUNK + 1, 20 * CHUNK + 1])
def test_chunks_of_all_cores_come_back_in_order(rng, n_records):
    signals = rng.normal(size=(n_records, 4, 2))

    def double(chunk, out):
        out[...] = 2 * chunk
        return out.sum()

    np.testing.assert_array_equal(fill_chunks(double, signals, np.empty_like(signals)), 2 * signals)
    signals[-1, 2, 1] = np.nan
    message = f"record {n_records - 1}, lead .*: 1 of 4 samples"
    with pytest.raises(ValueError, match=message):
        fill_chunks(double, signals, np.empty_like(signals))


def test_overflow_is_not_taken_for_nan():
    signals = np.full((1, 20, len(LEADS)), 3e38, np.float32)
    with pytest.raises(ValueError, match="too large to compute with"):
        Scaler("standard", np.zeros(12), np.ones(12)).transform(signals)


def test_real_records_detrend_as_polyfit_does(real_dataset):
    from signalcam.data.signals import load_signals

    signals = load_signals(real_dataset, real_dataset.table.index[:4], cache=False, progress=False)
    expected = signals - polyfit_loop(signals.astype(np.float64), 10)
    np.testing.assert_allclose(detrend(signals), expected, rtol=0, atol=1e-6)


def test_a_lead_that_was_flat_in_training_may_have_a_deviation_of_zero():
    scaler = Scaler("standard").fit(np.ones((1, 10, 2)) * [1.0, 2.0])
    assert scaler.get_state() == {"rule": "standard", "mean": [1, 2], "std": [0, 0]}
    np.testing.assert_array_equal(Scaler(**scaler.get_state()).transform(np.full((1, 10, 2), 9.0)), 0)


def test_mean_and_std_given_are_not_shared_with_the_caller():
    mean = np.array([1.0])
    scaler = Scaler(mean=mean, std=[2.0])
    mean[0] = 5
    assert (scaler.rule, scaler.mean.tolist(), scaler.std.dtype) == ("standard", [1], np.float64)


@pytest.mark.parametrize("n_records", [CHUNK, CHUNK + 1, 3 * CHUNK])
def test_fit_merges_chunks_of_different_means_without_error(rng, n_records):
    signals = rng.normal(size=(n_records, 5, 2)) + np.arange(n_records)[:, None, None]
    scaler = fitted("standard", signals)
    np.testing.assert_allclose(scaler.mean, signals.mean(axis=(0, 1)), rtol=1e-13)
    np.testing.assert_allclose(scaler.std, signals.std(axis=(0, 1)), rtol=1e-13)


@pytest.mark.parametrize("rule", PER_RECORD)
def test_leads_are_scaled_alike_in_another_order(wander, rule):
    scaled = Scaler(rule).transform(wander)
    np.testing.assert_array_equal(Scaler(rule).transform(wander[..., ::-1]), scaled[..., ::-1])
