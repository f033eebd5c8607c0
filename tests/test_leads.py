"""Lead names, their order, and the limb-lead identities."""

import re

import numpy as np
import pytest

from signalcam.leads import (
    LEADS,
    agreed_scale,
    canonical_lead,
    choose_leads,
    derive_limb_leads,
    einthoven_error,
    millivolts_per,
    order_leads,
    wanted_leads,
)


@pytest.mark.bad_input(25)
@pytest.mark.parametrize(
    ("name", "lead"),
    [
        ("DI", "I"),
        ("MDC_ECG_LEAD_I", "I"),
        ("MDC_ECG_LEAD_AVR", "aVR"),
        ("mdc_ecg_lead_V6", "V6"),
        ("V1 ", "V1"),
        ("AVR", "aVR"),
        ("avl", "aVL"),
        ("ECG I", "I"),
        ("EKG V1", "V1"),
        ("Lead II", "II"),
        ("Lead 3", "III"),
        ("D2", "II"),
        ("ii", "II"),
        ("C4", "V4"),
        ("\u2160", "I"),
        ("a.V.F.", "aVF"),
    ],
)
def test_common_spellings_give_the_canonical_lead(name, lead):
    assert canonical_lead(name) == lead


def test_canonical_names_stay_as_they_are():
    assert tuple(map(canonical_lead, LEADS)) == LEADS


@pytest.mark.bad_input(25)
@pytest.mark.parametrize(
    "name", ["VR", "-aVR", "MLII", "V3R", "V7", "X", "1", "", "ECG", "Lead", "II-I", "I-REF"]
)
def test_related_but_different_leads_are_not_taken_for_one_of_the_twelve(name):
    with pytest.raises(ValueError, match="Unknown lead name"):
        canonical_lead(name)


@pytest.mark.bad_input(25)
def test_unknown_lead_name_gives_near_matches():
    with pytest.raises(
        ValueError, match="^Unknown lead name 'aVX': did you mean (.*)\\? Rename it"
    ) as caught:
        canonical_lead("aVX")
    assert set(re.search("mean (.*)\\?", str(caught.value))[1].split(" or ")) == {"aVR", "aVL", "aVF"}
    with pytest.raises(ValueError, match=r"did you mean V[1-6] or V[1-6] or V[1-6]\? Rename"):
        canonical_lead("ECG V")


def test_lead_name_that_is_no_text_is_refused():
    with pytest.raises(ValueError, match="must be text such as 'V1', got int 3"):
        canonical_lead(3)


@pytest.mark.bad_input(25)
def test_shuffled_leads_are_ordered_by_name(rng):
    shuffled = rng.permutation(LEADS).tolist()
    assert [shuffled[k] for k in order_leads(shuffled)] == list(LEADS)


@pytest.mark.bad_input(24)
def test_missing_and_extra_leads_are_all_listed():
    with pytest.raises(ValueError, match=r"got 11 names\. Missing: V3, V6\. Extra: Vx\.") as caught:
        order_leads(["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V4", "V5", "Vx"])
    assert "did you mean" in str(caught.value)


@pytest.mark.bad_input(24)
def test_eight_leads_point_to_the_derivation_by_request():
    with pytest.raises(ValueError, match=r"Missing: III, aVR, aVL, aVF\. .*derive=True"):
        order_leads(["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"])


@pytest.mark.bad_input(24)
def test_fifteen_leads_list_the_three_that_are_too_many():
    with pytest.raises(ValueError, match=r"got 15 names\. Extra: vx, vy, vz\. Leave them out"):
        order_leads([*LEADS, "vx", "vy", "vz"])


@pytest.mark.bad_input(24)
def test_long_and_many_extra_names_are_cut_short():
    with pytest.raises(ValueError, match=r"Extra: (.*)\. Leave them out") as caught:
        order_leads([*LEADS, *(f"x{k:02d}" for k in range(12))])
    assert "x11." in str(caught.value)
    with pytest.raises(ValueError, match=r"got 25 names\. Extra: .*x11, \.\.\.\. Leave them out, or ask for"):
        order_leads([*LEADS, *(f"x{k:02d}" for k in range(13))])
    with pytest.raises(ValueError, match=rf"Extra: {'y' * 60}\. Leave") as caught:
        order_leads([*LEADS, "y" * 70])
    with pytest.raises(ValueError, match=rf"Unknown lead name '{'y' * 60}': expected one of I, II, III, aVR"):
        canonical_lead("y" * 70)


