"""Write simulated records as a folder of PTB-XL's shape, with the exact spans of every lesion beside it."""

import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from signalcam.leads import LEADS
from signalcam.simulation.population import SUPERCLASS_OF, Plan, plan_population
from signalcam.simulation.record import SimulatedRecord, simulate_record
from signalcam.simulation.table import DATABASE_COLUMNS, database_row, statement_table

MARKER = "SIMULATED.json"
SPANS = "lesion_spans.csv"
SPAN_COLUMNS = ("ecg_id", "superclass", "statement", "start", "stop", *LEADS)
VERSION = 2  # of the generator: another number, other bytes for the same seed

_README = """# Simulated ECGs in the layout of PTB-XL

{n_records:,} records simulated by `signalcam.simulation` (version {version}, seed {seed}). No record comes
from a person. The layout is that of PTB-XL 1.0.3 (Wagner et al., 2020), at 100 Hz; `{spans}` gives, for each
lesion, the samples at 100 Hz that it changed, and how far in each lead (root mean square in mV): the record
was rendered with and without it from the same random stream, and the two compared in whole uV.
"""


def write_dataset(folder: str | Path, n_records: int = 1200, seed: int = 0, progress: bool = True) -> Path:
    """Simulate a set, write it as a folder that `signalcam.data.ptbxl.open_dataset` opens, and return that.

    Same arguments, same bytes. The folder appears whole or not at all; one that holds the set already is
    left as it is.

    Args:
        folder: where to; its parents are made.
        n_records: 1 to 99,999.
        seed: 0 or more.
        progress: show a progress bar.

    Raises:
        FileExistsError: the folder holds something else.
        ValueError: `n_records` out of range.
    """
    folder = Path(folder).expanduser()
    marker = {"generator": "signalcam.simulation", "version": VERSION}
    marker |= {"seed": int(seed), "n_records": int(n_records)}
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        try:
            found = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = None
        if found == marker:
            return folder
        what = f"the simulated set {found}" if found else "files that are no simulated set"
        advice = "Name another folder, or delete this one."
        raise FileExistsError(f"{folder} holds {what}, not {marker}. {advice}")
    plans = plan_population(n_records, seed)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
        whole = Path(beside) / folder.name
        _fill(whole, plans, marker, progress)
        if folder.is_dir():
            folder.rmdir()
        whole.rename(folder)
    return folder


def read_spans(folder: str | Path) -> pd.DataFrame:
    """Read the samples that each lesion of the simulated set in `folder` changed.

    Returns:
        A row for each span: `ecg_id`, `superclass`, `statement`, `start`, `stop` (samples, `stop` exclusive),
        and for each of `signalcam.leads.LEADS` the root mean square of the change there in mV.

    Raises:
        FileNotFoundError: the folder is no simulated set.
    """
    path = Path(folder).expanduser() / SPANS
    if not path.is_file():
        advice = "Make one with signalcam.simulation.write_dataset(folder)."
        raise FileNotFoundError(f"There is no {path}: lesion spans come with simulated sets only. {advice}")
    return pd.read_csv(path)


def _fill(folder: Path, plans: list[Plan], marker: dict, progress: bool) -> None:
    sums, rows, spans = {}, [], []

    def write(name: str, content: bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sums[name] = hashlib.sha256(content).hexdigest()

    for plan in tqdm(plans, desc="Simulating ECGs", unit="record", disable=not progress):
        record = simulate_record(plan.lesions, plan.subject, seed=plan.subject.seed[:1] + (plan.ecg_id,))
        row = database_row(plan, record)
        write(f"{row['filename_lr']}.dat", record.counts.astype("<i2").tobytes())
        write(f"{row['filename_lr']}.hea", _header(Path(row["filename_lr"]).name, record).encode("ascii"))
        rows.append(row)
        for k, lesion in enumerate(record.lesions):
            what = (plan.ecg_id, SUPERCLASS_OF[lesion.statement], lesion.statement)
            found = zip(record.spans(k), record.lead_changes(k).round(4), strict=True)
            spans += [(*what, *span, *changes) for span, changes in found]
    tables = {
        "ptbxl_database.csv": pd.DataFrame(rows, columns=DATABASE_COLUMNS).set_index("ecg_id"),
        "scp_statements.csv": statement_table(),
        SPANS: pd.DataFrame(spans, columns=SPAN_COLUMNS).set_index("ecg_id"),
    }
    for name, table in tables.items():
        write(name, table.to_csv(lineterminator="\n").encode())
    write("README.md", _README.format(spans=SPANS, **marker).encode())
    write(MARKER, (json.dumps(marker, indent=2) + "\n").encode())
    lines = [f"{sums[name]} {name}\n" for name in sorted(sums)]
    (folder / "SHA256SUMS.txt").write_bytes("".join(lines).encode("ascii"))


def _header(name: str, record: SimulatedRecord) -> str:
    """A WFDB header of format 16, 1000 per mV: initial values, and checksums as 16-bit sums."""
    counts = record.counts.astype(np.int64)
    lines = [f"{name} {len(LEADS)} {record.sampling_rate:g} {len(counts)}"]
    for lead, first, total in zip(LEADS, counts[0], counts.sum(axis=0) % 65536, strict=True):
        lines.append(f"{name}.dat 16 1000.0(0)/mV 16 0 {first} {total} 0 {lead.upper()}")
    return "\n".join(lines) + "\n"
