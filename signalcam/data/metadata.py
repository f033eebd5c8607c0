"""PTB-XL's two tables, read and checked: one row per record, and what each statement code means.

`scp_codes` is parsed with `ast.literal_eval`, which runs no code. Nothing here logs age, sex or report text.
"""

import ast
import functools
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from signalcam.errors import DatasetError, listed

DATABASE_FILE = "ptbxl_database.csv"
STATEMENTS_FILE = "scp_statements.csv"
N_FOLDS = 10
FILENAME_COLUMNS = {100: "filename_lr", 500: "filename_hr"}

_LONGEST_CODES = 10_000  # official cells have under 200; deeply nested text can exhaust the parser's stack


def read_database(folder: str | Path) -> pd.DataFrame:
    """`ptbxl_database.csv` of a dataset's folder, checked: DatasetErrors name the ecg_ids.

    Indexed by `ecg_id` (int64, unique), `patient_id` and `strat_fold` as int64, `scp_codes` as dict {code:
    likelihood in percent}, all other columns as pandas reads them.
    """
    path = Path(folder) / DATABASE_FILE
    columns = ("ecg_id", "patient_id", "scp_codes", "strat_fold", *FILENAME_COLUMNS.values())
    table = _read_csv(path, columns)
    lines = (table.index + 2).rename("line")
    table["ecg_id"] = _whole_numbers(table["ecg_id"].set_axis(lines), path).to_numpy()
    repeated = table.loc[table["ecg_id"].duplicated(), "ecg_id"]
    if len(repeated):
        raise DatasetError(f"{path}: each ecg_id must be there once; more than once: {listed(repeated)}.")
    table = table.set_index("ecg_id")
    for column in ("patient_id", "strat_fold"):
        table[column] = _whole_numbers(table[column], path)
    check_folds(table, source=str(path))
    # Names are joined to the dataset's folder, so none may lead out of it.
    for column in FILENAME_COLUMNS.values():
        wanted = "be a path inside the dataset such as 'records100/00000/00001_lr'"
        refuse_rows(path, table[column], ~table[column].map(is_safe_relative_path), wanted)
    table["scp_codes"] = _parse_codes(table["scp_codes"], path)
    return table


def read_statements(folder: str | Path) -> pd.DataFrame:
    """`scp_statements.csv`, checked: indexed by code, with `diagnostic` (1.0 or NaN), `diagnostic_class`."""
    path = Path(folder) / STATEMENTS_FILE
    statements = _read_csv(path, ("diagnostic", "diagnostic_class"))
    statements = statements.set_index(statements.columns[0]).rename_axis("code")
    if not statements.index.is_unique or statements.index.hasnans:
        raise DatasetError(f"{path}: the first column must hold each statement code once, and none empty.")
    return statements


def check_folds(table: pd.DataFrame, source: str = "The table") -> None:
    """Refuse a table with `strat_fold` or `patient_id` missing or impossible. Raises DatasetError."""
    for column in ("patient_id", "strat_fold"):
        check_present(table, column, source)
    fold = table["strat_fold"]
    wanted = f"be a whole number from 1 to {N_FOLDS}"
    refuse_rows(source, fold, ~fold.isin(range(1, N_FOLDS + 1)), wanted)


def check_present(table: pd.DataFrame, column: str, source: str = "The table") -> None:
    """Refuse a table, indexed by ecg_id, that lacks a column or some of its values. Raises DatasetError."""
    if column not in table.columns:
        raise DatasetError(f"{source} has no column {column!r}: needed to split by fold and patient.")
    absent = table.index[table[column].isna()]
    if len(absent):
        raise DatasetError(f"{source}: {column} is missing for ecg_id {listed(absent)}.")


