"""How often `electrode_notes` notes a real record, and one whose electrodes are swapped on purpose.

    python benchmarks/electrodes.py --data data/ptb-xl-full

The limits were chosen on folds 1 to 9; fold 10 is shown apart.
"""

import argparse

import numpy as np

from signalcam.data import load_signals, open_dataset
from signalcam.leads import LEADS
from signalcam.recordings.electrodes import electrode_notes

# Which lead, and with which sign, stands in the place of each.
ARMS = [LEADS.index(lead) for lead in ("I", "III", "II", "aVL", "aVR", "aVF", *LEADS[6:])]
SWAPS = {
    "as recorded": (range(12), 1),
    "arm electrodes swapped": (ARMS, np.array([-1] + [1] * 11)),
    "all leads inverted": (range(12), -1),
    "chest leads reversed": ([*range(6), *range(11, 5, -1)], 1),
    "chest leads alike": ([*range(6), *[8] * 6], 1),
}
SAID = ("arm electrodes", "all leads", "chest electrodes", "chest leads")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="data/ptb-xl-full")
    dataset = open_dataset(parser.parse_args().data)
    signals, fold = load_signals(dataset), dataset.table["strat_fold"].to_numpy()
    print("| leads | folds | records | noted | " + " | ".join(f"{said} ..." for said in SAID) + " |")
    print("| --- " * (4 + len(SAID)) + "|")
    for name, (leads, signs) in SWAPS.items():
        blocks = (signals[start : start + 500] for start in range(0, len(signals), 500))
        notes = [note for block in blocks for note in electrode_notes(block[..., list(leads)] * signs, 100)]
        for folds, chosen in (("1 to 9", fold < 10), ("10", fold == 10)):
            some = [note for note, keep in zip(notes, chosen, strict=True) if keep]
            shares = [sum(map(bool, some)), *(sum(n.startswith(said) for n in some) for said in SAID)]
            cells = " | ".join(f"{100 * share / len(some):.1f} %" for share in shares)
            print(f"| {name} | {folds} | {len(some):,} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
