"""A small folder in PTB-XL's layout, written by wfdb itself: our reading is held against other writing."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import wfdb

from signalcam.leads import LEADS

FILE_LEADS = [lead.upper() for lead in LEADS]
STATEMENTS = {"NORM": "NORM", "IMI": "MI", "NDT": "STTC", "LAFB": "CD", "LVH": "HYP", "SR": None, "PVC": None}
CODES = [
    "{'NORM': 100.0, 'SR': 0.0}",
    "{'IMI': 35.0, 'SR': 0.0}",
    "{'NDT': 100.0, 'LVH': 50.0}",
    "{'NORM': 80.0, 'LAFB': 0.0}",
    "{'SR': 0.0}",
    "{'NORM': 100.0}",
]


def write_small_set(
    folder: Path, n_records: int = 12, rates: tuple[int, ...] = (100,), seed: int = 0
) -> Path:
    """Write tables, records and sums. Record k is of patient 100 + k // 2 and of fold 1 + (k // 2) % 10."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n_records):
        ecg_id = k + 1
        names = {100: f"records100/00000/{ecg_id:05d}_lr", 500: f"records500/00000/{ecg_id:05d}_hr"}
        for rate in rates:
            write_record(folder / names[rate], rate, rng)
        rows.append(
            {
                "ecg_id": ecg_id,
                "patient_id": 100.0 + k // 2,
                "age": 50.0,
                "sex": k % 2,
                "scp_codes": CODES[k % len(CODES)],
                "strat_fold": 1 + (k // 2) % 10,
                "filename_lr": names[100],
                "filename_hr": names[500],
            }
        )
    pd.DataFrame(rows).to_csv(folder / "ptbxl_database.csv", index=False)
    pd.DataFrame(
        {
            "": list(STATEMENTS),
            "description": "words",
            "diagnostic": [1.0 if name else np.nan for name in STATEMENTS.values()],
            "diagnostic_class": list(STATEMENTS.values()),
        }
    ).to_csv(folder / "scp_statements.csv", index=False)
    write_sums(folder)
    return folder


def write_record(path: Path, rate: int, rng: np.random.Generator) -> None:
    samples = rng.integers(-1500, 1500, (10 * rate, 12))
    path.parent.mkdir(parents=True, exist_ok=True)
    wfdb.wrsamp(
        path.name,
        fs=rate,
        units=["mV"] * 12,
        sig_name=FILE_LEADS,
        d_signal=samples,
        fmt=["16"] * 12,
        adc_gain=[1000.0] * 12,
        baseline=[0] * 12,
        write_dir=str(path.parent),
    )


def write_sums(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS.txt")
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.relative_to(folder).as_posix()}\n"
        for path in files
    ]
    (folder / "SHA256SUMS.txt").write_text("".join(lines))
