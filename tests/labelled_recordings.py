"""A folder of simulated recordings with a table of labels, for the tests of recordings of your own."""

import csv

import numpy as np
from recording_files import write_csv, write_wfdb

from signalcam.leads import LEADS

ABNORMAL_WAVE = 0.8  # mV; what tells the two classes apart


def write_labelled(folder, n_patients=40, n_times=1000, leads=LEADS, seed=0, **columns):
    """Two recordings a patient, the even ones abnormal: in their first lead a slow wave of 1 Hz is stronger.

    Gives the path of the table: file, label, patient; and further columns, functions of the patient's number.
    """
    (folder / "recordings").mkdir(parents=True)
    rng, rows = np.random.default_rng(seed), []
    time = np.arange(n_times) / 100
    for patient in range(n_patients):
        for number in range(2):
            signals = rng.normal(scale=0.05, size=(n_times, len(leads)))
            signals[:, 0] += (0.1 + ABNORMAL_WAVE * (patient % 2)) * np.sin(
                2 * np.pi * time + rng.uniform(0, 6)
            )
            name = f"p{patient}_{number}"
            if len(leads) == len(LEADS):
                write_wfdb(folder / "recordings", signals, name=name)
            else:
                write_csv(folder / "recordings" / f"{name}.csv", signals, leads)
            row = {
                "file": name if len(leads) == len(LEADS) else f"{name}.csv",
                "label": "abnormal" if patient % 2 else "normal",
                "patient": f"patient {patient}",
            }
            rows.append(row | {column: value(patient) for column, value in columns.items()})
    return write_table(folder / "labels.csv", rows)


def write_table(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_table(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))