@pytest.mark.bad_input(24)
def test_hint_at_derivation_is_given_only_where_it_helps():
    with pytest.raises(ValueError, match="Missing: aVF, V6") as caught:
        order_leads([lead for lead in LEADS if lead not in ("aVF", "V6")])
    assert "derive=True" not in str(caught.value)
    with pytest.raises(
        ValueError, match=r"Missing: aVF\. These follow from I and II: ask for it with derive=True\.$"
    ):
        order_leads([lead for lead in LEADS if lead != "aVF"])


def test_order_of_leads_is_int64_and_names_may_be_spelled_in_any_way():
    found = order_leads([f"MDC_ECG_LEAD_{lead}" for lead in LEADS[::-1]])
    assert found.dtype == np.int64
    assert found.tolist() == list(range(12))[::-1]


@pytest.mark.bad_input(25)
def test_names_that_are_no_text_are_extra_and_duplicates_are_all_listed():
    with pytest.raises(ValueError, match="Extra: 7") as caught:
        order_leads([*LEADS[:-1], 7])
    assert "A lead name must be text such as 'V1', got int 7" in str(caught.value)
    wanted = r"Named twice: I \(as 'I' and 'DI'\), II \(as 'II' and 'D2'\)\. Keep one of each\.$"
    with pytest.raises(ValueError, match=wanted):
        order_leads([*LEADS, "DI", "D2"])


@pytest.mark.bad_input(25)
def test_duplicate_leads_are_refused_with_both_spellings():
    with pytest.raises(ValueError, match=r"Named twice: I \(as 'I' and 'DI'\)"):
        order_leads([*LEADS[:-1], "DI"])


def test_derived_limb_leads_by_hand():
    lead_i, lead_ii = np.array([1.0, 0.0]), np.array([3.0, 2.0])
    iii, avr, avl, avf = derive_limb_leads(lead_i, lead_ii)
    np.testing.assert_array_equal(iii, [2, 2])
    np.testing.assert_array_equal(avr, [-2, -1])
    np.testing.assert_array_equal(avl, [-0.5, -1])
    np.testing.assert_array_equal(avf, [2.5, 2])


def test_derived_leads_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"must have one shape, got \(3,\) and \(4,\): cut one"):
        derive_limb_leads(np.zeros(3), np.zeros(4))


def test_einthoven_error_is_zero_up_to_rounding_where_the_identities_hold(ecg_like):
    error = einthoven_error(ecg_like)
    assert error.shape == (6,)
    assert error.max() < 1e-5


@pytest.mark.bad_input(26)
def test_einthoven_error_sees_any_two_limb_leads_swapped(ecg_like):
    """Every exchange of two of the six limb leads breaks at least one identity."""
    for first in range(6):
        for second in range(first + 1, 6):
            order = np.arange(12)
            order[[first, second]] = order[[second, first]]
            assert einthoven_error(ecg_like[..., order]).min() > 0.05, (first, second)


def test_einthoven_error_by_hand():
    signals = np.zeros((1, 2, 12))
    signals[0, 1, 1] = (
        0.25  # II without I or III: off by 0.25 in Einthoven and in aVF, by half of it elsewhere
    )
    np.testing.assert_allclose(einthoven_error(signals), [0.25])
    assert einthoven_error(signals[0]).shape == ()


@pytest.mark.parametrize(
    ("lead", "error"),
    [(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0), (4, 1.0), (5, 1.0), (6, 0.0)],
)
def test_einthoven_error_is_the_largest_departure_of_any_sample(lead, error):
    """A pulse of -1 mV in one limb lead breaks an identity by 1 mV; in a chest lead, none."""
    signals = np.zeros((2, 3, 12), np.float32)
    signals[1, 2, lead] = -1
    np.testing.assert_array_equal(einthoven_error(signals), [0, error])


def test_einthoven_error_sees_augmented_leads_that_do_not_sum_to_zero():
    """Each of the three is off by 0.5 from I and II, their sum by 1.5."""
    signals = np.zeros((2, 6))
    signals[1, 3:] = 0.5
    assert einthoven_error(signals) == 1.5
    signals[1, 0] = np.nan
    assert np.isnan(einthoven_error(signals))


