"""The table of bad inputs: every row, and the security rules, have tests that carry their mark."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

ROWS = {
    1: "PATH_TO_DATA does not exist",
    2: "the parent, a wget tree, a long-named folder, a zip",
    3: "a table is missing",
    4: "only one sampling rate is there",
    5: "files of records are missing",
    6: "a .dat file is truncated or empty",
    7: "a .dat file is longer than its header says",
    8: "a checksum differs",
    9: "a header is empty, HTML, binary, or has the wrong number of lines",
    10: "a header claims a huge length",
    11: "gain 0 or missing, unit missing",
    12: "a file differs from SHA256SUMS",
    13: "a download is interrupted or answered wrongly",
    14: "an archive with unsafe names",
    15: "a read-only folder, a full disk, a kill while writing",
    16: "a cache that is stale or damaged",
    17: "NaN or infinity in samples",
    18: "a whole lead is missing",
    19: "a flat lead",
    20: "lead-off, clipping",
    21: "uV or V instead of mV",
    22: "another sampling rate",
    23: "too short, too long",
    24: "8, 11 or 15 leads",
    25: "another lead order, other names, duplicates",
    26: "no names and a suspect order",
    27: "a transposed array",
    28: "other kinds of array",
    29: "an empty array, one record without batch axis",
    30: "scp_codes malformed or holding code",
    31: "a record without diagnostic class",
    32: "an unknown statement code, likelihood 0",
    33: "strat_fold or patient_id missing or out of range",
    34: "one patient, record or signal in two splits",
    35: "a class without positives in a split",
    36: "X and y of different length, another class order",
    37: "wrong length or lead count at predict",
    38: "the loss becomes NaN",
    39: "a monitor name that does not exist",
    40: "a model file that is truncated, junk, foreign, or holds a Lambda",
    41: "a CAM of a model without the head for it",
    42: "a class index or name out of range",
    43: "a constant CAM",
    44: "cells run out of order or twice",
    45: "no GPU, no network, no data",
    46: "swapped or inverted electrodes",
    47: "an output, weight or threshold that is not finite",
    48: "training again in a folder with something else changed",
    49: "a cache whose array was altered",
    50: "lead names of a model in another order",
    51: "DICOM with skew, rate 0, several groups or disconnected channels",
    52: "one file among many that raises whatever error",
    53: "blanks and NULs without end",
    54: "a server that sends a byte a second",
    55: "a model file that unpacks to far more",
    56: "a Holter recording of a day",
    57: "checks without Keras",
    58: "headers in other encodings and spellings",
    59: "names that a spreadsheet or terminal would run",
    60: "a full disk while something is written",
    61: "an amplitude that no heart gives",
    62: "CSV with decimal commas, times or empty cells",
    63: "evaluation on records that the model was trained on",
    64: "interrupted training in a notebook",
}


def marks():
    """Yield (mark name, row or None, test name) of every marked test function."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            for decorator in node.decorator_list:
                call = decorator if isinstance(decorator, ast.Call) else None
                function = call.func if call else decorator
                if isinstance(function, ast.Attribute) and function.attr in ("bad_input", "security"):
                    rows = [argument.value for argument in call.args] if call else [None]
                    for row in rows or [None]:
                        yield function.attr, row, node.name


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_table_has_a_test(row):
    assert any(name == "bad_input" and number == row for name, number, _ in marks()), ROWS[row]


def test_no_mark_names_a_row_that_is_not_in_the_table():
    assert {row for name, row, _ in marks() if name == "bad_input"} <= set(ROWS)


def test_security_rules_have_tests():
    assert sum(name == "security" for name, _, _ in marks()) >= 5