def refuse_rows(source: str | Path, column: pd.Series, wrong: pd.Series, wanted: str) -> None:
    """Raise DatasetError with the values and places in the index of the rows of a column that are wrong."""
    if wrong.any():
        place = f"{column.index.name} " if column.index.name else ""
        found = listed(f"{value!r} for {place}{row}" for row, value in column[wrong].items())
        raise DatasetError(f"{source}: {column.name} must {wanted}, got {found}.")


def known_ids(table: pd.DataFrame, ids: ArrayLike, name: str) -> pd.Index:
    """The ecg_ids, called `name` in messages, as an Index. Raises ValueError where `table` has not all."""
    ids = pd.Index(ids)
    if ids.dtype == bool:
        raise ValueError(f"{name} must be ecg_ids, got a boolean mask. Use table.index[mask].")
    unknown = ids[~ids.isin(table.index)]
    if len(unknown):
        found = f"{len(unknown):,} that it does not have: {listed(unknown)}"
        raise ValueError(f"{name} must be ecg_ids of the table, got {found}.")
    return ids


def _read_csv(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    if not path.is_file():
        fetch = f"`python -m signalcam download {path.parent}`"
        raise FileNotFoundError(f"{path} is missing. Copy PTB-XL 1.0.3's there, or fetch it with {fetch}.")
    try:
        table = pd.read_csv(path, low_memory=False)
    except ValueError as error:  # pandas' and Unicode's errors are ValueErrors
        raise DatasetError(f"{path} is not a readable CSV table ({error}). Fetch it again.") from error
    absent = [column for column in columns if column not in table.columns]
    if absent:
        found = f"no column {listed(absent)}; it has {listed(table.columns)}"
        raise DatasetError(f"{path} has {found}. Is it PTB-XL's {path.name}?")
    if table.empty:
        raise DatasetError(f"{path} has a header line and no rows.")
    return table


def _whole_numbers(values: pd.Series, path: Path) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    # Above 2**53 float64 no longer tells neighbours apart.
    whole = np.isfinite(numbers) & (numbers == np.floor(numbers)) & (numbers.abs() < 2**53)
    refuse_rows(path, values, ~whole, "be a whole number")
    return numbers.astype("int64")


def is_safe_relative_path(name: object) -> bool:
    """True for a relative path with forward slashes that stays in the folder it is joined to, anywhere."""
    if not isinstance(name, str) or name.startswith("~") or set(name) & set("\\:\0\n\r"):
        return False
    return not {"", ".", ".."} & set(name.split("/"))


def _parse_codes(cells: pd.Series, path: Path) -> pd.Series:
    codes, wrong = [], {}
    for ecg_id, cell in cells.items():
        try:
            codes.append(dict(_codes_of(cell)))  # each record gets a dict of its own
        # What literal_eval raises on text that is no literal, nested too deep, or has a list as a key.
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            wrong[ecg_id] = error
    if wrong:
        first = next(iter(wrong))
        found = f"{str(cells.loc[first])[:60]!r}; not so for ecg_id {listed(wrong)}"
        wanted = "a dict of statement code to likelihood from 0 to 100, such as \"{'NORM': 100.0}\""
        raise DatasetError(f"{path}: scp_codes must be {wanted}, got {found}.") from wrong[first]
    return pd.Series(codes, index=cells.index)


@functools.lru_cache(maxsize=50_000)  # many cells are alike ("{'NORM': 100.0, 'SR': 0.0}")
def _codes_of(cell: object) -> dict[str, float]:
    if not isinstance(cell, str) or len(cell) > _LONGEST_CODES:
        raise ValueError("not text, or too long")
    codes = ast.literal_eval(cell)
    if not isinstance(codes, dict):
        raise ValueError(f"a {type(codes).__name__}, not a dict")
    for code, likelihood in codes.items():
        number = isinstance(likelihood, int | float) and not isinstance(likelihood, bool)
        if not isinstance(code, str) or not number or not 0 <= likelihood <= 100:
            raise ValueError(f"{code!r}: {likelihood!r}")
    return {code: float(likelihood) for code, likelihood in codes.items()}
