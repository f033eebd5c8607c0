"""Electrodes that sit elsewhere than their names say: found on simulated and on real records."""

import re
import warnings

import numpy as np
import pytest

from signalcam.data import load_signals
from signalcam.leads import LEADS, derive_limb_leads
from signalcam.recordings import RecordWarning, assess, check_signals, from_array
from signalcam.recordings.electrodes import _pointing, _without_wander, electrode_notes

pytestmark = pytest.mark.bad_input(46)


def swap_arms(signals):
    """RA on the left arm and LA on the right: lead I turns over, II is III, and aVR is aVL."""
    swapped = signals.copy()
    swapped[..., 0], swapped[..., 1] = -signals[..., 0], signals[..., 2]
    limb = derive_limb_leads(swapped[..., 0], swapped[..., 1])
    swapped[..., 2:6] = np.stack(limb, axis=-1)
    return swapped


SWAPS = {
    "arm electrodes swapped? lead I points down": swap_arms,
    "all leads inverted? Leads I and V6 both point down": lambda x: -x,
    "chest electrodes in reverse order? V1 points up more than V6": lambda x: np.concatenate(
        [x[..., :6], x[..., :5:-1]], axis=-1
    ),
    "chest leads are alike": lambda x: x[..., [*range(6), *[8] * 6]],
}


@pytest.fixture(scope="module")
def simulated(simulated_dataset):
    return load_signals(simulated_dataset, cache=False, progress=False)


def share(notes, start=""):
    return np.mean([bool(note) and note.startswith(start) for note in notes])


def test_few_simulated_records_are_noted(simulated):
    assert share(electrode_notes(simulated, 100)) <= 0.02


@pytest.mark.parametrize("said", SWAPS)
def test_most_simulated_records_with_swapped_electrodes_are_noted_by_kind(simulated, said):
    assert share(electrode_notes(SWAPS[said](simulated), 100), said) > 0.9


def test_few_real_records_are_noted_and_most_swapped_ones_found(real_dataset):
    signals = load_signals(real_dataset, progress=False)
    assert share(electrode_notes(signals, 100)) <= 0.02
    for said, swap in SWAPS.items():
        assert share(electrode_notes(swap(signals), 100), said) > 0.85, said


def test_note_stands_in_the_quality_report_and_in_the_warning_of_a_prediction(simulated):
    good = next(record for record in simulated if not assess(record, 100).notes)
    recording = from_array(swap_arms(good))[0]
    assert recording.quality.electrodes.startswith("arm electrodes swapped?")
    assert recording.quality.notes == [recording.quality.electrodes]
    with pytest.warns(RecordWarning, match=r"In 1 of 2 records electrodes look swapped \(record 1: arm el"):
        check_signals(np.stack([good, swap_arms(good)]))


def test_large_array_with_as_few_notes_as_sound_records_have_gives_no_warning(simulated):
    good = next(record for record in simulated if not assess(record, 100).notes)
    records = np.stack([good] * 99 + [swap_arms(good)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_signals(records)
        with pytest.raises(RecordWarning, match=r"In 1 of 99 records .*\(record 98"):
            check_signals(records[1:])


def test_other_rates_offsets_and_wander_change_no_note(simulated):
    record = simulated[:1].astype(np.float64)
    for signals in (record, swap_arms(record)):
        note = electrode_notes(signals, 100)[0]
        slow = 0.5 * np.sin(2 * np.pi * 0.2 * np.arange(1000) / 100)[:, np.newaxis] + 3
        assert electrode_notes(signals + slow, 100)[0][:12] == note[:12]
        fine = np.repeat(signals, 5, axis=1)
        assert electrode_notes(fine, 500)[0][:12] == note[:12]


def test_a_flat_lead_or_less_than_two_seconds_are_not_judged(simulated):
    inverted = -simulated
    assert share(electrode_notes(inverted[:, :199], 100)) == 0
    notes = electrode_notes(inverted[:, :200], 100)
    assert share(notes) > 0.5
    with pytest.warns(RecordWarning, match="electrodes look swapped"):  # at 100 Hz by default
        check_signals(inverted[notes.index(max(notes)), :200], n_times=None)
    inverted[..., LEADS.index("V6")] = 0.2
    assert share(electrode_notes(inverted, 100)) == 0


def test_pointing_is_one_for_a_lead_that_only_rises_and_leaves_out_single_samples():
    lead = np.zeros((1, 3, 1000))
    lead[0, 0, ::50] = 2.0  # twenty peaks up
    lead[0, 1, ::50] = -1.0
    lead[0, 2, ::50] = 3.0
    lead[0, 2, 1::50] = -1.0
    lead[0, :, 7] = -9.0  # a glitch
    np.testing.assert_allclose(_pointing(lead), [[1, -1, 0.5]])


@pytest.mark.parametrize("scale", [1, 1e-4])
def test_pointing_leaves_out_one_sample_in_two_hundred_at_either_end(rng, scale):
    leads = scale * np.stack([rng.permutation(1000) for _ in range(50)])[np.newaxis]
    np.testing.assert_allclose(_pointing(leads), np.full((1, 50), 999 / 989))  # of five and five: 5 and 994


@pytest.mark.parametrize("size", [0.3, 3])
def test_note_tells_the_correlation_whatever_the_amplitude(size):
    beat = np.exp(-((np.arange(1000) % 100 - 50) ** 2) / 8)[:, np.newaxis]
    up = {"V6": 1, "I": -0.5, "aVR": 0.8, "V1": -0.7}
    signals = size * beat * [up.get(lead, 0.5 + 0.1 * k) for k, lead in enumerate(LEADS)]
    said = r"arm electrodes swapped\? lead I points down \(-0\.\d\) .* V6 \(correlation -1\.0\)"
    assert re.fullmatch(said, electrode_notes(signals[np.newaxis], 100)[0])


@pytest.mark.parametrize("n", [3, 4, 100])
def test_moving_mean_of_a_line_is_the_line_inside(n):
    line = np.arange(300.0)[np.newaxis, np.newaxis]
    inside = _without_wander(line, n)[0, 0, n:-n]
    np.testing.assert_allclose(inside, (n % 2 - 1) * -0.5 if n % 2 == 0 else 0, atol=1e-9)