def test_einthoven_error_of_whole_numbers_does_not_overflow():
    signals = np.zeros((1, 6), np.int16)
    signals[:] = [30_000, -30_000, -32_768, 0, 0, 0]
    assert einthoven_error(signals) == 60_000 - 15_000


@pytest.mark.parametrize("shape", [(12,), (5, 5), (1, 2, 5), (0, 12), (2, 0, 6), (1, 1, 5, 12)])
def test_einthoven_error_of_a_wrong_shape_names_the_shape(shape):
    found = re.escape(f"(record, time, lead) or (time, lead) with the limb leads first, got shape {shape}.")
    with pytest.raises(ValueError, match=f"^signals must be {found}$"):
        einthoven_error(np.zeros(shape))


def test_limb_leads_of_the_real_sample_obey_the_identities(real_folder):
    wfdb = pytest.importorskip("wfdb")
    header = next(iter(sorted((real_folder / "records100").rglob("*.hea"))))
    signals, _ = wfdb.rdsamp(str(header.with_suffix("")))
    assert einthoven_error(signals) < 0.005


@pytest.mark.parametrize("unit", ["uV", "\u00b5V", "\u03bcV", "\u03bcv ", "UV"])
def test_microvolts_are_known_with_u_the_micro_sign_and_the_greek_letter(unit):
    assert millivolts_per(unit) == 1e-3


@pytest.mark.parametrize(
    ("stated", "given", "scale"),
    [("uV", None, 1e-3), (" V ", None, 1e3), ("uV", "\u00b5V", 1e-3), (None, "nV", 1e-6), (" ", "mV", 1.0)],
)
def test_unit_of_the_file_holds_and_that_of_the_caller_fills_in(stated, given, scale):
    assert agreed_scale(stated, given, "Lead V1") == scale


@pytest.mark.bad_input(11)
@pytest.mark.parametrize(
    ("stated", "given", "message"),
    [
        (None, None, "^Lead V1 states no unit, so it is uncalibrated: give unit='mV'"),
        (" ", None, "^Lead V1 states no unit"),
        ("uV", "mV", "^Lead V1 states the unit uV, but unit='mV' was given"),
        ("mmHg", None, "Unit 'mmHg' is not a known voltage: expected one of V, mV, uV, nV"),
        (None, "mmHg", "Unit 'mmHg' is not a known voltage"),
        ("uV", 3, "Unit '3' is not a known voltage"),
    ],
)
def test_unit_that_is_missing_contradicted_or_no_voltage_is_refused(stated, given, message):
    with pytest.raises(ValueError, match=message):
        agreed_scale(stated, given, "Lead V1")


def test_wanted_leads_are_a_sequence_or_text_in_usual_spelling():
    assert wanted_leads("v1, avr") == ("V1", "aVR")
    assert wanted_leads(["DII", " MLII "]) == ("II", "MLII")
    for wrong, shown in (("", "''"), ([], "''"), ("I,,II", "'I, , II'"), (["I", "DI"], "'I, I'")):
        with pytest.raises(ValueError, match=f"must be different lead names, at least one, got {shown}"):
            wanted_leads(wrong)


def test_chosen_leads_are_copied_in_the_order_wanted_and_all_twelve_are_as_they_are():
    signals = np.arange(24).reshape(1, 2, 12)
    np.testing.assert_array_equal(choose_leads(signals, ["V6", "I"]), [[[11, 0], [23, 12]]])
    assert choose_leads(signals, list(LEADS)) is signals


def test_leads_that_are_wanted_may_lie_beyond_the_twelve():
    names = ["x", "V5 ", "MLII", "I"]
    found = order_leads(names, ["MLII", "V5"])
    assert found.tolist() == [2, 1]
    assert found.dtype == np.int64
    with pytest.raises(ValueError, match=r"Expected the 2 leads X, I, got 4 names\. Missing: X\.$"):
        order_leads(names, ["X", "I"])


@pytest.mark.parametrize(
    ("unit", "shown"), [("millimetres of mercury", "millimetres of mercu"), (None, "None"), ("", "")]
)
def test_unit_that_is_no_voltage_is_shown_cut_short(unit, shown):
    wanted = f"^Unit {shown!r} is not a known voltage: expected one of V, mV, uV, nV\\.$"
    with pytest.raises(ValueError, match=wanted):
        millivolts_per(unit)
    assert [millivolts_per(known) for known in ("V", " mv", "nV")] == [1000, 1, 1e-6]
